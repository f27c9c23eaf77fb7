/** Flags of `map` and of the commands about its jobs. */
import { Option, type Command } from "commander";
import { count, duration, type RunFlags } from "./flags.ts";

export interface StoreFlags {
  readonly store?: string;
}

export interface TaskFlags {
  readonly prompt?: string;
  readonly schema?: string;
  readonly key?: string;
  readonly format?: "jsonl" | "json" | "csv" | "tsv" | "text";
  readonly split?: "file" | "lines" | "paragraphs" | "tokens" | "symbols";
  readonly pieceTokens?: number;
  readonly raw?: true;
  readonly preset?: "filter" | "extract";
  readonly votes?: number;
  readonly agent?: true;
}

export interface MapFlags extends RunFlags, StoreFlags, TaskFlags {
  readonly output?: string;
  readonly batch?: number;
  readonly attempts?: number;
  readonly itemTimeout?: number;
  readonly sample?: number;
  readonly overwrite?: true;
  readonly sql?: string;
  readonly json?: true;
  readonly quiet?: true;
  readonly dryRun?: true;
}

/** What is asked, and of which items. */
export function addTaskFlags(command: Command): Command {
  return command
    .option(
      "-p, --prompt <text>",
      "what to ask of each item, with {{field}} or {{item}}; @FILE reads it from a file",
    )
    .option("--schema <file>", "JSON Schema of a result (default: results are texts)")
    .option("--key <field>", "the field that names an item (default: a file's path, else the position)")
    .addOption(
      new Option("--format <format>", "what the input is (default: by its extension)").choices([
        ...["jsonl", "json", "csv", "tsv", "text"],
      ]),
    )
    .addOption(
      new Option("--split <unit>", "how texts are cut (default: each file is one item)").choices([
        ...["file", "lines", "paragraphs", "tokens", "symbols"],
      ]),
    )
    .option("--piece-tokens <n>", "size of a piece with --split tokens (default: 1000)", count)
    .option("--raw", "read files as they are: HTML as its source, no text out of PDFs, archives, mails, …")
    .addOption(
      new Option(
        "--preset <name>",
        "filter: the prompt is a condition, results are { keep }; extract: values of the schema",
      ).choices(["filter", "extract"]),
    )
    .option("--votes <n>", "ask each item so often; the answer of most counts", count)
    .option("--agent", "answer each item with a run of its own, as `ask` does");
}

/** How it is carried out, which may differ from run to run. */
export function addPaceFlags(command: Command): Command {
  return command
    .option(
      "-o, --output <file>",
      "where results go, one JSON line each, in input order (default: standard output)",
    )
    .option("--batch <n>", "items in one prompt (default: 1)", count)
    .option("--attempts <n>", "calls for one item or batch until its answer is valid (default: 3)", count)
    .option("--item-timeout <duration>", "longest time for one item or batch", duration)
    .option(
      "--sample <n>",
      "only so many items from the beginning; without it the job goes on from there",
      count,
    )
    .option("--overwrite", "replace an output file that this job did not write")
    .option("--sql <query>", "ask the results afterwards: tables results, failures, items")
    .option("--json", "print one JSON object in place of results; with --sql its rows as JSON")
    .option("-q, --quiet", "no progress on standard error");
}

export function addStoreFlag(command: Command): Command {
  return command.option(
    "--store <url>",
    "keep jobs on a PostgreSQL server, for many machines: postgres://… (default: UNABRIDGED_STORE, else this machine)",
  );
}
