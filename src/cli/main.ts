/** The command line: which commands there are. What they do is loaded only when one is called. */
import { Command, CommanderError } from "commander";
import { addChat, addConversations } from "./chat-commands.ts";
import { addLimitFlags, addModelFlags, addSandboxFlag, addToolFlags, type AskFlags } from "./flags.ts";
import { addJobs, addMap, addWorker } from "./map-commands.ts";
import { addMcp } from "./mcp-commands.ts";
import { addServe } from "./serve-commands.ts";
import { version } from "./version.ts";

/** @returns the exit code: 0 done, 1 failed, 2 usage or configuration, 3 a limit was reached, 130 cancelled */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  process.stdout.on("error", (error) => whenUnread(error, () => process.exit()));
  // Nobody follows the progress any more; the answer is still wanted.
  process.stderr.on("error", (error) => whenUnread(error, () => {}));
  const program = commands((code) => void (exitCode = code));
  try {
    await program.parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { reportFailure } = await import("./failure.ts");
    return reportFailure(error);
  }
}

/** Whoever read our output has gone, as `head` does once it has enough. That is no failure of ours. */
function whenUnread(error: Error, act: () => void): void {
  if (!("code" in error) || error.code !== "EPIPE") throw error;
  act();
}

function commands(exit: (code: number) => void): Command {
  const program = new Command("unabridged")
    .description("Answers, conversations and jobs over more text than any model's window.")
    .version(version(), "-v, --version")
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false });
  addAsk(program, exit);
  addRuns(program, exit);
  addChat(program, exit);
  addConversations(program, exit);
  addMap(program, exit);
  addJobs(program, exit);
  addWorker(program, exit);
  addServe(program, exit);
  addMcp(program, exit);
  program
    .command("doctor")
    .description("examine this machine: what was found, what works, what to do")
    .option("--json", "print the findings as JSON")
    .action(async (flags: { json?: true }) =>
      exit(await (await import("./doctor-command.ts")).doctor(flags)),
    );
  return program;
}

function addAsk(program: Command, exit: (code: number) => void): void {
  const ask = program
    .command("ask")
    .summary("answer a question over text of any size")
    .description(
      "Answers a question over files, folders, globs, standard input, or the answer of an earlier run (run:ID). The answer goes to standard output, everything else to standard error.",
    )
    .argument("[question]", "what you want to know")
    .argument("[paths...]", "files, folders and globs; - or nothing: standard input");
  addModelFlags(ask);
  addLimitFlags(ask);
  addToolFlags(ask, "run");
  addSandboxFlag(ask)
    .option("--json", "print one JSON object: answer, status, citations, usage, costUsd, runId")
    .option("--trace", "show every turn, cell and output on standard error")
    .option("-q, --quiet", "no progress on standard error")
    .option("--no-cache", "ask models again even where an earlier run has the answer")
    .option("--no-phase0", "no look-ups of the question's rare terms before the first turn")
    .option("--refuse-binary", "fail on a file that can't be read as text, in place of leaving it out")
    .option("--raw", "read files as they are: HTML as its source, no text out of PDFs, archives, mails, …")
    .option("--encoding <name>", "what text files that are no UTF-8 are in, for instance latin1")
    .option("--resume <run>", "go on with an earlier run; what it paid for is not paid again")
    .addHelpText("after", `\nExamples:\n${examples}`)
    .action(async (question: string | undefined, paths: string[], flags: AskFlags) =>
      exit(await (await import("./ask-command.ts")).ask(question, paths, flags)),
    );
}

const examples = `  unabridged ask "Which requests failed, and when did it begin?" logs/
  unabridged ask "What notice period do the contracts have?" "contracts/**/*.md" --max-cost 0.50
  git log -p | unabridged ask "Why was the retry logic changed?" --json`;

function addRuns(program: Command, exit: (code: number) => void): void {
  const runs = program.command("runs").description("what earlier runs asked, did and answered");
  runs
    .command("list", { isDefault: true })
    .description("newest first")
    .option("--json", "print a JSON array")
    .option("-n, --limit <n>", "how many", "20")
    .action(async (flags: { json?: true; limit: string }) =>
      exit(await (await import("./runs-command.ts")).listRuns(flags)),
    );
  runs
    .command("show")
    .description("every turn, cell, output and sub-call of a run")
    .argument("<run>")
    .option("--json", "print its events, one JSON object a line")
    .action(async (run: string, flags: { json?: true }) =>
      exit(await (await import("./runs-command.ts")).showRun(run, flags)),
    );
  const resume = runs
    .command("resume")
    .description("go on with a run; what it paid for is not paid again")
    .argument("<run>");
  addModelFlags(resume);
  addLimitFlags(resume);
  addSandboxFlag(resume)
    .option("--json", "print one JSON object")
    .option("--trace", "show every turn, cell and output on standard error")
    .option("-q, --quiet", "no progress on standard error")
    .option("--no-cache", "ask models again even where another run has the answer")
    .action(async (run: string, flags: AskFlags) =>
      exit(await (await import("./ask-command.ts")).ask(undefined, [], { ...flags, resume: run })),
    );
}
