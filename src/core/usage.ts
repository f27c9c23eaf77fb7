/** What model calls consumed, and what that cost. Tokens as the provider counted them where it said so. */

export interface Usage {
  /** All input tokens, cached ones included. */
  readonly inputTokens: number;
  /** The part of `inputTokens` that the provider read from its prompt cache. */
  readonly cachedInputTokens: number;
  /** All output tokens, reasoning included. */
  readonly outputTokens: number;
  /** The part of `outputTokens` spent on reasoning. */
  readonly reasoningTokens: number;
}

export const noUsage: Usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 };

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  };
}

/** The whole tree of a run: children, batches and retries included. */
export interface RunUsage extends Usage {
  /** Calls that were sent and answered. */
  readonly calls: number;
  /** Calls answered from the store at no cost: the answer cache, or a resumed run's own journal. */
  readonly replayedCalls: number;
  /** Calls that failed for good after retries. */
  readonly failedCalls: number;
}

/** US dollars per million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** Input read from the provider's cache. @default the price of input */
  readonly cachedInput?: number;
  /** What the whole request costs once its input is above so many tokens. @default the same */
  readonly long?: Omit<Price, "long"> & { readonly aboveInputTokens: number };
}

/** The cost of a call in US dollars, or undefined where no price is known: unknown is never zero. */
export function costOf(usage: Usage, price: Price | undefined): number | undefined {
  if (!price) return undefined;
  const { input, output, cachedInput } =
    price.long && usage.inputTokens > price.long.aboveInputTokens ? price.long : price;
  const fresh = Math.max(0, usage.inputTokens - usage.cachedInputTokens);
  const cached = usage.cachedInputTokens * (cachedInput ?? input);
  return (fresh * input + cached + usage.outputTokens * output) / 1e6;
}
