/**
 * A sub-LM that labels the numbered lines of a prompt from a table, as well as it sees. It is shown nothing but the prompt, answers
 * in the form that the prompt asks for, and fails loudly where it does not know that form.
 */
import type { JsonObject } from "../../core/json.ts";
import { perfectSight, type Sight } from "../task.ts";
import { lineOf, type OolongRecord } from "./window.ts";

/** Gold by whole line, and by text alone where every line of that text has the same label. */
export class LabelTable {
  readonly #byLine: ReadonlyMap<string, string>;
  readonly #byText: ReadonlyMap<string, string>;
  readonly labels: readonly string[];

  constructor(byLine: ReadonlyMap<string, string>, byText: ReadonlyMap<string, string>) {
    this.#byLine = byLine;
    this.#byText = byText;
    this.labels = [...new Set([...byText.values(), ...byLine.values()])].sort();
  }

  static of(records: readonly OolongRecord[]): LabelTable {
    const byText = new Map<string, string>();
    const ambiguous = new Set<string>();
    for (const { text, label } of records) {
      if ((byText.get(text) ?? label) !== label) ambiguous.add(text);
      byText.set(text, label);
    }
    const byLine = new Map<string, string>();
    for (const record of records) if (ambiguous.has(record.text)) byLine.set(lineOf(record), record.label);
    for (const text of ambiguous) byText.delete(text);
    return new LabelTable(byLine, byText);
  }

  toJson(): JsonObject {
    return { byLine: [...this.#byLine], byText: [...this.#byText] };
  }

  static fromJson(knowledge: JsonObject): LabelTable {
    const pairs = (value: unknown): Map<string, string> =>
      new Map(Array.isArray(value) ? value.map(([key, label]: [string, string]) => [key, label]) : []);
    return new LabelTable(pairs(knowledge["byLine"]), pairs(knowledge["byText"]));
  }

  /** Takes a whole line or a text. */
  find(text: string): string | undefined {
    const trimmed = text.trimEnd();
    const bare = /^Date: .*? \|\| User: .*? \|\| Instance: (.*)$/.exec(trimmed)?.[1];
    return this.#byLine.get(trimmed) ?? this.#byText.get(bare ?? trimmed);
  }

  /** What one who sees so would say: the gold label, or another one. */
  read(text: string, position: number, sight: Sight): string | undefined {
    const gold = this.find(text);
    if (gold === undefined || sight.isRight(text, position)) return gold;
    const others = this.labels.filter((label) => label !== gold);
    return others[Math.floor(sight.draw(`other ${text}`) * others.length)] ?? gold;
  }
}

export function labellingLeaf(table: LabelTable, sight: Sight = perfectSight): (prompt: string) => string {
  return (prompt) => {
    const lines = [...prompt.matchAll(/^(\d+): (.*)$/gm)];
    if (lines.length === 0) throw new Error(`The prompt has no numbered lines: ${prompt.slice(0, 300)}`);
    const pairs = lines.map(([, number = "", text = ""], index): readonly [string, string] => {
      const label = table.read(text, index / lines.length, sight);
      if (label === undefined) throw new Error(`There is no gold label for "${text}".`);
      return [number, label];
    });
    if (/'number: label'/.test(prompt))
      return pairs.map(([number, label]) => `${number}: ${label}`).join("\n");
    if (/JSON object from number to label/.test(prompt)) return JSON.stringify(Object.fromEntries(pairs));
    throw new Error(`The prompt asks for a form that is not known: ${prompt.slice(0, 300)}`);
  };
}
