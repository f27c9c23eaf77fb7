/** Progress notifications of one call, for a client that asked for them. */
import type { ServerContext } from "@modelcontextprotocol/server";
import type { RunUnderWay } from "./runs-under-way.ts";

const leastPauseMs = 250;
/** Clients give up on a call from which they hear nothing. */
const heartbeatMs = 10_000;

export interface Note {
  readonly progress: number;
  readonly total?: number;
  readonly message: string;
}

/** Awaits a run and tells how it is getting on. */
export async function followed<Result>(run: RunUnderWay<Result>, context: ServerContext): Promise<Result> {
  const { progress } = run;
  return told(context, () => ({ ...progress.amount, message: progress.line }), run.onProgress, run.result);
}

/** Awaits work of which nothing is known but that it goes on. */
export async function attended<Result>(
  what: string,
  context: ServerContext,
  work: Promise<Result>,
): Promise<Result> {
  let beats = 0;
  return told(
    context,
    () => ({ progress: beats++, message: what }),
    () => () => {},
    work,
  );
}

async function told<Result>(
  { mcpReq }: ServerContext,
  note: () => Note,
  onChange: (listener: () => void) => () => void,
  work: Promise<Result>,
): Promise<Result> {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return work;
  let last = -1;
  let lastAt = 0;
  let sending: Promise<void> = Promise.resolve();
  const send = (atLeastMs: number): void => {
    const now = Date.now();
    if (now - lastAt < atLeastMs) return;
    const { progress, total, message } = note();
    lastAt = now;
    // It must grow with every note, also where nothing but time has passed.
    last = progress > last ? progress : last + 0.001;
    const params = { progressToken, progress: last, message, ...(total !== undefined && { total }) };
    sending = sending
      .then(() => mcpReq.notify({ method: "notifications/progress", params }))
      // The client is gone or listens no more; the call itself says so.
      .catch(() => {});
  };
  const stop = onChange(() => send(leastPauseMs));
  const timer = setInterval(() => send(heartbeatMs), heartbeatMs);
  try {
    send(0);
    return await work;
  } finally {
    clearInterval(timer);
    stop();
    // None may come after the answer.
    await sending;
  }
}
