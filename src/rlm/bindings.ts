/** What code in a cell may ask of the host: look-ups in the corpus, sub-calls, child runs, what is left. Guest input is parsed here. */
import { z } from "zod";
import { callModel } from "../core/call-model.ts";
import type { Corpus, Match, RankedSpan } from "../core/corpus.ts";
import { parseSpanId, spanId } from "../core/corpus.ts";
import { ConfigError, messageOf } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { user } from "../core/message.ts";
import type { HostCall } from "../core/sandbox.ts";
import { callForJson } from "../core/typed-call.ts";
import { batch, type TakesRefusals } from "./batch.ts";
import { childArgs, childRuns, type SolveChild } from "./child-runs.ts";
import { assertMayAsk, CellMaps, type MapCall, type MapItems, type MapQuery } from "./map-calls.ts";
import type { Problem } from "./problem.ts";
import { callTool } from "./tool-calls.ts";

export interface BindingsState extends TakesRefusals {
  /** Said to the root LM with the next observation, then cleared. */
  readonly notes: Set<string>;
  /** A turn in full, for history(n). */
  turnText(turn: number): string | undefined;
  turnsLeft(): number;
}

/** Makes the host side of the guest's functions. An error thrown here is raised in the cell. */
export function createBindings(problem: Problem, state: BindingsState, solveChild: SolveChild): HostCall {
  const { corpus, cast } = problem;
  const maps = new CellMaps(problem, state, async (items, signal) => {
    const { results } = await batch(problem, state, "llm_map", items, (item) =>
      subCall(problem, state, item, signal),
    );
    return results;
  });
  const handlers: Record<string, (args: unknown, signal: AbortSignal) => Promise<Json>> = {
    llm_query: (args, signal) =>
      subCalls(problem, state, parse("llm_query", subCallArgs, args).items, signal),
    llm_map: (args, signal) => maps.map(parse("llm_map", mapArgs, args), signal),
    llm_map_items: async (args) => {
      maps.tellItems(parse("llm_map", mapItemsArgs, args));
      return null;
    },
    llm_map_sql: (args, signal) => maps.query(parse("sql", mapQueryArgs, args), signal),
    rlm_query: (args, signal) =>
      childRuns(problem, state, parse("rlm_query", childArgs, args).items, solveChild, signal),
    grep: (args, signal) => grep(problem, parse("grep", grepArgs, args), signal),
    search: (args, signal) => search(problem, parse("search", searchArgs, args), signal),
    read: (args) => read(corpus, parse("read", readArgs, args)),
    characters: async (args) => ({
      characters: await corpus.characters(
        parse("characters", z.object({ document: z.string() }), args).document,
      ),
    }),
    budget: () => Promise.resolve({ ...problem.scope.budget.remaining(), turns: state.turnsLeft() }),
    history: (args) =>
      Promise.resolve(history(state, parse("history", z.object({ turn: z.number().int() }), args).turn)),
  };
  const tools = new Map(cast.tools.map((tool) => [tool.name, tool]));
  let toolCalls = 0;
  return async (name, args, signal) => {
    const tool = tools.get(name);
    if (tool) return callTool(problem.scope, tool, args, `tool_${++toolCalls}`, signal);
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    if (!handler) throw new ConfigError("invalid_input", `There is no host function "${name}".`);
    return handler(args, signal);
  };
}

const subCallArgs = z.object({
  items: z
    .array(
      z.object({
        prompt: z.string(),
        schema: z.record(z.string(), z.json()).nullish(),
        model: z.string().nullish(),
      }),
    )
    .max(100_000),
});

interface SubCallItem {
  readonly prompt: string;
  readonly schema?: JsonObject | null | undefined;
  readonly model?: string | null | undefined;
}

const mapArgs: z.ZodType<MapCall> = z.object({
  items: z.array(z.object({ prompt: z.string() })).max(1_000_000),
  schema: z.record(z.string(), z.json()).nullish(),
});
const mapItemsArgs: z.ZodType<MapItems> = z.object({ id: z.string(), items: z.array(z.json()) });
const mapQueryArgs: z.ZodType<MapQuery> = z.object({
  id: z.string(),
  query: z.string().min(1),
  others: z.record(z.string(), z.string()),
});

async function subCalls(
  problem: Problem,
  state: BindingsState,
  items: readonly SubCallItem[],
  signal: AbortSignal,
): Promise<Json> {
  const { cast } = problem;
  assertMayAsk(problem);
  if (items.some((item) => item.model && item.model !== cast.subModel.id))
    state.notes.add(`model= was ignored: all sub-calls go to ${cast.subModel.id}.`);
  return batch(problem, state, "llm_query", items, (item) => subCall(problem, state, item, signal));
}

async function subCall(
  { scope, cast }: Problem,
  state: BindingsState,
  item: SubCallItem,
  signal: AbortSignal,
): Promise<JsonObject> {
  if (item.prompt.trim() === "") return { ok: false, code: "empty_prompt", message: "The prompt was empty." };
  const prompt = item.prompt.toWellFormed();
  if (item.schema)
    return {
      ok: true,
      value: await callForJson(scope, cast.subModel, prompt, item.schema, { role: "sub", signal }),
    };
  const reply = await callModel(scope, cast.subModel, { messages: [user(prompt)] }, { role: "sub", signal });
  if (reply.stopReason === "length")
    state.notes.add(
      "Some sub-call answers were cut off at the output limit: ask for shorter answers, or give each prompt less to answer.",
    );
  return { ok: true, text: reply.text };
}

