/** For the tests of this folder: one map over a real store, and the lines it wrote. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { InputEntry } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { memoryJobs } from "../stores/jobs-memory.ts";
import { type ScriptedModel, type Step } from "../testing/scripted-model.ts";
import { newScope, type ScopeOptions } from "./map.fixture.ts";
import { runMap, type MapProblem, type MapResult } from "./map.ts";

export const folder: string = await mkdtemp(join(tmpdir(), "map-"));
after(() => rm(folder, { recursive: true }));
let files = 0;

export const label: JsonObject = {
  type: "object",
  properties: { label: { type: "string" } },
  required: ["label"],
};

type Given = Partial<MapProblem> & { readonly scopeOptions?: ScopeOptions };

export async function mapped(
  model: ScriptedModel,
  items: readonly Json[] | readonly InputEntry[],
  given: Given = {},
): Promise<MapResult & { lines: Json[] }> {
  const path = given.file?.path ?? join(folder, `out-${++files}.jsonl`);
  const list = items.map((item) =>
    typeof item === "object" && item !== null && "type" in item
      ? (item as InputEntry)
      : ({ type: "item", item } as InputEntry),
  );
  const result = await runMap({
    ...{
      scope: newScope(given.scopeOptions),
      jobs: memoryJobs(),
      model,
      items: list,
      prompt: "Label {{item}}",
      output: label,
    },
    ...{ file: { path } },
    ...given,
  });
  return { ...result, lines: result.file ? await linesIn(path) : [] };
}

export async function linesIn(path: string): Promise<Json[]> {
  return (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Json);
}

/** Answers with the item itself in capitals. */
export const capitals: Step = (request) => {
  const [, item] = /Label (\w+)/.exec(lastText(request)) ?? [];
  return JSON.stringify({ label: item?.toUpperCase() });
};

export function lastText({ messages }: { messages: readonly { content: unknown }[] }): string {
  return JSON.stringify(messages.at(-1)?.content);
}
