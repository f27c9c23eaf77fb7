/** What an endpoint refuses one worker, told to all who work on jobs of the same store. */
import type { JobStore } from "../core/job-store.ts";
import type { CallLimiter } from "../core/limiter.ts";
import type { Model } from "../core/model.ts";

const listenEveryMs = 500;

/** An endpoint that refuses one worker is spared by all: they share its limit. */
export function shareRefusals(
  { refusals }: JobStore,
  limiter: CallLimiter,
  model: Pick<Model, "endpoint">,
): { stop(): void } {
  if (!refusals) return { stop: () => undefined };
  // News that can't be told or heard is no loss: each worker is refused by itself soon enough.
  const ignore = (): void => undefined;
  const silence = limiter.onRefusal((refusal) => void refusals.post(refusal).catch(ignore));
  const listening = setInterval(() => {
    refusals.read().then((heard) => {
      for (const { endpoint, retryAfterMs } of heard)
        if (endpoint === model.endpoint) limiter.refused(endpoint, retryAfterMs);
    }, ignore);
  }, listenEveryMs);
  listening.unref();
  return {
    stop() {
      clearInterval(listening);
      silence();
    },
  };
}
