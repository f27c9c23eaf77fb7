/** `unabridged ask`, and with a run's id `runs resume`: one question from the command line to the answer on standard output. */
import { resolve } from "node:path";
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import { asRunId, type RunId } from "../core/ids.ts";
import type { Run } from "../core/run.ts";
import type { AskContext, AskOptions, AskResult, Engine, RunLimits } from "../engine/index.ts";
import { launch, type Launched } from "../setup/launch.ts";
import type { OuterTools } from "../setup/outer-tools.ts";
import { exitCodes, reportFailure } from "./failure.ts";
import { launchFlags, limitsOf, type AskFlags, type RunFlags, type ToolFlags } from "./flags.ts";
import { keepInput } from "./kept-input.ts";
import { onInterrupt } from "./interrupt.ts";
import { Progress } from "./progress.ts";
import { showAnswer, summaryOf } from "./show-answer.ts";
import { openTools } from "./tool-flags.ts";
import { TraceView } from "./trace-view.ts";
import { writeText } from "./write-text.ts";

export async function ask(
  question: string | undefined,
  paths: readonly string[],
  flags: AskFlags,
): Promise<number> {
  const surroundings = { workingFolder: process.cwd(), environment: process.env };
  const wanted = flags.resume === undefined ? flags : { ...(await flagsOf(flags.resume)), ...flags };
  const launched = await launch(launchFlags(wanted), surroundings);
  const cancel = new AbortController();
  const stopListening = onInterrupt(() => cancel.abort(new DOMException("Interrupted.", "AbortError")));
  let tools: OuterTools | undefined;
  try {
    tools = await openTools(wanted, surroundings, cancel.signal);
    const run = await start(launched, question, paths, { ...wanted, tools }, cancel.signal);
    return await follow(run, launched, flags);
  } catch (error) {
    // Before there was a run to keep.
    if (cancel.signal.aborted && error === cancel.signal.reason) return exitCodes.cancelled;
    throw error;
  } finally {
    stopListening();
    await launched.engine.close();
    await tools?.close();
  }
}

async function start(
  { engine, homeFolder }: Launched,
  question: string | undefined,
  paths: readonly string[],
  flags: AskFlags & { readonly tools: OuterTools | undefined },
  signal: AbortSignal,
): Promise<Run<AskResult>> {
  const tools = flags.tools && { tools: flags.tools.cellTools() };
  const options: AskOptions = {
    signal,
    cache: flags.cache,
    phase0: flags.phase0,
    binary: flags.refuseBinary ? "refuse" : "skip",
    ...(flags.raw && { raw: true }),
    ...(flags.encoding !== undefined && { encoding: flags.encoding }),
    caller: callerOf(flags),
  };
  if (flags.resume !== undefined && (question === undefined || paths.length === 0)) {
    const { phase0: _asBefore, ...others } = options;
    return engine.resume(flags.resume, { ...others, ...tools, limits: limitsGiven(flags) });
  }
  if (question === undefined)
    throw new ConfigError("invalid_option", 'Say what you want to know: unabridged ask "question" PATHS…');
  const { context, workingFolder } = await contextOf(question, paths, homeFolder, signal);
  return engine.ask(
    { query: question, context, ...tools },
    {
      ...options,
      ...(flags.resume !== undefined && { resume: flags.resume }),
      ...(workingFolder && { workingFolder }),
    },
  );
}

/** What isn't given stays as it was. */
function limitsGiven(flags: AskFlags): RunLimits {
  return Object.fromEntries(Object.entries(limitsOf(flags)).filter(([, value]) => value !== undefined));
}

async function contextOf(
  question: string,
  paths: readonly string[],
  homeFolder: string,
  signal: AbortSignal,
): Promise<{ context: AskContext; workingFolder?: string }> {
  const [only] = paths;
  if (paths.length === 1 && only?.startsWith("run:")) return { context: { run: only.slice("run:".length) } };
  if (paths.length > 0 && !paths.includes("-")) return { context: { paths } };
  if (process.stdin.isTTY)
    throw new ConfigError(
      "invalid_option",
      `Nothing to look into: name files or folders after the question, or pipe text in. (The question was: "${question}")`,
    );
  const kept = await keepInput(process.stdin, homeFolder, signal);
  if (paths.length <= 1) return { context: { paths: [kept.name] }, workingFolder: kept.folder };
  return { context: { paths: paths.map((path) => (path === "-" ? kept.path : path)) } };
}

/** Shows a run while it goes on, then its answer on standard output and how it ended on standard error. */
async function follow(
  run: Run<AskResult>,
  { engine, models, homeFolder }: Launched,
  flags: AskFlags,
): Promise<number> {
  const view = flags.trace
    ? new TraceView(process.stderr)
    : new Progress(process.stderr, { quiet: flags.quiet === true });
  models().then(
    ({ found }) => view.note(`model: ${found}`),
    () => {
      // The run fails with the same message.
    },
  );
  let result: AskResult;
  try {
    for await (const event of run) view.show(event);
    result = await run.result();
  } catch (error) {
    view.end();
    const code = reportFailure(error);
    if (!(error instanceof ConfigError) && (await isStored(engine, run.id)))
      process.stderr.write(resumeLine(run.id));
    return code;
  }
  view.end();
  const text = flags.json ? `${JSON.stringify(result, null, 2)}\n` : showAnswer(result, { homeFolder });
  await writeText(process.stdout, text);
  if (!flags.quiet) process.stderr.write(`${summaryOf(result)}\n`);
  if (result.limit) process.stderr.write(`${result.limit.message}\n`);
  if (result.status !== "answered") process.stderr.write(resumeLine(run.id));
  return { answered: exitCodes.done, partial: exitCodes.limit, cancelled: exitCodes.cancelled }[
    result.status
  ];
}

/** A run that failed before it was recorded can't be gone on with. */
async function isStored({ runs }: Engine, runId: RunId): Promise<boolean> {
  return runs.get(runId).then(
    () => true,
    () => false,
  );
}

function resumeLine(runId: string): string {
  return `Go on with: unabridged runs resume ${runId}\n`;
}

/** What `runs resume` needs to find the same models again. Keys are never among them. */
function callerOf({
  model,
  subModel,
  baseUrl,
  contextWindow,
  subContextWindow,
  sandbox,
  mcp,
}: RunFlags & ToolFlags): NonNullable<AskOptions["caller"]> {
  const tools = mcp === undefined ? undefined : resolve(mcp);
  const flags = { model, subModel, baseUrl, contextWindow, subContextWindow, sandbox, mcp: tools };
  return Object.fromEntries(
    Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

const keptFlags = z.object({
  model: z.string().optional(),
  subModel: z.string().optional(),
  baseUrl: z.string().optional(),
  contextWindow: z.number().optional(),
  subContextWindow: z.number().optional(),
  sandbox: z.enum(["wasm", "native"]).optional(),
  mcp: z.string().optional(),
});

/** The models and tools that a run was started with: with others its journal would fit nothing. */
async function flagsOf(runId: string): Promise<Partial<RunFlags & ToolFlags>> {
  const { engine } = await launch(launchFlags({}), {
    workingFolder: process.cwd(),
    environment: process.env,
  });
  try {
    const { recipe } = await engine.runs.get(asRunId(runId));
    const kept = keptFlags.safeParse(recipe["caller"]);
    return kept.success
      ? Object.fromEntries(Object.entries(kept.data).filter(([, value]) => value !== undefined))
      : {};
  } finally {
    await engine.close();
  }
}
