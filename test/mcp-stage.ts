/** `unabridged mcp` as a client meets it: a process of its own, reached with the protocol's own client over either transport. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import type { CliStage } from "./cli-stage.ts";

export interface ConnectOptions {
  /** Folders that the client names as its roots; "promised" are never named. @default it has no roots */
  readonly roots?: readonly string[] | "promised";
  /** "auto" speaks the newest version of the protocol. @default "legacy" */
  readonly mode?: "legacy" | "auto";
}

export interface Answer {
  readonly text: string;
  readonly isError: boolean;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Connected extends AsyncDisposable {
  readonly client: Client;
  call(name: string, input?: object, options?: Parameters<Client["callTool"]>[1]): Promise<Answer>;
}

const program = fileURLToPath(new URL("../bin/unabridged.js", import.meta.url));

export async function overStdio(
  stage: CliStage,
  flags: readonly string[],
  options: ConnectOptions = {},
): Promise<Connected> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [program, "mcp", ...stage.models, ...flags],
    cwd: stage.folder,
    env: environmentOf(stage),
  });
  return connect(newClient(options), transport);
}

/** To a server that listens already. */
export async function overHttp(
  url: string,
  { key, ...options }: ConnectOptions & { readonly key?: string } = {},
): Promise<Connected> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  return connect(newClient(options), transport);
}

export interface Listening extends AsyncDisposable {
  readonly url: string;
}

export async function listen(stage: CliStage, flags: readonly string[]): Promise<Listening> {
  const started = stage.start(["mcp", "--http", "0", ...stage.models, ...flags], {
    environment: environmentOf(stage),
  });
  let said = "";
  started.process.stderr?.on("data", (text: string) => void (said += text));
  await started.says(/Listening at \S+\./);
  const [, url = ""] = /Listening at (\S+)\./.exec(said) ?? [];
  return {
    url,
    async [Symbol.asyncDispose]() {
      started.process.kill("SIGTERM");
      await started.ended;
    },
  };
}

function environmentOf({ home, folder }: CliStage): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: folder, UNABRIDGED_HOME: home, LLM_API_KEY: "story" };
}

function newClient({ roots, mode = "legacy" }: ConnectOptions): Client {
  const client = new Client(
    { name: "story", version: "1" },
    { versionNegotiation: { mode }, ...(roots && { capabilities: { roots: {} } }) },
  );
  if (roots && roots !== "promised")
    client.setRequestHandler("roots/list", () => ({
      roots: roots.map((folder) => ({ uri: pathToFileURL(folder).href })),
    }));
  return client;
}

const textContent = z.array(z.object({ type: z.literal("text"), text: z.string() }));

async function connect(client: Client, transport: Parameters<Client["connect"]>[0]): Promise<Connected> {
  await client.connect(transport);
  return {
    client,
    async call(name, input = {}, options = {}) {
      const called = await client.callTool({ name, arguments: { ...input } }, options);
      const [part] = textContent.parse(called.content);
      return {
        text: part?.text ?? "",
        isError: called.isError === true,
        data: z.record(z.string(), z.unknown()).parse(called.structuredContent ?? {}),
      };
    },
    async [Symbol.asyncDispose]() {
      await client.close();
    },
  };
}
