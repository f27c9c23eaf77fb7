/** The tools `recall_…`: what was said in a stored conversation, found, described, and asked about. */
import { z } from "zod";
import { ConfigError, StoreError } from "../core/errors.ts";
import { asConversationId } from "../core/ids.ts";
import type { ConversationRequest, OpenConversation } from "../engine/index.ts";
import { answered, limitInput, limitsOf, type Desk } from "./desk.ts";
import { attended } from "./progress-notes.ts";

const which = {
  conversation: z.string().min(1).describe("its name, as `unabridged conversations list` shows it"),
  branch: z.string().optional().describe('default "main"'),
};
const place = 'message numbers such as "12" or "3-40", or the id of a label';

const grepInput = z.object({
  ...which,
  pattern: z.string().min(1).describe("a name, number or phrase as it was written"),
  mode: z
    .enum(["text", "regex", "words"])
    .optional()
    .describe("default text: letter by letter, in any case; words: any of them, the best first"),
  in: z.string().optional().describe(`only there: ${place}`),
  limit: z.number().int().min(1).max(100).optional().describe("most messages; default 12"),
  cursor: z.string().optional().describe("for the next page"),
});

const describeInput = z.object({ ...which, id: z.string().min(1).describe(place) });

const askInput = z.object({
  ...which,
  question: z.string().min(1).describe("complete in itself"),
  in: z.array(z.string()).optional().describe(`where to read: ${place}. Default: wherever it is`),
  ...limitInput,
});

const annotations = { readOnlyHint: true, openWorldHint: false };

export function addRecall(desk: Desk): void {
  addGrep(desk);
  addDescribe(desk);
  addAsk(desk);
}

function addGrep(desk: Desk): void {
  const description =
    "Find where something was said in a stored conversation of any length. Gives message numbers and the words around each match.";
  desk.server.registerTool(
    "recall_grep",
    { title: "Find in a conversation", description, inputSchema: grepInput, annotations },
    async ({ conversation, branch, pattern, mode, in: within, limit, cursor }, { mcpReq: { signal } }) =>
      withConversation(desk, conversation, branch, {}, async (open) => {
        const query = {
          pattern,
          ...(mode !== undefined && { mode }),
          ...(within !== undefined && { in: within }),
          ...(limit !== undefined && { limit }),
          ...(cursor !== undefined && { cursor }),
        };
        const { hits, next, searched } = await open.recallGrep(query, { signal });
        const lines = hits.map(({ position, role, snippets, matches }) => {
          const texts = snippets.slice(0, 2).map(({ text }) => text.replace(/\s+/g, " "));
          return `[${position}] ${role}: ${texts.join(" … ")}${matches > texts.length ? ` (${matches} matches)` : ""}`;
        });
        if (lines.length === 0)
          return answered(`Not found: "${pattern}", in ${searched.messages} messages of "${conversation}".`);
        return answered(
          [...lines, next === undefined ? "No more." : `More with cursor "${next}".`].join("\n"),
        );
      }),
  );
}

function addDescribe(desk: Desk): void {
  const description =
    "What a message or a label of a stored conversation is: size, parts, shape of large content.";
  desk.server.registerTool(
    "recall_describe",
    { title: "Look at a message", description, inputSchema: describeInput, annotations },
    async ({ conversation, branch, id }) =>
      withConversation(desk, conversation, branch, {}, async (open) =>
        answered(await open.recallDescribe(id)),
      ),
  );
}

function addAsk(desk: Desk): void {
  const description =
    "Have a model read a stored conversation, however long, and answer a question about it: exact words, numbers, decisions, code.";
  desk.server.registerTool(
    "recall_ask",
    { title: "Ask about a conversation", description, inputSchema: askInput, annotations },
    async ({ conversation, branch, question, in: places, ...asked }, context) => {
      const request = { limits: limitsOf(desk.workspace, asked) };
      return withConversation(desk, conversation, branch, request, async (open) => {
        const { signal } = context.mcpReq;
        const reading = open.recallAsk(question, { signal, ...(places && { in: places }) });
        const { answer, messages } = await attended("reading", context, reading);
        const from = messages.length === 0 ? "" : `\n\n(from messages ${messages.join(", ")})`;
        return answered(`${answer}${from}`);
      });
    },
  );
}

/** Opening a conversation would make it, so whether it is there is looked at first. */
async function withConversation<Result>(
  { workspace: { engine } }: Desk,
  name: string,
  branch = "main",
  request: ConversationRequest,
  work: (open: OpenConversation) => Promise<Result>,
): Promise<Result> {
  const store = await engine.conversations;
  try {
    await store.branch({ conversationId: asConversationId(name), name: branch });
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "not_found") throw error;
    const names = (await store.list({ limit: 20 })).map(({ id }) => id);
    const remedy = names.length === 0 ? "None is kept yet." : `The last used: ${names.join(", ")}.`;
    throw new ConfigError(
      "not_found",
      `There is no conversation "${name}" with a branch "${branch}". ${remedy}`,
      { cause: error },
    );
  }
  const open = engine.conversation(name, { ...request, branch, settings: { background: false } });
  try {
    return await work(open);
  } finally {
    await open.close();
  }
}
