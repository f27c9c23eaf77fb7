/** `--mcp`: tools of other servers, which are processes and addresses of their own, in cells and in conversations. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openOuterTools, type OuterTools } from "../src/setup/outer-tools.ts";
import { code } from "../src/testing/index.ts";
import { openStage, questionOf, type Say, type Stage } from "./ask-stage.ts";
import { openCliStage, type CliStage } from "./cli-stage.ts";

const toolbox = fileURLToPath(new URL("mcp-toolbox.ts", import.meta.url));
const { signal } = new AbortController();

let folder: string;
let pidFile: string;
let listening: ChildProcess;
let port: string;
let config: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "unabridged-mcp-"));
  pidFile = join(folder, "pid");
  listening = spawn(process.execPath, [toolbox, "--http"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(listening.stdout ?? listening, "data")) as [Buffer];
  port = line.toString().trim();
  config = await configOf({
    box: { command: process.execPath, args: [toolbox, "stdio", pidFile], env: { LAMP: "${OIL:-lit}" } },
    far: {
      type: "http",
      url: `http://127.0.0.1:${port}/`,
      headers: { "x-key": "${FAR_KEY}" },
      tools: ["s*"],
    },
    off: { command: "no-such-program", disabled: true },
  });
});
after(async () => {
  listening.kill();
  await rm(folder, { recursive: true, force: true });
});

let configs = 0;
async function configOf(mcpServers: object): Promise<string> {
  const path = join(folder, `servers-${++configs}.json`);
  await writeFile(path, JSON.stringify({ mcpServers }));
  return path;
}

const environment = { FAR_KEY: "open sesame" };

async function openTools(calls?: number): Promise<OuterTools> {
  return openOuterTools(config, {
    ...{ environment, signal, version: "1" },
    ...(calls !== undefined && { calls }),
  });
}

async function isGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

describe("tools of other servers in cells", () => {
  /** What the root LM writes, by the question. */
  const cells: Readonly<Record<string, readonly Say[]>> = {
    "All of them?": [
      code`
        first = box_add_numbers(2, 3)
        second = box_add_numbers(a=2, b=4, note=None)
        third = box_add_numbers({"a": 2, "b": 5})
        print(first["sum"], second["sum"], third["sum"], far_shout(words="ahoy"), box_variable("LAMP"))
        FINAL(f"{first['sum']} {second['sum']} {third['sum']} {far_shout('ahoy')} {box_variable('LAMP')}")`,
    ],
    "What goes wrong?": [
      code`
        said = []
        for attempt in [lambda: box_add_numbers("two", 3), lambda: box_fail(), lambda: box_shout(1, 2), lambda: tool_help("nobody")]:
            try: attempt()
            except Exception as error: said.append(f"{type(error).__name__}: {error}")
        FINAL(" ¶ ".join(said))`,
    ],
    "How much?": [
      code`
        whole = box_flood(900_000)
        held = box_flood(characters=1_200_000)
        FINAL(f"{len(whole)} {held['characters']} {len(held['beginning'])} {read_result(held['result'], 1_199_990)} {len(read_result(held['result']))}")`,
    ],
    "What does it take?": [code`FINAL(tool_help("box_add_numbers"))`],
    "How often?": [
      code`
        done = 0
        try:
            for n in range(9): box_shout(words=str(n)); done += 1
        except BudgetReached as error: FINAL(f"{done}: {error}")`,
    ],
    "At once?": [
      code`
        import asyncio
        said = await asyncio.gather(*[box_shout(words=f"w{n}") for n in range(20)])
        FINAL(" ".join(said))`,
    ],
  };
  let stage: Stage;
  let tools: OuterTools;
  before(async () => {
    [stage, tools] = await Promise.all([
      openStage({ root: (turn, request) => cells[questionOf(request)]?.[turn - 1] ?? "never asked" }),
      openTools(),
    ]);
  });
  after(async () => {
    await tools.close();
    await stage[Symbol.asyncDispose]();
  });
  const ask = async (query: string, from: OuterTools = tools): Promise<string> => {
    const run = stage.engine.ask({ query, context: "a text", tools: from.cellTools() });
    return (await run.result()).answer;
  };

  test("are called by name, by position and with a dict, on stdio and over HTTP", async () => {
    assert.equal(await ask("All of them?"), "5 6 7 AHOY lit");
  });

  test("are a line each in the prompt, typed by their schemas", async () => {
    const prompt = JSON.parse(stage.provider.requests.at(-1)?.raw ?? "{}") as {
      messages: { content: string }[];
    };
    const text = prompt.messages[0]?.content ?? "";
    assert.match(text, /^- box_add_numbers: \(a: float, b: float, note: str = None\) Adds two numbers\.$/m);
    assert.match(text, /^- far_shout: \(words: str\) Says it louder\.$/m);
    assert.doesNotMatch(text, /far_flood|off_/);
  });

  test("say what is wrong with a call, and why they failed", async () => {
    const said = (await ask("What goes wrong?")).split(" ¶ ");
    assert.match(said[0] ?? "", /^HostError: box_add_numbers\(\): .*a must be number/);
    assert.match(said[1] ?? "", /^HostError: box_fail: the lamp is out of oil/);
    assert.match(said[2] ?? "", /2 arguments were given, there are 1: words/);
    assert.match(said[3] ?? "", /There is no tool "nobody".*box_shout/);
  });

  test("leave large results with the host, to be read in pieces", async () => {
    assert.equal(await ask("How much?"), "900000 1200000 2000 xxxxxxxend 1000000");
  });

  test("tell all that their servers say of them", async () => {
    const help = await ask("What does it take?");
    assert.match(help, /Nothing else is done with them/);
    assert.match(help, /"description":"the second"/);
    assert.match(help, /It gives: .*"sum"/);
  });

  test("are called as often as the run may, and no more", async () => {
    const few = await openTools(3);
    try {
      assert.match(await ask("How often?", few), /^3: All 3 calls of tools are used/);
    } finally {
      await few.close();
    }
  });

  test("are called side by side", async () => {
    const expected = Array.from({ length: 20 }, (_, n) => `W${n}`).join(" ");
    assert.equal(await ask("At once?"), expected);
  });

  test("are on the record of the run", async () => {
    const run = stage.engine.ask({ query: "All of them?", context: "a text", tools: tools.cellTools() });
    const names: string[] = [];
    for await (const event of run) if (event.type === "tool-end") names.push(event.name);
    assert.deepEqual(names.slice(0, 3), ["box_add_numbers", "box_add_numbers", "box_add_numbers"]);
  });

  test("end at once where the call is given up", async () => {
    const cancel = new AbortController();
    const [wait] = tools.chatTools().filter(({ name }) => name === "box_wait");
    const waiting = wait?.run({}, { signal: cancel.signal, scope: { runId: "run_x" as never } });
    cancel.abort();
    await assert.rejects(waiting ?? Promise.resolve());
  });

  test("end with their servers", async () => {
    const more = await openTools();
    const pid = Number(await readFile(pidFile, "utf8"));
    await more.close();
    assert.ok(await isGone(pid));
  });
});

