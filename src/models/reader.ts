/** The built-in reader: no language model, but what answers where none is found. It quotes; it never puts anything in its own words. */
import { ModelError } from "../core/errors.ts";
import { textOfMessage, type Message } from "../core/message.ts";
import type { GenerateOptions, Model, ModelReply, ModelRequest } from "../core/model.ts";
import { estimateTokens } from "../core/tokens.ts";
import { nextReply } from "./reader-root.ts";
import { subReply } from "./reader-sub.ts";

/**
 * A model that costs nothing and knows nothing: as root LM it searches, counts and quotes; as sub-LM it quotes from its prompt
 * or says NOT FOUND. Equal requests get equal replies. It fills no JSON Schema and summarizes nothing: such requests are refused.
 */
export function builtInReader(): Model {
  return {
    ...{ id: "reader", provider: "built-in", endpoint: "built-in" },
    ...{ contextWindow: 128_000, maxOutputTokens: undefined, price: { input: 0, output: 0 } },
    ...{ reasoning: false, structuredOutputs: false },
    generate,
  };
}

async function generate(request: ModelRequest, { signal, onDelta }: GenerateOptions): Promise<ModelReply> {
  signal.throwIfAborted();
  const text = replyTo(request);
  onDelta?.({ type: "text", text });
  const inputTokens = request.messages.reduce(
    (sum, message) => sum + estimateTokens(textOfMessage(message)),
    0,
  );
  return {
    content: [{ type: "text", text }],
    text,
    stopReason: "stop",
    usage: { inputTokens, cachedInputTokens: 0, outputTokens: estimateTokens(text), reasoningTokens: 0 },
    usageEstimated: true,
  };
}

function replyTo({ messages, output }: ModelRequest): string {
  const texts = (role: Message["role"]): string[] =>
    messages.filter((message) => message.role === role).map(textOfMessage);
  const system = texts("system").join("\n\n");
  const [first = "", ...observations] = texts("user");
  if (system.includes("```repl") && system.includes("FINAL("))
    return nextReply({ system, first, replies: texts("assistant"), observations });
  if (output || schemaInstruction.test(observations.at(-1) ?? first))
    throw new ModelError(
      "refused",
      "The built-in reader is no language model: it quotes, and can't fill a JSON Schema. Connect a language model to have it done.",
    );
  return subReply(observations.at(-1) ?? first);
}

/** How a typed call asks where the provider enforces no schema. */
const schemaInstruction =
  /^Answer with one JSON value and nothing else\. It must satisfy this JSON Schema:$/m;
