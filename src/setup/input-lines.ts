/** A stream as lines, one after the other. Only a line feed ends one: JSON may have all other breaks within its texts. */
import type { Readable } from "node:stream";
import { linesOf } from "../corpora/lines.ts";

/** Without their ends, LF or CRLF. */
export async function* inputLines(stream: Readable): AsyncGenerator<string> {
  for await (const lines of linesOf(stream)) yield* lines;
}
