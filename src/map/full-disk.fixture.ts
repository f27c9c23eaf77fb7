/** A program for a test: maps into a file on a disk that is too small, with its store elsewhere; prints what came of it. */
import { join } from "node:path";
import { StoreError } from "../core/errors.ts";
import { sqliteJobs } from "../stores/jobs.ts";
import { scriptedModel } from "../testing/scripted-model.ts";
import { entries, newScope } from "./map.fixture.ts";
import { runMap } from "./map.ts";

const [disk = "", directory = ""] = process.argv.slice(2);
const jobs = await sqliteJobs({ directory });
const items = entries(...Array.from({ length: 300 }, (_, index) => index));
const model = scriptedModel(() => "x".repeat(1000));
const problem = { jobs, model, items, prompt: "{{item}}" };
const full = await runMap({ ...problem, scope: newScope(), file: { path: join(disk, "out.jsonl") } }).catch(
  (error: unknown) => error,
);
const paid = model.calls;
const { status } = await runMap({
  ...problem,
  scope: newScope(),
  file: { path: join(directory, "out.jsonl") },
});
await jobs.close();
const { code, message } = full instanceof StoreError ? full : { code: String(full), message: "" };
console.log(JSON.stringify({ code, message, paid, calls: model.calls, status }));
