/** Records of CSV and TSV as items, by the library. A broken record is a fault with its line, and the others go on. */
import type { Readable } from "node:stream";
import type { InputEntry } from "../core/job-store.ts";
import { isPlainObject, type Json } from "../core/json.ts";

/** The first line names the fields; values are texts. */
export async function* csvRecords(stream: Readable, delimiter: "," | "\t"): AsyncGenerator<InputEntry> {
  const { parse } = await import("csv-parse");
  const faults: { readonly line: number; readonly message: string }[] = [];
  const parser = parse({
    ...{
      columns: true,
      bom: true,
      delimiter,
      info: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
    },
    // A quote within a plain field is a slip that most programs forgive.
    relax_quotes: true,
  });
  parser.on("skip", (error: Error | undefined) => {
    const line = error && "lines" in error ? Number(error.lines) : 0;
    faults.push({ line, message: `Line ${line} is no valid record: ${error?.message ?? "unknown"}` });
  });
  stream.once("error", (error) => parser.destroy(error));
  stream.pipe(parser);
  for await (const entry of parser) {
    const { record, info } = entry as { record: unknown; info: { lines: number } };
    // The parser reads ahead: what it skipped after this record is told of later.
    while (faults[0] && faults[0].line < info.lines) yield faultOf(faults.shift());
    if (isPlainObject(record)) yield { type: "item", item: record as Json };
  }
  for (const fault of faults) yield faultOf(fault);
}

function faultOf(fault: { readonly message: string } | undefined): InputEntry {
  return { type: "fault", fault: { code: "invalid_item", message: fault?.message ?? "" } };
}
