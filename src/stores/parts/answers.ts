/** The part of the database that keeps finished model calls by the hash of their request. */
import type { DatabaseSync } from "node:sqlite";
import { numberOrNullIn, statement, textIn } from "./part.ts";
import type { OpenPart, Part, Texts } from "./part.ts";

export interface AnswerOperations {
  /** With `runId` null, from any run. */
  find(requestHash: string, ordinal: number, runId: string | null): AnswerRecord | undefined;
  save(answer: NewAnswerRecord): void;
}

/** An answer as it crosses threads: the reply is serialised. */
export interface AnswerRecord {
  readonly callId: string;
  readonly runId: string;
  readonly reply: string;
  readonly costUsd: number | null;
}

export interface NewAnswerRecord extends AnswerRecord {
  readonly requestHash: string;
  readonly ordinal: number;
  readonly at: number;
}

export const answersPart: Part<AnswerOperations> = {
  name: "answers",
  about:
    "Every model call that was answered: the cache across runs, and each run's journal that a resumed run replays. Of several answers to one request the newest counts.",
  reads: ["find"],
  migrations: [
    {
      name: "answers/1-create",
      sql: `create table answers (
  number integer primary key,
  call_id text not null unique,
  run_id text not null, -- the root of the tree of runs that paid for it
  request_hash text not null,
  ordinal integer not null, -- the n-th identical request of its run, from 0
  reply text not null, -- JSON
  cost_usd real, -- null where no price is known
  at real not null -- milliseconds since the epoch
) strict;
create index answers_by_request on answers (request_hash, ordinal);`,
    },
  ],
  open: openAnswers,
};

function openAnswers(database: DatabaseSync, texts: Texts): OpenPart<AnswerOperations> {
  const wanted =
    "select call_id, run_id, reply, cost_usd from answers where request_hash = ? and ordinal = ?";
  const ofAny = statement(database, `${wanted} order by number desc limit 1`);
  const ofRun = statement(database, `${wanted} and run_id = ? order by number desc limit 1`);
  const insert = statement(
    database,
    `insert into answers (call_id, run_id, request_hash, ordinal, reply, cost_usd, at)
     values (?, ?, ?, ?, ?, ?, ?) on conflict (call_id) do nothing`,
  );
  return {
    operations: {
      find(requestHash, ordinal, runId) {
        const row =
          runId === null ? ofAny().get(requestHash, ordinal) : ofRun().get(requestHash, ordinal, runId);
        if (!row) return undefined;
        return {
          callId: textIn(row, "call_id"),
          runId: textIn(row, "run_id"),
          reply: texts.unfold(textIn(row, "reply")),
          costUsd: numberOrNullIn(row, "cost_usd"),
        };
      },
      save(answer) {
        const { callId, runId, requestHash, ordinal, costUsd, at } = answer;
        insert().run(callId, runId, requestHash, ordinal, texts.fold(answer.reply), costUsd, at);
      },
    },
    forget() {},
  };
}
