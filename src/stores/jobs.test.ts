/** The embedded and the in-memory job store against the contract. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { newJobId } from "../core/ids.ts";
import { newWorkerName } from "../core/worker-name.ts";
import { jobStoreContract } from "../testing/contracts/job-store.ts";
import { memoryJobs } from "./jobs-memory.ts";
import { sqliteJobs } from "./jobs.ts";

jobStoreContract("the embedded job store", { open: (directory) => sqliteJobs({ directory }) });
jobStoreContract("the job store in memory", { open: async () => memoryJobs() });

test("units of a process of this machine that is gone are handed out at once", async () => {
  const directory = await mkdtemp(join(tmpdir(), "jobs-"));
  const store = await sqliteJobs({ directory });
  const { id } = await store.open({ id: newJobId(), at: 1, key: "k", task: "t", recipe: {} });
  await store.add(id, [{ type: "item", position: 1, hash: "0".repeat(32), item: 1 }]);
  await store.seal(id, 1);
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  const claim = (worker: string): Promise<{ type: string }> =>
    store.claim(id, { worker, count: 1, leaseMs: 60_000 });
  assert.equal((await claim(`${hostname()}:${pid}:dead`)).type, "units");
  assert.equal((await claim(newWorkerName())).type, "units");
  assert.equal((await claim(newWorkerName())).type, "wait", "this process lives");
  await store.close();
  await rm(directory, { recursive: true });
});
