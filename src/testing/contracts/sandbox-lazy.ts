/** The sandbox contract's cases about a context that stays on the host: it reads as a str does, window by window. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sandbox } from "../../core/sandbox.ts";
import { openTrial } from "./sandbox-harness.ts";

/** Over two pages of a mebicharacter, with lines, a needle across the border, and characters beyond 16 bits. */
const lines = Array.from({ length: 60_000 }, (_, index) => `line ${index} of the long text 😀`);
const text = lines.join("\n");

/** Expressions that must be the same on the lazy text and on a str of the same content. */
const expressions = [
  "len(C)",
  "C[5:25]",
  "C[-10:]",
  "C[1048570:1048590]",
  "C[7], C[-1]",
  "'line 59999' in C, 'absent' in C",
  "C.find('line 40000'), C.find('absent'), C.rfind('line 4'), C.index('of the')",
  "C.count('line'), C.count('9'), C.count('absent')",
  "C.startswith('line 0'), C.endswith('😀'), C.startswith(('x', 'line'))",
  "len(C.splitlines()), C.splitlines()[3], C.splitlines()[-1], C.splitlines()[10:13]",
  "[line for line in C.splitlines() if '12345' in line]",
  "len(C.split('\\n')), C.split('\\n')[30000]",
  "sum(1 for word in C.split() if word == 'text')",
  "sum(1 for _ in C)",
  "len(re.findall(r'line (\\d+)', C)), re.findall(r'line (\\d+)', C)[-1]",
  "[m.start() for m in re.finditer(r'line \\d*777\\b', C)][:5]",
  "re.search(r'line 5432\\d', C).group(), re.search(r'line 5432\\d', C).span()",
  "re.compile('LINE 33333', re.I).search(C).span(), re.search('absent', C)",
  "re.match(r'line', C).end(), bool(re.match('x', C))",
  "isinstance(C, str), type(C) == str, str(type(C))",
  "C[:100].upper()",
  "bool(C), C == C",
];

export function lazyCases(sandbox: () => Sandbox): void {
  test("a text on the host reads as a str does", async () => {
    await using trial = await openTrial(sandbox(), { texts: [text], lazy: true });
    await trial.run("import re\nreal = '\\n'.join(f'line {i} of the long text 😀' for i in range(60000))");
    for (const expression of expressions) {
      const [lazy, real] = [expression.replaceAll("C", "context"), expression.replaceAll("C", "real")];
      assert.equal(await trial.value(lazy), await trial.value(real), expression);
    }
  });

  test("what would need too much text at once is refused with the way round", async () => {
    const call = async (name: string): Promise<{ characters: number } | { text: string }> =>
      name === "characters" ? { characters: 3_000_000_000 } : { text: "x".repeat(1 << 20) };
    await using trial = await openTrial(sandbox(), { lazy: true, call });
    assert.equal(
      await trial.value("context.end, context[-2:].span"),
      "(3000000000, 'd1:2999999998-3000000000')",
    );
    const result = await trial.run("context + 'x'");
    assert.equal(result.status, "threw");
    assert.match(result.error.message, /context\[a:b\]/);
    assert.equal(
      await trial.value("context[2_500_000_000:2_500_000_004].span, bool(context)"),
      "('d1:2500000000-2500000004', True)",
    );
  });

  test("a slice of a text on the host goes to a child as a reference", async () => {
    await using trial = await openTrial(sandbox(), { texts: [text], lazy: true });
    await trial.run("rlm_query('q', context[10:1_000_000])");
    assert.deepEqual(trial.calls.at(-1)?.args, {
      items: [{ prompt: "q", context: [{ id: "d1", start: 10, end: 1_000_000 }] }],
    });
  });
}
