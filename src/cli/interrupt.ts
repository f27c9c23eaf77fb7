/** Ctrl-C: the first ends the run and keeps what is there, the second ends the process. */
import { exitCodes } from "./failure.ts";

/** @returns stops listening */
export function onInterrupt(cancel: () => void): () => void {
  let hasAsked = false;
  const listener = (): void => {
    if (hasAsked) process.exit(exitCodes.cancelled);
    hasAsked = true;
    process.stderr.write("\nStopping; what is there is kept. Press again to leave at once.\n");
    cancel();
  };
  process.on("SIGINT", listener);
  process.on("SIGTERM", listener);
  return () => {
    process.off("SIGINT", listener);
    process.off("SIGTERM", listener);
  };
}
