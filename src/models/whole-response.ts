/** A `Response` whose whole body is here already: the platform's own costs more than the call it belongs to. */

/**
 * As much of a `Response` as the adapters of the AI SDK read: status, headers by their lower-case names, and the body once.
 * Its bytes go out as they are, in one piece.
 */
export function wholeResponse(status: number, headers: Record<string, string>, bytes: Uint8Array): Response {
  let isRead = false;
  const takeBytes = (): Uint8Array => {
    if (isRead) throw new TypeError("The body was read before.");
    isRead = true;
    return bytes;
  };
  const text = async (): Promise<string> => Buffer.from(takeBytes()).toString("utf8");
  const response = {
    ...{
      status,
      statusText: "",
      ok: status >= 200 && status < 300,
      redirected: false,
      type: "default",
      url: "",
    },
    headers: new Map(Object.entries(headers)),
    body: {
      getReader: () => ({
        read: async () => (isRead ? { done: true, value: undefined } : { done: false, value: takeBytes() }),
        cancel: async () => {},
        releaseLock: () => {},
      }),
      cancel: async () => {},
    },
    get bodyUsed() {
      return isRead;
    },
    text,
    json: async () => JSON.parse(await text()) as unknown,
    arrayBuffer: async () => new Uint8Array(takeBytes()).buffer,
  };
  // A Response has two dozen members more, which nobody here reads; whoever does gets an error that names it.
  return response as unknown as Response;
}
