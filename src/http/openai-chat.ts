/** OpenAI's chat completions: how a request is read, and how replies and failures are written. */
import type { Json, JsonObject } from "../core/json.ts";
import type { AssistantPart, Message, UserPart } from "../core/message.ts";
import type { ModelRequest, PassedOn, ToolDefinition } from "../core/model.ts";
import type { Usage } from "../core/usage.ts";
import type { ClientRequest, Dialect, ReplyEnd, ReplyHead, ServedReply, SseEvent } from "./dialect.ts";
import { openaiFailure } from "./openai-failure.ts";
import {
  effortAt,
  fileOfUrl,
  listAt,
  numberAt,
  objectAt,
  othersOf,
  readArguments,
  refuse,
  textAt,
  ToolNames,
  writeArguments,
} from "./read-parts.ts";

export const openaiChat: Dialect = {
  name: "openai-chat",
  path: "/chat/completions",
  read: readRequest,
  whole: (reply) => ({
    ...{ id: reply.id, object: "chat.completion", created: seconds(reply), model: reply.model },
    choices: [
      {
        ...{ index: 0, message: messageOf(reply), logprobs: null },
        finish_reason: finishReasons[reply.stopReason],
      },
    ],
    usage: usageOf(reply.usage),
    ...(reply.extra && { unabridged: reply.extra }),
  }),
  stream(head, send) {
    const chunk = (delta: JsonObject, finish: string | null = null): SseEvent => ({
      data: {
        ...{ id: head.id, object: "chat.completion.chunk", created: seconds(head), model: head.model },
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      },
    });
    send(chunk({ role: "assistant", content: "" }));
    return {
      // The name that most servers use for it; programs that don't know it skip it.
      reasoning: (text) => send(chunk({ reasoning_content: text })),
      text: (content) => send(chunk({ content })),
      end(end) {
        end.toolCalls.forEach((call, index) => send(chunk({ tool_calls: [{ index, ...callOf(call) }] })));
        send(chunk({}, finishReasons[end.stopReason]));
        if (head.wantsUsage) send({ data: lastChunk(head, end) });
        send({ data: "[DONE]" });
      },
    };
  },
  failure: openaiFailure,
  failureEvent: (failure) => ({ data: openaiFailure(failure) }),
};

function lastChunk(head: ReplyHead, { usage, extra }: ReplyEnd): JsonObject {
  return {
    ...{ id: head.id, object: "chat.completion.chunk", created: seconds(head), model: head.model },
    ...{ choices: [], usage: usageOf(usage) },
    ...(extra && { unabridged: extra }),
  };
}

const finishReasons = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  refused: "content_filter",
  other: "stop",
} as const;

function seconds({ at }: ReplyHead): number {
  return Math.floor(at / 1000);
}

function messageOf({ text, reasoning, toolCalls }: ServedReply): JsonObject {
  return {
    ...{ role: "assistant", content: text === "" && toolCalls.length > 0 ? null : text, refusal: null },
    ...(reasoning !== "" && { reasoning_content: reasoning }),
    ...(toolCalls.length > 0 && { tool_calls: toolCalls.map(callOf) }),
  };
}

function callOf({ toolCallId, toolName, input }: ReplyEnd["toolCalls"][number]): JsonObject {
  return { id: toolCallId, type: "function", function: { name: toolName, arguments: writeArguments(input) } };
}