describe("the file of servers", () => {
  const faults: Readonly<Record<string, { file: () => Promise<string>; says: RegExp }>> = {
    "that is not there": { file: async () => "no-such.json", says: /can't be read/ },
    "that is no JSON": {
      async file() {
        await writeFile(join(folder, "broken.json"), "{");
        return join(folder, "broken.json");
      },
      says: /is no JSON/,
    },
    "of another shape": {
      async file() {
        await writeFile(join(folder, "shape.json"), '{"servers": {}}');
        return join(folder, "shape.json");
      },
      says: /Expected \{"mcpServers"/,
    },
    "with a server of neither kind": { file: () => configOf({ odd: {} }), says: /"odd".*command/ },
    "with a variable that is not set": {
      file: () => configOf({ box: { command: "${NOWHERE}" } }),
      says: /NOWHERE is not set/,
    },
    "with an address that is none": {
      file: () => configOf({ far: { url: "ftp://x" } }),
      says: /http:\/\/ or https:\/\//,
    },
    "with a program that is not there": {
      file: () => configOf({ box: { command: "no-such-program" } }),
      says: /"box" \(no-such-program\) can't be used/,
    },
    "with a program that ends": {
      file: () => configOf({ box: { command: process.execPath, args: [toolbox, "broken"] } }),
      says: /"box".*It said: no such database/s,
    },
    "with a server that refuses us": {
      file: () => configOf({ far: { url: `http://127.0.0.1:${port}/` } }),
      says: /"far".*can't be used/,
    },
    "with a tool that is not there": {
      file: () => configOf({ box: { command: process.execPath, args: [toolbox], tools: ["sing"] } }),
      says: /no tool "sing"\. It has: .*shout/,
    },
  };
  for (const [name, { file, says }] of Object.entries(faults))
    test(`${name} is refused, and says what to do`, async () => {
      await assert.rejects(openOuterTools(await file(), { environment, signal, version: "1" }), {
        name: "ConfigError",
        message: says,
      });
    });
});

describe("--mcp on the command line", () => {
  let stage: CliStage;
  let isDone = false;
  before(async () => {
    stage = await openCliStage(
      {
        root(turn, request) {
          const last = request.messages.at(-1);
          if (questionOf(request) !== "")
            return turn === 1 || !isDone
              ? code`print(box_add_numbers(20, 3))`
              : code`FINAL(str(box_add_numbers(20, 22)))`;
          return last?.role === "tool"
            ? `It is ${last.text}.`
            : { toolCalls: [{ id: "c1", name: "box_shout", input: { words: "land" } }] };
        },
      },
      { apiKey: "story" },
    );
  });
  after(() => stage[Symbol.asyncDispose]());

  test("a run that was stopped goes on with the same tools", async () => {
    const first = await stage.run(
      ["ask", "How many?", "-", ...stage.models, "--mcp", config, "--max-iterations", "1"],
      { stdin: "a text", environment },
    );
    assert.equal(first.code, 3, first.stderr);
    isDone = true;
    const [, id = ""] = /resume (run_\w+)/.exec(first.stderr) ?? [];
    const second = await stage.run(["runs", "resume", id, "--max-iterations", "5"], { environment });
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /42/);
  });

  test("a conversation has them as tools of its model", async () => {
    const {
      code: exit,
      stdout,
      stderr,
    } = await stage.run(["chat", ...stage.models, "--mcp", config, "--quiet"], {
      stdin: "What is it?\n",
      environment,
    });
    assert.equal(exit, 0, stderr);
    assert.match(stdout, /It is LAND\./);
    const { tools } = stage.provider.requests.at(-1)?.body ?? {};
    assert.match(JSON.stringify(tools), /"box_add_numbers".*"far_shout"/);
  });

  test("a server that can't be used ends the command before anything is asked", async () => {
    const asked = stage.provider.calls;
    const broken = await configOf({ box: { command: "no-such-program" } });
    const { code: exit, stderr } = await stage.run(["ask", "Well?", "-", ...stage.models, "--mcp", broken], {
      stdin: "a text",
    });
    assert.equal(exit, 2);
    assert.match(stderr, /"box" \(no-such-program\) can't be used/);
    assert.equal(stage.provider.calls, asked);
  });
});
