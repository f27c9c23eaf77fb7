/** OpenAI's responses: how a request is read, and how whole replies and failures are written. */
import { ConfigError } from "../core/errors.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { isPlainObject } from "../core/json.ts";
import type { AssistantPart, Message, UserPart } from "../core/message.ts";
import type { PassedOn, ToolDefinition } from "../core/model.ts";
import type { ClientRequest, Dialect } from "./dialect.ts";
import { openaiFailure } from "./openai-failure.ts";
import { itemsOf, responseOf, responsesStream } from "./openai-responses-stream.ts";
import {
  effortAt,
  fileOfUrl,
  listAt,
  numberAt,
  objectAt,
  readArguments,
  refuse,
  textAt,
  ToolNames,
} from "./read-parts.ts";

export const openaiResponses: Dialect = {
  name: "openai-responses",
  path: "/responses",
  read: readRequest,
  whole: (reply) => responseOf(reply, itemsOf(reply), reply),
  stream: responsesStream,
  failure: openaiFailure,
  failureEvent: ({ code, message }) => ({
    event: "error",
    data: { type: "error", code, message, param: null, sequence_number: 0 },
  }),
};

function readRequest(body: JsonObject): ClientRequest {
  for (const name of ["previous_response_id", "conversation", "prompt"])
    if (body[name] !== undefined && body[name] !== null)
      refuse(
        name,
        "absent: nothing of a response is kept for later ones, so send the whole input",
        body[name],
      );
  if (body["background"] === true) refuse("background", "absent or false", true);
  const { instructions, input } = body;
  const list = typeof input === "string" ? [{ role: "user", content: input }] : listAt(input, "input");
  const reader = new InputReader();
  if (typeof instructions === "string") reader.messages.push({ role: "system", content: instructions });
  list.forEach((item, index) => reader.add(objectAt(item, `input[${index}]`), `input[${index}]`));
  const tools = body["tools"] === undefined ? [] : listAt(body["tools"], "tools").map(readTool);
  return {
    messages: reader.messages,
    tools,
    settings: settingsOf(body),
    showsReasoning: true,
    wantsUsage: true,
  };
}

function settingsOf(body: JsonObject): ClientRequest["settings"] {
  const most = numberAt(body["max_output_tokens"], "max_output_tokens");
  const temperature = numberAt(body["temperature"], "temperature");
  const topP = numberAt(body["top_p"], "top_p");
  const { reasoning } = body;
  const effort = isPlainObject(reasoning) ? effortAt(reasoning["effort"]) : undefined;
  const output = readFormat(body["text"]);
  const toolChoice = readChoice(body["tool_choice"]);
  const passedOn = { ...(topP !== undefined && { topP }), ...(toolChoice !== undefined && { toolChoice }) };
  return {
    ...(most !== undefined && { maxOutputTokens: most }),
    ...(temperature !== undefined && { temperature }),
    ...(effort !== undefined && { reasoningEffort: effort }),
    ...(output && { output }),
    ...(Object.keys(passedOn).length > 0 && { passedOn }),
  };
}

function readChoice(choice: Json | undefined): PassedOn["toolChoice"] {
  if (choice === undefined || choice === null) return undefined;
  if (choice === "auto" || choice === "none" || choice === "required") return choice;
  return { toolName: textAt(objectAt(choice, "tool_choice")["name"], "tool_choice.name") };
}

function readFormat(text: Json | undefined): ClientRequest["settings"]["output"] {
  const format = isPlainObject(text) ? text["format"] : undefined;
  if (!isPlainObject(format) || format["type"] !== "json_schema") return undefined;
  return {
    schema: objectAt(format["schema"], "text.format.schema"),
    name: typeof format["name"] === "string" ? format["name"] : "answer",
  };
}

function readTool(tool: unknown, index: number): ToolDefinition {
  const field = `tools[${index}]`;
  const { type, name, description, parameters } = objectAt(tool, field);
  if (type !== "function")
    refuse(`${field}.type`, '"function": tools that run at the provider don\'t work here', type);
  return {
    name: textAt(name, `${field}.name`),
    description: typeof description === "string" ? description : "",
    inputSchema: isPlainObject(parameters) ? (parameters as JsonObject) : { type: "object", properties: {} },
  };
}

