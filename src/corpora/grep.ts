/** Every match of a pattern in the parts of a corpus, a page at a time and in order, with an exact total. */
import type { GrepOptions, GrepPage, Match } from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import type { Part } from "./part.ts";
import { badPattern, plainPattern, translatePattern } from "./pattern.ts";
import { countInFiles, scanFiles } from "./scan.ts";
import type { Hit, Scan } from "./scan.ts";
import type { Piece, ScanPlan, ScanPlanner } from "./scan-plan.ts";
import { decodeText } from "./utf8.ts";

export async function grepParts(
  parts: readonly Part[],
  pattern: string,
  options: GrepOptions,
  planner: ScanPlanner,
): Promise<GrepPage> {
  const scan = scanOf(pattern, options);
  try {
    return await grepWith(scan, parts, options, planner);
  } catch (error) {
    // What only the other engine understands is rare, but costs nothing to try.
    if (!isPatternError(error) || scan.pattern.engine === "pcre2" || options.literal) throw error;
    const second: Scan = { ...scan, pattern: { ...scan.pattern, engine: "pcre2" } };
    return grepWith(second, parts, options, planner).catch((secondError: unknown) => {
      throw isPatternError(secondError) ? error : secondError;
    });
  }
}

async function grepWith(
  scan: Scan,
  parts: readonly Part[],
  options: GrepOptions,
  planner: ScanPlanner,
): Promise<GrepPage> {
  const plan = await planner.plan(parts, scan.pattern.crossesLines, scan.signal);
  const offset = options.offset ?? 0;
  const limit = options.countOnly ? 0 : (options.limit ?? 100);
  if (!options.countOnly) {
    const { found, isAll } = await findMany(plan, scan, options.countTo);
    if (isAll || found.length === options.countTo)
      return pageOf(found.slice(offset, offset + limit), countByPiece(found), offset);
  }
  const counts = await countAll(plan, scan);
  const located = await findPage(plan, scan, counts, { offset, limit });
  return pageOf(located, counts, offset);
}

/** The first matches that ripgrep comes across, in bytes: for what is ranked or cut later. */
export async function findSome(
  parts: readonly Part[],
  pattern: string,
  options: { readonly most: number; readonly signal: AbortSignal },
  planner: ScanPlanner,
): Promise<{ part: Part; start: number; end: number }[]> {
  const scan = scanOf(pattern, { ignoreCase: true, signal: options.signal });
  const plan = await planner.plan(parts, scan.pattern.crossesLines, scan.signal);
  const found: Located[] = [];
  const keepHit = (hit: Hit): boolean => {
    const located = locate(hit, plan);
    if (located) found.push(located);
    return found.length < options.most;
  };
  await whileIndexing(plan, scanFiles(plan.files, scan, keepHit, { inOrder: false }));
  return found.sort(inOrder).map(({ piece, start, end }) => ({ part: piece.part, start, end }));
}

function inOrder(a: Located, b: Located): number {
  return a.piece.order - b.piece.order || a.start - b.start;
}

/** A match in the part that it lies in. */
interface Located {
  readonly piece: Piece;
  /** Bytes of the document. */
  readonly start: number;
  readonly end: number;
}

/**
 * Matches in one pass, until there are too many to be held: where these are not all, they are counted, and only those of the page
 * are looked up.
 */
async function findMany(
  plan: ScanPlan,
  scan: Scan,
  countTo = Infinity,
): Promise<{ readonly found: Located[]; readonly isAll: boolean }> {
  const most = Math.min(countTo, scan.pattern.crossesLines ? 5_000 : 20_000);
  const found: Located[] = [];
  let seen = 0;
  const keepHit = (hit: Hit): boolean => {
    const located = locate(hit, plan);
    if (located) found.push(located);
    return ++seen < most;
  };
  const ended = await whileIndexing(
    plan,
    scanFiles(plan.files, scan, keepHit, { inOrder: false, linesPerFile: most }),
  );
  return { found: found.sort(inOrder), isAll: ended !== "stopped" };
}

/**
 * Counts code points of large texts while ripgrep, in its own process, searches them: where a match lies deep in a
 * gigabyte, its position is then known sooner. Stops with the search.
 */
async function whileIndexing<T>(plan: ScanPlan, search: Promise<T>): Promise<T> {
  let ended = false;
  const largeTexts = plan.texts.filter(({ isLarge }) => isLarge);
  const indexLargeTexts = async (): Promise<void> => {
    for (const text of largeTexts) await text.indexUntil(() => ended);
  };
  const indexing = indexLargeTexts().catch(() => {}); // A text that can't be read says so to whoever needs it.
  try {
    return await search;
  } finally {
    ended = true;
    await indexing;
  }
}

async function countAll(plan: ScanPlan, scan: Scan): Promise<Map<Piece, number>> {
  const counts = new Map<Piece, number>();
  const isAlone = (file: string): boolean => plan.piecesOf(file).every(({ alone }) => alone);
  const single = plan.files.filter(isAlone);
  for (const [file, count] of await countInFiles(single, scan)) {
    const [piece] = plan.piecesOf(file);
    if (piece) counts.set(piece, count);
  }
  // ripgrep counts by file: where several texts share one, each match is looked at.
  const shared = plan.files.filter((file) => !isAlone(file));
  const countHit = (hit: Hit): boolean => {
    const located = locate(hit, plan);
    if (located) counts.set(located.piece, (counts.get(located.piece) ?? 0) + 1);
    return true;
  };
  await scanFiles(shared, scan, countHit, { inOrder: false });
  return counts;
}

