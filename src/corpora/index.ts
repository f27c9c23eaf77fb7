/** Contexts of every kind as a Corpus. */
export { openCorpus } from "./open-corpus.ts";
export type { OpenCorpusOptions, OpenProgress } from "./open-options.ts";
export type { ExtractionLimits } from "./loaders/limits.ts";
export { sweepSpools } from "./spool-owner.ts";
export { sliceCorpus } from "./slice-corpus.ts";
export type { SliceOptions, SlicePart } from "./slice-corpus.ts";
export type {
  ContextInput,
  ContextPart,
  DocumentInput,
  PathsInput,
  StreamInput,
  TextStream,
} from "../core/context.ts";
