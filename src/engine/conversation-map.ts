/**
 * `map` as a tool of conversations: every record of a file or a result, or every message, through the sub-model. The rows
 * are kept as a job; what comes back into the conversation is how it went, and what a query says of them.
 */
import { Readable } from "node:stream";
import { z } from "zod";
import type { StoredMessage } from "../core/conversation.ts";
import { ConfigError, isUnabridgedError, messageOf } from "../core/errors.ts";
import type { InputEntry, JobStore } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { textOfMessage, type ToolResultPart, type UserPart } from "../core/message.ts";
import type { RunScope } from "../core/scope.ts";
import { explore, largeText, type ConversationTool } from "../lcm/index.ts";
import { objectsOf, resultsOf, runMap, settledPages, type MapResult } from "../map/index.ts";
import type { EngineParts, ItemsInput } from "./parts.ts";

/** @param conversationId names the jobs */
export function mapTool(parts: EngineParts, conversationId: string): ConversationTool {
  return {
    ...definition,
    async run(input, { scope, messages }) {
      const asked = parse(input);
      const source = await sourceOf(asked, messages);
      const [{ subModel }, jobs] = await Promise.all([parts.models(), parts.jobs()]);
      const result = await runMap({
        ...{ scope, jobs, model: subModel, prompt: asked.prompt, output: asked.schema },
        items: source.items(parts, scope.signal),
        source: `conversation ${conversationId}: ${source.name}`,
        sample: asked.first,
        caller: { conversation: conversationId },
      });
      return report(result, asked, jobs, scope);
    },
  };
}

const definition = {
  name: "map",
  description:
    "Ask another model the same of every record of a file or of a tool's result, or of every message, each by itself: to label, extract, judge or count what must be read and is too much to read here. The answers are kept as rows of a table; you get how it went and the rows of your query, or the first few. The same call with another query costs nothing. To try it out, begin with first: 5.",
  inputSchema: {
    type: "object",
    properties: {
      prompt: {
        type: "string",
        description: "what to ask of one record, with {{field}} for a field of it or {{item}} for all of it",
      },
      in: {
        type: "string",
        description:
          'name of a file in this conversation; or the number of a message whose file, result or text it is; or a range such as "3-40" or the id of a label: every message in it is a record with the fields message, role and text',
      },
      schema: {
        type: "object",
        description: "JSON Schema of an answer: an object whose fields become columns. Default: a text",
      },
      sql: {
        type: "string",
        description:
          "a select over the tables results (position, key, result or the fields of an answer), failures (position, key, code, message) and items (position, key, item or its fields)",
      },
      first: { type: "integer", minimum: 1, description: "only so many records from the beginning" },
      part: { type: "integer", minimum: 1, description: "which part of the message, where it has several" },
      split: {
        type: "string",
        enum: ["lines", "paragraphs"],
        description:
          "how a text is cut, into records with the fields line and text. Default: the records of JSON, JSON lines, CSV and TSV, else lines",
      },
    },
    required: ["prompt", "in"],
  },
} satisfies Omit<ConversationTool, "run">;

const form = z.object({
  prompt: z.string().min(1),
  in: z.union([z.string().min(1), z.number().transform(String)]),
  schema: z.custom<JsonObject>((value) => typeof value === "object" && value !== null).nullish(),
  sql: z.string().nullish(),
  first: z.number().int().min(1).nullish(),
  part: z.number().int().min(1).nullish(),
  split: z.enum(["lines", "paragraphs"]).nullish(),
});

interface Asked {
  readonly prompt: string;
  readonly place: string;
  readonly schema: JsonObject | undefined;
  readonly sql: string | undefined;
  readonly first: number | undefined;
  readonly part: number | undefined;
  readonly split: "lines" | "paragraphs" | undefined;
}

function parse(input: Json): Asked {
  const parsed = form.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ConfigError("invalid_input", `${issue?.path.join(".") ?? "input"}: ${issue?.message ?? ""}`);
  }
  const { prompt, in: place, schema, sql, first, part, split } = parsed.data;
  return {
    ...{ prompt, place, schema: schema ?? undefined, first: first ?? undefined, part: part ?? undefined },
    ...{ sql: sql?.trim() === "" ? undefined : (sql ?? undefined), split: split ?? undefined },
  };
}

interface Source {
  readonly name: string;
  items(parts: EngineParts, signal: AbortSignal): AsyncIterable<InputEntry>;
}

type Messages = (place?: string) => AsyncIterable<StoredMessage>;

/** A file by its name, the newest of that name; else a place. One message is taken apart, several are a record each. */
async function sourceOf(asked: Asked, messages: Messages): Promise<Source> {
  const { place } = asked;
  const file = await newestFile(place, messages);
  if (file) return textSource(file, asked);
  const found: StoredMessage[] = [];
  for await (const message of messages(place)) {
    found.push(message);
    if (found.length > 1) return { name: `messages ${place}`, items: () => records(messages(place)) };
  }
  const [message] = found;
  if (message) return textSource(partOf(message, asked.part), asked);
  throw new ConfigError("not_found", `There is no message ${place}.`);
}

