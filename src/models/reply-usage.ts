/** Reads what a reply consumed and cost, in the provider's words where it has some, else by our estimate. */
import type { LanguageModelV4Usage, SharedV4ProviderMetadata } from "@ai-sdk/provider";
import { isPlainObject } from "../core/json.ts";
import { textOfMessage, type AssistantPart } from "../core/message.ts";
import type { ModelRequest } from "../core/model.ts";
import { estimateTokens } from "../core/tokens.ts";
import type { Usage } from "../core/usage.ts";

/** Providers that send no usage, or zeros for it, are estimated; the flag says so. */
export function countUsage(
  usage: LanguageModelV4Usage,
  content: readonly AssistantPart[],
  request: ModelRequest,
): { usage: Usage; usageEstimated?: true } {
  const input = usage.inputTokens.total;
  const output = usage.outputTokens.total;
  const reasoningTokens = usage.outputTokens.reasoning ?? 0;
  const cachedInputTokens = usage.inputTokens.cacheRead ?? 0;
  if (input !== undefined && output !== undefined && input > 0) {
    return { usage: { inputTokens: input, cachedInputTokens, outputTokens: output, reasoningTokens } };
  }
  // Four tokens for the frame of each message is what chat templates cost.
  const inputTokens = request.messages.reduce(
    (sum, message) => sum + 4 + estimateTokens(textOfMessage(message)),
    0,
  );
  const outputTokens = estimateTokens(textOfMessage({ role: "assistant", content }));
  return { usage: { inputTokens, cachedInputTokens, outputTokens, reasoningTokens }, usageEstimated: true };
}

/** OpenRouter, and gateways that follow it, state the cost in US dollars; on a user's own key the vendor's part is apart. */
export function reportedCost(
  raw: unknown,
  metadata: SharedV4ProviderMetadata | undefined,
): number | undefined {
  for (const usage of [raw, metadata?.["openrouter"]?.["usage"]]) {
    if (!isPlainObject(usage) || typeof usage["cost"] !== "number") continue;
    const details = usage["cost_details"] ?? usage["costDetails"];
    const upstream = isPlainObject(details)
      ? (details["upstream_inference_cost"] ?? details["upstreamInferenceCost"])
      : undefined;
    return usage["is_byok"] === true && typeof upstream === "number"
      ? usage["cost"] + upstream
      : usage["cost"];
  }
  return undefined;
}
