/** A ranked index over passages: SQLite's FTS5 in memory. It reads files and knows no corpus. */
import { closeSync, openSync, readSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { spaceOutDenseScripts } from "./dense-scripts.ts";
import { passagesOf } from "./passages.ts";
import { decodeText } from "./utf8.ts";

/** A range of bytes of a file, to be cut into passages. */
export interface Region {
  readonly file: string;
  readonly from: number;
  readonly bytes: number;
}

export interface PassageHit {
  /** Which of the regions. */
  readonly region: number;
  /** Bytes of the region, end exclusive. */
  readonly from: number;
  readonly to: number;
  /** Higher is better. */
  readonly score: number;
}

export class PassageIndex {
  readonly #database = new DatabaseSync(":memory:");
  // Passage i is row i + 1. Three numbers each, so that a million passages cost megabytes and not objects.
  #regions: number[] = [];
  #froms: number[] = [];
  #tos: number[] = [];

  constructor(regions: readonly Region[]) {
    this.#database.exec(`
      PRAGMA journal_mode = OFF;
      CREATE VIRTUAL TABLE passages USING fts5(body, content = '', tokenize = "porter unicode61 remove_diacritics 2");
      INSERT INTO passages(passages, rank) VALUES ('hashsize', ${64 * 1024 * 1024});
      BEGIN;
    `);
    const insert = this.#database.prepare("INSERT INTO passages(rowid, body) VALUES (?, ?)");
    for (const [i, region] of regions.entries()) {
      const bytes = readRegion(region);
      for (const { from, to } of passagesOf(bytes)) {
        this.#regions.push(i);
        this.#froms.push(from);
        this.#tos.push(to);
        insert.run(this.#regions.length, spaceOutDenseScripts(decodeText(bytes.subarray(from, to))));
      }
    }
    this.#database.exec("COMMIT");
  }

  /** The best passages for an FTS5 expression, best first, of the given regions only. */
  find(expression: string, limit: number, regions?: ReadonlySet<number>): PassageHit[] {
    const hits: PassageHit[] = [];
    const rows = this.#database
      .prepare("SELECT rowid AS row, rank FROM passages WHERE passages MATCH ? ORDER BY rank, rowid")
      .iterate(expression);
    for (const { row, rank } of rows) {
      const i = Number(row) - 1;
      const region = this.#regions[i] ?? 0;
      if (regions && !regions.has(region)) continue;
      hits.push({ region, from: this.#froms[i] ?? 0, to: this.#tos[i] ?? 0, score: -Number(rank) });
      if (hits.length === limit) break;
    }
    return hits;
  }

  close(): void {
    this.#database.close();
  }
}

function readRegion(region: Region): Buffer {
  const buffer = Buffer.allocUnsafe(region.bytes);
  const descriptor = openSync(region.file, "r");
  try {
    return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, region.from));
  } finally {
    closeSync(descriptor);
  }
}
