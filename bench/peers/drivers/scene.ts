/** What a driver and its rows share: the peer as they know it, the server's scene, clocks, and the line that main.ts reads. */

export interface Peer {
  readonly language: "js" | "python";
  /** Runs one question to its end. `path` is the file that the text is from, for a peer that takes files. */
  run(query: string, context: string, path?: string): Promise<string>;
  /** A root reply that runs a cell and goes on. */
  step(code: string): string;
  /** Root replies that end a run with the value of an expression, after the cell that computes it. */
  finish(expression: string, before?: string): readonly string[];
  /** An expression: how many of n prompts to a sub-LM, sent together, were answered "yes". */
  fan(n: number): { readonly before: string; readonly expression: string };
  /** What the server answers to sub-calls, where plain words don't end them. @default "yes" */
  readonly subReply?: string;
  /** An expression that counts ERR- and five digits in the context: the quickest way that the peer offers. */
  readonly scan: { readonly before?: string; readonly expression: string };
  /** The same with the regular expressions of the cell's own language, where that is another way. */
  readonly ownScan?: Peer["scan"];
  /** Trials that ask for what the peer does not have, and why. */
  readonly without?: Readonly<Record<string, string>>;
  /** Where a second stage writes the answer: what only its requests hold. */
  readonly lastWhen?: string;
  /** False where a run must be given the text and not a path. */
  readonly takesPaths: boolean;
  /** For peers with a limit in dollars: eight children of one dollar each. @returns how it ended */
  budget?(capUsd: number): Promise<string>;
  close?(): Promise<void>;
}

export interface Stats {
  readonly root: number;
  readonly sub: number;
  readonly maxInFlight: number;
  readonly subBytes: number;
  readonly lastRootBytes: number;
  readonly spentUsd: number;
}

const [, , rowOfThisRun = "", ...argsOfThisRun] = process.argv;
export const row: string = rowOfThisRun;
export const args: readonly string[] = argsOfThisRun;
export const base: string = process.env["PEERS_BASE"] ?? "";
export const query = "ROOTMARK: what does the text say?";
/** Sub-calls in flight, for peers that can be told. */
export const width: number = row === "fan" ? Number(args[0]) : 16;
/** Of a cell and of a model call, for peers that can be told; undefined leaves what each does by itself. */
export const cellLimitMs: number | undefined = row === "loop" || row === "repl" ? 8_000 : undefined;
export const callLimitMs: number | undefined = row === "hang" ? 5_000 : undefined;

let lastWhen: string | undefined;

export function setStages(peer: Peer): void {
  lastWhen = peer.lastWhen;
}

export async function scene(root: readonly string[], more: object = {}): Promise<void> {
  await fetch(`${base}/control`, { method: "POST", body: JSON.stringify({ root, lastWhen, ...more }) });
}

export async function stats(): Promise<Stats> {
  return (await (await fetch(`${base}/stats`)).json()) as Stats;
}

/** What is known so far. Only the last one counts, so a driver that is stopped keeps what it found out. */
export function tell(value: unknown): void {
  process.stdout.write(`\n@@${JSON.stringify(value)}\n`);
}

export function quoted(text: string): string {
  return JSON.stringify(text);
}

export async function timed<Value>(act: () => Promise<Value>): Promise<{ ms: number; value: Value }> {
  const start = performance.now();
  const value = await act();
  return { ms: performance.now() - start, value };
}

/** @returns what was read from the answer, the error, or that there was neither in time */
export async function within(
  ms: number,
  act: () => Promise<string>,
  read: (answer: string) => string | Promise<string>,
): Promise<string> {
  const late = new Promise<string>((resolve) =>
    setTimeout(() => resolve(`no end within ${ms / 1_000} s`), ms).unref(),
  );
  return Promise.race([
    act()
      .then(read)
      .catch((error: unknown) => `throws: ${messageOf(error, 70)}`),
    late,
  ]);
}

export function messageOf(error: unknown, length: number): string {
  return String(error instanceof Error ? error.message : error)
    .replaceAll(/\s+/g, " ")
    .slice(0, length);
}
