/** As much of a `Response` as the adapters of the AI SDK read: the platform's own costs more than the call it belongs to. */

/** A body as it comes in. */
export interface Incoming {
  /** The next piece; undefined once all of it was read. Rejects with what ended it early. One at a time. */
  read(): Promise<Uint8Array | undefined>;
  cancel(reason: unknown): void;
}

/** Status, headers by their lower-case names, and the body once, in pieces or whole. */
export function lightResponse(status: number, headers: Record<string, string>, incoming: Incoming): Response {
  let isTaken = false;
  const take = (): Incoming => {
    if (isTaken) throw new TypeError("The body was read before.");
    isTaken = true;
    return incoming;
  };
  const cancel = async (reason?: unknown): Promise<void> => incoming.cancel(reason);
  const text = async (): Promise<string> => (await wholeOf(take())).toString("utf8");
  const response = {
    ...{ status, statusText: "", ok: status >= 200 && status < 300 },
    ...{ redirected: false, type: "default", url: "" },
    headers: new Map(Object.entries(headers)),
    body: {
      getReader() {
        const { read } = take();
        return {
          read: async () => {
            const value = await read();
            return { done: value === undefined, value };
          },
          cancel,
          releaseLock: () => {},
        };
      },
      cancel,
    },
    get bodyUsed() {
      return isTaken;
    },
    text,
    json: async () => JSON.parse(await text()) as unknown,
    arrayBuffer: async () => new Uint8Array(await wholeOf(take())).buffer,
  };
  // A Response has two dozen members more, which nobody here reads; whoever does gets an error that names it.
  return response as unknown as Response;
}

/** A body that is here already. */
export function arrived(bytes: Uint8Array): Incoming {
  let left: Uint8Array | undefined = bytes;
  return {
    read: async () => {
      const read = left;
      left = undefined;
      return read;
    },
    cancel: () => undefined,
  };
}

async function wholeOf({ read }: Incoming): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let piece = await read(); piece !== undefined; piece = await read()) pieces.push(piece);
  const [first] = pieces;
  if (first === undefined || pieces.length > 1) return Buffer.concat(pieces);
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
}