const grepArgs = z.object({
  pattern: z.string().min(1),
  ignore_case: z.boolean().optional(),
  literal: z.boolean().optional(),
  limit: z.number().int().min(0).max(10_000).optional(),
  offset: z.number().int().min(0).optional(),
  documents: z.array(z.string()).nullish(),
});

async function grep(
  { corpus, scope }: Problem,
  args: z.infer<typeof grepArgs>,
  signal: AbortSignal,
): Promise<Json> {
  const startedAt = Date.now();
  const page = await corpus.grep(args.pattern, {
    signal,
    ignoreCase: args.ignore_case ?? false,
    literal: args.literal ?? false,
    limit: args.limit ?? 100,
    offset: args.offset ?? 0,
    countOnly: args.limit === 0,
    ...(args.documents && { documentIds: args.documents }),
  });
  scope.emit({
    type: "look-up",
    name: "grep",
    query: args.pattern,
    found: page.total,
    durationMs: Date.now() - startedAt,
  });
  const paths = pathsOf(corpus);
  return {
    matches: page.matches.map((match) => matchJson(match, paths)),
    total: page.total,
    documents: page.documents,
    next: page.next ?? null,
  };
}

const searchArgs = z.object({
  query: z.string().min(1),
  limit: z.number().int().min(1).max(1_000).optional(),
  documents: z.array(z.string()).nullish(),
});

async function search(
  { corpus, scope }: Problem,
  args: z.infer<typeof searchArgs>,
  signal: AbortSignal,
): Promise<Json> {
  const startedAt = Date.now();
  const spans = await corpus.search(args.query, {
    signal,
    limit: args.limit ?? 10,
    ...(args.documents && { documentIds: args.documents }),
  });
  scope.emit({
    type: "look-up",
    name: "search",
    query: args.query,
    found: spans.length,
    durationMs: Date.now() - startedAt,
  });
  const paths = pathsOf(corpus);
  return { spans: spans.map((span) => spanJson(span, paths)) };
}

const readArgs = z.object({
  document: z.string(),
  start: z.number().int().nullish(),
  end: z.number().int().nullish(),
});

/** Reads a span id, or a stretch of a document named by its id or path. */
async function read(corpus: Corpus, { document: name, start, end }: z.infer<typeof readArgs>): Promise<Json> {
  const span = parseSpanId(name);
  const document = corpus.documents.find(
    (candidate) => candidate.id === (span?.documentId ?? name) || candidate.path === name,
  );
  if (!document)
    throw new ConfigError(
      "not_found",
      `There is no document "${name}". Documents have ids such as ${corpus.documents[0]?.id ?? "d1"}; see .id and .path.`,
    );
  const length = document.start + (await corpus.characters(document.id));
  const from = resolve(span?.start ?? start ?? document.start, length);
  const to = resolve(span?.end ?? end ?? length, length);
  if (to - from > mostReadCharacters)
    throw new ConfigError(
      "invalid_input",
      `read() returns at most ${grouped(mostReadCharacters)} characters at once, ${grouped(to - from)} were asked for; read it in pieces.`,
    );
  return {
    id: spanId({ documentId: document.id, start: from, end: Math.max(from, to) }),
    document: document.id,
    path: document.path ?? null,
    start: from,
    text: await corpus.read(document.id, from, to),
  };
}

const mostReadCharacters = 4 * 1024 * 1024;

/** As Python slices: below zero counts from the end, beyond the end is the end. */
function resolve(index: number, length: number): number {
  return Math.min(length, Math.max(0, index < 0 ? length + index : index));
}

function history(state: BindingsState, turn: number): Json {
  const text = state.turnText(turn);
  if (text === undefined) throw new ConfigError("not_found", `There is no turn ${turn} yet.`);
  return { text };
}

type Paths = ReadonlyMap<string, string | undefined>;

function pathsOf(corpus: Corpus): Paths {
  return new Map(corpus.documents.map((document) => [document.id, document.path]));
}

function spanJson(span: RankedSpan, paths: Paths): JsonObject {
  return {
    id: spanId(span),
    document: span.documentId,
    path: paths.get(span.documentId) ?? null,
    start: span.start,
    end: span.end,
    line: span.line,
    text: span.text,
    score: span.score,
  };
}

function matchJson(match: Match, paths: Paths): JsonObject {
  return {
    id: spanId(match),
    document: match.documentId,
    path: paths.get(match.documentId) ?? null,
    start: match.start,
    end: match.end,
    line: match.line,
    text: match.text,
    line_text: match.lineText,
  };
}

function parse<Shape>(name: string, schema: z.ZodType<Shape>, args: unknown): Shape {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ConfigError(
    "invalid_input",
    `${name}(): ${issue ? `${issue.path.join(".")}: ${issue.message}` : messageOf(parsed.error)}.`,
  );
}
