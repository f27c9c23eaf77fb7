/** The request that goes on to the model: the app's own where it is shown whole, else what fits, in the app's words. Pure. */
import type {
  JSONSchema7,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
} from "@ai-sdk/provider";
import type { Message } from "../core/message.ts";
import type { CacheHints, ModelRequest, ToolDefinition } from "../core/model.ts";
import { fingerprint, isRecallTool } from "../engine/index.ts";
import { toPrompt } from "../models/call-options.ts";
import { toMessage } from "./client-messages.ts";

/** @param sent what the app sent; the same object comes back where the request shows all of it as it was said */
export function requestOf(
  { messages, tools = [] }: ModelRequest,
  sent: LanguageModelV4CallOptions,
  cache?: CacheHints,
): LanguageModelV4CallOptions {
  const recall = tools.filter(({ name }) => isRecallTool(name));
  // They join once something is not shown as it was said.
  if (recall.length === 0) return sent;
  const leading = sent.prompt.findIndex(({ role }) => role !== "system");
  const instructions = leading === -1 ? sent.prompt : sent.prompt.slice(0, leading);
  const own = instructions.length === 0 ? 0 : 1;
  const history = inOwnWords(messages.slice(own), sent.prompt.slice(instructions.length));
  const marked = marksCache(sent.prompt) ? history : withBreakpoints(history, own, cache);
  return {
    ...sent,
    prompt: [...instructions, ...marked.flatMap(({ prompt }) => prompt)],
    tools: [...(sent.tools ?? []), ...recall.map(toTool)],
  };
}

/** The app's tools as the conversation knows them. Those that a vendor defines have no schema to tell. */
export function toolsOf({ tools = [] }: LanguageModelV4CallOptions): readonly ToolDefinition[] {
  return tools.map((tool) => {
    if (tool.type === "provider") return { name: tool.name, description: "", inputSchema: {} };
    const { name, description = "", inputSchema } = tool;
    // The AI SDK declares the same JSON as mutable.
    return { name, description, inputSchema: inputSchema as ToolDefinition["inputSchema"] };
  });
}

interface Shown {
  readonly message: Message;
  readonly prompt: LanguageModelV4Prompt;
}

/** From the end, so that of equal messages the newest ones meet: labels stand for the oldest. */
function inOwnWords(messages: readonly Message[], sent: LanguageModelV4Prompt): readonly Shown[] {
  const byPrint = new Map<string, LanguageModelV4Message[]>();
  for (const message of sent) {
    const print = fingerprint(toMessage(message));
    const known = byPrint.get(print);
    if (known) known.push(message);
    else byPrint.set(print, [message]);
  }
  return messages
    .toReversed()
    .map((message): Shown => {
      const own = byPrint.get(fingerprint(message))?.pop();
      return { message, prompt: own ? [own] : toPrompt([message]) };
    })
    .toReversed();
}

/** Ends of beginnings that stay the same, for vendors that want to be told where they are. */
function withBreakpoints(
  history: readonly Shown[],
  own: number,
  cache: CacheHints | undefined,
): readonly Shown[] {
  return history.map((shown, index) => {
    const breakpoint = cache?.breakpoints.find(({ after }) => after === index + own);
    if (!breakpoint) return shown;
    const cacheControl = { type: "ephemeral", ttl: breakpoint.lifetime };
    const prompt = shown.prompt.map((message) => {
      const { providerOptions } = message;
      return {
        ...message,
        providerOptions: {
          ...providerOptions,
          anthropic: { ...providerOptions?.["anthropic"], cacheControl },
        },
      };
    });
    return { ...shown, prompt };
  });
}

/** An app that sets breakpoints itself has its reasons, and vendors allow few. */
function marksCache(prompt: LanguageModelV4Prompt): boolean {
  return JSON.stringify(prompt.map(({ providerOptions }) => providerOptions)).includes("cacheControl");
}

function toTool({ name, description, inputSchema }: ToolDefinition): LanguageModelV4FunctionTool {
  return { type: "function", name, description, inputSchema: inputSchema as JSONSchema7 };
}
