/** What a label is made of: messages as a reader's transcript, or the labels below. Pure. */
import type { StoredMessage } from "../core/conversation.ts";
import type { FilePart, Message } from "../core/message.ts";
import { estimateTokens } from "../core/tokens.ts";
import { bothEnds } from "./excerpt.ts";
import { textOfFile } from "./measure.ts";

/** One message, or one label, of a source. */
export interface SourcePart {
  readonly first: number;
  readonly last: number;
  readonly role: Message["role"] | "label";
  readonly text: string;
  readonly tools: readonly string[];
}

export interface LabelSource {
  readonly parts: readonly SourcePart[];
  /** Of the parts as they are written below, by estimate. */
  readonly tokens: number;
}

export function sourceOf(messages: readonly StoredMessage[]): LabelSource {
  return withTokens(
    messages.map(({ position, message }) => ({
      ...{ first: position, last: position, role: message.role },
      text: transcriptOf(message),
      tools: toolsIn(message),
    })),
  );
}

export function sourceOfLabels(
  labels: readonly {
    readonly covers: { readonly first: number; readonly last: number };
    readonly text: string;
  }[],
): LabelSource {
  return withTokens(
    labels.map(({ covers: { first, last }, text }) => ({ first, last, role: "label", text, tools: [] })),
  );
}

/** The whole source, one part below the other, cut part by part only where it is longer than `mostTokens`. */
export function writeSource({ parts, tokens }: LabelSource, mostTokens: number): string {
  const share = tokens <= mostTokens ? undefined : mostTokens / tokens;
  return parts
    .map((part) => {
      const text =
        share === undefined
          ? part.text
          : bothEnds(part.text, Math.floor(estimateTokens(part.text) * share * 0.9));
      const at = part.first === part.last ? String(part.first) : `${part.first}-${part.last}`;
      return `[${at}] ${part.role}: ${text}`;
    })
    .join("\n\n");
}

function withTokens(parts: readonly SourcePart[]): LabelSource {
  return { parts, tokens: parts.reduce((sum, { text }) => sum + estimateTokens(text) + 4, 0) };
}

/** What was said and done. Reasoning is left out: it is the model's own and never belongs in a label. */
function transcriptOf(message: Message): string {
  if (message.role === "system") return message.content;
  const texts = message.content.map((part) => {
    switch (part.type) {
      case "text":
        return part.text;
      case "reasoning":
        return "";
      case "file":
        return nameAndText(part);
      case "tool-call":
        return `→ ${part.toolName}(${JSON.stringify(part.input)})`;
      case "tool-result": {
        const output = typeof part.output === "string" ? part.output : JSON.stringify(part.output);
        return `${part.toolName}${part.isError === true ? " failed" : ""} → ${output}`;
      }
    }
  });
  return texts.filter((text) => text !== "").join("\n");
}

/** Named, because later questions name the file and not its words. */
function nameAndText(part: FilePart): string {
  const text = textOfFile(part);
  const { filename, mediaType } = part;
  if (text === undefined) return `[${mediaType}${filename === undefined ? "" : ` ${filename}`}]`;
  return filename === undefined ? text : `[file ${filename}]\n${text}`;
}

function toolsIn(message: Message): readonly string[] {
  if (message.role !== "assistant") return [];
  return message.content.flatMap((part) => (part.type === "tool-call" ? [part.toolName] : []));
}
