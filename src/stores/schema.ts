/** The parts of the database in the order in which their tables are made, with all their operations by name. */
import type { DatabaseSync } from "node:sqlite";
import { answersPart } from "./parts/answers.ts";
import type { AnswerOperations } from "./parts/answers.ts";
import type { Migration, OpenPart, Part } from "./parts/part.ts";
import { runsPart } from "./parts/runs.ts";
import type { RunOperations } from "./parts/runs.ts";
import { openTexts, textMigrations, textsAbout } from "./parts/texts.ts";

/** Everything the worker can be asked to do: what a new part adds its operations to. */
export interface Operations {
  readonly runs: RunOperations;
  readonly answers: AnswerOperations;
}

const parts: { readonly [Name in keyof Operations]: Part<Operations[Name]> } = {
  runs: runsPart,
  answers: answersPart,
};

export interface PartOfSchema {
  readonly name: string;
  readonly about: string;
  readonly migrations: readonly Migration[];
}

export const schema: readonly PartOfSchema[] = [
  { name: "texts", about: textsAbout, migrations: textMigrations },
  ...Object.values(parts),
];

export const migrations: readonly Migration[] = schema.flatMap((part) => part.migrations);

export interface NamedOperation {
  readonly writes: boolean;
  run(...values: readonly unknown[]): unknown;
}

export interface OpenSchema {
  /** By "part.operation". */
  readonly operations: ReadonlyMap<string, NamedOperation>;
  /** To be called after a rollback. */
  forget(): void;
}

export function openSchema(database: DatabaseSync): OpenSchema {
  const texts = openTexts(database);
  const open = [namedPart(parts.runs), namedPart(parts.answers)];
  return {
    operations: new Map(open.flatMap((part) => part.operations)),
    forget: () => open.forEach((part) => part.forget()),
  };

  function namedPart<Kind extends object>(
    part: Part<Kind>,
  ): {
    operations: readonly (readonly [string, NamedOperation])[];
    forget: OpenPart<Kind>["forget"];
  } {
    const { operations, forget } = part.open(database, texts);
    const reads: readonly string[] = part.reads;
    const entries: [string, NamedOperation["run"]][] = Object.entries(operations);
    const named = entries.map(
      ([name, run]) => [`${part.name}.${name}`, { writes: !reads.includes(name), run }] as const,
    );
    return { operations: named, forget };
  }
}
