/**
 * What of a history a client has seen, as prints that can be compared: its own calls of tools and ours are told apart, and
 * what programs lose when they send a message back (thinking, white space around a reply) doesn't count. Pure.
 */
import { canonicalJson, sha256 } from "../core/json.ts";
import type { AssistantPart, Message, ToolResultPart, UserPart } from "../core/message.ts";
import { isRecallTool } from "./recall-tools.ts";

/** The smallest thing that both sides have: a message, or one of the results in a message of role "tool". */
export interface Atom {
  /** Undefined where the content was erased: then any of the same role is taken for it. */
  readonly print: string | undefined;
  readonly role: Message["role"];
  /** Of the messages it comes from, both included. A reply with recall calls in it comes from several. */
  readonly first: number;
  readonly last: number;
  /** The message ends with it. */
  readonly isEnd: boolean;
}

/** Reads messages in order, as many as there are and more when they come. */
export class VisibleHistory {
  readonly #atoms: Atom[];
  #through: number;
  #reply: OpenReply | undefined;

  /** @param before of a history that this one begins with */
  constructor(before: readonly Atom[] = [], through = 0) {
    this.#atoms = [...before];
    this.#through = through;
  }

  /** Place of the newest message that was read; 0 before the first. */
  get through(): number {
    return this.#through;
  }

  /** Instructions at the start belong to each request, not to the history. */
  get atoms(): readonly Atom[] {
    const open = this.#reply && atomOfReply(this.#reply);
    return open ? [...this.#atoms, open] : this.#atoms;
  }

  add(message: Message, place: number, isErased = false): void {
    this.#through = place;
    switch (message.role) {
      case "assistant":
        return this.#addReply(message.content, place, isErased);
      case "tool":
        return this.#addResults(message.content, place, isErased);
      case "system":
        if (this.atoms.length === 0) return;
        break;
      case "user":
    }
    this.#close();
    const print = isErased ? undefined : fingerprint(message);
    this.#atoms.push({ print, role: message.role, first: place, last: place, isEnd: true });
  }

  #addReply(content: readonly AssistantPart[], place: number, isErased: boolean): void {
    // After recall, the same reply goes on.
    if (this.#reply?.goesOn !== true) this.#close();
    const reply = (this.#reply ??= {
      content: [],
      first: place,
      last: place,
      goesOn: false,
      isErased: false,
    });
    reply.content.push(...content);
    reply.last = place;
    reply.isErased ||= isErased;
    reply.goesOn = content.some((part) => part.type === "tool-call" && isRecallTool(part.toolName));
  }

  #addResults(content: readonly ToolResultPart[], place: number, isErased: boolean): void {
    const seen = content.filter(({ toolName }) => !isRecallTool(toolName));
    if (seen.length === 0) return;
    this.#close();
    seen.forEach((part, index) => {
      const print = isErased ? undefined : printOf("tool", resultPrint(part));
      const isEnd = index === seen.length - 1;
      this.#atoms.push({ print, role: "tool", first: place, last: place, isEnd });
    });
  }

  #close(): void {
    const atom = this.#reply && atomOfReply(this.#reply);
    this.#reply = undefined;
    if (atom) this.#atoms.push(atom);
  }
}

/** Equal for messages that are the same to a client. Recall calls count here: no client has sent them. */
export function fingerprint(message: Message): string {
  switch (message.role) {
    case "system":
      return printOf("system", message.content);
    case "user":
      return printOf("user", message.content.map(userPrint));
    case "assistant":
      return printOf("assistant", replyPrint(message.content));
    case "tool":
      return printOf("tool", message.content.map(resultPrint));
  }
}

interface OpenReply {
  readonly content: AssistantPart[];
  readonly first: number;
  last: number;
  goesOn: boolean;
  isErased: boolean;
}

/** Undefined where a client has seen nothing of it. */
function atomOfReply({ content, first, last, isErased }: OpenReply): Atom | undefined {
  const seen = content.filter(
    (part) =>
      part.type === "file" ||
      (part.type === "text" && part.text.trim() !== "") ||
      (part.type === "tool-call" && !isRecallTool(part.toolName)),
  );
  if (seen.length === 0) return undefined;
  const print = isErased ? undefined : printOf("assistant", replyPrint(seen));
  return { print, role: "assistant", first, last, isEnd: true };
}

/** Texts may come back in one piece, and inputs of tools with what their schema filled in. */
function replyPrint(content: readonly AssistantPart[]): unknown {
  const text = content.map((part) => (part.type === "text" ? part.text : "")).join("");
  const files = content.flatMap((part) => (part.type === "file" ? [part.mediaType, sha256(part.data)] : []));
  const calls = content.flatMap((part) =>
    part.type === "tool-call" ? [part.toolCallId, part.toolName] : [],
  );
  return [text.trim(), files, calls];
}

function userPrint(part: UserPart): unknown {
  return part.type === "text" ? part.text : [part.mediaType, part.filename ?? null, sha256(part.data)];
}

function resultPrint({ toolCallId, output, isError }: ToolResultPart): unknown {
  return [toolCallId, output, isError === true];
}

function printOf(role: string, content: unknown): string {
  return sha256(canonicalJson([role, content]));
}
