/** The command line of the bench: `node src/bench/main.ts TASK --level l0|l1|l2 …` and `… report ID`. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { isUnabridgedError, messageOf } from "../core/errors.ts";
import { arms } from "./arms/index.ts";
import { families } from "./families.ts";
import type { BenchFlags } from "./flags.ts";
import { profiles } from "./simulated/settings.ts";

const profileNames = Object.keys(profiles).join(", ");

process.exitCode = await main(process.argv.slice(2));

/** @returns 0 done, 1 failed, 2 usage, 3 stopped at the ceiling of cost, 130 interrupted */
async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = commands((code) => void (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`${messageOf(error)}\n`);
    return isUnabridgedError(error) && error.kind === "config" ? 2 : 1;
  }
}

function commands(exit: (code: number) => void): Command {
  const program = new Command("bench")
    .description(
      "Measures: l0 the machinery, l1 official or recorded data with a leaf that reads from gold, l2 a model of yours.",
    )
    .exitOverride()
    .showSuggestionAfterError();
  for (const family of families)
    runFlags(program.command(family.name).description(`${family.about}; grows with ${family.growth}`)).action(
      async (flags: BenchFlags) => exit(await (await import("./run-command.ts")).runCommand(family, flags)),
    );
  program
    .command("recordings")
    .description("l1: replay cells and runs that real models wrote, against our REPL")
    .addOption(new Option("--level <level>").choices(["l1"]).default("l1"))
    .requiredOption("--data <folder>", "where trajectories lie: fast-rlm logs, RLM JSONL, our own traces")
    .addOption(new Option("--sandbox <name>").choices(["wasm", "native"]).default("wasm"))
    .action(async (flags: { data: string; sandbox: "wasm" | "native" }) =>
      exit(await (await import("./recordings-command.ts")).recordingsCommand(flags)),
    );
  program
    .command("replay")
    .description(
      "l1: play a run of ours again from its trace; a request that was not recorded is a failure with a diff",
    )
    .argument("<trace>", "events as JSON Lines: `unabridged runs show RUN --json`, or a bench run's traces")
    .argument("<paths...>", "the files that the run was about")
    .addOption(
      new Option("--mode <mode>", "equal requests, or alike ones in order")
        .choices(["strict", "ordered"])
        .default("strict"),
    )
    .addOption(new Option("--sandbox <name>").choices(["wasm", "native"]).default("wasm"))
    .action(
      async (
        trace: string,
        paths: string[],
        flags: { mode: "strict" | "ordered"; sandbox: "wasm" | "native" },
      ) => exit(await (await import("./recordings-command.ts")).replayCommand(trace, paths, flags)),
    );
  program
    .command("report")
    .description(
      "write report.md and its plots from what a run, or several, have kept; nothing is asked anew",
    )
    .argument("<ids...>")
    .option("--out <folder>", "where runs are kept", ".bench")
    .action(async (ids: string[], flags: { out: string }) =>
      exit(await (await import("./report-command.ts")).reportCommand(ids, flags.out)),
    );
  program
    .command("serve")
    .description("serve the simulated models of a run's data at a port, to rehearse l2")
    .argument("<task>")
    .requiredOption("--port <port>", "where to listen; 0 for any free port", whole)
    .option("--lengths <list>", "as for the task", lengths)
    .option("--seed <n>", "as for the task", whole, 1)
    .option("--data <folder>", "as for the task")
    .option("--leaf <profile>", profileNames, "perfect")
    .option("--latency <ms>", "of each call", whole)
    .option("--window <tokens>", "of the models", whole)
    .option("--out <folder>", "where contexts are written", ".bench")
    .action(async (task: string, flags: BenchFlags & { port: number }) =>
      exit(await (await import("./run-command.ts")).serveCommand(task, flags)),
    );
  return program;
}

function runFlags(command: Command): Command {
  return command
    .addOption(new Option("--level <level>", "what may be claimed").choices(["l0", "l1", "l2"]).default("l0"))
    .option(
      "--arms <list>",
      `by comma: ${arms.map(({ name }) => name).join(", ")}, or all (default: rlm-1)`,
      list,
    )
    .option("--lengths <list>", "tokens by comma, for instance 8k,128k,1m", lengths)
    .option("--per-length <n>", "tasks for each length", whole, 10)
    .option("--reps <n>", "repeats of each task", whole, 1)
    .option("--seed <n>", "of data and simulated models", whole, 1)
    .option("--data <folder>", "official files (l1, l2), or texts for made tasks")
    .option("--leaf <profile>", `simulated models: ${profileNames}`, "perfect")
    .option("--latency <ms>", "of simulated models", whole)
    .option("--window <tokens>", "of simulated models", whole)
    .option(
      "--permuted",
      "l0, l1: the simulated models know other labels than the gold: the answers must move",
    )
    .option("--max-cost <usd>", "most for the whole run; nothing is sent that could cross it", money)
    .option("--task-cost <usd>", "most for one task", money)
    .option("--task-calls <n>", "most model calls of one task", whole)
    .option("--task-time <seconds>", "most time of one task", whole)
    .option("--concurrency <n>", "model calls in flight", whole, 16)
    .addOption(new Option("--sandbox <name>").choices(["wasm", "native"]).default("wasm"))
    .option("--resume <id>", "go on with a run: what is done is kept")
    .option("--out <folder>", "where runs are kept", ".bench")
    .option("--traces", "keep every event beside the artifacts")
    .option("-m, --model <model>", "l2: the root LM, as `unabridged ask` takes it")
    .option("--sub-model <model>", "l2: the LM of sub-calls")
    .option("--base-url <url>", "l2: any OpenAI-compatible endpoint")
    .option("--judge <model>", "l2: judges the answers of families that are judged")
    .option("--context-window <tokens>", "l2: window of the root LM", whole)
    .option("--sub-context-window <tokens>", "l2: window of the sub-LM", whole);
}

function list(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function lengths(text: string): number[] {
  return list(text).map((item) => {
    const [, digits, unit = ""] = /^(\d+)([km]?)$/i.exec(item) ?? [];
    if (digits === undefined)
      throw new InvalidArgumentError("Lengths are numbers of tokens such as 8k, 128k or 1m.");
    return Number(digits) * ({ k: 1_024, m: 1_048_576 }[unit.toLowerCase()] ?? 1);
  });
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError("It must be a whole number from 0.");
  return value;
}

function money(text: string): number {
  const value = Number(text.replace(/^\$/, ""));
  if (!(value > 0)) throw new InvalidArgumentError("It must be an amount in US dollars above 0.");
  return value;
}
