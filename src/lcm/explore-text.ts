/** Outlines of texts: logs, code, Markdown, prose. Pure. */
import { grouped } from "../core/grouped.ts";
import { tellingFacts } from "./facts.ts";
import type { Description } from "./explore-data.ts";

export function describeLog(text: string): Description | undefined {
  const lines = linesOf(text);
  const stamped = lines.filter((line) => timestamp.test(line.slice(0, 80)));
  if (lines.length < 5 || stamped.length < lines.length * 0.5) return undefined;
  const stamps = stamped.map((line) => timestamp.exec(line.slice(0, 80))?.[0] ?? "");
  const levels = count(lines.flatMap((line) => level.exec(line.slice(0, 160))?.[0].toUpperCase() ?? []));
  const shapes = count(lines.map(shapeOfLine)).slice(0, 8);
  return {
    title: "Log",
    lines: [
      `From ${stamps[0] ?? ""} to ${stamps.at(-1) ?? ""}`,
      ...(levels.length === 0 ? [] : [`Levels: ${levels.map(([name, n]) => `${name} ${n}`).join(", ")}`]),
      "Most frequent lines, numbers as #:",
      ...shapes.map(([shape, n]) => `- ${n} × ${shape}`),
    ],
  };
}

export function describeCode(text: string): Description | undefined {
  const lines = linesOf(text);
  const outline = lines.flatMap((line, index) =>
    definition.test(line) && line.length < 300
      ? [`${index + 1}: ${line.trim().replace(/\s*[{:]?\s*$/, "")}`]
      : [],
  );
  if (outline.length < Math.max(2, lines.length / 200)) return undefined;
  const imports = lines.filter((line) =>
    /^\s*(?:import|from|#include|use|require|using)\b/.test(line),
  ).length;
  return {
    title: "Code",
    lines: [
      ...(imports === 0 ? [] : [`${imports} imports`]),
      "Definitions by line:",
      ...thinned(outline, 60),
    ],
  };
}

export function describeMarkdown(text: string): Description | undefined {
  const headings = linesOf(text).flatMap((line, index) =>
    /^#{1,6}\s+\S/.test(line) ? [`${index + 1}: ${line.trim().slice(0, 120)}`] : [],
  );
  if (headings.length < 2) return undefined;
  return { title: "Markdown", lines: [`${headings.length} headings by line:`, ...thinned(headings, 50)] };
}

export function describeProse(text: string): Description {
  const words = text.length > 4_000_000 ? undefined : (text.match(/\S+/g)?.length ?? 0);
  const lines = linesOf(text);
  const headings = lines.flatMap((line, index) =>
    /^\s*(?:chapter|part|book|section|kapitel|teil)\s+[\divxlc]+/i.test(line) ||
    /^\s*\p{Lu}[\p{Lu}\s\d'’.,-]{6,60}$/u.test(line)
      ? [`${index + 1}: ${line.trim()}`]
      : [],
  );
  const facts = tellingFacts(text.slice(0, 60_000)).slice(0, 24);
  const quote = (from: string): string => from.replace(/\s+/g, " ").trim();
  return {
    title: words === undefined ? "Text" : `Text of ${grouped(words)} words`,
    lines: [
      `Begins: “${quote(text.slice(0, 400)).slice(0, 240)}…”`,
      `Ends: “…${quote(text.slice(-400)).slice(-160)}”`,
      ...(headings.length < 2 ? [] : [`Headings by line:`, ...thinned(headings, 30)]),
      ...(facts.length === 0
        ? []
        : [`Names and numbers near its beginning: ${facts.map((fact) => fact.text).join(", ")}`]),
    ],
  };
}

const timestamp =
  /\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?|\b\d\d:\d\d:\d\d\b|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{1,2}\s\d\d:\d\d:\d\d|^\[?\d{10}(?:\.\d+)?\b|^\[\d\d:\d\d\]|\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d/;
const level = /\b(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|PANIC)\b/i;
const definition =
  /^\s*(?:export\s+(?:default\s+)?)?(?:(?:public|private|protected|static|abstract|final|async|pub(?:\([a-z]+\))?|unsafe|override)\s+)*(?:function\*?|class|interface|enum|struct|trait|impl|def|fn|func|module|namespace|record|CREATE\s+(?:TABLE|VIEW|FUNCTION|INDEX))\s+[\w"'`.<[(*&]|^\s*export\s+(?:const|let|type)\s+\w+/i;

/** What is looked at of a text: a describer must not hold the event loop. */
const mostCharacters = 4_000_000;

function linesOf(text: string): readonly string[] {
  const lines = text.slice(0, mostCharacters).split(/\r?\n/);
  return lines.filter((line, index) => line !== "" || index < lines.length - 1);
}

function shapeOfLine(line: string): string {
  return line
    .slice(0, 200)
    .replace(timestamp, "")
    .replace(/0x[\da-f]+|\b[\da-f]{8,}\b/gi, "#")
    .replace(/\d+/g, "#")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 90);
}

function count(values: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** All of them, or some from all over, told as such. */
function thinned(lines: readonly string[], most: number): readonly string[] {
  if (lines.length <= most) return lines.map((line) => `- ${line}`);
  const step = lines.length / most;
  const some = Array.from({ length: most }, (_, i) => `- ${lines[Math.floor(i * step)] ?? ""}`);
  return [...some, `(${most} of ${lines.length})`];
}
