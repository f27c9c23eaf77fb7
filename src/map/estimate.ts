/** What a map would take, from a sample of its items and no call at all. */
import { isPlainObject, type Json, type JsonObject } from "../core/json.ts";
import { estimateTokens } from "../core/tokens.ts";
import { costOf } from "../core/usage.ts";
import type { Asking } from "./asking.ts";
import { batchPrompt, batchSchema } from "./batch.ts";
import { rowsOf, type Entries } from "./input.ts";
import { checkTemplate } from "./template.ts";

export interface Estimate {
  readonly items: number;
  /** Different ones: equal items are asked once. */
  readonly distinct: number;
  readonly faults: number;
  readonly calls: number;
  readonly inputTokens: number;
  /** By the size that an answer of the schema would have; a model that thinks first takes more. */
  readonly outputTokens: number;
  /** null where the model's price is not known. */
  readonly costUsd: number | null;
  /** The first prompt as it would be sent, without what asks for the form of the answer. */
  readonly prompt: string;
}

export interface EstimateOptions {
  readonly keyField?: string | undefined;
  /** Only so many items from the beginning. @default all */
  readonly limit?: number | undefined;
  /** How many of them are looked at closely. @default 200 */
  readonly sample?: number;
}

/** Reads the input. Throws ConfigError as the map itself would. */
export async function estimateMap(
  asking: Asking,
  items: Entries,
  options: EstimateOptions = {},
): Promise<Estimate> {
  const { sample = 200, keyField, limit } = options;
  const { template, task, pace, output, model } = asking;
  const seen = new Set<string>();
  const shown: Json[] = [];
  let rows = 0;
  let faults = 0;
  for await (const chunk of rowsOf(items, { keyField, limit })) {
    if (rows === 0)
      checkTemplate(
        template,
        chunk.flatMap((row) => (row.type === "item" ? [row.item] : [])),
      );
    for (const row of chunk) {
      rows++;
      if (row.type === "fault") faults++;
      else {
        // Every so many, more seldom as they become more: spread over the input, the same each time.
        if (rows % Math.max(1, Math.floor(rows / sample)) === 0 && !seen.has(row.hash)) shown.push(row.item);
        seen.add(row.hash);
      }
    }
  }
  const prompts = shown.flatMap((item) => {
    const rendered = template.render(item);
    return rendered.type === "prompt" ? [rendered.prompt] : [];
  });
  const average =
    prompts.reduce((sum, prompt) => sum + estimateTokens(prompt), 0) / Math.max(1, prompts.length);
  const frame = output ? estimateTokens(JSON.stringify(output.schema)) + 20 : 0;
  const batches = Math.ceil(seen.size / pace.batch) * task.votes;
  const inputTokens = Math.round(
    pace.batch === 1 ? batches * (average + frame) : batches * batchTokens(asking, shown),
  );
  const outputTokens = seen.size * task.votes * (answerTokens(output?.schema) + (pace.batch > 1 ? 12 : 0));
  const cost = costOf({ inputTokens, cachedInputTokens: 0, outputTokens, reasoningTokens: 0 }, model.price);
  return {
    ...{ items: rows, distinct: seen.size, faults, calls: batches, inputTokens, outputTokens },
    ...{ costUsd: cost ?? null, prompt: prompts[0] ?? task.prompt },
  };
}

function batchTokens(asking: Asking, shown: readonly Json[]): number {
  const units = shown
    .slice(0, asking.pace.batch)
    .map((item, index) => ({ unit: index, position: index, key: index, item }));
  if (units.length === 0) return 0;
  const whole = batchPrompt(asking, units, new Map(), batchSchema(asking.output?.schema ?? {}));
  return (estimateTokens(whole) * asking.pace.batch) / units.length;
}

/** A guess by the shape of the answer: labels are short, prose is not. */
function answerTokens(schema: unknown, depth = 0): number {
  if (!isPlainObject(schema)) return 150;
  if (Array.isArray(schema["enum"]) || "const" in schema) return 4;
  switch (schema["type"]) {
    case "boolean":
    case "integer":
    case "number":
    case "null":
      return 2;
    case "string":
      return 25;
    case "array":
      return depth > 3 ? 20 : 4 + 3 * answerTokens(schema["items"] ?? {}, depth + 1);
    case "object": {
      const properties = isPlainObject(schema["properties"]) ? (schema["properties"] as JsonObject) : {};
      return Object.values(properties).reduce<number>(
        (sum, one) => sum + 5 + (depth > 3 ? 20 : answerTokens(one, depth + 1)),
        4,
      );
    }
    default:
      return 25;
  }
}
