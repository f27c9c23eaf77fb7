/** The tool `map`: one prompt over many records, each finished once. */
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/json.ts";
import { objectsOf, outputLine, type Engine, type MapRequest, type MapRunResult } from "../engine/index.ts";
import type { AllowedFolders } from "../setup/allowed-folders.ts";
import { answered, limitInput, limitsOf, withFolders, type Desk } from "./desk.ts";
import { followed } from "./progress-notes.ts";
import type { RunUnderWay } from "./runs-under-way.ts";
import { showMap } from "./show-run.ts";

const input = z.object({
  prompt: z
    .string()
    .min(1)
    .describe("what to ask of each item, with {{field}} or {{item}}; else the item is put after it"),
  path: z.string().min(1).optional().describe("JSONL, JSON, CSV or TSV file, or texts: a folder or glob"),
  items: z.array(z.json()).min(1).max(100_000).optional().describe("the items themselves, in place of path"),
  schema: z
    .record(z.string(), z.json())
    .optional()
    .describe("JSON Schema of a result; without one results are texts"),
  preset: z
    .enum(["filter", "extract"])
    .optional()
    .describe("filter: the prompt is a condition, results are { keep }; extract: values of the schema"),
  key: z.string().optional().describe("the field that names an item"),
  split: z
    .enum(["file", "lines", "paragraphs", "tokens", "symbols"])
    .optional()
    .describe("how texts are cut into items; default: each file is one"),
  batch: z.number().int().min(1).max(1000).optional().describe("items in one prompt; default 1"),
  votes: z.number().int().min(1).max(25).optional().describe("ask each so often; the answer of most counts"),
  sample: z.number().int().min(1).optional().describe("only so many from the beginning"),
  sql: z
    .string()
    .optional()
    .describe("one query over the tables results, failures and items; its rows are the answer"),
  ...limitInput,
  background: z.boolean().optional().describe("answer at once with the job's id; run_status follows it"),
});

const description = `Put every record of a file, or every item given, through a model with one prompt: label, extract, filter, score. Each is finished once: called again with the same prompt and input, it goes on where it stopped and pays for nothing twice. Counting and grouping is SQL over the results, exact. Give path or items.`;

/** Rows of the answer; the others are asked for with SQL. */
export const mostRows = 50;

export function addMap(desk: Desk): void {
  const { server, workspace } = desk;
  server.registerTool(
    "map",
    {
      ...{ title: "One prompt over many records", description, inputSchema: input },
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    (given, context) =>
      withFolders(desk, context, given.path !== undefined, async (folders) => {
        const { signal } = context.mcpReq;
        const { request, workingFolder } = await requestOf(given, folders, signal);
        const isAwaited = given.background !== true;
        const underWay = workspace.runs.begin((cancelled) =>
          workspace.engine.map(request, {
            limits: limitsOf(workspace, given),
            signal: isAwaited ? AbortSignal.any([cancelled, signal]) : cancelled,
            caller: { face: "mcp" },
            ...(workingFolder !== undefined && { workingFolder }),
          }),
        );
        if (!isAwaited) {
          const id = await jobIdOf(underWay);
          return answered(`${id} is under way. Follow it with run_status.`, { jobId: id, status: "running" });
        }
        const result = await followed(underWay, context);
        const rows = await rowsOf(workspace.engine, result.jobId, given.sql, signal);
        return showMap(result, rows, underWay.progress.notices);
      }),
  );
}

async function requestOf(
  given: z.infer<typeof input>,
  folders: AllowedFolders,
  signal: AbortSignal,
): Promise<{ readonly request: MapRequest; readonly workingFolder?: string | undefined }> {
  const { prompt, path, items, schema, preset, key, split, batch, votes, sample } = given;
  if ((path === undefined) === (items === undefined))
    throw new ConfigError("invalid_input", "Give either path or items.");
  const admitted = path === undefined ? undefined : await folders.admit([path], signal);
  const [file] = admitted?.paths ?? [];
  const from = file === undefined ? (items ?? []) : { input: file, ...(split !== undefined && { split }) };
  const request: MapRequest = {
    ...{ items: from, prompt },
    ...(schema && { output: schema }),
    ...(preset !== undefined && { preset }),
    ...(key !== undefined && { key }),
    ...(batch !== undefined && { batch }),
    ...(votes !== undefined && { votes }),
    ...(sample !== undefined && { sample }),
    // Other items are another job, though nobody gave them a name.
    ...(items && { source: `items ${sha256(canonicalJson(items))}` }),
  };
  return { request, workingFolder: admitted?.workingFolder };
}

/** Known once the job is open; where that fails, the failure. */
async function jobIdOf(run: RunUnderWay<MapRunResult>): Promise<string> {
  let stop = (): void => {};
  const opened = new Promise<string>((resolve) => {
    const look = (): void => {
      if (run.progress.jobId !== undefined) resolve(run.progress.jobId);
    };
    stop = run.onProgress(look);
    look();
  });
  return Promise.race([opened, run.result.then(({ jobId }) => jobId)]).finally(stop);
}

/** What a query gives, or the first results. */
export async function rowsOf(
  engine: Engine,
  jobId: string,
  sql: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly title: string; readonly rows: readonly object[] }> {
  if (sql === undefined) {
    const rows: object[] = [];
    for await (const row of engine.jobs.results(jobId)) {
      rows.push(outputLine(row));
      if (rows.length >= firstRows) break;
    }
    return { title: rows.length < firstRows ? "Results" : `The first ${firstRows} results`, rows };
  }
  const all = objectsOf(await engine.jobs.sql(jobId, sql, { signal }));
  const title = all.length > mostRows ? `The first ${mostRows} of ${all.length} rows` : "Rows";
  return { title, rows: all.slice(0, mostRows) };
}

const firstRows = 10;
