/** What is said between us and the process that takes text out of files. */
import type { SkippedInput } from "../../core/corpus.ts";
import type { ExtractedDocument } from "./collector.ts";
import type { ExtractionLimits } from "./limits.ts";
import type { LoadedFormat } from "./recognise.ts";

export interface ExtractRequest {
  readonly file: string;
  /** As it is shown; those of packed files begin with it. */
  readonly path: string;
  readonly format: LoadedFormat;
  /** Where the texts go: a file that isn't there yet. */
  readonly output: string;
  readonly limits: ExtractionLimits;
  readonly encoding: string | undefined;
}

export type ExtractReport =
  /** It is alive and something was finished. */
  | { readonly type: "progress" }
  /** Some of what was found, in order; an end follows. */
  | { readonly type: "documents"; readonly documents: readonly ExtractedDocument[] }
  | { readonly type: "skipped"; readonly skipped: readonly SkippedInput[] }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly reason: string };
