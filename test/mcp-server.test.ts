/** The tools of `unabridged mcp` in the hands of the protocol's own client: both transports, both versions, and what is refused. */
import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { code, faults } from "../src/testing/index.ts";
import { questionOf } from "./ask-stage.ts";
import { openCliStage, type CliStage } from "./cli-stage.ts";
import { listen, overHttp, overStdio, type Connected, type Listening } from "./mcp-stage.ts";

const toolNames = [
  ...["ask", "corpus_add", "corpus_list", "corpus_read", "corpus_search", "map"],
  ...["recall_ask", "recall_describe", "recall_grep", "run_status"],
];
const keys = { ada: "key-that-belongs-to-ada", ben: "key-that-belongs-to-ben" };

let stage: CliStage;
let docs: string;
let hanging: (() => void) | undefined;
let open: Listening;
let locked: Listening;

before(async () => {
  stage = await openCliStage(
    {
      root: (turn, request) => {
        if (questionOf(request) === "Who kept the light?")
          return turn === 1
            ? code`
                hits = grep("keeper")
                print(llm_query_batched(["a", "b", "c"]))`
            : code`FINAL("Ada Quill [" + hits[0].id + "]")`;
        if (questionOf(request) === "Count.")
          return turn === 1
            ? code`print(llm_query_batched([f"{n}" for n in range(9)]))`
            : code`FINAL("nine")`;
        if (questionOf(request) === "How long is it?") return code`FINAL(str(len(context)))`;
        if (questionOf(request) === "Never mind.") {
          hanging?.();
          return faults.hang();
        }
        return "It was four bells, in message 2.";
      },
      leaf: (prompt) => (prompt.includes("storm") ? "bad" : "good"),
    },
    { apiKey: "story" },
  );
  docs = join(stage.folder, "docs");
  await mkdir(join(docs, "deep"), { recursive: true });
  await mkdir(join(stage.folder, "other"));
  await writeFile(join(docs, "log.txt"), `${"calm sea\n".repeat(500)}The keeper was Ada Quill.\n`);
  await writeFile(join(docs, "deep", "days.jsonl"), '{"day":"storm"}\n{"day":"sun"}\n{"day":"sun again"}\n');
  await writeFile(join(stage.folder, "other", "secret.txt"), "not for you\n");
  await symlink(join(stage.folder, "other", "secret.txt"), join(docs, "link.txt"));
  await symlink(join(stage.folder, "other"), join(docs, "way-out"));
  await writeFile(
    join(stage.folder, "talk.jsonl"),
    '{"role":"user","content":"How many bells?"}\n{"role":"assistant","content":"Four bells."}\n',
  );
  const imported = await stage.run(["conversations", "import", "talk.jsonl", "--conversation", "watch"]);
  assert.equal(imported.code, 0, imported.stderr);
  const keyFlags = ["--key", keys.ada, "--key", keys.ben];
  [open, locked] = await Promise.all([
    listen(stage, ["--root", docs]),
    listen(stage, ["--host", "0.0.0.0", ...keyFlags, "--max-calls", "2"]),
  ]);
});
after(async () => {
  await open[Symbol.asyncDispose]();
  await locked[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
});

/** By the name that this machine has for itself. */
function local({ url }: Listening): string {
  return url.replace("0.0.0.0", "127.0.0.1");
}

/** Every tool once, and every resource. */
async function useAll({ client, call }: Connected): Promise<void> {
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), toolNames);

  const lines: string[] = [];
  const asked = await call(
    "ask",
    { question: "Who kept the light?", paths: [join(docs, "log.txt")] },
    { onprogress: ({ progress, message = "" }) => void lines.push(`${progress} ${message}`) },
  );
  assert.match(asked.text, /^Ada Quill \[.*log\.txt:501\]/);
  assert.equal(asked.data["status"], "answered");
  const steps = lines.filter((line) => !line.includes("Fulfilling input")).map((line) => parseFloat(line));
  assert.ok(steps.length > 0, "progress is told");
  assert.deepEqual(
    steps,
    [...new Set(steps)].sort((a, b) => a - b),
  );

  const added = await call("corpus_add", { name: "light", paths: [docs] });
  assert.match(added.text, /"light": 2 .*files/);
  assert.match((await call("corpus_list")).text, /"light"/);
  const found = await call("corpus_search", { corpus: "light", query: "KEEPER was", mode: "text" });
  const [, id = ""] = /\[(d\d+:\d+-\d+)\]/.exec(found.text) ?? [];
  assert.match(found.text, /^1 matches in 1 documents/);
  assert.match((await call("corpus_read", { corpus: "light", place: id })).text, /keeper was$/);
  const over = await call("ask", { question: "How long is it?", corpus: "light" });
  assert.equal(over.data["answer"], "2");

  const mapped = await call("map", {
    path: join(docs, "deep", "days.jsonl"),
    prompt: "Good or bad? {{day}}",
    sql: "select result, count(*) as n from results group by 1 order by 1",
  });
  assert.deepEqual(mapped.data["rows"], [
    { result: "bad", n: 1 },
    { result: "good", n: 2 },
  ]);
  const job = await call("run_status", { id: mapped.data["jobId"] });
  assert.equal(job.data["status"], "done");

  assert.match(
    (await call("recall_grep", { conversation: "watch", pattern: "BELLS" })).text,
    /\[2\] assistant/,
  );
  assert.match((await call("recall_describe", { conversation: "watch", id: "2" })).text, /assistant/);
  const recalled = await call("recall_ask", { conversation: "watch", question: "How many bells?" });
  assert.match(recalled.text, /four bells/);

  assert.match((await call("run_status")).text, /Who kept the light\?/);
  const { resources } = await client.listResources();
  const uris = resources.map(({ uri }) => uri);
  assert.ok(uris.includes("unabridged://corpora/light"));
  assert.ok(uris.includes(`unabridged://runs/${String(asked.data["runId"])}`));
  for (const uri of uris.slice(0, 3)) assert.equal((await client.readResource({ uri })).contents.length, 1);
  await assert.rejects(client.readResource({ uri: "unabridged://runs/run_none" }));
}

