/** The tool `ask`: a question over files, a text, a corpus or an earlier answer, of any size. */
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import type { AskContext } from "../engine/index.ts";
import type { AllowedFolders } from "../setup/allowed-folders.ts";
import { answered, limitInput, limitsOf, withFolders, type Desk } from "./desk.ts";
import { followed } from "./progress-notes.ts";
import { showAnswer } from "./show-run.ts";

const input = z.object({
  question: z.string().min(1).describe("what you want to know, complete in itself"),
  paths: z.array(z.string().min(1)).min(1).max(1000).optional().describe("files, folders and globs"),
  text: z.string().min(1).optional().describe("the text itself, in place of paths"),
  corpus: z.string().optional().describe("a corpus of corpus_add, in place of paths"),
  run: z.string().optional().describe("an earlier run, in place of paths: its whole answer is looked into"),
  ...limitInput,
  depth: z.number().int().min(0).max(8).optional().describe("levels of sub-calls; default 1"),
  background: z
    .boolean()
    .optional()
    .describe("answer at once with the run's id; run_status follows it. For what takes minutes"),
});

const description = `Answer a question over text of any size: logs, code, contracts, folders of documents (PDF, Office and mail too). The text is not read into a window but searched and read in pieces by a model that writes code, so gigabytes are fine. The answer cites where it rests. Takes from seconds to minutes. Give one of paths, text, corpus or run.`;

export function addAsk(desk: Desk): void {
  const { server, workspace } = desk;
  server.registerTool(
    "ask",
    {
      ...{ title: "Ask over any amount of text", description, inputSchema: input },
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    (given, context) =>
      withFolders(desk, context, given.paths !== undefined, async (folders) => {
        const { signal } = context.mcpReq;
        const { context: over, workingFolder } = await contextOf(desk, given, folders, signal);
        const limits = limitsOf(workspace, given);
        const isAwaited = given.background !== true;
        const underWay = workspace.runs.begin((cancelled) =>
          workspace.engine.ask(
            { query: given.question, context: over },
            {
              limits,
              signal: isAwaited ? AbortSignal.any([cancelled, signal]) : cancelled,
              caller: { face: "mcp" },
              ...(workingFolder !== undefined && { workingFolder }),
            },
          ),
        );
        if (!isAwaited)
          return answered(`${underWay.id} is under way. Follow it with run_status.`, {
            runId: underWay.id,
            status: "running",
          });
        return showAnswer(await followed(underWay, context), underWay.progress.notices);
      }),
  );
}

async function contextOf(
  { workspace }: Desk,
  { paths, text, corpus, run }: z.infer<typeof input>,
  folders: AllowedFolders,
  signal: AbortSignal,
): Promise<{ readonly context: AskContext; readonly workingFolder?: string | undefined }> {
  const given = [paths, text, corpus, run].filter((source) => source !== undefined);
  if (given.length !== 1)
    throw new ConfigError(
      "invalid_input",
      `Give one of paths, text, corpus or run; ${given.length === 0 ? "none was" : `${given.length} were`} given.`,
    );
  if (paths) {
    const { paths: files, workingFolder } = await folders.admit(paths, signal);
    return { context: { paths: files }, workingFolder };
  }
  if (corpus !== undefined) {
    const { input: context, workingFolder } = workspace.corpora.get(corpus);
    return { context, workingFolder };
  }
  return { context: text ?? { run: run ?? "" } };
}
