/** A server of tools of somebody else: a process on stdio, or with --http one that listens. Some of its tools misbehave. */
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import { requestOf, respond } from "../src/mcp/web-exchange.ts";

const [mode = "stdio", pidFile] = process.argv.slice(2);
if (pidFile !== undefined) writeFileSync(pidFile, String(process.pid));
if (mode === "broken") {
  process.stderr.write("no such database\n");
  process.exit(3);
} else if (mode === "--http") listen();
else serveStdio(toolbox);

function toolbox(): McpServer {
  const server = new McpServer({ name: "toolbox", version: "1" });
  const text = (words: string): { content: { type: "text"; text: string }[] } => ({
    content: [{ type: "text", text: words }],
  });
  server.registerTool(
    "add-numbers",
    {
      description: "Adds two numbers. Nothing else is done with them.",
      inputSchema: z.object({
        a: z.number(),
        b: z.number().describe("the second"),
        note: z.string().optional(),
      }),
      outputSchema: z.object({ sum: z.number() }),
    },
    ({ a, b }) => ({ ...text(String(a + b)), structuredContent: { sum: a + b } }),
  );
  server.registerTool(
    "shout",
    { description: "Says it louder.", inputSchema: z.object({ words: z.string() }) },
    ({ words }) => text(words.toUpperCase()),
  );
  server.registerTool(
    "flood",
    { description: "Gives a lot.", inputSchema: z.object({ characters: z.number().int() }) },
    ({ characters }) => text(`${"x".repeat(characters - 3)}end`),
  );
  server.registerTool("fail", { description: "Always fails." }, () => ({
    ...text("the lamp is out of oil"),
    isError: true,
  }));
  server.registerTool("variable", { inputSchema: z.object({ name: z.string() }) }, ({ name }) =>
    text(process.env[name] ?? "not set"),
  );
  server.registerTool(
    "wait",
    { description: "Ends when it is cancelled." },
    ({ mcpReq: { signal } }) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(text("stopped")))),
  );
  return server;
}

function listen(): void {
  const handler = createMcpHandler(toolbox);
  const server = createServer(async (request, response) => {
    if (request.headers["x-key"] !== "open sesame") return void response.writeHead(401).end();
    await respond(await handler.fetch(requestOf(request, response)), response);
  });
  server.listen(0, "127.0.0.1", () => {
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
  });
}
