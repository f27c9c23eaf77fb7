/**
 * Three workers on one PostgreSQL server, one killed, one cut off from the database for a while, one ceiling for all.
 * UNABRIDGED_PARTITION_MS sets for how long (30000 for the full trial), UNABRIDGED_WORKER_ITEMS how many items.
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { InputEntry } from "../src/core/job-store.ts";
import { resultsOf, runMap, type MapProblem } from "../src/map/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { postgresJobs } from "../src/stores/postgres/jobs.ts";
import { startFakeProvider } from "../src/testing/fake-provider.ts";
import { postgresIsMissing, startPostgres } from "../src/testing/postgres-server.ts";
import { ended, newScope, startProgram } from "./map-stage.ts";

const partitionMs = Number(process.env["UNABRIDGED_PARTITION_MS"] ?? 4000);
const items = Number(process.env["UNABRIDGED_WORKER_ITEMS"] ?? 400);
const leaseMs = 1500;
/** Ten tokens of output at $1,000 a million. */
const costUsd = 0.01;

test(
  "three workers, one killed and one cut off, do each item once and stay under the ceiling",
  { skip: postgresIsMissing() ?? false },
  async (context) => {
    const server = await startPostgres();
    const network = await openNetwork(server.port);
    await using provider = await startFakeProvider({
      record: 0,
      reply: ({ text }) => {
        const doubled = Number(/Double (\d+)/.exec(text)?.[1]) * 2;
        return {
          text: JSON.stringify({ doubled }),
          usage: { inputTokens: 10, outputTokens: 10 },
          delayMs: 20,
        };
      },
    });
    const jobs = await postgresJobs({ url: server.url, shardUnits: 25 });
    const model = openaiCompatible({
      baseUrl: provider.baseUrl,
      id: "fake-model",
      price: { input: 0, output: 1000 },
    });
    const problem: MapProblem = {
      ...{
        scope: newScope(4),
        jobs,
        model,
        items: numbers(),
        prompt: "Double {{n}}.",
        keyField: "n",
        takesPart: false,
      },
      output: { type: "object", properties: { doubled: { type: "integer" } }, required: ["doubled"] },
      // Room for what the killed and the cut-off worker had in hand, which counts as spent.
      pace: { ceilingUsd: items * costUsd * 1.5, maxOutputTokens: 10 },
    };
    const mapping = runMap(problem);
    const workers: ChildProcess[] = [];
    context.after(async () => {
      for (const worker of workers) worker.kill("SIGKILL");
      await jobs.close();
      network.close();
      await server.stop();
    });
    const cutOff = server.url.replace(`:${server.port}/`, `:${network.port}/`);
    const settings = { url: server.url, baseUrl: provider.baseUrl, leaseMs };
    for (const one of [settings, settings, { ...settings, url: cutOff }])
      workers.push(startProgram("./map-worker.ts", one));
    const [steady, victim, lonely] = workers;
    assert.ok(steady && victim && lonely);
    while (provider.calls < items / 4) await sleep(10);
    victim.kill("SIGKILL");
    network.cut();
    await sleep(partitionMs);
    network.mend();
    const { status, counts, jobId } = await mapping;
    assert.deepEqual([status, counts.done, counts.failed, counts.units], ["done", items, 0, items]);
    assert.ok(counts.costUsd <= items * costUsd * 1.5, `$${counts.costUsd}`);
    // Every answered call was paid for; what was paid and lost is in the forfeited grants.
    assert.ok(
      provider.calls * costUsd <= counts.costUsd + 8 * costUsd,
      `${provider.calls} calls, $${counts.costUsd} counted`,
    );
    const results = await resultsOf(jobs, jobId, new AbortController().signal);
    assert.deepEqual(
      (await results.sql("select count(*), count(distinct key), sum(doubled = 2 * key) from results")).rows,
      [[items, items, items]],
    );
    await results.close();
    assert.deepEqual(await Promise.all([steady, lonely].map(ended)), [0, 0]);
  },
);

test(
  "a ceiling that all workers share is not crossed by any number of them",
  { skip: postgresIsMissing() ?? false },
  async (context) => {
    const server = await startPostgres();
    await using provider = await startFakeProvider({
      record: 0,
      reply: () => ({ text: '{"doubled": 0}', usage: { inputTokens: 10, outputTokens: 10 }, delayMs: 5 }),
    });
    const jobs = await postgresJobs({ url: server.url, shardUnits: 25 });
    const model = openaiCompatible({
      baseUrl: provider.baseUrl,
      id: "fake-model",
      price: { input: 0, output: 1000 },
    });
    const ceilingUsd = 1.005;
    const controller = new AbortController();
    const problem: MapProblem = {
      ...{
        scope: { ...newScope(4), signal: controller.signal },
        jobs,
        model,
        items: numbers(),
        prompt: "Double {{n}}.",
        takesPart: false,
      },
      output: { type: "object", properties: { doubled: { type: "integer" } }, required: ["doubled"] },
      pace: { ceilingUsd, maxOutputTokens: 10 },
    };
    const mapping = runMap(problem);
    mapping.catch(() => undefined); // Ended with the test: nobody is left to do the rest.
    context.after(async () => {
      controller.abort(new Error("Enough."));
      await mapping.catch(() => undefined);
      await jobs.close();
      await server.stop();
    });
    while ((await jobs.list({ limit: 1 }))[0]?.sealed !== true) await sleep(20);
    // Nobody dies here: a lease that ran out on a slow machine would count as spent.
    const settings = { url: server.url, baseUrl: provider.baseUrl, leaseMs: 60_000 };
    await Promise.all([1, 2, 3].map(() => ended(startProgram("./map-worker.ts", settings))));
    const [job] = await jobs.list({ limit: 1 });
    assert.ok(job);
    const { costUsd: spent, done, running } = await jobs.counts(job.id);
    assert.equal(running, 0);
    assert.ok(provider.calls * costUsd <= ceilingUsd, `${provider.calls} calls`);
    assert.ok(spent <= ceilingUsd && done >= 90, `$${spent} for ${done}`);
  },
);

function* numbers(): Generator<InputEntry> {
  for (let n = 0; n < items; n++) yield { type: "item", item: { n } };
}

/** A wire to the database that can be cut: then bytes go nowhere, and nobody is told. */
async function openNetwork(
  port: number,
): Promise<{ port: number; cut(): void; mend(): void; close(): void }> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on("data", (chunk) => !isCut && to.write(chunk));
    from.on("error", () => to.destroy());
    from.on("close", () => (sockets.delete(from), to.destroy()));
  };
  const proxy = createServer((client) => {
    const database = connect(port, "127.0.0.1");
    pass(client, database);
    pass(database, client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    // A server that listens on TCP has such an address.
    port: (proxy.address() as AddressInfo).port,
    cut: () => void (isCut = true),
    // What was swallowed does not come back: as after a real cut, connections are broken.
    mend() {
      isCut = false;
      for (const socket of sockets) socket.destroy();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}