interface GivenText {
  readonly name: string;
  readonly text: string;
  readonly mediaType?: string;
}

async function newestFile(name: string, messages: Messages): Promise<GivenText | undefined> {
  // A place, and no name of a file.
  if (/^\d+(\s*-\s*\d+)?$/.test(name.trim())) return undefined;
  let newest: GivenText | undefined;
  for await (const { message } of messages()) {
    if (message.role !== "user") continue;
    for (const part of message.content)
      if (part.type === "file" && (part.filename === name || part.filename?.endsWith(`/${name}`) === true))
        newest = textOf(part, name) ?? newest;
  }
  return newest;
}

/** The one part of a message that holds records; its words where it has neither file nor result. */
function partOf({ message, position }: StoredMessage, part: number | undefined): GivenText {
  const content = message.role === "user" || message.role === "tool" ? message.content : [];
  const name = `message ${position}`;
  const texts = content.flatMap((one, index) => {
    const text = part === undefined || part === index + 1 ? textOf(one, name) : undefined;
    return text === undefined ? [] : [{ ...text, part: index + 1 }];
  });
  const [only, another] = texts;
  if (only && another)
    throw new ConfigError(
      "invalid_input",
      `Message ${position} has several: say which by part: ${texts.map((one) => `${one.part} (${one.name})`).join(", ")}.`,
    );
  if (only) return only;
  if (part !== undefined)
    throw new ConfigError("not_found", `Part ${part} of message ${position} holds no text.`);
  return { name, text: textOfMessage(message) };
}

function textOf(part: UserPart | ToolResultPart, name: string): GivenText | undefined {
  const text = largeText(part);
  if (text === undefined) return undefined;
  return part.type === "file"
    ? { name: part.filename ?? name, text, mediaType: part.mediaType }
    : { name, text };
}

function textSource(given: GivenText, { split }: Asked): Source {
  const input: ItemsInput = split
    ? { input: "-", format: "text", split }
    : { input: "-", format: formatOf(given) };
  return {
    name: split ? `${given.name} by ${split}` : given.name,
    items: (parts, signal) =>
      parts.openItems(input, {
        ...{ signal, cwd: process.cwd(), name: given.name, stdin: Readable.from([Buffer.from(given.text)]) },
      }),
  };
}

function formatOf({ name, text, mediaType }: GivenText): NonNullable<ItemsInput["format"]> {
  const { kind } = explore(text, { name, mediaType });
  if (kind === "csv") return text.slice(0, text.indexOf("\n")).includes("\t") ? "tsv" : "csv";
  if (kind === "jsonl") return "jsonl";
  // Of JSON only a list has records.
  return kind === "json" && text.trimStart().startsWith("[") ? "json" : "text";
}

async function* records(messages: AsyncIterable<StoredMessage>): AsyncGenerator<InputEntry> {
  for await (const { position, message } of messages) {
    const item = { message: position, role: message.role, text: textOfMessage(message) };
    yield { type: "item", key: position, item };
  }
}

const rowsShown = 5;
const mostRows = 200;

/** What the model reads: how it went, and what the query says. A wrong query loses nothing, so it fails by itself. */
async function report(
  { jobId, status, counts, limit }: MapResult,
  { sql }: Asked,
  jobs: JobStore,
  scope: RunScope,
): Promise<JsonObject> {
  const { rows, done, failed, faults, pending, running } = counts;
  const left = pending + running;
  return {
    ...{ job: jobId, status, records: rows, done },
    ...(failed > 0 && { failed }),
    ...(faults > 0 && { unreadable: faults }),
    ...(left > 0 && { left }),
    ...(limit && { limit: limit.message }),
    ...(failed + faults > 0 && { failures: await firstRows(jobs, jobId, false) }),
    ...(sql === undefined
      ? { first_rows: await firstRows(jobs, jobId, true), next: "Ask the rows with sql, at no cost." }
      : await answerTo(sql, jobId, jobs, scope)),
  };
}

async function answerTo(
  sql: string,
  jobId: string,
  jobs: JobStore,
  { signal }: RunScope,
): Promise<JsonObject> {
  const results = await resultsOf(jobs, jobId, signal);
  try {
    const rows = objectsOf(await results.sql(sql));
    const leftOut = rows.length - mostRows;
    return { rows: rows.slice(0, mostRows), ...(leftOut > 0 && { rows_left_out: leftOut }) };
  } catch (error) {
    if (!isUnabridgedError(error) || error.kind !== "config") throw error;
    return { query_failed: messageOf(error), next: "The answers are kept: ask again with another sql." };
  } finally {
    await results.close();
  }
}

async function firstRows(jobs: JobStore, jobId: MapResult["jobId"], ok: boolean): Promise<readonly Json[]> {
  const shown: Json[] = [];
  for await (const page of settledPages(jobs, jobId))
    for (const { key, outcome } of page) {
      if (outcome.ok !== ok) continue;
      shown.push(outcome.ok ? { key, result: outcome.result } : { key, ...outcome.error });
      if (shown.length === rowsShown) return shown;
    }
  return shown;
}
