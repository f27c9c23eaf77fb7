/** Anthropic's messages: how a request is read, and how replies and failures are written. */
import type { Json, JsonObject } from "../core/json.ts";
import { isPlainObject } from "../core/json.ts";
import type { AssistantPart, FilePart, Message, ToolResultPart, UserPart } from "../core/message.ts";
import type { PassedOn, ToolDefinition } from "../core/model.ts";
import type { Usage } from "../core/usage.ts";
import type { ClientRequest, Dialect } from "./dialect.ts";
import type { Failure, FailureKind } from "./failure.ts";
import { anthropicStream, stopReasons, thinkingSignature } from "./anthropic-stream.ts";
import { listAt, numberAt, objectAt, othersOf, refuse, textAt, ToolNames } from "./read-parts.ts";

export const anthropicMessages: Dialect = {
  name: "anthropic",
  path: "/messages",
  read: readRequest,
  whole: ({ id, model, text, reasoning, toolCalls, stopReason, usage, extra }) => ({
    ...{ id, type: "message", role: "assistant", model },
    content: [
      ...(reasoning === "" ? [] : [{ type: "thinking", thinking: reasoning, signature: thinkingSignature }]),
      ...(text === "" ? [] : [{ type: "text", text }]),
      ...toolCalls.map(({ toolCallId, toolName, input }) => ({
        ...{ type: "tool_use", id: toolCallId, name: toolName },
        input: isPlainObject(input) ? (input as JsonObject) : {},
      })),
    ],
    ...{ stop_reason: stopReasons[stopReason], stop_sequence: null, usage: anthropicUsage(usage) },
    ...(extra && { unabridged: extra }),
  }),
  stream: (head, send) => anthropicStream(head, send, anthropicUsage),
  failure,
  failureEvent: (failed) => ({ event: "error", data: failure(failed) }),
};

/** Anthropic counts cached input apart from the rest. */
export function anthropicUsage({ inputTokens, cachedInputTokens, outputTokens }: Usage): JsonObject {
  return {
    input_tokens: inputTokens - cachedInputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedInputTokens,
    output_tokens: outputTokens,
  };
}

function failure({ kind, message }: Failure): JsonObject {
  return { type: "error", error: { type: types[kind], message } };
}

const types: Readonly<Record<FailureKind, string>> = {
  invalid_request: "invalid_request_error",
  authentication: "authentication_error",
  permission: "permission_error",
  not_found: "not_found_error",
  too_large: "request_too_large",
  rate_limit: "rate_limit_error",
  overloaded: "overloaded_error",
  server: "api_error",
};

const known: ReadonlySet<string> = new Set([
  ...["model", "messages", "system", "tools", "tool_choice", "stream", "max_tokens", "temperature"],
  ...["top_p", "top_k", "stop_sequences", "output_config", "output_format"],
]);

function readRequest(body: JsonObject): ClientRequest {
  const names = new ToolNames();
  const system = body["system"];
  const instructions: Message[] =
    system === undefined || system === null ? [] : [{ role: "system", content: textOf(system, "system") }];
  const messages = listAt(body["messages"], "messages").flatMap((message, index) =>
    readMessage(objectAt(message, `messages[${index}]`), `messages[${index}]`, names),
  );
  const tools = body["tools"] === undefined ? [] : listAt(body["tools"], "tools").map(readTool);
  const thinking = body["thinking"];
  const showsReasoning = isPlainObject(thinking) && thinking["type"] !== "disabled";
  return {
    messages: [...instructions, ...messages],
    tools,
    settings: settingsOf(body),
    showsReasoning,
    wantsUsage: true,
  };
}

function settingsOf(body: JsonObject): ClientRequest["settings"] {
  const most = numberAt(body["max_tokens"], "max_tokens");
  const temperature = numberAt(body["temperature"], "temperature");
  const output = readFormat(body);
  const passedOn = passedOnOf(body);
  return {
    ...(most !== undefined && { maxOutputTokens: most }),
    ...(temperature !== undefined && { temperature }),
    ...(output && { output }),
    ...(Object.keys(passedOn).length > 0 && { passedOn }),
  };
}

function passedOnOf(body: JsonObject): PassedOn {
  const topP = numberAt(body["top_p"], "top_p");
  const topK = numberAt(body["top_k"], "top_k");
  const stop = body["stop_sequences"];
  const toolChoice = readChoice(body["tool_choice"]);
  const others = othersOf(body, known);
  return {
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(stop !== undefined && { stopSequences: listAt(stop, "stop_sequences").map(String) }),
    ...(toolChoice !== undefined && { toolChoice }),
    ...(others && { others: { anthropic: inCamelCase(others) } }),
  };
}

/** As the provider package names them: { thinking: { type, budget_tokens } } is { thinking: { type, budgetTokens } }. */
function inCamelCase(value: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      isPlainObject(member) ? inCamelCase(member as JsonObject) : member,
    ]),
  );
}

function readChoice(choice: Json | undefined): PassedOn["toolChoice"] {
  if (choice === undefined || choice === null) return undefined;
  const { type, name } = objectAt(choice, "tool_choice");
  if (type === "auto" || type === "none") return type;
  if (type === "any") return "required";
  return type === "tool"
    ? { toolName: textAt(name, "tool_choice.name") }
    : refuse("tool_choice.type", "auto, any, none or tool", type);
}

function readFormat(body: JsonObject): ClientRequest["settings"]["output"] {
  const config = body["output_config"];
  const format = isPlainObject(config) ? config["format"] : body["output_format"];
  if (!isPlainObject(format) || format["type"] !== "json_schema") return undefined;
  return { schema: objectAt(format["schema"], "output_config.format.schema"), name: "answer" };
}

