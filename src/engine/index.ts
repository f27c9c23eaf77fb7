/** The engine and the words it is used with. */
export type { AskOptions, AskRequest, AskResult } from "./ask-run.ts";
export type { ConversationRequest } from "./conversations.ts";
export { Engine } from "./engine.ts";
export {
  fingerprint,
  isRecallTool,
  Recogniser,
  recallTools,
  requestTokens,
  type ChatResult,
  type ContextReport,
  type ConversationTool,
  type MessageInput,
  type OpenConversation,
  type Recognised,
  type SendInput,
  type SendOptions,
  type ShownItem,
} from "../lcm/index.ts";
export type { Jobs, QueryOptions, ValueCount } from "./jobs.ts";
export type { MapOptions, MapRequest, MapRunResult } from "./map-run.ts";
export type { RunLimits } from "./limits.ts";
export type { EngineModels, EngineParts, ItemsInput, OpenOptions, SliceOptions } from "./parts.ts";
export { readRecipe, type AskContext, type PreviousAnswer, type Recipe } from "./recipe.ts";
export type { WorkOptions, WorkRequest, WorkResult } from "./work-run.ts";
export {
  objectsOf,
  outputLine,
  readRecipe as readJobRecipe,
  type Estimate,
  type ResultRows,
} from "../map/index.ts";
