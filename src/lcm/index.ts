/** Lossless context management: conversations that are kept whole, shown as far as they fit, and looked up for the rest. */
export {
  assembleContext,
  requestTokens,
  type Assembled,
  type AssembleInput,
  type ShownItem,
} from "./assemble.ts";
export type { ChatResult, SendInput, SendOptions } from "./chat.ts";
export type { AskHistory, AskHistoryRequest, CloneAnswer, HistoryDocument } from "./clone.ts";
export type { CompactResult, Settled } from "./compact.ts";
export type { Client } from "./client.ts";
export type { ContextReport } from "./context-report.ts";
export { openConversation, type OpenConversation } from "./conversation.ts";
export { explore, type ContentKind, type Exploration } from "./explore.ts";
export { largeText } from "./handle.ts";
export type { MessageInput } from "./input.ts";
export type { SwapReason } from "./plan.ts";
export { isRecallTool, recallTools } from "./recall-tools.ts";
export type { GrepInput } from "./recall.ts";
export { Recogniser, type Recognised } from "./recognise.ts";
export {
  defaultConversationSettings,
  standaloneScopes,
  type ConversationOptions,
  type ConversationSettings,
  type ConversationTool,
  type Lazy,
  type NewScope,
  type ScopeRequest,
  type ToolSurroundings,
} from "./surroundings.ts";
export { fingerprint } from "./visible.ts";
