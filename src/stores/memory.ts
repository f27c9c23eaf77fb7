/** A store that ends with the process: for tests, and for who wants nothing on disk. */
import { StoreError } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { AnswerStore, NewAnswer, NewRun, RunEnd, RunStore, Store, StoredRun } from "../core/store.ts";
import type { TraceEvent } from "../core/trace.ts";
import { ambiguousRun, existingRun, unknownRun } from "./parts/runs.ts";

export function memoryStore(): Store {
  let closed = false;
  const assertOpen = (): void => {
    if (closed) throw new StoreError("unavailable", "The store in memory was closed. What it held is gone.");
  };
  return {
    runs: runsInMemory(assertOpen),
    answers: answersInMemory(assertOpen),
    async close() {
      closed = true;
    },
  };
}

interface Tree {
  readonly run: NewRun;
  end: RunEnd | undefined;
  readonly events: TraceEvent[];
}

function runsInMemory(assertOpen: () => void): RunStore {
  const trees = new Map<string, Tree>();
  const parents = new Map<string, string>();

  function rootOf(runId: string): Tree | undefined {
    const parent = parents.get(runId);
    return parent === undefined ? trees.get(runId) : rootOf(parent);
  }
  function newest(limit: number): Tree[] {
    const roots = [...trees.values()].filter(({ run }) => !parents.has(run.id)).reverse();
    return roots.sort((a, b) => b.run.at - a.run.at).slice(0, limit);
  }
  function notFound(runId: string): StoreError {
    return unknownRun(
      runId,
      newest(3).map(({ run }) => run.id),
    );
  }
  function isBelow(runId: string | undefined, top: string): boolean {
    return runId !== undefined && (runId === top || isBelow(parents.get(runId), top));
  }

  return {
    async create(run) {
      assertOpen();
      if (trees.has(run.id)) throw existingRun(run.id);
      trees.set(run.id, { run: copy(run), end: undefined, events: [] });
    },
    async append(runId, events) {
      assertOpen();
      const root = rootOf(runId);
      if (!root) throw notFound(runId);
      for (const event of events) {
        const parent = event.parentRunId ?? (rootOf(event.runId) ? undefined : runId);
        if (parent !== undefined && parent !== event.runId && !parents.has(event.runId)) {
          parents.set(event.runId, rootOf(parent) ? parent : runId);
        }
        (rootOf(event.runId) ?? root).events.push(copy(event));
      }
    },
    async finish(runId, end) {
      assertOpen();
      const tree = trees.get(runId);
      if (!tree) throw notFound(runId);
      tree.end = copy(end);
    },
    async get(idOrPrefix) {
      assertOpen();
      const exact = trees.get(idOrPrefix);
      if (exact) return stored(exact);
      const matches = [...trees.keys()].filter((id) => idOrPrefix !== "" && id.startsWith(idOrPrefix)).sort();
      if (matches.length > 1) throw ambiguousRun(idOrPrefix, matches);
      const only = trees.get(matches[0] ?? "");
      if (!only) throw notFound(idOrPrefix);
      return stored(only);
    },
    async list({ limit }) {
      assertOpen();
      return newest(limit).map(stored);
    },
    async *events(runId: RunId) {
      assertOpen();
      const root = rootOf(runId);
      if (!root) throw notFound(runId);
      const inOrder = root.events
        .filter((event) => isBelow(event.runId, runId))
        .sort((a, b) => a.seq - b.seq);
      for (const event of inOrder) yield copy(event);
    },
  };
}

function answersInMemory(assertOpen: () => void): AnswerStore {
  const byCall = new Map<string, NewAnswer>();
  const byRequest = new Map<string, NewAnswer[]>();
  return {
    async find(requestHash, ordinal, scope) {
      assertOpen();
      const found = byRequest
        .get(`${ordinal} ${requestHash}`)
        ?.findLast((answer) => scope === "any" || answer.runId === scope);
      if (!found) return undefined;
      const { callId, runId, reply, costUsd } = copy(found);
      return { callId, runId, reply, costUsd };
    },
    async save(answer) {
      assertOpen();
      if (byCall.has(answer.callId)) return;
      const kept = copy(answer);
      byCall.set(kept.callId, kept);
      const request = `${kept.ordinal} ${kept.requestHash}`;
      byRequest.set(request, [...(byRequest.get(request) ?? []), kept]);
    },
  };
}

function stored({ run, end }: Tree): StoredRun {
  return { ...copy(run), end: end && copy(end) };
}

/** As JSON, like any other store keeps it. */
function copy<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
