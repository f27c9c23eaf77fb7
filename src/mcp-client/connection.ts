/** A connection to one server: started or reached, its tools listed, calls made, and ended. */
import {
  Client,
  ProtocolError,
  StreamableHTTPClientTransport,
  type CallToolResult,
  type Tool,
} from "@modelcontextprotocol/client";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { ConfigError, messageOf } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { ServerEntry } from "./server-list.ts";

export interface Connection {
  readonly name: string;
  /** Those that its entry lets through. */
  readonly tools: readonly Tool[];
  /** Rejects where the server can't be asked; a tool that fails says so in its result. */
  call(tool: string, input: JsonObject, signal: AbortSignal): Promise<CallToolResult>;
  close(): Promise<void>;
}

const connectMs = 30_000;
/** Each note of progress begins it anew. */
const silenceMs = 60_000;
const longestCallMs = 15 * 60_000;
/** What of its standard error is told where a server fails. */
const toldCharacters = 600;
const mostMessageBytes = 64 * 1024 * 1024;

/** Throws ConfigError where the server does not come up, with what it said. */
export async function connect(
  entry: ServerEntry,
  { signal, version }: { readonly signal: AbortSignal; readonly version: string },
): Promise<Connection> {
  const said = { text: "" };
  const client = await reach(entry, version, said, signal);
  try {
    const { tools } = await client.listTools({}, { signal, timeout: connectMs });
    return {
      name: entry.name,
      tools: allowed(entry, tools),
      call: (name, input, own) =>
        client.callTool(
          { name, arguments: { ...input } },
          {
            ...{ signal: own, timeout: silenceMs, maxTotalTimeout: longestCallMs },
            ...{ resetTimeoutOnProgress: true, onprogress: () => {} },
          },
        ),
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    signal.throwIfAborted();
    throw unreachable(entry, error, said.text);
  }
}

/** Servers on stdio may end at a word that they don't know, so the old greeting comes first there; those that refuse it say so. */
async function reach(
  entry: ServerEntry,
  version: string,
  said: { text: string },
  signal: AbortSignal,
): Promise<Client> {
  const modes = entry.type === "stdio" ? (["legacy", "auto"] as const) : (["auto"] as const);
  let failure: unknown;
  for (const mode of modes) {
    const client = new Client({ name: "unabridged", version }, { versionNegotiation: { mode } });
    try {
      said.text = "";
      await client.connect(transportTo(entry, said), { signal, timeout: connectMs });
      return client;
    } catch (error) {
      failure = error;
      // Its process must not be left behind.
      await client.close().catch(() => {});
      signal.throwIfAborted();
      if (!(error instanceof ProtocolError)) break;
    }
  }
  throw unreachable(entry, failure, said.text);
}

function transportTo(
  entry: ServerEntry,
  said: { text: string },
): StdioClientTransport | StreamableHTTPClientTransport {
  if (entry.type === "http")
    return new StreamableHTTPClientTransport(entry.url, { requestInit: { headers: { ...entry.headers } } });
  const { command, args, env, cwd } = entry;
  const transport = new StdioClientTransport({
    ...{ command, args: [...args], env: { ...getDefaultEnvironment(), ...env } },
    ...(cwd !== undefined && { cwd }),
    ...{ stderr: "pipe", maxBufferSize: mostMessageBytes },
  });
  transport.stderr?.on("data", (chunk: Buffer) => {
    said.text = `${said.text}${chunk.toString("utf8")}`.slice(-toldCharacters);
  });
  return transport;
}

function unreachable(entry: ServerEntry, error: unknown, said: string): ConfigError {
  const what = entry.type === "http" ? entry.url.href : [entry.command, ...entry.args].join(" ");
  const words = said.trim() === "" ? "" : ` It said: ${said.trim()}`;
  return new ConfigError(
    "invalid_option",
    `The MCP server "${entry.name}" (${what}) can't be used: ${messageOf(error)}.${words} Mend its entry, or set "disabled": true in it.`,
    { cause: error },
  );
}

/** Throws ConfigError where the entry names a tool that the server does not have. */
function allowed({ name, tools: wanted }: ServerEntry, tools: readonly Tool[]): readonly Tool[] {
  if (wanted === undefined) return tools;
  const patterns = wanted.map((text) => ({
    text,
    pattern: new RegExp(`^${text.replace(/[^\w*]/g, "\\$&").replaceAll("*", ".*")}$`),
  }));
  const missing = patterns.find(({ pattern }) => !tools.some((tool) => pattern.test(tool.name)));
  if (missing)
    throw new ConfigError(
      "invalid_option",
      `The MCP server "${name}" has no tool "${missing.text}". It has: ${tools.map((tool) => tool.name).join(", ")}.`,
    );
  return tools.filter((tool) => patterns.some(({ pattern }) => pattern.test(tool.name)));
}