/** The matches from `offset` on, looked for only in the files that hold them. */
async function findPage(
  plan: ScanPlan,
  scan: Scan,
  counts: ReadonlyMap<Piece, number>,
  { offset, limit }: { offset: number; limit: number },
): Promise<Located[]> {
  const wanted = new Map<Piece, { skip: number; take: number }>();
  const byFile = new Map<string, number>();
  let before = 0;
  for (const [piece, count] of [...counts].sort(([a], [b]) => a.order - b.order)) {
    const skip = Math.max(0, offset - before);
    const take = Math.min(count - skip, offset + limit - before - skip);
    before += count;
    if (take <= 0) continue;
    wanted.set(piece, { skip, take });
    byFile.set(piece.file, (byFile.get(piece.file) ?? 0) + take);
  }
  const found: Located[] = [];
  for (const [file, take] of byFile) {
    const enough = found.length + take;
    const takeHit = (hit: Hit): boolean => {
      const located = locate(hit, plan);
      const want = located && wanted.get(located.piece);
      if (want && want.skip > 0) want.skip--;
      else if (want && want.take > 0) {
        want.take--;
        found.push(located);
      }
      return found.length < enough;
    };
    await scanFiles([file], scan, takeHit, { inOrder: true });
  }
  return found.sort(inOrder);
}

function locate(hit: Hit, plan: ScanPlan): Located | undefined {
  const piece = plan.pieceAt(hit.file, hit.start);
  if (!piece || hit.end > piece.offset + piece.part.to - piece.part.from) return undefined;
  const shift = piece.part.from - piece.offset;
  return { piece, start: hit.start + shift, end: hit.end + shift };
}

function countByPiece(all: readonly Located[]): Map<Piece, number> {
  const counts = new Map<Piece, number>();
  for (const { piece } of all) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  return counts;
}

async function pageOf(
  located: readonly Located[],
  counts: ReadonlyMap<Piece, number>,
  offset: number,
): Promise<GrepPage> {
  let total = 0;
  const documents = new Set<string>();
  for (const [piece, count] of counts) {
    total += count;
    documents.add(piece.part.document.id);
  }
  const matches: Match[] = [];
  for (const one of located) matches.push(await matchOf(one));
  const after = offset + matches.length;
  return {
    matches,
    total,
    documents: documents.size,
    next: matches.length > 0 && after < total ? after : undefined,
  };
}

async function matchOf({ piece, start, end }: Located): Promise<Match> {
  const { text, document } = piece.part;
  const [lineText, matched, first, last, line] = [
    await lineAround(piece.part, start, end),
    decodeText(await text.readBytes(start, Math.min(end, start + longestMatchBytes))),
    await text.characterAt(start),
    await text.characterAt(end),
    await text.lineAt(start),
  ];
  return {
    documentId: document.id,
    start: first,
    end: last,
    line,
    text: matched,
    lineText,
  };
}

/** What is shown of a match that is a whole chapter; its span still says where it ends. */
const longestMatchBytes = 16_384;
const contextBytes = 1_000;
const lineCharacters = 240;

/** The line in which a match begins, cut around the match where it is long. */
async function lineAround(part: Part, start: number, end: number): Promise<string> {
  const from = Math.max(part.from, start - contextBytes);
  const to = Math.min(part.to, Math.min(end, start + lineCharacters * 4) + contextBytes);
  const bytes = await part.text.readBytes(from, to);
  const lineStart = start > from ? bytes.lastIndexOf(0x0a, start - from - 1) + 1 : 0;
  const lineEnd = bytes.indexOf(0x0a, start - from);
  const before = Array.from(decodeText(trimToCharacter(bytes.subarray(lineStart, start - from))));
  const after = Array.from(
    decodeText(bytes.subarray(start - from, lineEnd < 0 ? bytes.length : lineEnd)).replace(/\r$/, ""),
  );
  if (before.length + after.length <= lineCharacters) return [...before, ...after].join("");
  const matched = Math.min(end - start, lineCharacters);
  const kept = Math.min(
    before.length,
    Math.max(Math.floor((lineCharacters - matched) / 2), lineCharacters - after.length),
  );
  const head = before.slice(before.length - kept);
  const tail = after.slice(0, lineCharacters - kept);
  return (
    (head.length < before.length || (lineStart === 0 && from > part.from) ? "…" : "") +
    [...head, ...tail].join("") +
    (tail.length < after.length ? "…" : "")
  );
}

/** A window that begins within a character loses that character's rest. */
function trimToCharacter(bytes: Buffer): Buffer {
  let i = 0;
  while (i < 3 && i < bytes.length && ((bytes[i] ?? 0) & 0xc0) === 0x80) i++;
  return bytes.subarray(i);
}

function scanOf(pattern: string, options: GrepOptions): Scan {
  if (pattern === "") throw badPattern(pattern, "it is empty and would match everywhere");
  if (pattern.length > 50_000) {
    throw badPattern(`${pattern.slice(0, 50)}…`, `it has ${pattern.length} characters; the most is 50,000`);
  }
  return {
    pattern: options.literal ? plainPattern(pattern) : translatePattern(pattern),
    written: pattern,
    ignoreCase: options.ignoreCase ?? false,
    signal: options.signal,
  };
}

function isPatternError(error: unknown): boolean {
  return error instanceof ConfigError && error.code === "invalid_input";
}
