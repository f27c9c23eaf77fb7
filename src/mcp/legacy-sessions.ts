/** Clients of the protocol's older versions over HTTP: they keep a session, through which they also cancel. */
import { WebStandardStreamableHTTPServerTransport, type McpServer } from "@modelcontextprotocol/server";
import { randomUUID } from "node:crypto";

interface Session {
  readonly tenant: string | undefined;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly server: McpServer;
  lastUsedAt: number;
}

const mostSessions = 256;
const idleMs = 60 * 60 * 1000;

export class LegacySessions {
  readonly #newServer: (tenant: string | undefined) => McpServer;
  readonly #mostBodyBytes: number;
  readonly #sessions = new Map<string, Session>();

  constructor(newServer: (tenant: string | undefined) => McpServer, mostBodyBytes: number) {
    this.#newServer = newServer;
    this.#mostBodyBytes = mostBodyBytes;
  }

  async answer(request: Request, tenant: string | undefined): Promise<Response> {
    const id = request.headers.get("mcp-session-id");
    if (id === null) return this.#begin(request, tenant);
    const session = this.#sessions.get(id);
    // Of another tenant's sessions nobody learns that they are there.
    if (!session || session.tenant !== tenant) return notFound();
    session.lastUsedAt = Date.now();
    return session.transport.handleRequest(request);
  }

  async close(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.allSettled(sessions.map(({ server }) => server.close()));
  }

  async #begin(request: Request, tenant: string | undefined): Promise<Response> {
    await this.#makeRoom();
    const server = this.#newServer(tenant);
    const transport = new WebStandardStreamableHTTPServerTransport({
      maxRequestBodySize: this.#mostBodyBytes,
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => {
        this.#sessions.set(id, { tenant, transport, server, lastUsedAt: Date.now() });
      },
      onsessionclosed: (id) => void this.#sessions.delete(id),
    });
    await server.connect(transport);
    const response = await transport.handleRequest(request);
    // It was no beginning: the transport has said so.
    if (transport.sessionId === undefined) await server.close();
    return response;
  }

  /** Clients rarely say goodbye: those that were not heard of for long are gone, and then the quietest. */
  async #makeRoom(): Promise<void> {
    const quietest = [...this.#sessions].sort(([, a], [, b]) => a.lastUsedAt - b.lastUsedAt);
    const since = Date.now() - idleMs;
    const tooMany = this.#sessions.size - mostSessions + 1;
    const gone = quietest.filter(([, { lastUsedAt }], index) => lastUsedAt < since || index < tooMany);
    for (const [id] of gone) this.#sessions.delete(id);
    await Promise.allSettled(gone.map(([, { server }]) => server.close()));
  }
}

function notFound(): Response {
  const error = { code: -32_001, message: "Session not found" };
  return Response.json({ jsonrpc: "2.0", id: null, error }, { status: 404 });
}
