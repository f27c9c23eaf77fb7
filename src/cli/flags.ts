/** Flags that several commands share, and how their values are read. */
import { InvalidArgumentError, Option, type Command } from "commander";
import type { RunLimits } from "../engine/index.ts";
import type { LaunchFlags } from "../setup/launch.ts";

/** As commander hands them over: each is set only where it was given. */
export interface RunFlags {
  readonly model?: string;
  readonly subModel?: string;
  readonly baseUrl?: string;
  readonly contextWindow?: number;
  readonly subContextWindow?: number;
  readonly maxCost?: number;
  readonly maxCalls?: number;
  readonly maxTokens?: number;
  readonly maxTime?: number;
  readonly maxIterations?: number;
  readonly depth?: number;
  readonly concurrency?: number;
  readonly callTimeout?: number;
  readonly sandbox?: "wasm" | "native";
}

export interface ToolFlags {
  readonly mcp?: string;
  readonly maxToolCalls?: number;
}

export interface AskFlags extends RunFlags, ToolFlags {
  readonly json?: true;
  readonly trace?: true;
  readonly quiet?: true;
  readonly resume?: string;
  readonly cache: boolean;
  readonly phase0: boolean;
  readonly refuseBinary?: true;
  readonly raw?: true;
  readonly encoding?: string;
}

export function addModelFlags(command: Command): Command {
  return command
    .option(
      "-m, --model <model>",
      'the root LM: an id, provider/id such as "openai/gpt-6-sol" or "ollama/llama3", or "reader"',
    )
    .option("--sub-model <model>", "the LM of sub-calls, often a cheaper one (default: the root LM)")
    .option(
      "--base-url <url>",
      "any OpenAI-compatible endpoint; its key is read from LLM_API_KEY or OPENAI_API_KEY",
    )
    .option("--context-window <tokens>", "window of the root LM, where it isn't known", count)
    .option("--sub-context-window <tokens>", "window of the sub-LM, where it isn't known", count);
}

export function addLimitFlags(command: Command): Command {
  return command
    .option("--max-cost <usd>", "most US dollars for the whole run", money)
    .option("--max-calls <n>", "most model calls", count)
    .option("--max-tokens <n>", "most tokens, in and out", count)
    .option("--max-time <duration>", "most time, for instance 90s or 10m", duration)
    .option("--max-iterations <n>", "most turns of the root LM (default: 30)", count)
    .option(
      "--depth <n>",
      "levels of sub-calls: 0 none, 1 plain ones, 2 children with a REPL, … (default: 1)",
      level,
    )
    .option("--concurrency <n>", "most model calls at once (default: 16)", count)
    .option("--call-timeout <duration>", "longest silence of one model call (default: 180s)", duration);
}

export function addSandboxFlag(command: Command): Command {
  return command.addOption(
    new Option(
      "--sandbox <name>",
      "where cells run: wasm everywhere, native on Linux with bubblewrap (default: wasm)",
    ).choices(["wasm", "native"]),
  );
}

/** @param each what the count of calls is of */
export function addToolFlags(command: Command, each: "run" | "turn"): Command {
  return command
    .option(
      "--mcp <file>",
      'tools of other MCP servers: a file of {"mcpServers": …} as other clients have it',
    )
    .option("--max-tool-calls <n>", `most calls of these tools in a ${each} (default: 200)`, count);
}

export function launchFlags(flags: RunFlags): LaunchFlags {
  const { model, subModel, baseUrl, contextWindow, subContextWindow, sandbox } = flags;
  return { model, subModel, baseUrl, contextWindow, subContextWindow, sandbox, limits: limitsOf(flags) };
}

export function limitsOf(flags: RunFlags): RunLimits {
  return {
    costUsd: flags.maxCost,
    calls: flags.maxCalls,
    tokens: flags.maxTokens,
    timeMs: flags.maxTime,
    iterations: flags.maxIterations,
    depth: flags.depth,
    concurrency: flags.concurrency,
    callTimeoutMs: flags.callTimeout,
  };
}

export function count(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("It must be a whole number from 1; leave it out for no limit.");
  return value;
}

function level(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 8)
    throw new InvalidArgumentError("It must be a whole number from 0 to 8.");
  return value;
}

function money(text: string): number {
  const value = Number(text.replace(/^\$/, ""));
  if (!Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError(
      "It must be an amount in US dollars above 0, for instance 0.50; leave it out for no limit.",
    );
  return value;
}

/** "90s", "10m", "1h", "500ms"; a bare number is seconds. */
export function duration(text: string): number {
  const [, digits = "", unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim()) ?? [];
  const value = Number(digits) * ({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? Number.NaN);
  if (digits === "" || !(value > 0))
    throw new InvalidArgumentError("It must be a duration above 0, for instance 90s, 10m or 1h.");
  return value;
}
