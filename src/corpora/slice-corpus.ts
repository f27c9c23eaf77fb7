/** A corpus over parts of another, for a child: ids and positions are the parent's, so that what it cites holds there. */
import type { Corpus, Span } from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import { FileCorpus } from "./file-corpus.ts";
import type { DocumentInput } from "../core/context.ts";
import type { OpenCorpusOptions } from "./open-options.ts";
import { Opening } from "./opening.ts";
import type { Part } from "./part.ts";

/** The id of a document, a stretch of one, or a new text, whose id comes from `nextDocumentId`. */
export type SlicePart = string | Span | DocumentInput;

export interface SliceOptions extends Pick<OpenCorpusOptions, "signal" | "spoolDir" | "nextDocumentId"> {
  /** Make `context` a list even where there is one part. @default true if there are several parts */
  readonly list?: boolean;
}

/**
 * Reads the parent's files, so it must be closed before its parent. Contract: throws ConfigError "invalid_input" for
 * documents that the parent does not have, "empty_corpus" where the parts hold no text.
 */
export async function sliceCorpus(
  corpus: Corpus,
  parts: readonly SlicePart[],
  options: SliceOptions,
): Promise<Corpus> {
  if (!(corpus instanceof FileCorpus)) throw new TypeError("Only a corpus made by openCorpus can be sliced.");
  const opening = new Opening(options);
  try {
    for (const part of parts) {
      if (typeof part === "object" && "text" in part) await opening.add(part);
      else for (const one of await partsFor(corpus, part)) opening.addPart(one, corpus.fingerprint);
    }
    return await opening.finish(options.list ?? parts.length !== 1);
  } catch (error) {
    await opening.discard();
    throw error;
  }
}

async function partsFor(corpus: FileCorpus, wanted: string | Span): Promise<readonly Part[]> {
  if (typeof wanted !== "string") return [await stretchOf(corpus, wanted)];
  const parts = corpus.parts.filter(({ document }) => document.id === wanted);
  if (parts.length === 0)
    throw new ConfigError("invalid_input", `There is no document "${wanted}" to hand on.`);
  return parts;
}

async function stretchOf(corpus: FileCorpus, span: Span): Promise<Part> {
  const whole = corpus.partAt(span.documentId, span.start);
  const from = Math.max(whole.from, await whole.text.byteAt(span.start));
  const to = Math.max(from, Math.min(whole.to, await whole.text.byteAt(span.end)));
  const start = await whole.text.characterAt(from);
  const characters = (await whole.text.characterAt(to)) - start;
  return { ...whole, from, to, document: { ...whole.document, bytes: to - from, start, characters } };
}
