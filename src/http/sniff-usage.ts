/** Finds how a provider counted in the end of what it sent, whole or streamed, in any of the dialects. */
import { isPlainObject } from "../core/json.ts";
import type { Usage } from "../core/usage.ts";

/** Undefined where it doesn't say. */
export function sniffUsage(end: Uint8Array): Usage | undefined {
  const text = Buffer.from(end.buffer, end.byteOffset, end.byteLength).toString("utf8");
  const at = text.lastIndexOf('"usage":');
  if (at < 0) return undefined;
  const object = objectFrom(text, at + '"usage":'.length);
  return object && read(object);
}

function read(usage: Readonly<Record<string, unknown>>): Usage | undefined {
  const output = amount(usage["completion_tokens"] ?? usage["output_tokens"]);
  const input = amount(usage["prompt_tokens"] ?? usage["input_tokens"]);
  if (input === undefined || output === undefined) return undefined;
  const inputDetails = usage["prompt_tokens_details"] ?? usage["input_tokens_details"];
  const outputDetails = usage["completion_tokens_details"] ?? usage["output_tokens_details"];
  // Anthropic counts what it read from its cache, and what it wrote to it, apart from the rest.
  const read_ = amount(usage["cache_read_input_tokens"]) ?? 0;
  const written = amount(usage["cache_creation_input_tokens"]) ?? 0;
  return {
    inputTokens: input + read_ + written,
    cachedInputTokens:
      read_ + (isPlainObject(inputDetails) ? (amount(inputDetails["cached_tokens"]) ?? 0) : 0),
    outputTokens: output,
    reasoningTokens: isPlainObject(outputDetails) ? (amount(outputDetails["reasoning_tokens"]) ?? 0) : 0,
  };
}

function amount(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 ? value : undefined;
}

/** Numbers and names of counts hold no braces in texts, so counting them is enough. */
function objectFrom(text: string, start: number): Readonly<Record<string, unknown>> | undefined {
  const from = text.indexOf("{", start);
  let depth = 0;
  for (let index = from; from >= 0 && index < text.length; index++) {
    if (text[index] === "{") depth++;
    else if (text[index] === "}" && --depth === 0) {
      try {
        const value: unknown = JSON.parse(text.slice(from, index + 1));
        return isPlainObject(value) ? value : undefined;
      } catch {
        return undefined; // No JSON of ours: then nothing is known.
      }
    }
  }
  return undefined;
}
