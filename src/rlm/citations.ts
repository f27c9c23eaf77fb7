/** Finds the span ids in an answer and looks up where they lie, so that a person can go there. */
import { parseSpanId, spanId, type Corpus } from "../core/corpus.ts";

export interface Citation {
  /** The span's id as it stands in the answer, for instance "d3:1200-1350". */
  readonly id: string;
  readonly path?: string;
  readonly title?: string;
  /** The page of a PDF or a document, from 1. */
  readonly page?: number;
  /** Where in its file the text lies, where there are no pages: for instance "slide 4" or "§ Tides". */
  readonly place?: string;
  /** From 1. Of the text that was taken out of the file, where `page` or `place` is given. */
  readonly line: number;
  /** From 1, in code points. */
  readonly column: number;
  /** In code points of the document, end exclusive. */
  readonly start: number;
  readonly end: number;
  /** What stands there; long spans are cut. */
  readonly text: string;
}

/** Ids that lie in no document are left out: an answer may hold anything. */
export async function citationsIn(answer: string, corpus: Corpus): Promise<readonly Citation[]> {
  const ids = new Set<string>();
  for (const [id] of answer.matchAll(/\bd\d+:\d+-\d+\b/g)) {
    ids.add(id);
    if (ids.size >= mostCitations) break;
  }
  const found = await Promise.all([...ids].map((id) => cite(id, corpus)));
  return found.filter((citation) => citation !== undefined);
}

const mostCitations = 500;
const mostCharacters = 1_000;

async function cite(id: string, corpus: Corpus): Promise<Citation | undefined> {
  const span = parseSpanId(id);
  if (!span || span.start === span.end) return undefined;
  const end = Math.min(span.end, span.start + mostCharacters);
  const location = await corpus.locate({ ...span, end });
  if (!location) return undefined;
  return {
    id: spanId(span),
    ...(location.path !== undefined && { path: location.path }),
    ...(location.title !== undefined && { title: location.title }),
    ...(location.page !== undefined && { page: location.page }),
    ...(location.place !== undefined && { place: location.place }),
    line: location.line,
    column: location.column,
    start: span.start,
    end: span.end,
    text: end < span.end ? `${location.text}…` : location.text,
  };
}
