/** What the command line of the bench hands on: each is set only where it was given or has a default. */
export interface BenchFlags {
  readonly level: "l0" | "l1" | "l2";
  readonly arms?: readonly string[];
  readonly lengths?: readonly number[];
  readonly perLength: number;
  readonly reps: number;
  readonly seed: number;
  readonly data?: string;
  readonly leaf: string;
  readonly latency?: number;
  readonly window?: number;
  readonly maxCost?: number;
  readonly taskCost?: number;
  readonly taskCalls?: number;
  readonly taskTime?: number;
  readonly concurrency: number;
  readonly sandbox: "wasm" | "native";
  readonly resume?: string;
  readonly out: string;
  readonly traces?: true;
  readonly permuted?: true;
  readonly model?: string;
  readonly subModel?: string;
  readonly baseUrl?: string;
  readonly judge?: string;
  readonly contextWindow?: number;
  readonly subContextWindow?: number;
}