/** Items that stand for one reply are one message with us: thinking, words and calls. */
class InputReader {
  readonly messages: Message[] = [];
  readonly #names = new ToolNames();
  #reply: AssistantPart[] | undefined;

  add(item: JsonObject, field: string): void {
    switch (item["type"] ?? "message") {
      case "message":
        return this.#message(item, field);
      case "function_call": {
        const toolCallId = textAt(item["call_id"], `${field}.call_id`);
        const toolName = textAt(item["name"], `${field}.name`);
        this.#names.called(toolCallId, toolName);
        return this.#said({
          type: "tool-call",
          toolCallId,
          toolName,
          input: readArguments(item["arguments"]),
        });
      }
      case "function_call_output":
        return this.#result(item, field);
      case "reasoning":
        return this.#reasoning(item);
      case "item_reference":
        throw new ConfigError(
          "not_found",
          `The item "${String(item["id"])}" is not known here any more. Send it whole, as programs do with store: false.`,
        );
      default:
        return refuse(
          `${field}.type`,
          "message, function_call, function_call_output or reasoning",
          item["type"],
        );
    }
  }

  #message({ role, content }: JsonObject, field: string): void {
    switch (role) {
      case "assistant":
        for (const text of textsOf(content, `${field}.content`)) this.#said({ type: "text", text });
        return;
      case "system":
      case "developer":
        return this.#other({ role: "system", content: textsOf(content, `${field}.content`).join("\n") });
      case "user":
        return this.#other({ role: "user", content: readUser(content, `${field}.content`) });
      default:
        return refuse(`${field}.role`, "user, assistant, system or developer", role);
    }
  }

  #result(item: JsonObject, field: string): void {
    const toolCallId = textAt(item["call_id"], `${field}.call_id`);
    const output = textsOf(item["output"], `${field}.output`).join("\n");
    this.#other({
      role: "tool",
      content: [{ type: "tool-result", toolCallId, toolName: this.#names.of(toolCallId), output }],
    });
  }

  #reasoning({ id, summary, encrypted_content: sealed }: JsonObject): void {
    const text = (Array.isArray(summary) ? summary : [])
      .map((part: unknown) => (isPlainObject(part) && typeof part["text"] === "string" ? part["text"] : ""))
      .join("\n");
    // Unsealed thinking is of no use to a provider that keeps nothing.
    if (typeof sealed !== "string") return;
    this.#said({
      type: "reasoning",
      text,
      opaque: { openai: { itemId: id ?? null, reasoningEncryptedContent: sealed } },
    });
  }

  #said(part: AssistantPart): void {
    if (this.#reply === undefined) {
      this.#reply = [];
      this.messages.push({ role: "assistant", content: this.#reply });
    }
    this.#reply.push(part);
  }

  #other(message: Message): void {
    this.#reply = undefined;
    this.messages.push(message);
  }
}

function textsOf(content: Json | undefined, field: string): readonly string[] {
  if (typeof content === "string") return [content];
  return listAt(content, field).map((part, index) => {
    const { text, refusal } = objectAt(part, `${field}[${index}]`);
    return textAt(text ?? refusal, `${field}[${index}].text`);
  });
}

function readUser(content: Json | undefined, field: string): readonly UserPart[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return listAt(content, field).map((part, index): UserPart => {
    const place = `${field}[${index}]`;
    const { type, text, image_url: image, file_data: data, file_url: url, filename } = objectAt(part, place);
    switch (type) {
      case "input_text":
        return { type: "text", text: textAt(text, `${place}.text`) };
      case "input_image":
        return fileOfUrl(textAt(image, `${place}.image_url`), "image/*");
      case "input_file": {
        const name = typeof filename === "string" ? filename : undefined;
        return fileOfUrl(textAt(data ?? url, `${place}.file_data`), "application/pdf", name);
      }
      default:
        return refuse(`${place}.type`, "input_text, input_image or input_file", type);
    }
  });
}
