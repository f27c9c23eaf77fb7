/** What the next request would be, as it is told to who asks. Pure. */
import type { ShownItem } from "./assemble.ts";
import type { Settled } from "./compact.ts";

/** What the next request would be, and why. */
export interface ContextReport {
  /** Of the request, as the model counts, estimated. */
  readonly tokens: number;
  readonly items: readonly ShownItem[];
  readonly reason: string;
  readonly request: Settled["request"];
  readonly window: number;
  /** Above it labels are prepared, in tokens. */
  readonly soft: number;
  /** No request is above it. */
  readonly hard: number;
}

export function reportOf({ tokens, items, reason, request, sizes }: Settled): ContextReport {
  return { tokens, items, reason, request, window: sizes.window, soft: sizes.soft, hard: sizes.hard };
}
