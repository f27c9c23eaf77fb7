/** Asks a server of OpenAI's dialect which models it serves, and how large their windows really are. Never fails a run. */
import { isPlainObject } from "../core/json.ts";

export interface Server {
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
}

export interface ServedModel {
  readonly id: string;
  readonly contextWindow: number | undefined;
  /** False for embedding, speech and other models that don't chat, as far as their names and types tell. */
  readonly chats: boolean;
  readonly ownedBy: string | undefined;
}

export interface ServedWindow {
  readonly contextWindow: number;
  /** What the user should hear about it. */
  readonly notice?: string;
}

export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  /** @default 2000 */
  readonly timeoutMs?: number;
}

/** The models of a server in its own order; undefined where it doesn't answer in time or not in this dialect. */
export async function servedModels(
  server: Server,
  options: AskOptions = {},
): Promise<readonly ServedModel[] | undefined> {
  const answer = await fetchJson(`${trimmed(server)}/models`, server, options);
  const list = isPlainObject(answer) ? (answer["data"] ?? answer["models"]) : answer;
  if (!Array.isArray(list)) return undefined;
  return list.flatMap((entry: unknown) => {
    if (!isPlainObject(entry)) return [];
    const id = entry["id"] ?? entry["name"];
    if (typeof id !== "string") return [];
    const ownedBy = typeof entry["owned_by"] === "string" ? entry["owned_by"] : undefined;
    return [{ id, contextWindow: windowIn(entry), chats: chats(id, entry), ownedBy }];
  });
}

/**
 * The window that a server really gives a model, which may be far below what the model was trained for. Undefined where
 * the server doesn't tell.
 */
export async function servedWindow(
  server: Server,
  id: string,
  options: AskOptions = {},
): Promise<ServedWindow | undefined> {
  const models = await servedModels(server, options);
  const entry = models?.find((model) => model.id === id);
  if (entry === undefined) return undefined;
  const own = ownApis[kindOf(server, entry)];
  return (
    (await own?.(server, id, options)) ??
    (entry.contextWindow === undefined ? undefined : { contextWindow: entry.contextWindow })
  );
}

type ServerKind = "ollama" | "lm-studio" | "llama.cpp" | "other";

function kindOf({ baseUrl }: Server, { ownedBy }: ServedModel): ServerKind {
  const { port } = new URL(baseUrl);
  if (port === "11434" || ownedBy === "library") return "ollama";
  if (port === "1234" || ownedBy === "organization_owner") return "lm-studio";
  return ownedBy === "llamacpp" ? "llama.cpp" : "other";
}

type OwnApi = (server: Server, id: string, options: AskOptions) => Promise<ServedWindow | undefined>;

/** Servers that say more in an interface of their own than in OpenAI's. */
const ownApis: Readonly<Partial<Record<ServerKind, OwnApi>>> = {
  ollama: askOllama,
  "lm-studio": askLmStudio,
  "llama.cpp": askLlamaCpp,
};

/** What Ollama gives a model on most machines unless it is told otherwise. */
const ollamaDefault = 4096;

/** Ollama cuts longer requests without a word, so what the model could hold is of no use. */
async function askOllama(server: Server, id: string, options: AskOptions): Promise<ServedWindow | undefined> {
  const origin = new URL(server.baseUrl).origin;
  const [running, shown] = await Promise.all([
    fetchJson(`${origin}/api/ps`, server, options),
    fetchJson(`${origin}/api/show`, server, options, { model: id }),
  ]);
  if (!isPlainObject(shown)) return undefined;
  const loaded = isPlainObject(running) && Array.isArray(running["models"]) ? running["models"] : [];
  const ours: unknown = loaded.find((model: unknown) => isPlainObject(model) && model["name"] === id);
  const actual = isPlainObject(ours) ? positive(ours["context_length"]) : undefined;
  const parameters = typeof shown["parameters"] === "string" ? shown["parameters"] : "";
  const set = actual ?? positive(Number(/^num_ctx\s+(\d+)/m.exec(parameters)?.[1]));
  if (set !== undefined) return { contextWindow: set };
  const info = isPlainObject(shown["model_info"]) ? shown["model_info"] : {};
  const trained = positive(Object.entries(info).find(([name]) => name.endsWith(".context_length"))?.[1]);
  const contextWindow = Math.min(trained ?? ollamaDefault, ollamaDefault);
  const notice = `Ollama gives "${id}" ${contextWindow} tokens by default and silently drops what is longer. Start it with OLLAMA_CONTEXT_LENGTH set higher, and state the same with --context-window.`;
  return { contextWindow, notice };
}

async function askLmStudio(
  server: Server,
  id: string,
  options: AskOptions,
): Promise<ServedWindow | undefined> {
  const answer = await fetchJson(
    `${new URL(server.baseUrl).origin}/api/v0/models/${encodeURIComponent(id)}`,
    server,
    options,
  );
  if (!isPlainObject(answer)) return undefined;
  const contextWindow = positive(answer["loaded_context_length"]) ?? positive(answer["max_context_length"]);
  return contextWindow === undefined ? undefined : { contextWindow };
}

async function askLlamaCpp(
  server: Server,
  _id: string,
  options: AskOptions,
): Promise<ServedWindow | undefined> {
  const answer = await fetchJson(`${new URL(server.baseUrl).origin}/props`, server, options);
  const settings = isPlainObject(answer) ? answer["default_generation_settings"] : undefined;
  const contextWindow = isPlainObject(settings) ? positive(settings["n_ctx"]) : undefined;
  return contextWindow === undefined ? undefined : { contextWindow };
}

/** The names under which servers of this dialect state a window in their list of models. */
function windowIn(entry: Record<string, unknown>): number | undefined {
  const names = [
    "max_model_len",
    "loaded_context_length",
    "context_length",
    "context_window",
    "max_context_length",
  ];
  const stated = names.map((name) => positive(entry[name])).find((value) => value !== undefined);
  const meta = isPlainObject(entry["meta"]) ? entry["meta"] : {};
  return stated ?? positive(meta["n_ctx"]) ?? positive(meta["n_ctx_train"]);
}

const otherThanChat =
  /embed|rerank|whisper|tts|speech|transcri|moderation|dall-e|image|(^|[/_-])(bge|gte|e5|clip|minilm|siglip)([-_]|$)/i;

function chats(id: string, entry: Record<string, unknown>): boolean {
  const type = entry["type"];
  if (typeof type === "string" && /embed|rerank|image|audio/i.test(type)) return false;
  return !otherThanChat.test(id);
}

function positive(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : undefined;
}

function trimmed({ baseUrl }: Server): string {
  return baseUrl.replace(/\/+$/, "");
}

/** The parsed answer, or undefined for whatever reason there is none: asking is a courtesy, not a step of the run. */
async function fetchJson(url: string, server: Server, options: AskOptions, body?: object): Promise<unknown> {
  const deadline = AbortSignal.timeout(options.timeoutMs ?? 2000);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (server.apiKey !== undefined) headers["authorization"] = `Bearer ${server.apiKey}`;
  try {
    const { providerFetch } = await import("./http.ts");
    const request =
      body === undefined
        ? { headers, signal }
        : { method: "POST", headers, signal, body: JSON.stringify(body) };
    const response = await providerFetch(url, request);
    if (!response.ok) return undefined;
    const answer: unknown = await response.json();
    return answer;
  } catch {
    // No server, no answer in time, or no JSON: all mean "not told". The caller's own abort shows up at its next step.
    options.signal?.throwIfAborted();
    return undefined;
  }
}
