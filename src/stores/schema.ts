/** The databases with their parts, in the order in which tables are made, and all their operations by name. */
import type { DatabaseSync } from "node:sqlite";
import type { BlobOperations } from "./conversations/blobs.ts";
import type { BranchOperations } from "./conversations/branches.ts";
import type { CheckOperations } from "./conversations/check.ts";
import type { ContextOperations } from "./conversations/contexts.ts";
import type { ErasureOperations } from "./conversations/erasure.ts";
import type { MessageOperations } from "./conversations/messages.ts";
import type { SearchOperations } from "./conversations/search.ts";
import type { TransferOperations } from "./conversations/transfer.ts";
import type { AnswerOperations } from "./parts/answers.ts";
import type { JobOperations } from "./parts/jobs.ts";
import type { Migration, OpenPart, Part, Texts } from "./parts/part.ts";
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
  readonly conversations: {
    readonly branches: BranchOperations;
    readonly messages: MessageOperations;
    readonly blobs: BlobOperations;
    readonly contexts: ContextOperations;
    readonly search: SearchOperations;
    readonly erasure: ErasureOperations;
    readonly check: CheckOperations;
    readonly transfer: TransferOperations;
  };
}

/** Each is a file of its own, for instance "unabridged.db", with a thread of its own. */
export type DatabaseName = keyof Operations;

type Parts<Name extends DatabaseName> = {
  readonly [Key in keyof Operations[Name]]: Operations[Name][Key] extends object
    ? Part<Operations[Name][Key]>
    : never;
};

/** Loaded when their database is opened: a thread has no use for the others'. */
const loaders: { readonly [Name in DatabaseName]: () => Promise<Parts<Name>> } = {
  unabridged: async () => ({
    runs: (await import("./parts/runs.ts")).runsPart,
    answers: (await import("./parts/answers.ts")).answersPart,
  }),
  jobs: async () => ({ jobs: (await import("./parts/jobs.ts")).jobsPart }),
  conversations: async () => ({
    branches: (await import("./conversations/branches.ts")).branchesPart,
    messages: (await import("./conversations/messages.ts")).messagesPart,
    blobs: (await import("./conversations/blobs.ts")).blobsPart,
    contexts: (await import("./conversations/contexts.ts")).contextsPart,
    search: (await import("./conversations/search.ts")).searchPart,
    erasure: (await import("./conversations/erasure.ts")).erasurePart,
    check: (await import("./conversations/check.ts")).checksPart,
    transfer: (await import("./conversations/transfer.ts")).transferPart,
  }),
};

/** What is erased must be gone from the file; elsewhere nothing is ever removed. */
const settings: { readonly [Name in DatabaseName]: string } = {
  unabridged: "",
  jobs: "",
  conversations: "pragma secure_delete = on; pragma wal_autocheckpoint = 1000",
};

export interface PartOfSchema {
  readonly name: string;
  readonly about: string;
  readonly migrations: readonly Migration[];
}

export interface Schema {
  /** SQL to be carried out on every connection. */
  readonly settings: string;
  readonly about: readonly PartOfSchema[];
  readonly migrations: readonly Migration[];
  open(database: DatabaseSync): OpenSchema;
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

export async function loadSchema(name: DatabaseName): Promise<Schema> {
  const parts: readonly AnyPart[] = Object.values<AnyPart>(await loaders[name]());
  const about = [{ name: "texts", about: textsAbout, migrations: textMigrations }, ...parts];
  return {
    settings: settings[name],
    about,
    migrations: about.flatMap(({ migrations }) => migrations),
    open: (database) => openParts(database, parts),
  };
}

interface AnyPart extends PartOfSchema {
  readonly reads: readonly string[];
  open(database: DatabaseSync, texts: Texts): OpenPart<object>;
}

function openParts(database: DatabaseSync, parts: readonly AnyPart[]): OpenSchema {
  const texts = openTexts(database);
  const open = parts.map((part) => ({ part, ...part.open(database, texts) }));
  const operations = open.flatMap(({ part, operations: ofPart }) => {
    const entries: [string, NamedOperation["run"]][] = Object.entries(ofPart);
    return entries.map(
      ([name, run]) => [`${part.name}.${name}`, { writes: !part.reads.includes(name), run }] as const,
    );
  });
  return { operations: new Map(operations), forget: () => open.forEach((part) => part.forget()) };
}
