/** The sandbox contract's cases about calls to the host: waiting or not, batches, failures, what is cancelled. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../core/json.ts";
import type { Sandbox } from "../../core/sandbox.ts";
import { openTrial, printed } from "./sandbox-harness.ts";

export function hostCallCases(sandbox: () => Sandbox): void {
  test("llm_query answers with a str, with and without await", async () => {
    await using trial = await openTrial(sandbox());
    assert.equal(await trial.value("llm_query('a'), type(llm_query('a')) == str"), "('echo a', True)");
    assert.equal(await trial.value("reply = await llm_query('b')\nreply.upper()"), "'ECHO B'");
    assert.equal(
      await trial.value("'awaited'\nreply = llm_query('c')\nreply.upper(), f'{reply}', len(reply)"),
      "('ECHO C', 'echo c', 6)",
    );
    assert.equal(await trial.value("reply"), "'echo c'");
  });

  test("prompts of other kinds are made text, and what is none is refused", async () => {
    await using trial = await openTrial(sandbox());
    assert.equal(await trial.value("llm_query([{'role': 'user', 'content': 'hi'}])"), "'echo hi'");
    assert.equal(await trial.value("llm_query('summarise', context[:5])"), "'echo summarise\\n\\nhello'");
    assert.equal(await trial.value("llm_query('p', schema={'type': 'object'})"), "{'label': 'p'}");
    assert.equal(await trial.value("llm_query('p', {'type': 'object'})['label']"), "'p'");
    const result = await trial.run("llm_query(None)");
    assert.equal(result.status, "threw");
    assert.equal(result.error.message, "Expected prompt to be text, got None.");
  });

  test("long prompts come whole and in order, whatever is in them, with what else their items say", async () => {
    const asked: Json[] = [];
    const call = async (_name: string, args: Json): Promise<Json> => {
      const { items } = args as { items: Json[] };
      asked.push(...items);
      return { results: items.map(() => ({ ok: true, value: 1 })) };
    };
    await using trial = await openTrial(sandbox(), { call });
    const long = 'h\u00e9llo \u4f60\u597d \ud83d\ude00 "\\\n\u0000 '.repeat(2_000);
    const code = `text = "h\\u00e9llo \\u4f60\\u597d \\U0001f600 \\"\\\\\\n\\x00 " * 2000`;
    await trial.run(`${code}\nllm_query_batched([text + "1", "", text + "2"], schema={"type": "integer"})`);
    const schema = { type: "integer" };
    assert.deepEqual(asked, [
      { prompt: `${long}1`, schema },
      { prompt: "", schema },
      { prompt: `${long}2`, schema },
    ]);
    asked.length = 0;
    await trial.run(`llm_query_batched([text, "\\ud800 alone"])\nllm_query(text)`);
    assert.deepEqual(asked, [{ prompt: long }, { prompt: "\ud800 alone" }, { prompt: long }]);
  });

  test("a batch is one host call in order, and a failed item is a value that passes for no answer", async () => {
    await using trial = await openTrial(sandbox());
    await trial.run("replies = llm_query_batched(['a', 'FAIL', 'c'])");
    assert.deepEqual(
      trial.calls.map(({ name }) => name),
      ["llm_query"],
    );
    assert.equal(
      await trial.value("replies"),
      "['echo a', <failed: timeout: the model did not answer>, 'echo c']",
    );
    assert.equal(
      await trial.value(
        "bad = replies[1]\nbool(bad), bad == '', bad == 'yes', 'yes' in bad, bad in replies, bad.code, hasattr(bad, 'lower')",
      ),
      "(False, False, False, False, True, 'timeout', False)",
    );
    for (const use of [
      "bad.lower()",
      "bad + 'x'",
      "bad[:3]",
      "'x' + bad",
      "len(bad)",
      "import json; json.loads(bad)",
      "FINAL(bad)",
      "llm_query(bad)",
    ]) {
      const result = await trial.run(use);
      assert.equal(result.status, "threw", use);
      assert.equal(result.error.type, "TypeError", use);
    }
  });

  test("a failed single call raises, and a spent budget raises its own kind", async () => {
    await using trial = await openTrial(sandbox());
    assert.equal(
      await trial.value(
        "try:\n    llm_query('FAIL')\nexcept HostError as error:\n    seen = (error.code, isinstance(error, RuntimeError))\nseen",
      ),
      "('timeout', True)",
    );
    assert.equal(
      await trial.value(
        "try:\n    llm_query('SPENT')\nexcept BudgetReached as error:\n    seen = (error.code, isinstance(error, HostError))\nseen",
      ),
      "('calls', True)",
    );
    const result = await trial.run("no_such = budget\nimport guest\nllm_query('SPENT')");
    assert.equal(result.status, "threw");
  });

  const parallel: Readonly<Record<string, string>> = {
    "asyncio.gather": "import asyncio\nlen(await asyncio.gather(*[llm_query(p) for p in prompts]))",
    "asyncio.run":
      "import asyncio\nasync def main():\n    return await asyncio.gather(*(llm_query(p) for p in prompts))\nlen(asyncio.run(main()))",
    "asyncio.create_task":
      "import asyncio\ntasks = [asyncio.create_task(llm_query(p)) for p in prompts]\nlen([await task for task in tasks])",
    "asyncio.as_completed":
      "import asyncio\ndone = []\nfor item in asyncio.as_completed([llm_query(p) for p in prompts]):\n    done.append(await item)\nlen(done)",
    "asyncio.wait":
      "import asyncio\ndone, pending = await asyncio.wait([asyncio.ensure_future(llm_query(p)) for p in prompts])\nlen(done)",
    "a semaphore":
      "import asyncio\nlimit = asyncio.Semaphore(8)\nasync def ask(p):\n    async with limit:\n        return await llm_query(p)\nlen(await asyncio.gather(*map(ask, prompts)))",
    "asyncio.to_thread":
      "import asyncio\nlen(await asyncio.gather(*[asyncio.to_thread(llm_query, p) for p in prompts]))",
    "a thread pool's map":
      "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(8) as pool:\n    replies = list(pool.map(llm_query, prompts))\nlen(replies)",
    "a thread pool's submit":
      "from concurrent.futures import ThreadPoolExecutor, as_completed\npool = ThreadPoolExecutor(max_workers=8)\nfutures = {pool.submit(lambda p: llm_query(p), p): p for p in prompts}\nlen([future.result() for future in as_completed(futures)])",
    threads:
      "import threading\nreplies = {}\ndef ask(p): replies[p] = llm_query(p)\nthreads = [threading.Thread(target=ask, args=(p,)) for p in prompts]\n[t.start() for t in threads]; [t.join() for t in threads]\nlen([r for r in replies.values() if r.startswith('echo')])",
    llm_query_batched: "len(llm_query_batched(prompts))",
    llm_map: "len(llm_map(prompts, 'Label {{item}}'))",
  };
  for (const [how, code] of Object.entries(parallel)) {
    test(`calls through ${how} are under way side by side`, async () => {
      let underWay = 0;
      let most = 0;
      const all = Promise.withResolvers<void>();
      const call = async (_name: string, args: Json): Promise<Json> => {
        const { items } = args as { items: { prompt: string }[] };
        most = Math.max(most, (underWay += items.length));
        if (underWay === 8) all.resolve();
        // None is answered before all have come. The timer only ends a test that has failed.
        const timer = setTimeout(all.resolve, 3_000);
        await all.promise;
        clearTimeout(timer);
        underWay -= items.length;
        return { results: items.map(({ prompt }) => ({ ok: true, text: `echo ${prompt}` })) };
      };
      await using trial = await openTrial(sandbox(), { call });
      assert.equal(await trial.value(`prompts = [f'p{i}' for i in range(8)]\n${code}`), "8");
      assert.equal(most, 8);
    });
  }

  test("asyncio's other means work: sleep, timeouts, queues, nested runs", async () => {
    await using trial = await openTrial(sandbox());
    assert.equal(
      await trial.value(
        "import asyncio\ntry:\n    await asyncio.wait_for(llm_query('HANG'), 0.05)\nexcept asyncio.TimeoutError:\n    seen = 'timed out'\nseen",
      ),
      "'timed out'",
    );
    assert.equal(
      await trial.value(
        "queue = asyncio.Queue()\nasync def put():\n    await asyncio.sleep(0.01)\n    await queue.put(1)\nawait asyncio.gather(put(), queue.get())",
      ),
      "[None, 1]",
    );
    assert.equal(
      await trial.value(
        "async def inner(): return await llm_query('x')\nawait asyncio.sleep(0)\nasyncio.run(inner()), asyncio.get_event_loop().run_until_complete(inner())",
      ),
      "('echo x', 'echo x')",
    );
    const stuck = await trial.run("await asyncio.Event().wait()");
    assert.equal(stuck.status, "threw");
  });

  test("what nobody waited for when the cell ended is cancelled on the host", async () => {
    const aborted = Promise.withResolvers<void>();
    const call = (_name: string, _args: Json, signal: AbortSignal): Promise<Json> =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => (aborted.resolve(), reject(signal.reason))),
      );
    await using trial = await openTrial(sandbox(), { call });
    const result = await trial.run(
      "import asyncio\nasync def ask(): await llm_query('a')\nasyncio.get_event_loop().create_task(ask())\nawait asyncio.sleep(0.05)",
    );
    assert.deepEqual([result.status, result.unawaited], ["ok", 1]);
    await aborted.promise;
  });

  test("a child gets slices of the context as references and other texts as they are", async () => {
    await using trial = await openTrial(sandbox());
    assert.equal(
      await trial.value(
        "rlm_query('q', context[2:5]), rlm_query_batched(['a', 'FAIL'], [[context, 'more'], 'plain'])",
      ),
      "('echo q', ['echo a', <failed: timeout: the model did not answer>])",
    );
    assert.deepEqual(
      trial.calls.map(({ args }) => args),
      [
        { items: [{ prompt: "q", context: [{ id: "d1", start: 2, end: 5 }] }] },
        {
          items: [
            { prompt: "a", context: [{ id: "d1", start: 0, end: 12 }, { text: "more" }] },
            { prompt: "FAIL", context: [{ text: "plain" }] },
          ],
        },
      ],
    );
  });

  test("llm_map fills the fields of items into the prompt", async () => {
    await using trial = await openTrial(sandbox());
    assert.equal(
      await trial.value("llm_map([{'a': 1}, {'a': 2}], 'is {{a}} odd?')"),
      "['echo is 1 odd?', 'echo is 2 odd?']",
    );
  });

  test("many answers of llm_map print as a summary, and are counted, ranked and joined in the cell", async () => {
    const call = async (_name: string, args: Json): Promise<Json> => {
      const { items } = args as { items: { prompt: string }[] };
      return {
        results: items.map(({ prompt }, index) =>
          prompt === "7"
            ? { ok: false, code: "bad_response", message: "no" }
            : { ok: true, value: { n: Number(prompt), kind: index % 3 === 0 ? "a" : "b" } },
        ),
      };
    };
    await using trial = await openTrial(sandbox(), { call });
    const summary =
      "<30 results, 1 failed: [0] {'n': 0, 'kind': 'a'}, [1] {'n': 1, 'kind': 'b'}, …; .count_by(field) .top(field) .sql(query)>";
    assert.equal(await trial.value("r = llm_map(range(30), '{{item}}', {'type': 'object'})\nr"), summary);
    assert.equal(printed(await trial.run("print(r)")), `${summary}\n`);
    assert.equal(
      await trial.value(
        "len(r), r[29]['n'], len([x for x in r if x]), r.failed, isinstance(r, list), len(f'{r}') > 500",
      ),
      "(30, 29, 29, [7], True, True)",
    );
    assert.equal(await trial.value("r.count_by('kind')"), "{'b': 19, 'a': 10}");
    assert.equal(await trial.value("r.top('n', 1)"), "[(29, {'n': 29, 'kind': 'b'})]");
    assert.equal(
      await trial.value("r.join(r)[1], len(r.join(r, on='n'))"),
      "({'index': 1, 'n': 1, 'kind': 'b', 'other_n': 1, 'other_kind': 'b'}, 29)",
    );
    assert.match((await trial.value("r.sql('select 1')").catch(String)) ?? "", /knows nothing of results/);
  });

  test("a query goes to the host with the items told before, once", async () => {
    const call = async (name: string, args: Json): Promise<Json> => {
      const { items, query } = args as { items?: Json[]; query?: string };
      if (name === "llm_map")
        return { id: "map1", results: (items ?? []).map(() => ({ ok: true, text: "x" })) };
      return name === "llm_map_sql" ? { rows: [{ asked: query ?? "" }] } : null;
    };
    await using trial = await openTrial(sandbox(), { call });
    assert.equal(
      await trial.value(
        "r = llm_map([{'a': context[:2]}], '{{a}}')\nr.sql('select 1', others=r), r.sql('select 2')",
      ),
      "([{'asked': 'select 1'}], [{'asked': 'select 2'}])",
    );
    assert.deepEqual(
      trial.calls.slice(1).map(({ name, args }) => [name, args]),
      [
        ["llm_map_items", { id: "map1", items: [{ a: "he" }] }],
        ["llm_map_sql", { id: "map1", query: "select 1", others: { others: "map1" } }],
        ["llm_map_sql", { id: "map1", query: "select 2", others: {} }],
      ],
    );
  });

  test("search and grep give spans that print in a line and can be cited", async () => {
    const span = {
      id: "d1:0-5",
      document: "d1",
      path: "a.txt",
      start: 0,
      end: 5,
      line: 1,
      text: "hello",
      score: 2,
    };
    const call = async (name: string): Promise<Json> =>
      name === "grep"
        ? { matches: [{ ...span, line_text: "hello world" }], total: 30, documents: 2, next: 1 }
        : { spans: [span] };
    await using trial = await openTrial(sandbox(), { call });
    assert.equal(
      await trial.value("search('hello', limit=3)"),
      "1 passage, best first\n[d1:0-5] a.txt:1 hello",
    );
    assert.equal(
      await trial.value("hits = grep(r'h\\w+', ignore_case=True)\nhits"),
      "1 of 30 matches in 2 documents; the next page: offset=1\n[d1:0-5] a.txt:1 hello world",
    );
    assert.equal(
      await trial.value("hits.total, hits.next, hits[0].id, hits[0].text, hits[0].text.span, read(hits[0])"),
      "(30, 1, 'd1:0-5', 'hello', 'd1:0-5', 'hello')",
    );
    assert.deepEqual(trial.calls[1]?.args, {
      pattern: "h\\w+",
      ignore_case: true,
      literal: false,
      limit: 100,
      offset: 0,
    });
  });

  test("tools are functions that hand their arguments to the host", async () => {
    await using trial = await openTrial(sandbox(), {
      tools: [{ name: "weather", description: "The weather." }],
      call: async () => ({ sun: true }),
    });
    assert.equal(
      await trial.value("weather('Bern', days=2), weather.__doc__"),
      "({'sun': True}, 'The weather.')",
    );
    assert.deepEqual(trial.calls[0], { name: "weather", args: { args: ["Bern"], kwargs: { days: 2 } } });
  });

  test("every function of the interface explains itself", async () => {
    await using trial = await openTrial(sandbox());
    assert.match(printed(await trial.run("help(llm_query_batched)")), /Failure: falsy/);
  });

  test("the budget can be read", async () => {
    await using trial = await openTrial(sandbox());
    assert.equal(await trial.value("budget()"), "{'calls': 7, 'usd': 0.5}");
  });
}
