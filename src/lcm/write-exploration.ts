/** Has a model describe prose too large to show. Data, code and logs are described without one. */
import { callModel } from "../core/call-model.ts";
import { isUnabridgedError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import { system, user, type ToolResultPart, type UserPart } from "../core/message.ts";
import type { Model } from "../core/model.ts";
import type { RunScope } from "../core/scope.ts";
import { estimateTokens } from "../core/tokens.ts";
import { beginning } from "./excerpt.ts";
import { explore } from "./explore.ts";
import { harmless } from "./fence.ts";
import { explorationsKey, largeText } from "./handle.ts";
import { explorationTask } from "./prompts.ts";

/** Metadata for a message with these parts; undefined where no part is large prose, or the model gave nothing of use. */
export async function writeExplorations(
  parts: readonly (UserPart | ToolResultPart)[],
  large: number,
  { scope, model }: { readonly scope: RunScope; readonly model: Model },
): Promise<JsonObject | undefined> {
  const written: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const text = part.type === "text" ? undefined : largeText(part);
    if (text === undefined || estimateTokens(text) <= large) continue;
    const name = part.type === "file" ? part.filename : undefined;
    if (explore(text, { name }).kind !== "text") continue;
    const described = await describe(text, scope, model);
    if (described !== undefined) written[String(index)] = described;
  }
  return Object.keys(written).length === 0 ? undefined : { [explorationsKey]: written };
}

async function describe(text: string, scope: RunScope, model: Model): Promise<string | undefined> {
  const sample = stretches(text, Math.min(12_000, Math.floor((model.contextWindow ?? 32_768) * 0.4)));
  try {
    const reply = await callModel(
      scope,
      model,
      { messages: [system(explorationTask), user(sample)] },
      { role: "summary" },
    );
    const described = harmless(reply.text.trim());
    const isUsable = reply.stopReason === "stop" && described.length > 40;
    return isUsable ? beginning(described, 400) : undefined;
  } catch (error) {
    scope.signal.throwIfAborted();
    // Described without a model it stays useful; the message must not wait for better times.
    if (isUnabridgedError(error)) return undefined;
    throw error;
  }
}

/** Eight stretches from all over the text, some tokens each. */
function stretches(text: string, tokens: number): string {
  if (estimateTokens(text) <= tokens) return text;
  const each = Math.floor(tokens / 8);
  const step = Math.floor((text.length - each * 4) / 7);
  return Array.from({ length: 8 }, (_, i) =>
    beginning(text.slice(i * step, i * step + each * 8).toWellFormed(), each),
  ).join("\n[…]\n");
}
