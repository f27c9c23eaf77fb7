/** One document of a corpus, or the stretch of one that a child was handed: labels, and where its text lies. */
import type { CorpusDocument } from "../core/corpus.ts";
import type { LoadedFrom } from "./places.ts";
import type { TextSource } from "./text-source.ts";

export interface Part {
  readonly document: CountedLater;
  /** The whole document's text: a stretch shares it, so that positions hold for parent and child alike. */
  readonly text: TextSource;
  /** The bytes of `text` that belong to this part: [from, to). */
  readonly from: number;
  readonly to: number;
  /** Where the text was taken out of a file that isn't text. */
  readonly loaded?: LoadedFrom;
}

/** What its format is known by. */
export function formatPath({ document, loaded }: Part): string | undefined {
  return loaded ? `text${loaded.ending}` : document.path;
}

/** Its length is filled in once someone counted. */
type CountedLater = Omit<CorpusDocument, "characters"> & { characters: number | undefined };

export function isWholeDocument(part: Part): boolean {
  return part.from === 0 && part.to === part.text.bytes;
}

/** Length in code points, counted on first use and kept. */
export async function countPart(part: Part): Promise<number> {
  const start = part.document.start;
  return (part.document.characters ??= isWholeDocument(part)
    ? await part.text.countCharacters()
    : (await part.text.characterAt(part.to)) - start);
}
