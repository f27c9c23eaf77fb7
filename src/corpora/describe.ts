/** Tells what a corpus is without telling what it says: kinds, counts and sizes, from bounded samples. */
import type { CorpusDescription, SkippedInput } from "../core/corpus.ts";
import { estimateTokensOfBytes } from "../core/tokens.ts";
import { formatName, kindOfCorpus, structureOfMany, structureOfPart } from "./describe-many.ts";
import type { Part } from "./part.ts";
import { sampleOf } from "./sample.ts";
import type { Sample } from "./sample.ts";

export interface Describable {
  readonly parts: readonly Part[];
  readonly single: boolean;
  readonly skipped: readonly SkippedInput[];
}

export function describeParts({ parts, single, skipped }: Describable): CorpusDescription {
  const samples = sampledParts(parts).map((part) => ({
    part,
    sample: sampleOf(part, sampleBytesFor(parts.length)),
  }));
  countSampled(samples);
  const text = samples.map(({ sample }) => sample.text.slice(0, 16_384)).join("\n");
  const sampledBytes = samples.reduce((sum, { sample }) => sum + sample.bytes, 0);
  const sampledCharacters = samples.reduce((sum, { sample }) => sum + sample.characters, 0);
  const bytes = parts.reduce((sum, { document }) => sum + document.bytes, 0);
  const perByte = sampledBytes === 0 ? 1 : sampledCharacters / sampledBytes;
  const charactersExact = parts.every(({ document }) => document.characters !== undefined);
  const characters = parts.reduce(
    (sum, { document }) => sum + (document.characters ?? document.bytes * perByte),
    0,
  );
  const [first] = samples;
  const structure =
    parts.length === 1 && first ? structureOfPart(first.part, first.sample) : structureOfMany(parts, samples);
  return {
    kind: kindOfCorpus(parts, first && formatName(first.part, first.sample)),
    documents: parts.length,
    bytes,
    characters: Math.round(characters),
    charactersExact,
    tokens: estimateTokensOfBytes(bytes, text),
    single,
    structure: bounded(structure),
    skipped: boundedSkips(skipped),
  };
}

const mostSamples = 64;

/** Documents from all over the corpus, at even distances. */
function sampledParts(parts: readonly Part[]): readonly Part[] {
  if (parts.length <= mostSamples) return parts;
  return Array.from(
    { length: mostSamples },
    (_, i) => parts[Math.floor((i * parts.length) / mostSamples)],
  ).filter((part) => part !== undefined);
}

/** What is read in all stays at about 8 MiB: some 100 ms. */
function sampleBytesFor(documents: number): number {
  return Math.floor((8 * 1024 * 1024) / Math.min(documents, mostSamples));
}

function countSampled(samples: readonly { part: Part; sample: Sample }[]): void {
  for (const { part, sample } of samples) {
    if (sample.complete) part.document.characters ??= sample.characters;
  }
}

const mostLines = 25;
const mostCharacters = 2_000;

function bounded(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let characters = 0;
  for (const line of lines) {
    const cut = line.length > 300 ? `${line.slice(0, 299)}…` : line;
    if (kept.length === mostLines || characters + cut.length > mostCharacters) break;
    kept.push(cut);
    characters += cut.length;
  }
  return kept;
}

const mostSkipsListed = 20;

/** The first ones by name, the rest counted by reason. */
function boundedSkips(skipped: readonly SkippedInput[]): readonly SkippedInput[] {
  if (skipped.length <= mostSkipsListed) return skipped;
  const rest = skipped.slice(mostSkipsListed - 1);
  const reasons = [...Map.groupBy(rest, ({ reason }) => reason)]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, 3)
    .map(([reason, { length }]) => `${length} × ${reason}`);
  return [
    ...skipped.slice(0, mostSkipsListed - 1),
    { path: `${rest.length} more`, reason: reasons.join("; ") },
  ];
}
