/** `unabridged worker`: takes part in the jobs of a store that others share. */
import { grouped } from "../core/grouped.ts";
import { launch } from "../setup/launch.ts";
import { exitCodes, reportFailure } from "./failure.ts";
import { launchFlags, type RunFlags } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import type { StoreFlags } from "./map-flags.ts";
import { MapProgress } from "./map-progress.ts";

export interface WorkerFlags extends RunFlags, StoreFlags {
  readonly job?: string;
  readonly untilIdle?: true;
  readonly quiet?: true;
}

const tellEveryMs = 10_000;

export async function worker(flags: WorkerFlags): Promise<number> {
  const { job, untilIdle = false, store, quiet = false } = flags;
  const { engine, models } = await launch(
    { ...launchFlags(flags), store },
    { workingFolder: process.cwd(), environment: process.env },
  );
  const cancel = new AbortController();
  const stopListening = onInterrupt(() => cancel.abort(new DOMException("Interrupted.", "AbortError")));
  const view = new MapProgress(process.stderr, { quiet });
  const tally = { ok: 0, failed: 0 };
  const told = (): string => `${grouped(tally.ok)} items done here, ${grouped(tally.failed)} failed.`;
  const telling = setInterval(() => view.note(told()), tellEveryMs);
  models().then(
    ({ found }) => view.note(`model: ${found}`),
    () => {
      // The run fails with the same message.
    },
  );
  try {
    const run = engine.work({ untilIdle, ...(job !== undefined && { job }) }, { signal: cancel.signal });
    for await (const event of run) {
      view.show(event);
      if (event.type === "item-end") tally[event.ok ? "ok" : "failed"]++;
    }
    const ends = [...(await run.result())];
    const limited = ends.filter(([, { type }]) => type === "ceiling" || type === "limit");
    for (const [id, { type }] of limited)
      view.note(
        `${id}: ${type === "ceiling" ? "its ceiling of cost" : "a limit of this worker"} was reached.`,
      );
    return limited.length > 0 ? exitCodes.limit : exitCodes.done;
  } catch (error) {
    return cancel.signal.aborted ? exitCodes.cancelled : reportFailure(error);
  } finally {
    clearInterval(telling);
    view.note(told());
    stopListening();
    await engine.close();
  }
}
