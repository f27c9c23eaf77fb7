/** `unabridged worker` from outside: a map that was stopped is finished by workers that share its PostgreSQL server. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { postgresIsMissing, startPostgres } from "../src/testing/postgres-server.ts";
import { assertCode, lines, numbers, openMapStage } from "./cli-map-stage.ts";

test(
  "workers finish what a stopped map has left, and its own command then only writes the results",
  { skip: postgresIsMissing() ?? false },
  async (context) => {
    const server = await startPostgres();
    context.after(() => server.stop());
    await using stage = await openMapStage();
    // Never shown, though a command that goes on with the job needs it.
    const url = server.url.replace("unabridged@", "unabridged:secret-word@");
    const store = { environment: { UNABRIDGED_STORE: url } };
    await stage.write("shared.jsonl", numbers(60));
    const args = ["-p", "Double {{n}}", "--schema", "doubled.json", "-o", "shared.out", "--concurrency", "4"];
    const command = ["map", "shared.jsonl", ...stage.models, ...args, "--store", url] as const;
    stage.gate = 20;
    const map = stage.start(command);
    while (stage.hanging() < 4) await sleep(10);
    map.interrupt();
    const stopped = await map.ended;
    assertCode(stopped, 130);
    const [, id = ""] = /jobs resume (job_\w+) --store …\n$/.exec(stopped.stderr) ?? [];
    stage.gate = Number.POSITIVE_INFINITY;
    // Nobody has the model that the job names.
    const other = await stage.run(
      ["worker", "--job", id, "--until-idle", ...stage.models, "--sub-model", "root"],
      store,
    );
    assertCode(other, 2);
    assert.match(other.stderr, /asks for the model "leaf".*--model leaf/);
    const worker = ["worker", "--until-idle", ...stage.models, "--concurrency", "4"] as const;
    const workers = await Promise.all([stage.run(worker, store), stage.run([...worker, "--store", url])]);
    const done = workers.map((ended) => {
      assertCode(ended, 0);
      assert.equal(ended.stdout, "");
      return Number(/(\d+) items done here, 0 failed\.\n$/.exec(ended.stderr)?.[1]);
    });
    assert.equal((done[0] ?? 0) + (done[1] ?? 0), 40, String(done));
    assert.deepEqual([stage.answered.length, new Set(stage.answered).size], [60, 60]);
    const shown = await stage.run(["jobs", "show", id, "--json"], store);
    assert.equal((JSON.parse(shown.stdout) as { state: string }).state, "done");
    const exported = await stage.run(["jobs", "export", id, "--store", url]);
    assert.deepEqual(
      lines(exported.stdout).map(({ result }) => result),
      numbers(60).map(({ n }) => ({ doubled: 2 * n })),
    );
    const again = await stage.run(command);
    assertCode(again, 0);
    assert.match(again.stderr, / 0 calls now /);
    assert.equal(await readFile(join(stage.folder, "shared.out"), "utf8"), exported.stdout);
    for (const { stderr } of [stopped, other, ...workers, again]) assert.doesNotMatch(stderr, /secret-word/);
    const nowhere = await stage.run(["jobs", "--store", url.replace(/:\d+\//, ":1/")]);
    assertCode(nowhere, 1);
    assert.doesNotMatch(nowhere.stderr, /secret-word|unexpected error/);
  },
);
