/** The resources of a connection: the answers of runs, and what the corpora hold. */
import {
  ResourceNotFoundError,
  ResourceTemplate,
  type ReadResourceResult,
} from "@modelcontextprotocol/server";
import { StoreError, ConfigError } from "../core/errors.ts";
import { asRunId } from "../core/ids.ts";
import { overview } from "./corpus-tools.ts";
import type { Desk } from "./desk.ts";
import { isoOf, oneLine, statusOf } from "./status-tool.ts";

const mimeType = "application/json";
const listedRuns = 50;
const listedDocuments = 1000;

export function addResources({ server, workspace }: Desk): void {
  const { engine, corpora } = workspace;
  server.registerResource(
    "run",
    new ResourceTemplate("unabridged://runs/{run}", {
      list: async () => ({
        resources: (await engine.runs.list({ limit: listedRuns })).map((run) => ({
          uri: `unabridged://runs/${run.id}`,
          name: run.id,
          title: oneLine(run.query),
          description: `${statusOf(run)}, ${isoOf(run.at)}`,
          mimeType,
        })),
      }),
    }),
    { title: "Runs", description: "A question with its whole answer and where that rests", mimeType },
    async (uri, { run: id }) =>
      found(uri, async () => {
        const run = await engine.runs.get(asRunId(String(id)));
        const { query, at, end } = run;
        return { runId: run.id, at: isoOf(at), status: statusOf(run), question: query, ...end?.result };
      }),
  );
  server.registerResource(
    "corpus",
    new ResourceTemplate("unabridged://corpora/{corpus}", {
      list: () => ({
        resources: corpora.list().map(({ name, corpus }) => ({
          uri: `unabridged://corpora/${encodeURIComponent(name)}`,
          ...{ name, description: corpus.describe().kind, mimeType },
        })),
      }),
    }),
    { title: "Corpora", description: "What a corpus holds: kind, sizes, documents", mimeType },
    async (uri, { corpus: name }) =>
      found(uri, async () => {
        const named = corpora.get(decodeURIComponent(String(name)));
        const documents = named.corpus.documents
          .slice(0, listedDocuments)
          .map(({ id, path, title, bytes }) => ({
            ...{ id, path, title, bytes },
          }));
        return { ...overview(named), list: documents, skipped: named.corpus.describe().skipped };
      }),
  );
}

async function found(uri: URL, read: () => Promise<object>): Promise<ReadResourceResult> {
  try {
    return { contents: [{ uri: uri.href, mimeType, text: JSON.stringify(await read(), null, 2) }] };
  } catch (error) {
    const isMissing =
      (error instanceof StoreError || error instanceof ConfigError) && error.code === "not_found";
    throw isMissing ? new ResourceNotFoundError(uri.href, error.message) : error;
  }
}
