/** The command line as a story uses it: a process of its own with a clean environment, and a home folder that outlives it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startFakeProvider, type FakeProvider } from "../src/testing/index.ts";
import { played, storySandbox, type Script } from "./ask-stage.ts";

export interface Ended {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once standard error holds this text; rejects where the process ends without it. */
  says(text: string | RegExp): Promise<void>;
  /** Ctrl-C: the signal goes to the command and all that it has started. */
  interrupt(): void;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  /** A command that starts the program which is put behind it. */
  readonly launcher?: readonly string[];
}

export interface CliStage extends AsyncDisposable {
  readonly provider: FakeProvider;
  /** A folder for the story's files. */
  readonly folder: string;
  readonly home: string;
  /** Flags that lead to the provider's two models. */
  readonly models: readonly string[];
  start(args: readonly string[], options?: CommandOptions): Started;
  run(args: readonly string[], options?: CommandOptions): Promise<Ended>;
}

const program = fileURLToPath(new URL("../bin/unabridged.js", import.meta.url));

export async function openCliStage(
  script: Script,
  { apiKey }: { readonly apiKey?: string } = {},
): Promise<CliStage> {
  const folder = await mkdtemp(join(tmpdir(), "unabridged-cli-"));
  const home = join(folder, "home");
  const provider = await startFakeProvider({
    reply: played(script),
    models: [
      { id: "root", context_window: 128_000 },
      { id: "leaf", context_window: 128_000 },
    ],
    ...(apiKey !== undefined && { apiKey }),
  });
  const start: CliStage["start"] = (args, options = {}) =>
    startCommand([program, ...args], folder, home, options);
  return {
    provider,
    folder,
    home,
    models: [
      "--base-url",
      provider.baseUrl,
      "--model",
      "root",
      "--sub-model",
      "leaf",
      "--sandbox",
      storySandbox,
    ],
    start,
    run: (args, options) => start(args, options).ended,
    async [Symbol.asyncDispose]() {
      await provider.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function startCommand(
  args: readonly string[],
  folder: string,
  home: string,
  { cwd = folder, stdin, environment = {}, launcher = [] }: CommandOptions,
): Started {
  const [command = "", ...rest] = [...launcher, process.execPath, ...args];
  const child = spawn(command, rest, {
    cwd,
    // A group of its own, as a shell makes one for each command: Ctrl-C goes to all of it.
    detached: true,
    stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    // Nothing of this machine's keys and servers: a story must not find a model that it was not given.
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      UNABRIDGED_HOME: home,
      LLM_API_KEY: "story",
      // Each command reads all of our sources: with this, once for all commands of all stories.
      NODE_COMPILE_CACHE: join(tmpdir(), "unabridged-compile-cache"),
      ...environment,
    },
  });
  child.stdin?.on("error", () => {
    // A command that refuses its flags doesn't read what is piped in.
  });
  child.stdin?.end(stdin);
  const streams = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.setEncoding("utf8").on("data", (text: string) => void (streams[name] += text));
  const ended = once(child, "close").then(([code]): Ended => ({ code, ...streams }));
  const says = (text: string | RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (typeof text === "string" ? streams.stderr.includes(text) : text.test(streams.stderr)) resolve();
      };
      child.stderr?.on("data", look);
      look();
      void ended.then(() => reject(new Error(`It ended without saying ${text}: ${streams.stderr}`)));
    });
  const interrupt = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGINT");
  };
  return { process: child, ended, says, interrupt };
}
