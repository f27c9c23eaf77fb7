/**
 * The stage on which stories about `ask` play: the engine with everything real in it (sandbox, SQLite, HTTP), a home folder of
 * its own, and a provider on this machine whose two models, "root" and "leaf", say what the story wrote for them.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sandbox } from "../src/core/sandbox.ts";
import type { Price } from "../src/core/usage.ts";
import type { Engine, RunLimits } from "../src/engine/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { createEngine, type SandboxName } from "../src/setup/open-engine.ts";
import {
  startFakeProvider,
  type CallInfo,
  type FakeProvider,
  type FakeReply,
  type FakeRequest,
} from "../src/testing/index.ts";

/** The sandbox of all stories. The other one is asked for by name, never fallen back to. */
export const storySandbox: SandboxName =
  process.env["UNABRIDGED_TEST_SANDBOX"] === "native" ? "native" : "wasm";

export type Say = string | FakeReply;

export interface Script {
  /** What the root LM says on its n-th turn, from 1. */
  readonly root: (turn: number, request: FakeRequest, info: CallInfo) => Say | Promise<Say>;
  /** What the leaf answers to a prompt. @default "yes" */
  readonly leaf?: (prompt: string, request: FakeRequest, info: CallInfo) => Say | Promise<Say>;
}

export interface StageOptions {
  readonly limits?: RunLimits;
  /** @default the one of all stories */
  readonly sandbox?: Sandbox;
  readonly rootPrice?: Price;
  readonly leafPrice?: Price;
  /** Requests that the provider remembers. @default 1000 */
  readonly record?: number;
}

export interface Stage extends AsyncDisposable {
  readonly provider: FakeProvider;
  readonly engine: Engine;
  readonly home: string;
}

export async function openStage(script: Script, options: StageOptions = {}): Promise<Stage> {
  const home = await mkdtemp(join(tmpdir(), "unabridged-story-"));
  const provider = await startFakeProvider({
    reply: played(script),
    models: ["root", "leaf"],
    record: options.record ?? 1_000,
  });
  const { baseUrl } = provider;
  const model = (id: string, price: Price | undefined): ReturnType<typeof openaiCompatible> =>
    openaiCompatible({ baseUrl, id, apiKey: "story", contextWindow: 128_000, price });
  const root = model("root", options.rootPrice);
  const engine = createEngine({
    model: root,
    subModel: model("leaf", options.leafPrice),
    modelsByDepth: [root],
    sandbox: options.sandbox ?? storySandbox,
    home,
    limits: options.limits ?? {},
  });
  return {
    provider,
    engine,
    home,
    async [Symbol.asyncDispose]() {
      await engine.close();
      await provider.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The script as the provider plays it: which turn it is stands in the request, so a resumed run goes on where it was. */
export function played({ root, leaf }: Script): (request: FakeRequest, info: CallInfo) => Promise<Say> {
  return async (request, info) => {
    if (request.model === "leaf") return leaf ? await leaf(request.text, request, info) : "yes";
    return await root(turnOf(request), request, info);
  };
}

export function turnOf(request: FakeRequest): number {
  return 1 + request.messages.filter(({ role }) => role === "assistant").length;
}

/** The first message of the question's own run or of a child's, where the question stands. */
export function questionOf(request: FakeRequest): string {
  const first = request.messages.find(({ role }) => role === "user")?.text ?? "";
  return /# Question\n([\s\S]*?)\n\n# The context/.exec(first)?.[1] ?? "";
}