function readTool(tool: unknown, index: number): ToolDefinition {
  const field = `tools[${index}]`;
  const { type, name, description, input_schema: schema } = objectAt(tool, field);
  if (type !== undefined && type !== "custom")
    refuse(`${field}.type`, '"custom": tools that run at the provider don\'t work here', type);
  return {
    name: textAt(name, `${field}.name`),
    description: description === undefined ? "" : textAt(description, `${field}.description`),
    inputSchema: objectAt(schema, `${field}.input_schema`),
  };
}

function textOf(content: Json, field: string): string {
  if (typeof content === "string") return content;
  return listAt(content, field)
    .map((block, index) => textAt(objectAt(block, `${field}[${index}]`)["text"], `${field}[${index}].text`))
    .join("\n\n");
}

function readMessage(message: JsonObject, field: string, names: ToolNames): readonly Message[] {
  const { role, content } = message;
  const blocks: readonly JsonObject[] =
    typeof content === "string"
      ? [{ type: "text", text: content }]
      : listAt(content, `${field}.content`).map((block, index) =>
          objectAt(block, `${field}.content[${index}]`),
        );
  if (role === "assistant")
    return [
      {
        role: "assistant",
        content: blocks.flatMap((block, index) => readReply(block, `${field}.content[${index}]`, names)),
      },
    ];
  if (role !== "user") refuse(`${field}.role`, "user or assistant", role);
  return readUser(blocks, `${field}.content`, names);
}

/** Results of tools come in the user's message; with us they are a message of their own before it. */
function readUser(blocks: readonly JsonObject[], field: string, names: ToolNames): readonly Message[] {
  const results: ToolResultPart[] = [];
  const said: UserPart[] = [];
  blocks.forEach((block, index) => {
    const place = `${field}[${index}]`;
    if (block["type"] !== "tool_result") return void said.push(...readUserBlock(block, place));
    const toolCallId = textAt(block["tool_use_id"], `${place}.tool_use_id`);
    const { text, files } = readResult(block["content"], place);
    const isError = block["is_error"] === true;
    results.push({
      ...{ type: "tool-result", toolCallId, toolName: names.of(toolCallId), output: text },
      ...(isError && { isError }),
    });
    said.push(...files);
  });
  return [
    ...(results.length === 0 ? [] : [{ role: "tool", content: results } as const]),
    ...(said.length === 0 && results.length > 0 ? [] : [{ role: "user", content: said } as const]),
  ];
}

function readUserBlock(block: JsonObject, field: string): readonly UserPart[] {
  switch (block["type"]) {
    case "text":
      return [{ type: "text", text: textAt(block["text"], `${field}.text`) }];
    case "image":
      return [readSource(block, field, "image/*")];
    case "document":
      return [readSource(block, field, "application/pdf")];
    default:
      return refuse(`${field}.type`, "text, image, document or tool_result", block["type"]);
  }
}

function readSource(block: JsonObject, field: string, mediaType: string): FilePart {
  const source = objectAt(block["source"], `${field}.source`);
  const title = block["title"];
  const named = typeof title === "string" ? { filename: title } : {};
  const stated = source["media_type"];
  const type = typeof stated === "string" ? stated : mediaType;
  switch (source["type"]) {
    case "base64":
      return {
        type: "file",
        mediaType: type,
        data: textAt(source["data"], `${field}.source.data`),
        ...named,
      };
    case "url":
      return { type: "file", mediaType, data: textAt(source["url"], `${field}.source.url`), ...named };
    case "text": {
      const text = textAt(source["data"], `${field}.source.data`);
      return { type: "file", mediaType: "text/plain", data: Buffer.from(text).toString("base64"), ...named };
    }
    default:
      return refuse(`${field}.source.type`, "base64, url or text", source["type"]);
  }
}

/** Pictures in a result follow it as the user's: results are texts with us. */
function readResult(content: Json | undefined, field: string): { text: string; files: readonly UserPart[] } {
  if (content === undefined || content === null) return { text: "", files: [] };
  if (typeof content === "string") return { text: content, files: [] };
  const parts = listAt(content, `${field}.content`).flatMap((block, index) => {
    const place = `${field}.content[${index}]`;
    return readUserBlock(objectAt(block, place), place);
  });
  const texts = parts.flatMap((part) =>
    part.type === "text" ? [part.text] : ["[see the file that follows]"],
  );
  return { text: texts.join("\n"), files: parts.filter((part) => part.type === "file") };
}

function readReply(block: JsonObject, field: string, names: ToolNames): readonly AssistantPart[] {
  switch (block["type"]) {
    case "text":
      return [{ type: "text", text: textAt(block["text"], `${field}.text`) }];
    case "tool_use": {
      const toolCallId = textAt(block["id"], `${field}.id`);
      const toolName = textAt(block["name"], `${field}.name`);
      names.called(toolCallId, toolName);
      return [{ type: "tool-call", toolCallId, toolName, input: block["input"] ?? {} }];
    }
    case "thinking": {
      const { signature } = block;
      // What we showed as thinking is none of the provider's.
      if (signature === thinkingSignature || typeof signature !== "string") return [];
      return [
        {
          type: "reasoning",
          text: textAt(block["thinking"], `${field}.thinking`),
          opaque: { anthropic: { signature } },
        },
      ];
    }
    case "redacted_thinking":
      return [{ type: "reasoning", text: "", opaque: { anthropic: { redactedData: block["data"] ?? "" } } }];
    default:
      return refuse(`${field}.type`, "text, tool_use or thinking", block["type"]);
  }
}
