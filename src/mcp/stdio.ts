/** One client on standard input and output: the program that started us. Standard output is the protocol's alone. */
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import type { Readable, Writable } from "node:stream";
import type { AllowedFolders } from "../setup/allowed-folders.ts";
import type { ToolService } from "../setup/tool-service.ts";
import { mcpServer } from "./server.ts";
import { Workspaces } from "./workspace.ts";

export interface McpStdio {
  /** Resolves once the client has gone. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

export interface McpStdioOptions {
  readonly folders: AllowedFolders;
  readonly version: string;
  readonly log?: (line: string) => void;
  /** @default the process's own */
  readonly streams?: { readonly input: Readable; readonly output: Writable };
}

/** Texts come in messages, and a message comes whole. */
const mostMessageBytes = 64 * 1024 * 1024;

export function serveMcpStdio(service: ToolService, options: McpStdioOptions): McpStdio {
  const { folders, version, log } = options;
  const { input, output } = options.streams ?? { input: process.stdin, output: process.stdout };
  const workspaces = new Workspaces(service);
  const transport = new StdioServerTransport(input, output, { maxBufferSize: mostMessageBytes });
  const workspace = workspaces.of(undefined);
  const handle = serveStdio(() => mcpServer({ workspace, folders, trustsRoots: true }, version), {
    transport,
    ...(log && { onerror: (error: Error) => log(error.message) }),
  });
  const ended = new Promise<void>((resolve) => {
    for (const event of ["end", "close", "error"]) input.once(event, () => resolve());
  });
  return {
    ended,
    async close() {
      await workspaces.close();
      await handle.close();
    },
  };
}
