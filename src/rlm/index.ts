/** What the engine needs of the Recursive Language Model. */
export { ask } from "./ask.ts";
export type { Citation } from "./citations.ts";
export { divide, type Grant } from "./grant.ts";
export type { AskOutcome } from "./outcome.ts";
export {
  defaultSettings,
  type AskSettings,
  type AskTool,
  type Cast,
  type Problem,
  type RecordOperators,
  type RecordSet,
} from "./problem.ts";
