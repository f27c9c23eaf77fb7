/** The tools `corpus_…`: texts that a client names once, then searches and reads in pieces, without any model. */
import { z } from "zod";
import { parseSpanId, spanId, type Corpus, type CorpusDocument } from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import { answered, withFolders, type Desk } from "./desk.ts";
import type { NamedCorpus } from "./named-corpora.ts";

const corpusName = z.string().min(1).describe("the name it was given with corpus_add");

const addInput = z.object({
  name: z.string().min(1).max(64),
  paths: z.array(z.string().min(1)).min(1).max(1000).optional().describe("files, folders and globs"),
  text: z.string().min(1).optional().describe("the text itself, in place of paths"),
});

const searchInput = z.object({
  corpus: corpusName,
  query: z.string().min(1),
  mode: z
    .enum(["words", "regex", "text"])
    .optional()
    .describe("words (default): the passages that fit best; regex and text: every match, in order"),
  documents: z.array(z.string()).optional().describe("only in these: ids or paths"),
  ignore_case: z.boolean().optional().describe("for regex and text; default true"),
  limit: z.number().int().min(1).max(100).optional().describe("default 10"),
  offset: z.number().int().min(0).optional().describe("for regex and text: matches to skip"),
});

const readInput = z.object({
  corpus: corpusName,
  place: z.string().min(1).describe('a span id such as "d3:120-480", or a document\'s id or path'),
  start: z.number().int().min(0).optional().describe("first character; default the span's, else 0"),
  end: z.number().int().min(0).optional().describe("after the last one"),
});

/** Of one answer: more than a window should be filled with at once. */
const mostCharacters = 40_000;
const annotations = { readOnlyHint: true, openWorldHint: false };

export function addCorpora(desk: Desk): void {
  addAdd(desk);
  addList(desk);
  addSearch(desk);
  addRead(desk);
}

function addAdd(desk: Desk): void {
  const description =
    "Open files, folders or a text under a name, to be searched, read, and asked about (ask with corpus). Gigabytes are fine: text stays where it is. It lasts as long as this server; the same name again replaces it.";
  desk.server.registerTool(
    "corpus_add",
    {
      ...{ title: "Name a corpus", description, inputSchema: addInput },
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true },
    },
    (given, context) =>
      withFolders(desk, context, given.paths !== undefined, async (folders) => {
        const { name, paths, text } = given;
        if ((paths === undefined) === (text === undefined))
          throw new ConfigError("invalid_input", "Give either paths or text.");
        const { signal } = context.mcpReq;
        const files = paths && (await folders.admit(paths, signal));
        const input = files ? { paths: files.paths } : { text: text ?? "", title: name };
        const opening = { workingFolder: files?.workingFolder, signal };
        const corpus = await desk.workspace.corpora.add(name, input, opening);
        desk.server.sendResourceListChanged();
        return answered(describe(corpus), { ...overview(corpus) });
      }),
  );
}

function addList(desk: Desk): void {
  desk.server.registerTool(
    "corpus_list",
    {
      ...{
        title: "Corpora",
        description: "The corpora of corpus_add: what they hold and how large they are.",
      },
      ...{ inputSchema: z.object({}), annotations },
    },
    async () => {
      const corpora = desk.workspace.corpora.list();
      const text = corpora.map(describe).join("\n\n") || "No corpora yet. Make one with corpus_add.";
      return answered(text, { corpora: corpora.map(overview) });
    },
  );
}

