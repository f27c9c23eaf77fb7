/** The shared fetch, against a local server: what Node's own fetch would do, it does. */
import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { closeConnections, providerFetch } from "./http.ts";

async function serving(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    await closeConnections();
    server.closeAllConnections();
    server.close();
  }
}

test("a response is a real one, with status, headers and body", async () => {
  const listener: RequestListener = (_request, response) => {
    response.writeHead(418, { "x-many": ["a", "b"], "content-type": "text/plain" }).end("Grüße");
  };
  await serving(listener, async (url) => {
    const response = await providerFetch(url, {
      method: "POST",
      body: "x",
      headers: new Headers({ a: "b" }),
    });
    assert.ok(response instanceof Response);
    assert.deepEqual([response.status, response.ok, response.headers.get("x-many")], [418, false, "a, b"]);
    assert.equal(await response.text(), "Grüße");
  });
});

test("an event stream flows, and cancelling it closes the request", async () => {
  let closed: Promise<void> | undefined;
  const listener: RequestListener = (_request, response) => {
    closed = new Promise((resolve) => response.once("close", resolve));
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
  };
  await serving(listener, async (url) => {
    const reader = (await providerFetch(url)).body?.getReader();
    const first = await reader?.read();
    assert.equal(new TextDecoder().decode(first?.value), "data: 1\n\n");
    await reader?.cancel();
    await closed;
  });
});

test("a redirect is not followed", async () => {
  await serving(
    (_request, response) => void response.writeHead(307, { location: "/elsewhere" }).end(),
    async (url) => {
      assert.equal((await providerFetch(url, { method: "POST", body: "{}" })).status, 307);
    },
  );
});

test("a response without a body has none", async () => {
  await serving(
    (_request, response) => void response.writeHead(204).end(),
    async (url) => {
      assert.equal((await providerFetch(url)).body, null);
    },
  );
});

test("bodies and requests of other kinds go through as well", async () => {
  const listener: RequestListener = async (request, response) => {
    const chunks = await Array.fromAsync<Buffer>(request);
    response.end(Buffer.concat(chunks));
  };
  await serving(listener, async (url) => {
    assert.equal(
      await (await providerFetch(url, { method: "POST", body: new Uint8Array([104, 105]) })).text(),
      "hi",
    );
    assert.equal(
      await (await providerFetch(new Request(url, { method: "POST", body: "hello" }))).text(),
      "hello",
    );
  });
});
