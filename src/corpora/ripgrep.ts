/** Runs ripgrep as a child process, with nothing of the machine's own settings. It knows no corpus. */
import { spawn } from "node:child_process";
import { rgPath } from "@vscode/ripgrep";
import { ConfigError, messageOf } from "../core/errors.ts";

export interface RipgrepResult {
  /** "stopped" where `onOutput` asked for no more. */
  readonly status: "matched" | "nothing" | "failed" | "stopped";
  readonly stderr: string;
}

/**
 * Runs one search and hands its output on as it comes; `onOutput` returns false to stop. Contract: throws the
 * signal's reason once it fired, and ConfigError "missing_dependency" where there is no ripgrep for this machine.
 */
export async function runRipgrep(
  args: readonly string[],
  onOutput: (chunk: Buffer) => boolean,
  options: { readonly signal: AbortSignal; readonly cwd?: string },
): Promise<RipgrepResult> {
  options.signal.throwIfAborted();
  const child = spawn(rgPath, ["--no-config", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  const stop = () => child.kill("SIGKILL");
  options.signal.addEventListener("abort", stop);
  let stopped = false;
  let stderr = "";
  let failure: { readonly error: unknown } | undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    try {
      if (stopped || onOutput(chunk)) return;
    } catch (error) {
      failure = { error };
    }
    stopped = true;
    stop();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (stderr.length < 10_000) stderr += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", (error) => reject(couldNotStart(error)));
    child.on("close", resolve);
  }).finally(() => options.signal.removeEventListener("abort", stop));
  options.signal.throwIfAborted();
  if (failure) throw failure.error;
  if (stopped) return { status: "stopped", stderr };
  return { status: code === 0 ? "matched" : code === 1 ? "nothing" : "failed", stderr };
}

function couldNotStart(error: Error): ConfigError {
  return new ConfigError(
    "missing_dependency",
    `ripgrep could not be started (${messageOf(error)}). Reinstall with "npm install", optional packages included.`,
    { cause: error },
  );
}

/** Cuts output into records that end with `terminator`, across chunks. Returns false as soon as `onRecord` does. */
export function recordReader(
  terminator: number,
  onRecord: (record: Buffer) => boolean,
): (chunk: Buffer) => boolean {
  let held: Buffer[] = [];
  let heldBytes = 0;
  return (chunk) => {
    let from = 0;
    for (let to = chunk.indexOf(terminator); to >= 0; to = chunk.indexOf(terminator, from)) {
      const record = chunk.subarray(from, to);
      const whole = held.length === 0 ? record : Buffer.concat([...held, record]);
      held = [];
      heldBytes = 0;
      if (!onRecord(whole)) return false;
      from = to + 1;
    }
    if (from < chunk.length) {
      held.push(chunk.subarray(from));
      heldBytes += chunk.length - from;
      if (heldBytes > longestRecord) throw new RecordTooLong();
    }
    return true;
  };
}

/** One match came with more text than can be held. */
export class RecordTooLong extends Error {}

const longestRecord = 256 * 1024 * 1024;
