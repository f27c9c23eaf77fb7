/** Our own arm: the engine's `ask`, at a depth of sub-calls from 0 to 3. */
import type { AskResult } from "../../engine/index.ts";
import type { Arm } from "./arm.ts";

export function rlm(depth: number): Arm {
  return {
    name: `rlm-${depth}`,
    about:
      depth === 0
        ? "the text in a REPL, no sub-calls"
        : depth === 1
          ? "the text in a REPL, with plain sub-calls"
          : `the text in a REPL, children with REPLs of their own down to depth ${depth}`,
    async run({ context, question }, { engine, limits, signal, watch }) {
      const run = engine.ask(
        { query: question, context: { paths: context } },
        { signal, cache: false, limits: { ...limits, depth } },
      );
      const result: Promise<AskResult> = run.result();
      // The iteration throws the same failure; whichever is awaited first must not leave the other unhandled.
      result.catch(() => {});
      for await (const event of run) watch(event);
      const { status, answer, limit } = await result;
      signal.throwIfAborted();
      return {
        status: status === "answered" ? "answered" : "partial",
        answer,
        ...(limit && { limit: limit.code }),
      };
    },
  };
}
