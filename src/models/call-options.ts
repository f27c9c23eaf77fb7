/** Translates our request into the call options of an AI SDK model. Pure; it knows no provider. */
import type {
  JSONSchema7,
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
  LanguageModelV4ToolResultOutput,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import type { JsonObject } from "../core/json.ts";
import { isPlainObject } from "../core/json.ts";
import type { AssistantPart, FilePart, Message, TextPart, ToolResultPart } from "../core/message.ts";
import type { CacheHints, ModelRequest, PassedOn } from "../core/model.ts";

/**
 * A schema is only sent where the provider enforces schemas: elsewhere "JSON mode" fails on half of the servers, and
 * the prompt has to ask for the format anyway.
 */
export function callOptions(
  request: ModelRequest,
  signal: AbortSignal,
  {
    structuredOutputs,
    extra,
    cache,
  }: {
    structuredOutputs: boolean;
    extra: SharedV4ProviderOptions | undefined;
    cache?: CacheHints | undefined;
  },
): LanguageModelV4CallOptions {
  const schema = structuredOutputs && request.output ? objectSchema(request.output.schema) : undefined;
  const keyed = cache === undefined ? extra : merge(extra, { openai: { promptCacheKey: cache.key } });
  const { passedOn } = request;
  const others = passedOn?.others && merge(keyed, toOptions(passedOn.others));
  const providerOptions = merge(others ?? keyed, schema === undefined ? undefined : strictness(schema));
  return {
    prompt: toPrompt(request.messages, cache),
    abortSignal: signal,
    ...(passedOn !== undefined && samplingOf(passedOn)),
    ...(providerOptions !== undefined && { providerOptions }),
    ...(request.maxOutputTokens !== undefined && { maxOutputTokens: request.maxOutputTokens }),
    ...(request.temperature !== undefined && { temperature: request.temperature }),
    ...(request.reasoningEffort !== undefined && { reasoning: request.reasoningEffort }),
    ...(request.tools !== undefined && request.tools.length > 0 && { tools: request.tools.map(toTool) }),
    ...(schema !== undefined && {
      responseFormat: {
        type: "json" as const,
        schema: toSchema(schema),
        name: request.output?.name ?? "answer",
      },
    }),
  };
}

function samplingOf(passedOn: PassedOn): Partial<LanguageModelV4CallOptions> {
  const { others: _others, toolChoice, stopSequences, ...numbers } = passedOn;
  return {
    ...numbers,
    ...(stopSequences && { stopSequences: [...stopSequences] }),
    ...(toolChoice !== undefined && {
      toolChoice:
        typeof toolChoice === "string"
          ? { type: toolChoice }
          : { type: "tool" as const, toolName: toolChoice.toolName },
    }),
  };
}

/** True where the schema had to be wrapped in an object, so that the reply has to be unwrapped. */
export function isWrapped(schema: JsonObject): boolean {
  return schema["type"] !== "object";
}

/** Providers only enforce schemas whose root is an object; any other value travels as the member "value" of one. */
function objectSchema(schema: JsonObject): JsonObject {
  if (!isWrapped(schema)) return schema;
  const { $defs, definitions, ...value } = schema;
  return {
    type: "object",
    properties: { value },
    required: ["value"],
    additionalProperties: false,
    ...($defs !== undefined && { $defs }),
    ...(definitions !== undefined && { definitions }),
  };
}

/** Constrained decoding in "strict" mode refuses schemas that leave anything open. */
function strictness(schema: JsonObject): SharedV4ProviderOptions {
  const strictJsonSchema = isStrict(schema);
  return { openai: { strictJsonSchema }, openaiCompatible: { strictJsonSchema } };
}

function merge(
  first: SharedV4ProviderOptions | undefined,
  second: SharedV4ProviderOptions | undefined,
): SharedV4ProviderOptions | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const merged: SharedV4ProviderOptions = { ...first };
  for (const [provider, options] of Object.entries(second))
    merged[provider] = { ...merged[provider], ...options };
  return merged;
}

/** Whether every object of the schema is closed and requires all of its properties. */
function isStrict(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrict);
  if (!isPlainObject(schema)) return true;
  const properties = schema["properties"];
  if (schema["type"] === "object" || properties !== undefined) {
    const required = schema["required"];
    const names = isPlainObject(properties) ? Object.keys(properties) : [];
    const all = Array.isArray(required) && names.every((name) => required.includes(name));
    if (schema["additionalProperties"] !== false || !(all || names.length === 0)) return false;
  }
  return Object.values(schema).every(isStrict);
}

