/** The sandbox contract's cases about what a cell sees: namespace, context, echo, tracebacks, final answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sandbox } from "../../core/sandbox.ts";
import { openTrial, printed } from "./sandbox-harness.ts";

export function cellCases(sandbox: () => Sandbox): void {
  test("variables live on from cell to cell, those of a cell that raised included", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run("a = 1\nb = 2\nraise ValueError('stop')\nc = 3");
    assert.equal(result.status, "threw");
    assert.equal(await trial.value("a, b, 'c' in globals()"), "(1, 2, False)");
  });

  test("a bare last expression is shown as a REPL shows it", async () => {
    await using trial = await openTrial(sandbox());
    assert.equal(await trial.value("x = 'a\\nb'\nx"), "'a\\nb'");
    assert.equal(await trial.value("_ + '!'"), "'a\\nb!'");
    assert.equal(await trial.value("None"), undefined);
    assert.equal(await trial.value("print('only printed')"), undefined);
    assert.equal(await trial.value("x = 3"), undefined);
  });

  test("context is a str in every way code can ask", async () => {
    await using trial = await openTrial(sandbox(), { texts: ["Zürich\r\n😀 end"] });
    const code = `
import json, re, copy, pickle
checks = [
    type(context) == str, isinstance(context, str), type(context).__name__ == "str", str(type(context)) == "<class 'str'>",
    context == "Zürich\\r\\n😀 end", hash(context) == hash("Zürich\\r\\n😀 end"), len(context) == 13, context.splitlines() == ["Zürich", "😀 end"],
    json.loads(json.dumps(context)) == context, re.findall(r"\\w+", context) == ["Zürich", "end"], copy.deepcopy(context) == context,
    pickle.loads(pickle.dumps(context)) == context, context[::-1][0] == "d", context in {"Zürich\\r\\n😀 end": 1}, "".join([context]) == context,
]
checks.index(False) if False in checks else "all"`;
    assert.equal(await trial.value(code), "'all'");
  });

  test("the case of a large text is changed as that of a small one", async () => {
    const text = "ΣΑΣ Straße ǅ 😀\n".repeat(120_000);
    await using trial = await openTrial(sandbox(), { texts: [text] });
    assert.equal(
      await trial.value(
        "plain = str.__str__(context)\n[getattr(context, f)() == getattr(plain, f)() for f in ('lower', 'upper', 'casefold')], len(context)",
      ),
      "([True, True, True], 1800000)",
    );
  });

  test("a slice of the context knows where it comes from", async () => {
    await using trial = await openTrial(sandbox(), { texts: ["0123456789"] });
    assert.equal(
      await trial.value("context[2:8][1:3].span, context.path, context.start, context[-3:].span"),
      "('d1:3-5', 'folder/1.txt', 0, 'd1:7-10')",
    );
    assert.equal(
      await trial.value("read('d1:2-4'), read('folder/1.txt', 5), read('1.txt', end=2)"),
      "('23', '56789', '01')",
    );
  });

  test("several documents are a plain list of texts with their paths", async () => {
    await using trial = await openTrial(sandbox(), { texts: ["one", "two"] });
    assert.equal(
      await trial.value("type(context).__name__, [(d, d.path, d.id) for d in context]"),
      "('list', [('one', 'folder/1.txt', 'd1'), ('two', 'folder/2.txt', 'd2')])",
    );
  });

  test("bytes that are not UTF-8 stay what they are", async () => {
    await using trial = await openTrial(sandbox(), { texts: [Buffer.from([0x61, 0xff, 0x62, 0x0d, 0x0a])] });
    assert.equal(await trial.value("context.encode('utf-8', 'surrogateescape')"), "b'a\\xffb\\r\\n'");
    const result = await trial.run("print(context[1])\nFINAL(context)");
    assert.equal(printed(result), "\udcff\n");
    assert.equal(result.final?.text, "a\udcffb\r\n");
  });

  test("a traceback shows lines of the cells and no others", async () => {
    await using trial = await openTrial(sandbox());
    await trial.run("def divide(a, b):\n    return a / b");
    const result = await trial.run("import json\nx = 1\ndivide(x, 0)");
    assert.equal(result.status, "threw");
    const { type, message, traceback } = result.error;
    assert.deepEqual([type, message], ["ZeroDivisionError", "division by zero"]);
    assert.match(traceback, /File "cell 2", line 3, in <module>\n {4}divide\(x, 0\)/);
    assert.match(traceback, /File "cell 1", line 2, in divide\n {4}return a \/ b/);
    assert.doesNotMatch(traceback, /guest|\.py/);
    const nested = await trial.run("json.loads('{')");
    assert.equal(nested.status, "threw");
    assert.doesNotMatch(nested.error.traceback, /decoder\.py/);
  });

  test("a syntax error says where, and nothing of the cell has run", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run("ran = True\nif True print(1)");
    assert.equal(result.status, "threw");
    assert.equal(result.error.type, "SyntaxError");
    assert.match(result.error.traceback, /line 2\n {4}if True print\(1\)\n +\^/);
    assert.equal(await trial.value("'ran' in globals()"), "False");
  });

  test("exit ends the cell and only the cell", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run("kept = 1\nimport sys\nsys.exit()\nkept = 2");
    assert.equal(result.status, "ok");
    assert.equal(await trial.value("exit()\nkept"), undefined);
    assert.equal(await trial.value("kept"), "1");
  });

  test("endless recursion is an error like any other", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run("def down(n): return down(n + 1)\ndown(0)");
    assert.equal(result.status, "threw");
    assert.equal(result.error.type, "RecursionError");
    assert.equal(await trial.value("1 + 1"), "2");
  });

  test("stdout and stderr come together in their order", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run(
      "import sys, warnings\nprint('a')\nprint('b', file=sys.stderr)\nsys.stdout.write('c\\n')\nwarnings.warn('d')",
    );
    assert.match(printed(result), /^a\nb\nc\n.*UserWarning: d\n/s);
  });

  test("a cell that takes the functions, builtins, stdout or context away harms only itself", async () => {
    await using trial = await openTrial(sandbox());
    await trial.run(
      "import sys, io, builtins\nsys.stdout = io.StringIO()\nllm_query = None\ndel context, answer, grep\nbuiltins.len = None\ndel builtins.print",
    );
    assert.equal(
      await trial.value("print('still here')\nlen(context), llm_query('q'), callable(grep), answer"),
      "(12, 'echo q', True, {'content': '', 'ready': False})",
    );
  });

  test("a cell may use the names of look-ups for variables of its own", async () => {
    await using trial = await openTrial(sandbox());
    await trial.run("search = 'mine'\nbudget = 100\ncontext = [1]");
    assert.equal(await trial.value("search, budget, context"), "('mine', 100, [1])");
  });

  test("code written for a main program runs as one", async () => {
    await using trial = await openTrial(sandbox());
    assert.equal(
      printed(
        await trial.run(
          "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nif __name__ == '__main__':\n    print(P(3))",
        ),
      ),
      "P(x=3)\n",
    );
  });

  test("input has nobody to answer it", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run("input('name? ')");
    assert.equal(result.status, "threw");
    assert.match(result.error.message, /input/);
  });

  finalCases(sandbox);
}

function finalCases(sandbox: () => Sandbox): void {
  test("FINAL records the answer and the cell goes on; the last one holds", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run("FINAL('first')\nFINAL({'n': [1, 2]})\nprint('after')");
    assert.deepEqual(
      [result.final, printed(result)],
      [{ via: "FINAL", text: '{"n": [1, 2]}', json: { n: [1, 2] } }, "after\n"],
    );
    assert.equal((await trial.run("1")).final, undefined);
  });

  test("FINAL_VAR takes a variable by name or a value, and names what exists where there is none", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run("report = 'the report'\nFINAL_VAR('report')");
    assert.deepEqual(result.final, { via: "FINAL_VAR", text: "the report" });
    assert.equal((await trial.run("FINAL_VAR(report)")).final?.text, "the report");
    const missing = await trial.run("FINAL_VAR('reprot')");
    assert.equal(missing.status, "threw");
    assert.match(missing.error.message, /Did you mean 'report'\?/);
  });

  for (const [how, code] of [
    ["by item", "answer['content'] = 'draft'\nanswer['ready'] = True\nanswer['content'] = 'done'"],
    ["by update", "answer.update({'content': 'done', 'ready': True})"],
    ["by rebinding", "answer = {'content': 'done', 'ready': True}"],
  ] as const) {
    test(`answer is declared ready ${how}, with its content at the end of the cell`, async () => {
      await using trial = await openTrial(sandbox());
      assert.deepEqual((await trial.run(code)).final, { via: "answer", text: "done" });
    });
  }

  test("an answer that is ready but empty ends nothing and is told", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run("answer['ready'] = True");
    assert.deepEqual([result.final, result.emptyFinal], [undefined, true]);
    assert.equal(await trial.value("answer['ready']"), "False");
  });

  test("an answer of millions of characters arrives whole", async () => {
    await using trial = await openTrial(sandbox());
    const { final } = await trial.run("FINAL('aé😀\\ud800' * 1_000_000)");
    assert.equal(final?.text, "aé😀\ud800".repeat(1_000_000));
  });

  test("SHOW_VARS lists the cell's own variables", async () => {
    await using trial = await openTrial(sandbox());
    await trial.run("rows = [1, 2, 3]\nname = 'abc'");
    assert.equal(await trial.value("SHOW_VARS()"), "rows: list, 3 items\nname: str, 3 characters");
  });
}
