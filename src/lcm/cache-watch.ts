/** What is known of the provider's prompt cache: when it was last written, for which beginning, and what it costs. */
import { canonicalJson, sha256 } from "../core/json.ts";
import type { Model, ToolDefinition } from "../core/model.ts";
import type { CacheState } from "./plan.ts";
import type { ActiveView } from "./view.ts";

/** What every request of a conversation begins with. */
export interface Beginning {
  readonly model: Model;
  readonly instructions: string | undefined;
  readonly tools: readonly ToolDefinition[];
}

export class CacheWatch {
  #last:
    { readonly at: number; readonly print: Record<"model" | "tools" | "instructions", string> } | undefined;

  /** A call was sent. What providers report as a miss is no sign: the miss itself has just written the cache. */
  called(beginning: Beginning, at: number): void {
    this.#last = { at, print: print(beginning) };
  }

  /**
   * @param now milliseconds since the epoch. A clock that went backwards proves nothing: the cache counts as warm.
   * @param lastMessageAt stands in for the last call after a restart
   */
  state(beginning: Beginning, now: number, lastMessageAt: number | undefined, growth: number): CacheState {
    const { model } = beginning;
    const at = this.#last?.at ?? lastMessageAt;
    const input = model.price?.input ?? 0;
    return {
      isCold: at !== undefined && now - at > lifetimeMs(model),
      changed: this.#last && changed(this.#last.print, print(beginning)),
      readShare: input > 0 ? (model.price?.cachedInput ?? input) / input : usualReadShare,
      writeShare: writesCostMore(model) ? 1.25 : 1,
      growth,
    };
  }
}

function print({
  model,
  instructions,
  tools,
}: Beginning): Record<"model" | "tools" | "instructions", string> {
  return {
    model: `${model.endpoint} ${model.id}`,
    tools: sha256(canonicalJson(tools)),
    instructions: sha256(instructions ?? ""),
  };
}

function changed(
  before: Record<"model" | "tools" | "instructions", string>,
  now: Record<"model" | "tools" | "instructions", string>,
): CacheState["changed"] {
  if (before.model !== now.model) return "model";
  if (before.tools !== now.tools) return "tools";
  return before.instructions === now.instructions ? undefined : "instructions";
}

const minuteMs = 60_000;
const usualReadShare = 0.1;

/** After so long nothing of it can be there. Where a vendor may keep it for a day, it never counts as cold within one. */
function lifetimeMs({ provider, id }: Model): number {
  if (isAnthropic(provider, id)) return 61 * minuteMs;
  if (/openai/i.test(provider) || /^gpt-/i.test(id)) return 24 * 60 * minuteMs;
  return 120 * minuteMs;
}

function writesCostMore({ provider, id }: Model): boolean {
  return isAnthropic(provider, id) || /gpt-(?:5\.[6-9]|[6-9])/i.test(id);
}

function isAnthropic(provider: string, id: string): boolean {
  return /anthropic/i.test(provider) || /claude/i.test(id);
}

/** When the newest message that is shown was said. */
export function lastMessageAt({ entries }: ActiveView): number | undefined {
  const last = entries.findLast((entry) => entry.type === "message");
  return last?.type === "message" ? last.stored.at : undefined;
}

/** Tokens of a turn, on average over those that are shown. */
export function growthPerTurn({ entries }: ActiveView, factor: number): number {
  let tokens = 0;
  let turns = 0;
  for (const entry of entries) {
    if (entry.type !== "message") continue;
    tokens += entry.tokens;
    if (entry.stored.message.role === "user") turns++;
  }
  return (tokens * factor) / Math.max(1, turns);
}
