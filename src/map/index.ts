/** Operators over records: what `engine.map`, the CLI and workers are made of. */
export type { AgentAnswer } from "./asking.ts";
export { entriesOf, assertIterable, type Entries } from "./input.ts";
export {
  applyPreset,
  filterSchema,
  readRecipe,
  type JobRecipe,
  type MapPace,
  type MapTask,
  type Preset,
} from "./job.ts";
export { askingOf, runMap, type MapProblem, type MapResult } from "./map.ts";
export { outputLine } from "./output-file.ts";
export type { OutputSchema, StandardSchema } from "./output-schema.ts";
export { work, type Work, type WorkEnd } from "./work.ts";
export { workOnJobs, type WorkerProblem } from "./worker.ts";
export { objectsOf, Results } from "./results.ts";
export type { ResultRows } from "./results-process.ts";
export { resultsOf, settledPages, type SettledOptions } from "./job-results.ts";
export { estimateMap, type Estimate } from "./estimate.ts";
