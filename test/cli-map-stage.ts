/** The stage on which stories about `unabridged map` play: a provider that doubles, labels and repeats, and a log of what it was asked. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { code } from "../src/testing/index.ts";
import { openCliStage, type CliStage, type Ended } from "./cli-stage.ts";
import type { Say } from "./ask-stage.ts";

export interface MapStage extends CliStage {
  /** Prompts of the leaf that were answered. */
  readonly answered: string[];
  /** Calls of the leaf that get no answer, because the gate is shut. */
  readonly hanging: () => number;
  /** How many prompts are answered before the gate shuts. @default all */
  gate: number;
  /** Numbers that get an answer which fits no schema. */
  readonly stubborn: Set<number>;
  write(name: string, text: string | readonly unknown[]): Promise<void>;
  map(input: string, ...flags: readonly string[]): Promise<Ended>;
}

export const doubledSchema: string = JSON.stringify({
  type: "object",
  properties: { doubled: { type: "integer" } },
  required: ["doubled"],
});

/** @returns what each line of the output is */
export function lines(text: string): readonly Record<string, unknown>[] {
  const whole = text.trimEnd();
  return whole === "" ? [] : whole.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
}

export function numbers(count: number, from = 0): readonly { readonly n: number }[] {
  return Array.from({ length: count }, (_, index) => ({ n: from + index }));
}

export async function openMapStage(): Promise<MapStage> {
  const answered: string[] = [];
  const stubborn = new Set<number>();
  let hanging = 0;
  const leaf = async (prompt: string): Promise<Say> => {
    if (answered.length >= own.gate) {
      hanging++;
      return new Promise(() => {});
    }
    answered.push(prompt);
    return answerTo(prompt, stubborn);
  };
  const root = (): Say => code`FINAL("it says " + context[:5])`;
  const stage = await openCliStage({ root, leaf });
  await writeFile(join(stage.folder, "doubled.json"), doubledSchema);
  const own: MapStage = Object.assign(stage, {
    ...{ answered, stubborn, gate: Number.POSITIVE_INFINITY, hanging: () => hanging },
    write: (name: string, text: string | readonly unknown[]) =>
      writeFile(
        join(stage.folder, name),
        typeof text === "string" ? text : text.map((value) => `${JSON.stringify(value)}\n`).join(""),
      ),
    map: (input: string, ...flags: readonly string[]) => stage.run(["map", input, ...stage.models, ...flags]),
  });
  return own;
}

/** Fails with what the command said. */
export function assertCode({ code: exit, stderr, stdout }: Ended, expected: number): void {
  assert.equal(exit, expected, `${stderr}\n${stdout}`);
}

function answerTo(prompt: string, stubborn: ReadonlySet<number>): Say {
  const batch = /<items>\n([\s\S]*)\n<\/items>/.exec(prompt)?.[1];
  if (batch !== undefined) {
    const items = batch.split("\n").map((line) => JSON.parse(line) as { id: number; n: number });
    return JSON.stringify({ results: items.map(({ id, n }) => ({ id, result: resultOf(n, stubborn) })) });
  }
  const number = /Double (\d+)/.exec(prompt)?.[1];
  if (number !== undefined)
    return {
      text: JSON.stringify(resultOf(Number(number), stubborn)),
      usage: { inputTokens: 10, outputTokens: 100 },
    };
  // What asks for another attempt shows what was wrong and not the item.
  return /^Say ([\s\S]*)$/.exec(prompt)?.[1] ?? "that is all there is";
}

function resultOf(n: number, stubborn: ReadonlySet<number>): object | string {
  return stubborn.has(n) ? "no number" : { doubled: 2 * n };
}
