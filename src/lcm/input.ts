/** What callers may say as messages, made into the stored form. Pure. */
import type { NewMessage } from "../core/conversation.ts";
import { ConfigError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { AssistantPart, Message, ToolResultPart, UserPart } from "../core/message.ts";

/** A message with its content as parts, or as a plain text. */
export type MessageInput = {
  readonly opaque?: JsonObject;
  /** Stable name in its source: the same key again adds nothing. */
  readonly key?: string;
  /** What another program called this message, kept to the letter. */
  readonly verbatim?: string;
  readonly metadata?: JsonObject;
  /** Milliseconds since the epoch. @default now */
  readonly at?: number;
} & (
  | { readonly role: "system"; readonly content: string }
  | { readonly role: "user"; readonly content: string | readonly UserPart[] }
  | { readonly role: "assistant"; readonly content: string | readonly AssistantPart[] }
  | { readonly role: "tool"; readonly content: readonly ToolResultPart[] }
);

/** Throws ConfigError "invalid_input" for what is no message. */
export function toNewMessage(input: MessageInput, tokensOf: (message: Message) => number): NewMessage {
  const { key, verbatim, metadata, at } = input;
  const message = toMessage(input);
  return {
    message,
    tokens: tokensOf(message),
    ...(key !== undefined && { key }),
    ...(verbatim !== undefined && { verbatim }),
    ...(metadata !== undefined && { metadata }),
    ...(at !== undefined && { at }),
  };
}

export function toMessage(input: MessageInput): Message {
  const opaque = input.opaque === undefined ? {} : { opaque: input.opaque };
  switch (input.role) {
    case "system":
      if (typeof input.content !== "string") throw notContent(input.role, "a text");
      return { role: "system", content: input.content, ...opaque };
    case "user":
      return { role: "user", content: parts(input.content, input.role), ...opaque };
    case "assistant":
      return { role: "assistant", content: parts(input.content, input.role), ...opaque };
    case "tool":
      if (!Array.isArray(input.content)) throw notContent(input.role, "a list of results");
      return { role: "tool", content: checked(input.content, input.role), ...opaque };
    default: {
      const { role } = input as { readonly role: unknown };
      throw new ConfigError(
        "invalid_input",
        `Expected the role of a message to be system, user, assistant or tool, got ${JSON.stringify(role)}.`,
      );
    }
  }
}

function parts<Part extends AnyPart>(
  content: string | readonly Part[],
  role: keyof typeof partsOf,
): readonly (Part | { readonly type: "text"; readonly text: string })[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) throw notContent(role, "a text or a list of parts");
  return checked(content, role);
}

type AnyPart = UserPart | AssistantPart | ToolResultPart;

const partsOf = {
  user: ["text", "file"],
  assistant: ["text", "reasoning", "tool-call", "file"],
  tool: ["tool-result"],
} as const satisfies Record<string, readonly AnyPart["type"][]>;

/** Members that are texts, and members that only must be there. */
const membersOf = {
  text: { texts: ["text"], values: [] },
  reasoning: { texts: ["text"], values: [] },
  file: { texts: ["mediaType", "data"], values: [] },
  "tool-call": { texts: ["toolCallId", "toolName"], values: ["input"] },
  "tool-result": { texts: ["toolCallId", "toolName"], values: ["output"] },
} as const satisfies Record<AnyPart["type"], object>;

/** What is kept stays for ever: a part that no request can hold would spoil all of them. */
function checked<Part extends AnyPart>(list: readonly Part[], role: keyof typeof partsOf): readonly Part[] {
  const allowed: readonly string[] = partsOf[role];
  for (const [index, part] of list.entries()) {
    const given: Readonly<Record<string, unknown>> = { ...part };
    const where = (): string => `part ${index + 1} of a message of role "${role}"`;
    if (!allowed.includes(String(given["type"])))
      throw new ConfigError(
        "invalid_input",
        `Expected the type of ${where()} to be ${allowed.join(", ")}, got ${JSON.stringify(given["type"])}.`,
      );
    const { texts, values } = membersOf[part.type];
    const missing =
      texts.find((name) => typeof given[name] !== "string") ??
      values.find((name) => given[name] === undefined);
    if (missing !== undefined)
      throw new ConfigError(
        "invalid_input",
        `Expected ${where()}, of type "${part.type}", to have ${missing === "input" || missing === "output" ? "a value" : "a text"} "${missing}".`,
      );
  }
  return list;
}

function notContent(role: string, wanted: string): ConfigError {
  return new ConfigError(
    "invalid_input",
    `Expected the content of a message of role "${role}" to be ${wanted}.`,
  );
}
