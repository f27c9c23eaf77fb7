/** Contexts of every kind as a Corpus. */
export { openCorpus } from "./open-corpus.ts";
export type { OpenCorpusOptions, OpenProgress } from "./open-corpus.ts";
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