/** A run that hangs is ended by its client, and can be gone on with. */
async function cancelOne({ client, call }: Connected): Promise<void> {
  const cancel = new AbortController();
  const isHanging = new Promise<void>((resolve) => (hanging = resolve));
  const call_ = call("ask", { question: "Never mind.", text: "a text" }, { signal: cancel.signal });
  const rejected = assert.rejects(call_);
  await isHanging;
  cancel.abort();
  await rejected;
  const { data } = await call("run_status");
  const [newest] = data["runs"] as { id: string }[];
  const waited = await call("run_status", { id: newest?.id, wait_seconds: 20 });
  assert.equal(waited.data["status"], "cancelled");
  assert.ok(client.getServerVersion());
}

for (const mode of ["legacy", "auto"] as const) {
  const version = mode === "auto" ? "the newest version" : "the older version";

  test(`over stdio, in ${version}, every tool answers, a call is cancelled, and roots are kept to`, async () => {
    await using connected = await overStdio(stage, [], { mode, roots: [docs] });
    await useAll(connected);
    await cancelOne(connected);
    for (const path of [join(stage.folder, "other", "secret.txt"), "../other/secret.txt", "link.txt"]) {
      const { text, isError } = await connected.call("corpus_add", { name: "out", paths: ["log.txt", path] });
      assert.ok(isError, path);
      assert.match(text, /is outside of the folders/);
    }
  });

  test(`over HTTP, in ${version}, every tool answers, and a call is cancelled`, async () => {
    await using connected = await overHttp(open.url, { mode });
    await useAll(connected);
    await cancelOne(connected);
  });
}

describe("what may be read", () => {
  let connected: Connected;
  before(async () => (connected = await overHttp(open.url)));
  after(() => connected[Symbol.asyncDispose]());

  const outside: Readonly<Record<string, () => string>> = {
    "an absolute path outside": () => join(stage.folder, "other", "secret.txt"),
    "a path that climbs out": () => "../other/secret.txt",
    "a link to a file outside": () => "link.txt",
    "a file behind a link to a folder outside": () => "way-out/secret.txt",
    "a folder behind a link": () => "way-out",
    "a glob that climbs out": () => "../other/*.txt",
    "a glob that names a link": () => "li*k.txt",
    "a glob behind a link": () => "way-out/*.txt",
    "a path outside that is not there": () => "/no/such/place/at/all.txt",
    "the folder above": () => "..",
  };
  for (const [name, path] of Object.entries(outside))
    test(`${name} is refused`, async () => {
      for (const [tool, input] of Object.entries({
        ask: { question: "How long is it?", paths: [path()] },
        corpus_add: { name: "out", paths: ["log.txt", path()] },
        map: { prompt: "What is it?", path: path() },
      })) {
        const { text, isError } = await connected.call(tool, input);
        assert.ok(isError, `${tool} read ${path()}: ${text}`);
        assert.match(text, /is outside of the folders|No file matches/, tool);
        assert.doesNotMatch(text, /not for you/);
      }
    });

  test("relative paths and globs are looked for in the folders", async () => {
    const { text, isError } = await connected.call("corpus_add", {
      name: "all",
      paths: ["log.txt", "deep/*.jsonl"],
    });
    assert.ok(!isError, text);
    assert.match(text, /log\.txt, d2 deep.days\.jsonl/);
  });

  test("a folder is read without what its links lead to", async () => {
    const { data } = await connected.call("corpus_add", { name: "folder", paths: [docs] });
    assert.equal(data["documents"], 2);
  });
});

test("a client that promises roots and names none reads what the command line allows", async () => {
  await using connected = await overStdio(stage, ["--root", docs], { roots: "promised" });
  const { text, isError } = await connected.call("corpus_add", { name: "in", paths: ["log.txt"] });
  assert.ok(!isError, text);
});

