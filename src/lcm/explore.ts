/** Describes a text too large to show, by what it is: shape of data, outline of code, span of a log. Without a model; pure. */
import { grouped } from "../core/grouped.ts";
import { estimateTokens } from "../core/tokens.ts";
import { beginning } from "./excerpt.ts";
import { describeCode, describeLog, describeMarkdown, describeProse } from "./explore-text.ts";
import { describeDelimited, describeJson, describeJsonLines, type Description } from "./explore-data.ts";

export type ContentKind = "json" | "jsonl" | "csv" | "log" | "code" | "markdown" | "text";

export interface Exploration {
  readonly kind: ContentKind;
  /** Says what it is, how large, and what is in it. */
  readonly text: string;
}

/** @param facts.name decides by its extension where the content leaves doubt */
export function explore(
  text: string,
  facts: {
    readonly name?: string | undefined;
    readonly mediaType?: string | undefined;
    readonly tokens?: number;
  } = {},
): Exploration {
  const most = facts.tokens ?? defaultTokens;
  for (const kind of candidates(text, facts)) {
    const described = describe[kind](text);
    if (described === undefined) continue;
    const lines = countLines(text);
    const size = `${described.title}, ${grouped(lines)} ${lines === 1 ? "line" : "lines"}, about ${grouped(estimateTokens(text))} tokens`;
    return { kind, text: beginning([size, ...described.lines].join("\n"), most) };
  }
  return { kind: "text", text: beginning(text, most) };
}

const defaultTokens = 500;

const describe: Record<ContentKind, (text: string) => Description | undefined> = {
  json: describeJson,
  jsonl: describeJsonLines,
  csv: describeDelimited,
  log: describeLog,
  code: describeCode,
  markdown: describeMarkdown,
  text: describeProse,
};

const byExtension: readonly (readonly [RegExp, ContentKind])[] = [
  [/\.(json|geojson|ipynb)$/i, "json"],
  [/\.(jsonl|ndjson)$/i, "jsonl"],
  [/\.(csv|tsv|tab)$/i, "csv"],
  [/\.(log|out)$/i, "log"],
  [/\.(md|markdown|mdx|rst|adoc)$/i, "markdown"],
  [
    /\.(m?[jt]sx?|c[jt]s|py|go|rs|java|kt|swift|rb|php|c|cc|cpp|h|hpp|cs|scala|sh|sql|lua|r|ex|hs|vue)$/i,
    "code",
  ],
];

function candidates(
  text: string,
  { name, mediaType }: { readonly name?: string | undefined; readonly mediaType?: string | undefined },
): readonly ContentKind[] {
  const told = byExtension.find(([pattern]) => name !== undefined && pattern.test(name))?.[1];
  const typed = mediaType === undefined ? undefined : ofMediaType(mediaType);
  const first = text.slice(0, 200).trimStart()[0];
  const looks: ContentKind[] = first === "{" || first === "[" ? ["json", "jsonl", "log"] : [];
  const kinds: ContentKind[] = [...looks, "csv", "log", "markdown", "code", "text"];
  return [...new Set([...(told ? [told] : []), ...(typed ? [typed] : []), ...kinds])];
}

function ofMediaType(mediaType: string): ContentKind | undefined {
  if (/json/i.test(mediaType)) return "json";
  if (/csv|tab-separated/i.test(mediaType)) return "csv";
  if (/markdown/i.test(mediaType)) return "markdown";
  return /javascript|typescript|x-python|x-c\b|x-java/i.test(mediaType) ? "code" : undefined;
}

function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return text.endsWith("\n") ? lines - 1 : lines;
}