function addSearch(desk: Desk): void {
  const description =
    "Search a corpus: ranked passages for words, or every match of a pattern with the exact count. Gives span ids for corpus_read.";
  desk.server.registerTool(
    "corpus_search",
    { title: "Search a corpus", description, inputSchema: searchInput, annotations },
    async (
      { corpus: name, query, mode = "words", documents, limit = 10, ...rest },
      { mcpReq: { signal } },
    ) => {
      const { corpus } = desk.workspace.corpora.get(name);
      const within = documents && { documentIds: documents.map((one) => documentOf(corpus, one).id) };
      const paths = new Map(corpus.documents.map((document) => [document.id, nameOf(document)]));
      if (mode === "words") {
        const spans = await corpus.search(query, { signal, limit, ...within });
        const lines = spans.map(
          (span) => `[${spanId(span)}] ${paths.get(span.documentId)}:${span.line}\n${span.text}`,
        );
        return answered(lines.join("\n\n") || `Nothing fits "${query}". Try other words for it.`);
      }
      const { ignore_case: ignoreCase = true, offset = 0 } = rest;
      const page = await corpus.grep(query, {
        ...{ signal, limit, offset, ignoreCase, literal: mode === "text" },
        ...within,
      });
      const lines = page.matches.map(
        (match) => `[${spanId(match)}] ${paths.get(match.documentId)}:${match.line} ${match.lineText}`,
      );
      const more = page.next === undefined ? "No more." : `More with offset ${page.next}.`;
      return answered([`${page.total} matches in ${page.documents} documents.`, ...lines, more].join("\n"));
    },
  );
}

function addRead(desk: Desk): void {
  const description = `Read a stretch of a document of a corpus, at most ${grouped(mostCharacters)} characters at once.`;
  desk.server.registerTool(
    "corpus_read",
    { title: "Read in a corpus", description, inputSchema: readInput, annotations },
    async ({ corpus: name, place, start, end }) => {
      const { corpus } = desk.workspace.corpora.get(name);
      const span = parseSpanId(place);
      const document = documentOf(corpus, span?.documentId ?? place);
      const length = await corpus.characters(document.id);
      const from = Math.min(start ?? span?.start ?? 0, length);
      const wanted = Math.min(end ?? span?.end ?? length, length);
      const to = Math.min(wanted, from + mostCharacters);
      const text = (await corpus.read(document.id, from, to)).toWellFormed();
      const location = await corpus.locate({ documentId: document.id, start: from, end: Math.max(to, from) });
      const where = location?.page === undefined ? `line ${location?.line ?? 1}` : `p.${location.page}`;
      const more = to < wanted ? ` More from start ${to}.` : "";
      return answered(
        `[${document.id}:${from}-${to}] ${nameOf(document)}, ${where}, ${grouped(length)} characters in all.${more}\n\n${text}`,
      );
    },
  );
}

function documentOf(corpus: Corpus, idOrPath: string): CorpusDocument {
  const exact = corpus.documents.find(({ id, path }) => id === idOrPath || path === idOrPath);
  if (exact) return exact;
  const ending = corpus.documents.filter(({ path }) => path?.endsWith(`/${idOrPath}`));
  const [only] = ending;
  if (only && ending.length === 1) return only;
  throw new ConfigError(
    "not_found",
    `There ${ending.length > 1 ? `are ${ending.length} documents` : "is no document"} "${idOrPath}". Documents have ids such as ${corpus.documents[0]?.id ?? "d1"}.`,
  );
}

function nameOf({ id, path, title }: CorpusDocument): string {
  return path ?? title ?? id;
}

const mostListed = 20;

function describe({ name, corpus }: NamedCorpus): string {
  const { kind, characters, tokens, structure, skipped } = corpus.describe();
  const documents = corpus.documents.slice(0, mostListed).map((one) => `${one.id} ${nameOf(one)}`);
  const more = corpus.documents.length - documents.length;
  const lines = [
    `"${name}": ${kind}, ${grouped(characters)} characters, about ${grouped(tokens)} tokens`,
    ...structure.map((line) => `- ${line}`),
    ...(skipped.length > 0
      ? [
          `Left out: ${skipped
            .slice(0, 5)
            .map(({ path, reason }) => `${path} (${reason})`)
            .join(", ")}${skipped.length > 5 ? `, and ${skipped.length - 5} more` : ""}`,
        ]
      : []),
    `Documents: ${documents.join(", ")}${more > 0 ? `, and ${more} more` : ""}`,
  ];
  return lines.join("\n");
}

export function overview({ name, corpus }: NamedCorpus): object {
  const { kind, documents, bytes, characters, charactersExact, tokens, structure } = corpus.describe();
  return { name, kind, documents, bytes, characters, charactersExact, tokens, structure };
}
