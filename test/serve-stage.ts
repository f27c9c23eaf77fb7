/** A server in front of a fake provider, as `unabridged serve` sets it up, with a home of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Model } from "unabridged";
import { startHttp, type HttpOptions, type HttpServer } from "../src/http/index.ts";
import { anthropic, openai, openaiCompatible } from "../src/models/index.ts";
import { BuiltInParts } from "../src/setup/open-engine.ts";
import { serviceOf, type Service, type Upstream } from "../src/setup/service.ts";
import { startFakeProvider, type FakeProvider, type Reply } from "../src/testing/index.ts";

export interface ServeStage extends AsyncDisposable {
  readonly provider: FakeProvider;
  readonly service: Service;
  readonly server: HttpServer;
  readonly log: readonly string[];
}

export interface StageOptions extends HttpOptions {
  readonly reply?: Reply;
  readonly window?: number;
  /** What the provider behind it speaks. @default "openai-chat" */
  readonly upstream?: Upstream["dialects"][number] | "none";
  readonly price?: Model["price"];
  /** Requests that the provider remembers. @default 1000 */
  readonly record?: number;
  /** A folder that outlives the stage. @default one of its own */
  readonly home?: string;
}

export const upstreamKey = "upstream-key";

export async function serveStage(options: StageOptions = {}): Promise<ServeStage> {
  const { reply = () => "fine", window = 16_000, upstream: kind = "openai-chat", price } = options;
  const { record, home: kept, ...http } = options;
  const provider = await startFakeProvider({
    ...{ reply, apiKey: upstreamKey },
    ...(record !== undefined && { record }),
  });
  const home = kept ?? (await mkdtemp(join(tmpdir(), "unabridged-serve-")));
  const facts = {
    id: "fake-model",
    apiKey: upstreamKey,
    contextWindow: window,
    maxOutputTokens: 2000,
    price,
  };
  const model =
    kind === "anthropic"
      ? anthropic({ ...facts, baseUrl: provider.baseUrl })
      : kind === "openai-responses"
        ? openai({ ...facts, baseUrl: provider.baseUrl })
        : openaiCompatible({ ...facts, baseUrl: provider.baseUrl });
  const models = { model, subModel: model, modelsByDepth: undefined, notices: [] };
  const upstream: Upstream | undefined =
    kind === "none"
      ? undefined
      : {
          ...{ baseUrl: provider.baseUrl, dialects: [kind], modelId: "fake-model" },
          headers:
            kind === "anthropic" ? { "x-api-key": upstreamKey } : { authorization: `Bearer ${upstreamKey}` },
        };
  const service = serviceOf({
    homeFolder: home,
    models: {
      find: () => Promise.resolve({ models, upstream }),
      names: () => Promise.resolve(["fake-model"]),
    },
    limits: {},
    parts: (folder) => new BuiltInParts({ home: folder }, () => Promise.resolve(models)),
  });
  const log: string[] = [];
  const server = await startHttp(service, { port: 0, log: (line) => log.push(line), ...http });
  return {
    ...{ provider, service, server, log },
    async [Symbol.asyncDispose]() {
      await server.close({ graceMs: 0 });
      await service.close();
      await provider.close();
      if (kept === undefined) await rm(home, { recursive: true, force: true });
    },
  };
}
