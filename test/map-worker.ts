/** A worker to be killed or cut off: works on the jobs of the server that it is told of until nothing is left. */
import { workOnJobs } from "../src/map/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { postgresJobs } from "../src/stores/postgres/jobs.ts";
import { newScope } from "./map-stage.ts";

interface Settings {
  readonly url: string;
  readonly baseUrl: string;
  readonly leaseMs: number;
}

const { url, baseUrl, leaseMs } = JSON.parse(process.argv[2] ?? "{}") as Settings;
const jobs = await postgresJobs({ url, shardUnits: 25 });
const model = openaiCompatible({ baseUrl, id: "fake-model", price: { input: 0, output: 1000 } });
const ends = await workOnJobs({
  jobs,
  scope: newScope(4),
  modelFor: async () => model,
  untilIdle: true,
  leaseMs,
});
console.log(JSON.stringify([...ends.values()]));
await jobs.close();
process.exit(0);
