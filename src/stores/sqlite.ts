/** The embedded store: the Store port over one SQLite file, all work on which is done in a thread of its own. */
import { join } from "node:path";
import { StoreError, messageOf } from "../core/errors.ts";
import { asRunId } from "../core/ids.ts";
import type { CallId } from "../core/ids.ts";
import type { JsonObject } from "../core/json.ts";
import type { ModelReply } from "../core/model.ts";
import type { AnswerStore, RunStore, Store, StoredRun } from "../core/store.ts";
import type { TraceEvent } from "../core/trace.ts";
import { Channel } from "./channel.ts";
import type { EventPage, EventPlace, RunRecord } from "./parts/runs.ts";

export interface SqliteOptions {
  /** Where the file `unabridged.db` is; made, for this user only, when it is not there. */
  readonly directory: string;
}

/**
 * Opens the store of a folder. Several processes may have it open at once. A write survives the end of the process,
 * however sudden, once its promise has resolved; after a loss of power the newest writes may be missing, never torn.
 * Does not keep the process alive while nothing is waiting; `close` carries out what was called. Throws StoreError.
 */
export async function sqlite(options: SqliteOptions): Promise<Store> {
  const channel = await Channel.open("unabridged", join(options.directory, "unabridged.db"));
  return { runs: runStore(channel), answers: answerStore(channel), close: () => channel.close() };
}

function runStore(channel: Channel<"unabridged">): RunStore {
  return {
    async create(run) {
      const { id, at, fingerprint } = run;
      const record = {
        id,
        at,
        query: json(run.query),
        recipe: json(run.recipe),
        fingerprint,
        end: undefined,
      };
      await channel.call("runs", "create", record);
    },
    async append(runId, events) {
      const records = events.map((event) => ({
        runId: event.runId,
        parentRunId: event.parentRunId,
        seq: event.seq,
        body: json(event),
      }));
      await channel.call("runs", "append", runId, records);
    },
    async finish(runId, end) {
      const { at, status } = end;
      await channel.call("runs", "finish", runId, {
        at,
        status,
        answer: json(end.answer),
        result: json(end.result),
      });
    },
    async get(runId) {
      return storedRun(await channel.call("runs", "get", runId));
    },
    async list({ limit }) {
      return (await channel.call("runs", "list", limit)).map(storedRun);
    },
    async *events(runId) {
      let place: EventPlace | undefined = { seq: Number.MIN_SAFE_INTEGER, number: 0 };
      while (place) {
        const page: EventPage = await channel.call("runs", "events", runId, place);
        for (const body of page.bodies) yield JSON.parse(body) as TraceEvent;
        place = page.next;
      }
    },
  };
}

function answerStore(channel: Channel<"unabridged">): AnswerStore {
  return {
    async find(requestHash, ordinal, scope) {
      const found = await channel.call(
        "answers",
        "find",
        requestHash,
        ordinal,
        scope === "any" ? null : scope,
      );
      if (!found) return undefined;
      return {
        callId: found.callId as CallId,
        runId: asRunId(found.runId),
        reply: JSON.parse(found.reply) as ModelReply,
        costUsd: found.costUsd,
      };
    },
    async save(answer) {
      const { callId, runId, requestHash, ordinal, costUsd, at } = answer;
      const record = { callId, runId, requestHash, ordinal, reply: json(answer.reply), costUsd, at };
      await channel.call("answers", "save", record);
    },
  };
}

function storedRun(record: RunRecord): StoredRun {
  const { id, at, fingerprint, end } = record;
  return {
    id: asRunId(id),
    at,
    query: JSON.parse(record.query) as string,
    recipe: JSON.parse(record.recipe) as JsonObject,
    fingerprint,
    end: end && {
      at: end.at,
      status: end.status,
      answer: JSON.parse(end.answer) as string,
      result: JSON.parse(end.result) as JsonObject,
    },
  };
}

/** Taken at once, so that what the caller changes later is not stored. */
function json(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new StoreError(
      "unavailable",
      `A value can't be stored as JSON (${messageOf(error)}). It must be free of cycles and under 512 MiB.`,
      { cause: error },
    );
  }
}
