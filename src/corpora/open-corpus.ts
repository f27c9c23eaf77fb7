/** Opens any context as a Corpus: text is spooled to files, files stay where they are. */
import type { ContextInput, ContextPart } from "../core/context.ts";
import type { Corpus } from "../core/corpus.ts";
import { checkEncoding } from "./open-options.ts";
import type { OpenCorpusOptions } from "./open-options.ts";
import { Opening } from "./opening.ts";

/**
 * Contract: throws ConfigError "not_found" for a path that does not exist, "unreadable" for a single file that is no
 * text, "empty_corpus" where no text is left; or the signal's reason. A stream is read to its end; files only at
 * their beginning.
 */
export async function openCorpus(input: ContextInput, options: OpenCorpusOptions): Promise<Corpus> {
  checkEncoding(options.encoding);
  const opening = new Opening(options);
  try {
    const isList = isPartList(input);
    for (const part of isList ? input : [input]) await opening.add(part);
    return await opening.finish(isList);
  } catch (error) {
    await opening.discard();
    throw error;
  }
}

function isPartList(input: ContextInput): input is readonly ContextPart[] {
  return Array.isArray(input);
}