function usageOf({ inputTokens, cachedInputTokens, outputTokens, reasoningTokens }: Usage): JsonObject {
  return {
    ...{ prompt_tokens: inputTokens, completion_tokens: outputTokens },
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedInputTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}

const known: ReadonlySet<string> = new Set([
  ...["model", "messages", "tools", "tool_choice", "stream", "stream_options", "response_format", "n"],
  ...["max_tokens", "max_completion_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty"],
  ...["seed", "stop", "reasoning_effort"],
]);

function readRequest(body: JsonObject): ClientRequest {
  if ((numberAt(body["n"], "n") ?? 1) !== 1) refuse("n", "1: one reply is kept in a conversation", body["n"]);
  const names = new ToolNames();
  const messages = listAt(body["messages"], "messages").map((message, index) =>
    readMessage(objectAt(message, `messages[${index}]`), `messages[${index}]`, names),
  );
  const tools = body["tools"] === undefined ? [] : listAt(body["tools"], "tools").map(readTool);
  const options = body["stream_options"];
  return {
    messages,
    tools,
    settings: settingsOf(body),
    showsReasoning: true,
    wantsUsage: options !== undefined && objectAt(options, "stream_options")["include_usage"] === true,
  };
}

function settingsOf(body: JsonObject): ClientRequest["settings"] {
  const most = numberAt(body["max_completion_tokens"] ?? body["max_tokens"], "max_completion_tokens");
  const temperature = numberAt(body["temperature"], "temperature");
  const effort = effortAt(body["reasoning_effort"]);
  const output = readFormat(body["response_format"]);
  const passedOn = passedOnOf(body);
  return {
    ...(most !== undefined && { maxOutputTokens: most }),
    ...(temperature !== undefined && { temperature }),
    ...(effort !== undefined && { reasoningEffort: effort }),
    ...(output && { output }),
    ...(Object.keys(passedOn).length > 0 && { passedOn }),
  };
}

function passedOnOf(body: JsonObject): PassedOn {
  const topP = numberAt(body["top_p"], "top_p");
  const presencePenalty = numberAt(body["presence_penalty"], "presence_penalty");
  const frequencyPenalty = numberAt(body["frequency_penalty"], "frequency_penalty");
  const seed = numberAt(body["seed"], "seed");
  const stop = body["stop"];
  const toolChoice = readChoice(body["tool_choice"]);
  // Plain JSON mode has no schema that could be passed as one.
  const format = isFormat(body["response_format"], "json_object")
    ? { response_format: body["response_format"] ?? null }
    : {};
  const others = { ...othersOf(body, known), ...format };
  return {
    ...(topP !== undefined && { topP }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(seed !== undefined && { seed }),
    ...(stop !== undefined &&
      stop !== null && { stopSequences: Array.isArray(stop) ? stop.map(String) : [String(stop)] }),
    ...(toolChoice !== undefined && { toolChoice }),
    ...(Object.keys(others).length > 0 && { others: { openaiCompatible: others } }),
  };
}

function readChoice(choice: Json | undefined): PassedOn["toolChoice"] {
  if (choice === undefined || choice === null) return undefined;
  if (choice === "auto" || choice === "none" || choice === "required") return choice;
  const called = objectAt(choice, "tool_choice")["function"];
  return { toolName: textAt(objectAt(called, "tool_choice.function")["name"], "tool_choice.function.name") };
}

function isFormat(format: Json | undefined, type: string): boolean {
  return format !== undefined && format !== null && objectAt(format, "response_format")["type"] === type;
}

function readFormat(format: Json | undefined): ModelRequest["output"] {
  if (!isFormat(format, "json_schema")) return undefined;
  const field = "response_format.json_schema";
  const { name, schema } = objectAt(objectAt(format, "response_format")["json_schema"], field);
  return {
    schema: objectAt(schema, `${field}.schema`),
    name: name === undefined ? "answer" : textAt(name, `${field}.name`),
  };
}

function readTool(tool: unknown, index: number): ToolDefinition {
  const field = `tools[${index}]`;
  const { type, function: definition } = objectAt(tool, field);
  if (type !== "function") refuse(`${field}.type`, '"function"', type);
  const { name, description, parameters } = objectAt(definition, `${field}.function`);
  return {
    name: textAt(name, `${field}.function.name`),
    description:
      description === undefined || description === null
        ? ""
        : textAt(description, `${field}.function.description`),
    inputSchema:
      parameters === undefined
        ? { type: "object", properties: {} }
        : objectAt(parameters, `${field}.function.parameters`),
  };
}

function readMessage(message: JsonObject, field: string, names: ToolNames): Message {
  const { role, content } = message;
  switch (role) {
    case "system":
    case "developer":
      return { role: "system", content: plainText(content, `${field}.content`) };
    case "user":
      return { role: "user", content: readUser(content, `${field}.content`), ...opaqueOf(message) };
    case "assistant":
      return { role: "assistant", content: readAssistant(message, field, names) };
    case "tool": {
      const toolCallId = textAt(message["tool_call_id"], `${field}.tool_call_id`);
      const output = plainText(content, `${field}.content`);
      return {
        role: "tool",
        content: [{ type: "tool-result", toolCallId, toolName: names.of(toolCallId), output }],
      };
    }
    default:
      return refuse(`${field}.role`, "system, developer, user, assistant or tool", role);
  }
}

/** Who of several people speaks. */
function opaqueOf({ name }: JsonObject): { readonly opaque?: JsonObject } {
  return typeof name === "string" ? { opaque: { openaiCompatible: { name } } } : {};
}

function plainText(content: Json | undefined, field: string): string {
  if (typeof content === "string") return content;
  return listAt(content, field)
    .map((part, index) => textAt(objectAt(part, `${field}[${index}]`)["text"], `${field}[${index}].text`))
    .join("\n");
}

function readUser(content: Json | undefined, field: string): readonly UserPart[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return listAt(content, field).map((part, index) =>
    readUserPart(objectAt(part, `${field}[${index}]`), `${field}[${index}]`),
  );
}

function readUserPart(part: JsonObject, field: string): UserPart {
  switch (part["type"]) {
    case "text":
      return { type: "text", text: textAt(part["text"], `${field}.text`) };
    case "image_url": {
      const { url } = objectAt(part["image_url"], `${field}.image_url`);
      return fileOfUrl(textAt(url, `${field}.image_url.url`), "image/*");
    }
    case "input_audio": {
      const { data, format } = objectAt(part["input_audio"], `${field}.input_audio`);
      return {
        type: "file",
        mediaType: `audio/${String(format)}`,
        data: textAt(data, `${field}.input_audio.data`),
      };
    }
    case "file": {
      const { file_data: data, filename } = objectAt(part["file"], `${field}.file`);
      const name = typeof filename === "string" ? filename : undefined;
      return fileOfUrl(textAt(data, `${field}.file.file_data`), "application/pdf", name);
    }
    default:
      return refuse(`${field}.type`, "text, image_url, input_audio or file", part["type"]);
  }
}

function readAssistant(message: JsonObject, field: string, names: ToolNames): readonly AssistantPart[] {
  const { content, reasoning_content: reasoning, tool_calls: calls, refusal } = message;
  const parts: AssistantPart[] = [];
  if (typeof reasoning === "string" && reasoning !== "") parts.push({ type: "reasoning", text: reasoning });
  const text = content === null || content === undefined ? "" : replyText(content, `${field}.content`);
  const said = text === "" && typeof refusal === "string" ? refusal : text;
  if (said !== "") parts.push({ type: "text", text: said });
  if (calls !== undefined && calls !== null)
    listAt(calls, `${field}.tool_calls`).forEach((call, index) => {
      const place = `${field}.tool_calls[${index}]`;
      const { id, function: called } = objectAt(call, place);
      const { name, arguments: given } = objectAt(called, `${place}.function`);
      const toolCallId = textAt(id, `${place}.id`);
      const toolName = textAt(name, `${place}.function.name`);
      names.called(toolCallId, toolName);
      parts.push({ type: "tool-call", toolCallId, toolName, input: readArguments(given) });
    });
  return parts;
}

function replyText(content: Json, field: string): string {
  if (typeof content === "string") return content;
  return listAt(content, field)
    .map((part, index) => {
      const { text, refusal } = objectAt(part, `${field}[${index}]`);
      return textAt(text ?? refusal, `${field}[${index}].text`);
    })
    .join("");
}
