/** A program to be killed: maps numbers through the server it is told of, into a store and a file. */
import { join } from "node:path";
import type { InputEntry } from "../src/core/job-store.ts";
import { runMap } from "../src/map/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { sqliteJobs } from "../src/stores/index.ts";
import { newScope } from "./map-stage.ts";

interface Settings {
  readonly baseUrl: string;
  readonly directory: string;
  readonly items: number;
  readonly concurrency: number;
  readonly batch: number;
}

const settings = JSON.parse(process.argv[2] ?? "{}") as Settings;
const jobs = await sqliteJobs({ directory: settings.directory });
const { status } = await runMap({
  ...{
    scope: newScope(settings.concurrency),
    jobs,
    model: openaiCompatible({ baseUrl: settings.baseUrl, id: "fake-model" }),
  },
  ...{
    items: numbers(settings.items),
    prompt: "Double {{n}}.",
    keyField: "n",
    pace: { batch: settings.batch },
  },
  output: { type: "object", properties: { doubled: { type: "integer" } }, required: ["doubled"] },
  file: { path: join(settings.directory, "out.jsonl") },
});
await jobs.close();
process.exitCode = status === "done" ? 0 : 1;

function* numbers(count: number): Generator<InputEntry> {
  for (let n = 0; n < count; n++) yield { type: "item", item: { n } };
}