/** A message with nothing in it has no counterpart. */
export function toPrompt(messages: readonly Message[], cache?: CacheHints): LanguageModelV4Prompt {
  return messages.flatMap((message, index) => {
    const converted = toMessage(message);
    // A message with nothing in it, for instance of a reply that was broken off, is refused by several vendors.
    if (converted.content.length === 0) return [];
    const own = message.opaque === undefined ? undefined : toOptions(message.opaque);
    const providerOptions = merge(own, breakpointAt(index, cache));
    return [providerOptions === undefined ? converted : { ...converted, providerOptions }];
  });
}

/** Only Anthropic wants to be told where; the others find common beginnings by themselves. */
function breakpointAt(index: number, cache: CacheHints | undefined): SharedV4ProviderOptions | undefined {
  const breakpoint = cache?.breakpoints.find(({ after }) => after === index);
  return breakpoint && { anthropic: { cacheControl: { type: "ephemeral", ttl: breakpoint.lifetime } } };
}

function toMessage(message: Message): LanguageModelV4Message {
  switch (message.role) {
    case "system":
      return { role: "system", content: clean(message.content) };
    case "user":
      return {
        role: "user",
        content: message.content
          .filter(isNotEmpty)
          .map((part) => (part.type === "text" ? toText(part) : toFile(part))),
      };
    case "assistant":
      return { role: "assistant", content: toAssistantContent(message.content) };
    case "tool":
      return { role: "tool", content: message.content.map(toToolResult) };
  }
}

type AssistantContent = Extract<LanguageModelV4Message, { role: "assistant" }>["content"];

/**
 * Reasoning goes back where the provider signed it, or where it led to tool calls: some vendors demand it there, and
 * elsewhere several refuse it.
 */
function toAssistantContent(parts: readonly AssistantPart[]): AssistantContent {
  const callsTools = parts.some((part) => part.type === "tool-call");
  const content: AssistantContent = [];
  for (const part of parts.filter(isNotEmpty)) {
    if (part.type === "text") content.push(toText(part));
    else if (part.type === "file") content.push(toFile(part));
    else if (part.type === "tool-call") {
      const { toolCallId, toolName, input } = part;
      content.push({ type: "tool-call", toolCallId, toolName, input, ...optionsOf(part) });
    } else if (part.opaque !== undefined || callsTools) {
      content.push({ type: "reasoning", text: clean(part.text), ...optionsOf(part) });
    }
  }
  return content;
}

function isNotEmpty(part: AssistantPart): boolean {
  return part.type !== "text" || part.text !== "";
}

function toText(part: TextPart): LanguageModelV4TextPart {
  return { type: "text", text: clean(part.text) };
}

function toFile(part: FilePart): LanguageModelV4FilePart | LanguageModelV4TextPart {
  const text = textOfFile(part);
  if (text !== undefined) return toText({ type: "text", text });
  const data = /^https?:\/\//.test(part.data)
    ? { type: "url" as const, url: new URL(part.data) }
    : { type: "data" as const, data: part.data };
  return {
    type: "file",
    mediaType: part.mediaType,
    data,
    ...(part.filename !== undefined && { filename: part.filename }),
  };
}

/** Half of the vendors refuse text as a file, and the others lose its name on the way. */
function textOfFile({ mediaType, data, filename }: FilePart): string | undefined {
  if (!/^text\//i.test(mediaType) || /^https?:\/\//.test(data)) return undefined;
  const text = Buffer.from(data, "base64").toString("utf8");
  return filename === undefined ? text : `<file name=${JSON.stringify(filename)}>\n${text}\n</file>`;
}

type ToolContent = Extract<LanguageModelV4Message, { role: "tool" }>["content"][number];

function toToolResult(part: ToolResultPart): ToolContent {
  return {
    type: "tool-result",
    toolCallId: part.toolCallId,
    toolName: part.toolName,
    output: toOutput(part),
  };
}

function toOutput(part: ToolResultPart): LanguageModelV4ToolResultOutput {
  const { output, isError } = part;
  if (typeof output === "string")
    return { type: isError === true ? "error-text" : "text", value: clean(output) };
  return { type: isError === true ? "error-json" : "json", value: output };
}

function toTool(tool: NonNullable<ModelRequest["tools"]>[number]) {
  const { name, description, inputSchema } = tool;
  return { type: "function" as const, name, description, inputSchema: toSchema(inputSchema) };
}

function optionsOf(part: { readonly opaque?: JsonObject }): { providerOptions?: SharedV4ProviderOptions } {
  return part.opaque === undefined ? {} : { providerOptions: toOptions(part.opaque) };
}

/** Bytes of a corpus that are no UTF-8 are lone surrogates in our strings, which many servers refuse as invalid JSON. */
function clean(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed();
}

// The two casts below only drop `readonly`: the AI SDK declares the same JSON as mutable and doesn't change it.
function toSchema(schema: JsonObject): JSONSchema7 {
  return schema as JSONSchema7;
}
function toOptions(opaque: JsonObject): SharedV4ProviderOptions {
  return opaque as SharedV4ProviderOptions;
}
