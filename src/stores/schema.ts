/** The databases with their parts, in the order in which tables are made, and all their operations by name. */
import type { DatabaseSync } from "node:sqlite";
import { answersPart } from "./parts/answers.ts";
import type { AnswerOperations } from "./parts/answers.ts";
import { jobsPart } from "./parts/jobs.ts";
import type { JobOperations } from "./parts/jobs.ts";
import type { Migration, OpenPart, Part } from "./parts/part.ts";
import { runsPart } from "./parts/runs.ts";
import type { RunOperations } from "./parts/runs.ts";
import { openTexts, textMigrations, textsAbout } from "./parts/texts.ts";

/** Everything a worker can be asked to do, by database and part: what a new part adds its operations to. */
export interface Operations {
  readonly unabridged: {
    readonly runs: RunOperations;
    readonly answers: AnswerOperations;
  };
  /** What `map` works on. */
  readonly jobs: {
    readonly jobs: JobOperations;
  };
  /** Conversations, kept whole. */
  readonly conversations: Readonly<Record<never, never>>;
}

/** Each is a file of its own, for instance "unabridged.db", with a thread of its own. */
export type DatabaseName = keyof Operations;

type Parts<Name extends DatabaseName> = {
  readonly [Key in keyof Operations[Name]]: Operations[Name][Key] extends object
    ? Part<Operations[Name][Key]>
    : never;
};

const jobs: Parts<"jobs"> = { jobs: jobsPart };

const unabridged: Parts<"unabridged"> = { runs: runsPart, answers: answersPart };

const conversations: Parts<"conversations"> = {};

export interface PartOfSchema {
  readonly name: string;
  readonly about: string;
  readonly migrations: readonly Migration[];
}

export function schemaOf(name: DatabaseName): readonly PartOfSchema[] {
  const parts = Object.values<PartOfSchema>({ unabridged, jobs, conversations }[name]);
  return [{ name: "texts", about: textsAbout, migrations: textMigrations }, ...parts];
}

export function migrationsOf(name: DatabaseName): readonly Migration[] {
  return schemaOf(name).flatMap((part) => part.migrations);
}

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

export function openSchema(database: DatabaseSync, name: DatabaseName): OpenSchema {
  const texts = openTexts(database);
  const open =
    name === "jobs"
      ? [namedPart(jobs.jobs)]
      : name === "unabridged"
        ? [namedPart(unabridged.runs), namedPart(unabridged.answers)]
        : [];
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
