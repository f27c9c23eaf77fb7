/** What the next request is made for: whose it is, how large it may be, and who writes the labels it may need. */
import { ConfigError } from "../core/errors.ts";
import type { Model, ToolDefinition } from "../core/model.ts";
import type { RunScope } from "../core/scope.ts";
import type { TraceEventBody } from "../core/trace.ts";
import type { AssembleInput } from "./assemble.ts";
import type { Client } from "./client.ts";
import type { CacheState } from "./plan.ts";
import type { SizesInput } from "./sizes.ts";
import type { Summariser } from "./summarize.ts";

export interface Situation {
  readonly request: Omit<AssembleInput, "entries">;
  readonly window: Omit<SizesInput, "overhead" | "factor">;
  readonly cache: CacheState;
  /** Who writes labels that can't wait; asked for only once they are needed. Undefined: they are made without a model. */
  readonly summariser: () => Promise<Summariser | undefined>;
  /** There is no model, so no label can get better or has to be waited for. */
  readonly labelsAreFree: boolean;
  readonly emit: (event: TraceEventBody) => void;
  readonly signal: AbortSignal;
}

/** For whom a request is put together. */
export interface SituationRequest {
  readonly model?: Model;
  readonly tools?: readonly ToolDefinition[];
  readonly scope?: RunScope;
  readonly emit?: Situation["emit"];
  readonly signal?: AbortSignal;
  readonly client?: Client | undefined;
  /** Part of what would fit by estimate: the provider was seen to count more. @default 1 */
  readonly share?: number;
  /** Somebody asked for labels and waits for them. */
  readonly asked?: boolean;
}

export function noModel(): ConfigError {
  return new ConfigError(
    "no_model",
    "This conversation has no model, so it can keep and find messages but not answer. Open it with one.",
  );
}
