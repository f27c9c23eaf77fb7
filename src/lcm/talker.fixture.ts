/** A conversation with a model that answers "ok", and labels as told. */
import { textOfMessage, user } from "../core/message.ts";
import type { ModelRequest } from "../core/model.ts";
import { memoryConversations } from "../stores/conversations.ts";
import { scriptedModel, type ScriptedModel, type Step } from "../testing/scripted-model.ts";
import { openConversation, type ConversationOptions, type OpenConversation } from "./index.ts";

export const isLabelTask = (request: ModelRequest): boolean =>
  textOfMessage(request.messages[0] ?? user("")).includes("You write labels");
export const lastText = (request: ModelRequest): string => textOfMessage(request.messages.at(-1) ?? user(""));
export const filler: string = "and some more words about this and that ".repeat(12);

export function open(
  model: ScriptedModel | undefined,
  more: Partial<ConversationOptions> = {},
): OpenConversation {
  return openConversation("talk", { store: memoryConversations(), ...(model && { model }), ...more });
}

/** Answers with "ok", and labels as told. */
export function talker(label: Step, contextWindow = 4_000): ScriptedModel {
  return scriptedModel(
    async (request, call) => {
      if (!isLabelTask(request)) return `ok, ${request.messages.length} messages`;
      return typeof label === "function" ? label(request, call) : label;
    },
    { contextWindow },
  );
}

export const goodLabel = "Topic: what was asked about this and that\nOpen: some more words";
