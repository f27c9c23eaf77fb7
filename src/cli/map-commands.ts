/** The commands of map: their names, flags and help. What they do is loaded only when one is called. */
import type { Command } from "commander";
import { addLimitFlags, addModelFlags, addSandboxFlag, count } from "./flags.ts";
import { addPaceFlags, addStoreFlag, addTaskFlags, type MapFlags, type StoreFlags } from "./map-flags.ts";
import type { WorkerFlags } from "./worker-command.ts";

type Exit = (code: number) => void;

export function addMap(program: Command, exit: Exit): void {
  const map = program
    .command("map")
    .summary("ask the same of every record, each done once")
    .description(
      "Puts every item of an input through a model and writes a result for each, in input order. Every finished item is stored: the same command again goes on where it stopped. --max-cost holds for the whole job, over all its runs.",
    )
    .argument(
      "[input]",
      "records of JSONL, JSON, CSV or TSV, or a text, PDF, DOCX, XLSX, mailbox, archive, …; a folder or a glob of such; - or nothing: standard input",
    );
  addTaskFlags(map);
  addPaceFlags(map).option("--dry-run", "say what it would take: calls, tokens, cost; no model is called");
  addStoreFlag(map);
  addModelFlags(map);
  addLimitFlags(map);
  addSandboxFlag(map)
    .addHelpText(
      "after",
      `\nExit codes: 0 every item is done, 1 some failed for good, 2 usage, 3 a limit was reached, 130 cancelled.\n\nExamples:\n${examples}`,
    )
    .action(async (input: string | undefined, flags: MapFlags) =>
      exit(await (await import("./map-command.ts")).map(input, flags)),
    );
}

const examples = `  unabridged map reviews.jsonl -p "What is praised? {{text}}" -o praised.jsonl
  unabridged map questions.csv -p @classify.txt --schema label.json --batch 50 --sql "select label, count(*) from results group by 1"
  unabridged map "contracts/*.pdf" -p "Has a notice period above 3 months" --preset filter --dry-run`;

export function addJobs(program: Command, exit: Exit): void {
  const jobs = program
    .command("jobs")
    .description("jobs of map: what is stored, what came of them, how to go on");
  const load = (): Promise<typeof import("./jobs-command.ts")> => import("./jobs-command.ts");
  addStoreFlag(
    jobs
      .command("list", { isDefault: true })
      .description("newest first")
      .option("--json", "print a JSON array")
      .option("-n, --limit <n>", "how many", count, 20),
  ).action(async (flags: StoreFlags & { limit: number; json?: true }) =>
    exit(await (await load()).listJobs(flags)),
  );
  addStoreFlag(
    jobs
      .command("show")
      .description("how far a job is, or with --sql what its results say")
      .argument("<job>")
      .option("--sql <query>", "ask the results: tables results, failures, items")
      .option("--json", "print JSON"),
  ).action(async (job: string, flags: StoreFlags & { sql?: string; json?: true }) =>
    exit(await (await load()).showJob(job, flags)),
  );
  const resume = jobs
    .command("resume")
    .description("go on with a job; what is done is not done again")
    .argument("<job>");
  addModelFlags(addLimitFlags(addStoreFlag(addPaceFlags(resume)))).action(
    async (job: string, flags: MapFlags) =>
      exit(await (await import("./map-command.ts")).resumeJob(job, flags)),
  );
  addStoreFlag(
    jobs
      .command("cancel")
      .description("hand out nothing more of a job, here and on other machines")
      .argument("<job>"),
  ).action(async (job: string, flags: StoreFlags) => exit(await (await load()).cancelJob(job, flags)));
  addStoreFlag(
    jobs
      .command("retry-failed")
      .description("have failed items done again by the next run")
      .argument("<job>"),
  ).action(async (job: string, flags: StoreFlags) => exit(await (await load()).retryFailed(job, flags)));
  addStoreFlag(
    jobs
      .command("export")
      .description("write the results as JSONL, in input order")
      .argument("<job>")
      .option("-o, --output <file>", "where to (default: standard output)")
      .option("--overwrite", "replace a file that is there"),
  ).action(async (job: string, flags: StoreFlags & { output?: string; overwrite?: true }) =>
    exit(await (await load()).exportJob(job, flags)),
  );
}

export function addWorker(program: Command, exit: Exit): void {
  const worker = program
    .command("worker")
    .summary("take part in jobs of map on a shared store")
    .description(
      "Works on jobs that were begun elsewhere: on a PostgreSQL server, any number of workers on any machines share items, refusals and the ceiling of cost.",
    )
    .option("--job <job>", "only this one (default: all, the oldest first)")
    .option("--until-idle", "end once there is nothing left to do")
    .option("-q, --quiet", "no progress on standard error");
  addStoreFlag(worker);
  addModelFlags(worker);
  addLimitFlags(worker);
  addSandboxFlag(worker).action(async (flags: WorkerFlags) =>
    exit(await (await import("./worker-command.ts")).worker(flags)),
  );
}
