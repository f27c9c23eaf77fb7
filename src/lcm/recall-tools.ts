/** The tools that let a model look into what it isn't shown: their definitions, and what carries their calls out. */
import { isUnabridgedError } from "../core/errors.ts";
import { isPlainObject, type Json, type JsonObject } from "../core/json.ts";
import type { ToolDefinition } from "../core/model.ts";
import type { GrepInput, Recall } from "./recall.ts";

const place = 'message numbers such as "12" or "3-40", or the id of a label';

const grep: ToolDefinition = {
  name: "recall_grep",
  description:
    "Find where something was said in this conversation, also in what is only shown as labels. Gives message numbers and the words around each match.",
  inputSchema: schema(
    {
      pattern: { type: "string", description: "a name, number or phrase as it was written" },
      mode: {
        type: "string",
        enum: ["text", "regex", "words"],
        description: "default text: letter by letter",
      },
      in: { type: "string", description: `only there: ${place}` },
      cursor: { type: "string", description: "for the next page" },
    },
    ["pattern"],
  ),
};

const describe: ToolDefinition = {
  name: "recall_describe",
  description:
    "What is behind a label or a message: size, parts, shape of large content. Not the text itself.",
  inputSchema: schema({ id: { type: "string", description: place } }, ["id"]),
};

const ask: ToolDefinition = {
  name: "recall_ask",
  description:
    "Have a copy of you read earlier messages in full and answer a question about them. Use it whenever a label says that something was discussed but not exactly what: for exact words, numbers, decisions, code, files.",
  inputSchema: schema(
    {
      question: { type: "string", description: "complete in itself" },
      in: {
        type: "array",
        items: { type: "string" },
        description: `where to read: ${place}. Default: wherever it is`,
      },
    },
    ["question"],
  ),
};

const expand: ToolDefinition = {
  name: "recall_expand",
  description: "Read messages in full, or the labels that a label is made of.",
  inputSchema: schema(
    {
      id: { type: "string", description: place },
      from: { type: "string", description: "where to go on, as told" },
    },
    ["id"],
  ),
};

/** For the main model: it never expands in its own window. */
export const recallTools: readonly ToolDefinition[] = [grep, describe, ask];
/** For clones: they read, and send no further clones. */
export const cloneTools: readonly ToolDefinition[] = [grep, describe, expand];

export function isRecallTool(name: string): boolean {
  return recallTools.some((tool) => tool.name === name);
}

export interface RecallAnswer {
  readonly output: string;
  readonly isError: boolean;
}

/** @param askClone answers `recall_ask`; clones have none */
export async function callRecallTool(
  name: string,
  input: Json,
  recall: Recall,
  options: {
    readonly signal: AbortSignal;
    readonly expandTokens?: number;
    readonly askClone?: (question: string, places: readonly string[]) => Promise<string>;
  },
): Promise<RecallAnswer> {
  try {
    return {
      output: await carryOut(name, isPlainObject(input) ? input : {}, recall, options),
      isError: false,
    };
  } catch (error) {
    options.signal.throwIfAborted();
    // What the model did wrong, or a limit: it reads the sentence and goes on. Anything else is ours.
    if (!isUnabridgedError(error) || error.kind === "store") throw error;
    return { output: error.message, isError: true };
  }
}

async function carryOut(
  name: string,
  input: Readonly<Record<string, unknown>>,
  recall: Recall,
  { signal, askClone, expandTokens }: Parameters<typeof callRecallTool>[3],
): Promise<string> {
  switch (name) {
    case "recall_grep":
      return recall.grep(grepInput(input), signal);
    case "recall_describe":
      return recall.describe(textOf(input, "id"));
    case "recall_expand":
      return recall.expand(textOf(input, "id"), {
        ...(typeof input["from"] === "string" && { from: input["from"] }),
        ...(expandTokens !== undefined && { tokens: expandTokens }),
      });
    case "recall_ask": {
      if (!askClone) break;
      const places = input["in"];
      const list = Array.isArray(places) ? places : places === undefined || places === "" ? [] : [places];
      return askClone(textOf(input, "question"), list.map(String));
    }
  }
  return `There is no tool "${name}" here.`;
}

function grepInput(input: Readonly<Record<string, unknown>>): GrepInput {
  const mode = input["mode"];
  return {
    pattern: textOf(input, "pattern"),
    ...((mode === "regex" || mode === "words") && { mode }),
    ...(typeof input["in"] === "string" && input["in"] !== "" && { in: input["in"] }),
    ...(typeof input["cursor"] === "string" && input["cursor"] !== "" && { cursor: input["cursor"] }),
  };
}

function textOf(input: Readonly<Record<string, unknown>>, name: string): string {
  const value = input[name];
  return typeof value === "string" ? value : value === undefined ? "" : String(value);
}

function schema(properties: JsonObject, required: readonly string[]): JsonObject {
  return { type: "object", properties, required: [...required], additionalProperties: false };
}
