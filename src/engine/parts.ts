/** What the engine is made of. `setup` fills it with the built-in adapters; a caller may put in his own. */
import type { Readable } from "node:stream";
import type { ContextInput, DocumentInput } from "../core/context.ts";
import type { ConversationStore } from "../core/conversation-store.ts";
import type { InputEntry, JobStore } from "../core/job-store.ts";
import type { Corpus, Span } from "../core/corpus.ts";
import type { Model } from "../core/model.ts";
import type { Sandbox } from "../core/sandbox.ts";
import type { Store } from "../core/store.ts";

export interface EngineParts {
  /** Found on first use; the same ones afterwards. Throws ConfigError where a model was asked for and there is no way to it. */
  models(): Promise<EngineModels>;
  /** Made on first use, the same one afterwards. */
  sandbox(): Sandbox;
  store(): Promise<Store>;
  conversations(): Promise<ConversationStore>;
  jobs(): Promise<JobStore>;
  /** Keeps jobs that end with the call they are made for. */
  scratchJobs(): JobStore;
  /** Ends what was made of these. */
  close(): Promise<void>;
  openItems(items: ItemsInput, options: OpenItemsOptions): AsyncIterable<InputEntry>;
  openCorpus(input: ContextInput, options: OpenOptions): Promise<Corpus>;
  sliceCorpus(from: Corpus, parts: readonly (Span | DocumentInput)[], options: SliceOptions): Promise<Corpus>;
}

export interface EngineModels {
  readonly model: Model;
  readonly subModel: Model;
  /** The root models of depth 1, 2 and so on; the last one holds for what is deeper. @default the sub-model */
  readonly modelsByDepth: readonly Model[] | undefined;
  /** What the user should know about the choice. */
  readonly notices: readonly string[];
}

/** Records or texts of files, for `map`. */
export interface ItemsInput {
  /** A path, a folder, a glob, or "-" for standard input. */
  readonly input: string;
  /** @default by the file's extension */
  readonly format?: "jsonl" | "json" | "csv" | "tsv" | "text";
  /** How texts are cut. @default each file is one item */
  readonly split?: "file" | "lines" | "paragraphs" | "tokens" | "symbols";
  /** The size of a piece where texts are split by tokens. @default 1000 */
  readonly pieceTokens?: number;
  /** Files are read as they are: HTML and mails are their source, and no text is taken out of others. @default false */
  readonly raw?: boolean;
}

export interface OpenItemsOptions {
  readonly signal: AbortSignal;
  /** What paths are relative to. */
  readonly cwd: string;
  /** What the input "-" is. @default standard input */
  readonly stdin?: Readable;
  /** What "-" is called in items and messages. @default "-" */
  readonly name?: string;
}

export interface OpenOptions {
  readonly signal: AbortSignal;
  /** What paths are relative to. */
  readonly cwd: string;
  readonly binary?: "skip" | "refuse";
  readonly raw?: boolean;
  readonly encoding?: string;
  readonly onProgress: (progress: { readonly documents: number; readonly bytes: number }) => void;
}

export interface SliceOptions {
  readonly signal: AbortSignal;
  readonly nextDocumentId: () => string;
}