test("over HTTP the roots of a client count for nothing: anybody could name any", async () => {
  await using connected = await overHttp(local(locked), { key: keys.ada, mode: "auto", roots: [docs] });
  const { text, isError } = await connected.call("corpus_add", { name: "in", paths: ["log.txt"] });
  assert.ok(isError);
  assert.match(text, /No folder may be read.*--root/);
});

test("limits of a call hold, and those of the command line hold above them", async () => {
  await using connected = await overHttp(local(locked), { key: keys.ben });
  for (const limit of [{ max_calls: 1 }, { max_calls: 50 }]) {
    const { data, text } = await connected.call("ask", { question: "Count.", text: "any", ...limit });
    assert.equal(data["status"], "partial", text);
    const { calls } = data["usage"] as { calls: number };
    assert.ok(calls <= Math.min(2, limit.max_calls), `${calls} calls`);
  }
});

test("a run in the background is followed, awaited and cancelled by its id", async () => {
  await using connected = await overHttp(open.url);
  const quick = await connected.call("ask", {
    ...{ question: "How long is it?", text: "twelve chars", background: true },
  });
  assert.equal(quick.data["status"], "running");
  const end = await connected.call("run_status", { id: quick.data["runId"], wait_seconds: 60 });
  assert.equal(end.data["answer"], "12");
  const isHanging = new Promise<void>((resolve) => (hanging = resolve));
  const slow = await connected.call("ask", { question: "Never mind.", text: "a text", background: true });
  await isHanging;
  const now = await connected.call("run_status", { id: slow.data["runId"] });
  assert.equal(now.data["status"], "running");
  const cancelled = await connected.call("run_status", { id: slow.data["runId"], cancel: true });
  assert.equal(cancelled.data["status"], "cancelled");
});

describe("who may come in over HTTP", () => {
  const hello = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };

  test("an address that others reach needs a key", async () => {
    const { code: exit, stderr } = await stage.run(["mcp", "--http", "0", "--host", "0.0.0.0"]);
    assert.equal(exit, 2);
    assert.match(stderr, /a key is required/);
  });

  test("a page of another site, or one that took a local name, is refused", async () => {
    const post = (own: Record<string, string>): Promise<Response> =>
      fetch(open.url, { method: "POST", body: hello, headers: { ...headers, ...own } });
    assert.equal((await post({ origin: "https://evil.example" })).status, 403);
    const { hostname, port } = new URL(open.url);
    assert.equal(await statusWithHost(hostname, Number(port), "evil.example"), 403);
  });

  test("no key and a wrong one are refused before anything is read", async () => {
    for (const authorization of [undefined, "Bearer wrong", `Bearer ${keys.ada}x`]) {
      const response = await fetch(local(locked), {
        ...{ method: "POST", body: hello },
        headers: { ...headers, ...(authorization && { authorization }) },
      });
      assert.equal(response.status, 401);
    }
  });

  test("each key has corpora, runs and sessions of its own", async () => {
    await using ada = await overHttp(local(locked), { key: keys.ada });
    await using ben = await overHttp(local(locked), { key: keys.ben });
    await ada.call("corpus_add", { name: "mine", text: "a text of Ada's" });
    const { data } = await ada.call("ask", { question: "How long is it?", corpus: "mine" });
    assert.equal(data["answer"], "15");
    assert.match((await ben.call("corpus_list")).text, /No corpora yet/);
    assert.ok((await ben.call("corpus_search", { corpus: "mine", query: "text" })).isError);
    assert.ok((await ben.call("run_status", { id: data["runId"] })).isError);
    assert.ok((await ben.call("recall_grep", { conversation: "watch", pattern: "bells" })).isError);
    const session = (ada.client.transport?.sessionId ?? "").toString();
    const stolen = await fetch(local(locked), {
      ...{ method: "POST", body: hello },
      headers: { ...headers, authorization: `Bearer ${keys.ben}`, "mcp-session-id": session },
    });
    assert.equal(stolen.status, 404);
  });

  test("other paths, other methods and broken messages are refused, each with its status", async () => {
    const send = async (init: RequestInit, path = "/mcp"): Promise<number> =>
      (await fetch(new URL(path, open.url), { headers, ...init })).status;
    assert.equal(await send({ method: "PUT", body: "{}" }), 405);
    assert.equal(await send({ method: "POST", body: "no JSON" }), 400);
    assert.equal(await send({ method: "POST", body: "[".repeat(100_000) }), 400);
    assert.equal(await send({ method: "POST", body: hello }, "/../etc/passwd"), 404);
    assert.equal(await send({ method: "GET" }, "/healthz"), 200);
  });

  test("a body above the bound is refused, and others are still served", async () => {
    const body = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${"y".repeat(17 * 1024 * 1024)}"}}`;
    const refused = await fetch(open.url, { method: "POST", body, headers }).then(
      ({ status }) => status,
      () => 413,
    );
    assert.equal(refused, 413);
    await using connected = await overHttp(open.url);
    assert.ok(!(await connected.call("corpus_list")).isError);
  });
});

/** fetch sets the host itself. */
async function statusWithHost(hostname: string, port: number, host: string): Promise<number> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method: "POST", path: "/mcp", headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", reject).end();
  });
}
