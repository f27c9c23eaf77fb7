/** The library's front: an engine, and the words it is used with. */
export { createEngine, type EngineOptions, type SandboxName } from "./setup/open-engine.ts";
export type {
  AskContext,
  AskOptions,
  AskRequest,
  AskResult,
  ConversationRequest,
  Engine,
  ItemsInput,
  Jobs,
  MapOptions,
  MapRequest,
  MapRunResult,
  PreviousAnswer,
  RunLimits,
} from "./engine/index.ts";
export type { AskTool, Citation } from "./rlm/index.ts";
export type {
  ChatResult,
  ContextReport,
  ConversationTool,
  MessageInput,
  OpenConversation,
  SendInput,
  SendOptions,
} from "./lcm/index.ts";
export type {
  ContextInput,
  ContextPart,
  DocumentInput,
  PathsInput,
  StreamInput,
  TextStream,
} from "./core/context.ts";
export type { Corpus, CorpusDescription, Match, RankedSpan, Span } from "./core/corpus.ts";
export {
  BudgetError,
  ConfigError,
  ModelError,
  SandboxError,
  StoreError,
  UnabridgedError,
  isUnabridgedError,
} from "./core/errors.ts";
export type { RunId } from "./core/ids.ts";
export type { Json, JsonObject } from "./core/json.ts";
export type { Message } from "./core/message.ts";
export type { Model, ModelReply, ModelRequest } from "./core/model.ts";
export type { Run } from "./core/run.ts";
export type { Sandbox, SandboxSession } from "./core/sandbox.ts";
export type { Store, StoredRun } from "./core/store.ts";
export type { TraceEvent } from "./core/trace.ts";
export type { Price, RunUsage, Usage } from "./core/usage.ts";
export { memoryConversations, memoryStore } from "./stores/index.ts";
