/** Many clients over streamable HTTP: who may come in, and how it ends. What is answered is the tools' business. */
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
  type McpServer,
} from "@modelcontextprotocol/server";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP, type AddressInfo } from "node:net";
import { ConfigError, messageOf } from "../core/errors.ts";
import type { AllowedFolders } from "../setup/allowed-folders.ts";
import { KeyRing, type KeyHash } from "../setup/keys.ts";
import type { ToolService } from "../setup/tool-service.ts";
import { LegacySessions } from "./legacy-sessions.ts";
import { mcpServer } from "./server.ts";
import { requestOf, respond } from "./web-exchange.ts";
import { Workspaces } from "./workspace.ts";

export interface McpHttpOptions {
  readonly folders: AllowedFolders;
  readonly version: string;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** 0 takes any that is free. */
  readonly port: number;
  /** Each stands for a tenant with data of its own. Without any, only this machine may come in. */
  readonly keys?: readonly KeyHash[];
  /** Takes a line for what the person who runs the server should know. @default nobody */
  readonly log?: (line: string) => void;
}

export interface McpHttp {
  /** "http://127.0.0.1:8788/mcp" */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const path = "/mcp";
/** Texts come in messages; what is larger is better named by its path. */
const mostBodyBytes = 16 * 1024 * 1024;

/** Throws ConfigError where others than this machine could come in without a key, or the address is taken. */
export async function startMcpHttp(service: ToolService, options: McpHttpOptions): Promise<McpHttp> {
  const { host = "127.0.0.1", port } = options;
  const keys = new KeyRing(options.keys ?? []);
  if (keys.isEmpty && !isLoopback(host))
    throw new ConfigError(
      "missing_key",
      `Others can reach "${host}", so a key is required: give one with --key or --key-file. Or leave --host out.`,
    );
  const door = new Door(service, keys, options);
  const server = createServer(
    {
      ...{ maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 120_000 },
      ...{ keepAliveTimeout: 65_000, connectionsCheckingInterval: 1000, requireHostHeader: true },
    },
    (request, response) => void door.enter(request, response),
  );
  server.maxHeadersCount = 100;
  server.maxConnections = 256;
  const bound = await listen(server, port, host);
  return {
    port: bound,
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${bound}${path}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await door.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

class Door {
  readonly #keys: KeyRing;
  readonly #options: McpHttpOptions;
  readonly #workspaces: Workspaces;
  readonly #handlers = new Map<string | undefined, ReturnType<typeof createMcpHandler>>();
  readonly #sessions: LegacySessions;

  constructor(service: ToolService, keys: KeyRing, options: McpHttpOptions) {
    this.#keys = keys;
    this.#options = options;
    this.#workspaces = new Workspaces(service);
    this.#sessions = new LegacySessions((tenant) => this.#server(tenant), mostBodyBytes);
  }

  async enter(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      // Others are none that a web request can have.
      const isKnown = methods.has(incoming.method ?? "");
      const response = isKnown
        ? await this.#answer(requestOf(incoming, outgoing))
        : refusal(405, `${path} takes POST, GET and DELETE.`, { allow: "GET, POST, DELETE" });
      await respond(response, outgoing);
    } catch (error) {
      if (!outgoing.destroyed) this.#options.log?.(`${incoming.method} ${incoming.url}: ${messageOf(error)}`);
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500, { connection: "close" }).end();
    }
  }

  async close(): Promise<void> {
    await this.#workspaces.close();
    await this.#sessions.close();
    await Promise.all([...this.#handlers.values()].map((handler) => handler.close()));
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const tenant = this.#enters(request);
    if (tenant instanceof Response) return tenant;
    if (pathname === "/healthz") return Response.json({ status: "ok" });
    if (pathname !== path) return refusal(404, `There is nothing here; the server is at ${path}.`);
    if (await isLegacyRequest(request, undefined, { maxRequestBodySize: mostBodyBytes }))
      return this.#sessions.answer(request, tenant.name);
    return this.#modern(tenant.name).fetch(request);
  }

  /** Who it is, or why not. Without keys the names of host and origin keep web pages out. */
  #enters(request: Request): { readonly name: string | undefined } | Response {
    if (this.#keys.isEmpty) {
      const refused =
        hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
        originValidationResponse(request, localhostAllowedOrigins());
      return refused ?? { name: undefined };
    }
    const { headers } = request;
    const [, bearer] = /^Bearer\s+(\S+)\s*$/i.exec(headers.get("authorization") ?? "") ?? [];
    const given = bearer ?? headers.get("x-api-key") ?? undefined;
    const name = given !== undefined && given.length <= longestKey ? this.#keys.tenantOf(given) : undefined;
    if (name !== undefined) return { name };
    const message = given === undefined ? "This server needs a key." : "This key is not known here.";
    return refusal(401, message, { "www-authenticate": "Bearer" });
  }

  #modern(tenant: string | undefined): ReturnType<typeof createMcpHandler> {
    const known = this.#handlers.get(tenant);
    if (known) return known;
    const { log } = this.#options;
    const handler = createMcpHandler(() => this.#server(tenant), {
      ...{ legacy: "reject", maxRequestBodySize: mostBodyBytes },
      ...(log && { onerror: (error: Error) => log(error.message) }),
    });
    this.#handlers.set(tenant, handler);
    return handler;
  }

  #server(tenant: string | undefined): McpServer {
    const { folders, version } = this.#options;
    return mcpServer({ workspace: this.#workspaces.of(tenant), folders, trustsRoots: false }, version);
  }
}

const longestKey = 512;
const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "DELETE", "OPTIONS"]);

function refusal(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ jsonrpc: "2.0", id: null, error: { code: -32_000, message } }, { status, headers });
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "something else listens there" : error.message;
      const message = `${host}:${port} can't be listened on: ${why}. Choose another with --http.`;
      reject(new ConfigError("invalid_option", message, { cause: error }));
    });
    // Without a port there is no address, which the error above would have said.
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}
