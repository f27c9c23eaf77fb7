/** The commands of a chat: what they are called, what they show. Each tells on standard output what was asked for. */
import type { StoredMessage } from "../core/conversation.ts";
import { ConfigError } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import { asMessageId } from "../core/ids.ts";
import type { ChatSession } from "./chat-session.ts";
import { dollars } from "./show-answer.ts";
import { showContext } from "./show-context.ts";
import { counted, hitJson, messageJson, showHits, showMessage, showWholeMessage } from "./show-message.ts";
import { writeText } from "./write-text.ts";

interface SlashCommand {
  readonly argument: string;
  readonly about: string;
  run(session: ChatSession, argument: string): Promise<void>;
}

/** @returns "quit" where that was the wish */
export async function runSlash(
  session: ChatSession,
  name: string,
  argument: string,
): Promise<"quit" | undefined> {
  if (name === "quit" || name === "exit") return "quit";
  const command = new Map(Object.entries(slashCommands)).get(name);
  if (!command)
    throw new ConfigError(
      "invalid_option",
      `There is no command /${name}. /help shows them; to say it as it is, put it between """ and """.`,
    );
  const isNeeded = command.argument !== "" && !command.argument.startsWith("[");
  if (isNeeded && argument === "")
    throw new ConfigError(
      "invalid_option",
      `/${name} needs ${command.argument}. It is for: ${command.about}.`,
    );
  await command.run(session, argument);
  return undefined;
}

const slashCommands: Readonly<Record<string, SlashCommand>> = {
  context: {
    argument: "",
    about: "what the model sees: labels and messages, with their tokens",
    async run(session) {
      const report = await session.stoppable((signal) => session.conversation.context({ signal }));
      const { request: _, ...json } = report;
      await session.show(showContext(report), { command: "context", ...json });
    },
  },
  recall: {
    argument: "TEXT",
    about: "find messages by a text",
    async run(session, argument) {
      const page = await session.stoppable((signal) =>
        session.conversation.recallGrep({ pattern: argument, limit: 50 }, { signal }),
      );
      const hasMore = page.next !== undefined;
      const json = { command: "recall", hits: page.hits.map(hitJson), searched: page.searched, hasMore };
      await session.show(showHits(page, argument, false), json);
      if (hasMore) session.note("there are more: say more of what you look for");
    },
  },
  ask: {
    argument: "QUESTION",
    about: "have a copy of the model read the past and answer, apart from the talk",
    async run(session, argument) {
      const { answer, messages } = await session.stoppable((signal) =>
        session.conversation.recallAsk(argument, { signal }),
      );
      const from =
        messages.length === 0
          ? ""
          : ` (from message${messages.length === 1 ? "" : "s"} ${messages.join(", ")})`;
      await session.show(`${answer}${from}\n`, { command: "ask", answer, messages });
    },
  },
  expand: {
    argument: "ID",
    about: 'messages in full: a number, a range such as "3-9", or the id of a label',
    async run(session, argument) {
      const json: object[] = [];
      await session.stoppable(async (signal) => {
        for await (const stored of session.conversation.recallExpand(argument)) {
          signal.throwIfAborted();
          if (session.view.json) json.push(messageJson(stored));
          else await writeText(process.stdout, showWholeMessage(stored));
        }
      });
      if (session.view.json) await session.show("", { command: "expand", messages: json });
    },
  },
  branch: {
    argument: "[N]",
    about: "go back to message N and on from there; a branch's name: go to it; nothing: show them",
    run: branch,
  },
  compact: {
    argument: "",
    about: "show all but the newest messages as labels, now",
    async run(session) {
      const result = await session.stoppable((signal) => session.conversation.compact({ signal }));
      const { status, tokensBefore, tokensAfter, reason } = result;
      const text =
        status === "swapped"
          ? `${grouped(tokensBefore)} tokens became ${grouped(tokensAfter)}. Nothing is lost: /expand shows what is behind a label.\n`
          : `Nothing was changed: ${reason}.\n`;
      await session.show(text, { command: "compact", ...result });
    },
  },
  attach: {
    argument: "PATH",
    about: "add files to the talk",
    async run(session, argument) {
      await session.attach([argument]);
      if (session.view.json) await session.show("", { command: "attach", path: argument });
    },
  },
  cost: {
    argument: "",
    about: "what this chat has taken so far, labels and questions about the past included",
    async run(session) {
      const { usage, costUsd } = session.budget;
      const cached =
        usage.cachedInputTokens === 0 ? "" : ` (${grouped(usage.cachedInputTokens)} of them cached)`;
      const text = `${counted(usage.calls, "model call")}, ${grouped(usage.inputTokens)} tokens in${cached}, ${grouped(usage.outputTokens)} out: ${dollars(costUsd)}\n`;
      await session.show(text, { command: "cost", usage, costUsd });
    },
  },
  history: {
    argument: "[N]",
    about: "the last N messages (10)",
    async run(session, argument) {
      const wanted = argument === "" ? 10 : Number(argument);
      if (!Number.isSafeInteger(wanted) || wanted < 1)
        throw new ConfigError("invalid_option", `/history takes a whole number from 1, not "${argument}".`);
      const newest: StoredMessage[] = [];
      await session.stoppable(async (signal) => {
        for await (const stored of session.conversation.history({ order: "newest-first", signal })) {
          newest.push(stored);
          if (newest.length >= wanted) break;
        }
      });
      newest.reverse();
      const json = { command: "history", messages: newest.map(messageJson) };
      await session.show(newest.map(showMessage).join(""), json);
    },
  },
  help: {
    argument: "",
    about: "this",
    async run(session) {
      const commands = [
        ...Object.entries(slashCommands),
        ["quit", { argument: "", about: "leave; so does Ctrl-D" }] as const,
      ];
      const lines = commands.map(
        ([name, { argument, about }]) => `  ${`/${name} ${argument}`.padEnd(16)} ${about}\n`,
      );
      const text = `${lines.join("")}A line that ends in \\ goes on; """ begins and ends a text of several lines.\n`;
      await session.show(text, { command: "help", commands: commands.map(([name]) => name) });
    },
  },
};

async function branch(session: ChatSession, argument: string): Promise<void> {
  const { conversation } = session;
  const branches = await conversation.branches();
  if (argument === "") {
    const lines = branches.map(
      ({ name, head, forkedFrom }) =>
        `${name === conversation.branchName ? "*" : " "} ${name}  ${counted(head.position, "message")}${forkedFrom ? `, from message ${forkedFrom.position} of ${forkedFrom.name}` : ""}\n`,
    );
    const json = { command: "branch", branch: conversation.branchName, branches };
    return session.show(lines.join(""), json);
  }
  const known = branches.find(({ name }) => name === argument);
  if (!known && !/^m?\d+$/.test(argument))
    throw new ConfigError(
      "not_found",
      `There is no branch "${argument}". There are ${branches.map(({ name }) => name).join(", ")}; a number goes back to that message.`,
    );
  const next = known
    ? conversation.with({ branch: known.name })
    : await conversation.branch(/^\d+$/.test(argument) ? Number(argument) : asMessageId(argument));
  session.switchTo(next);
  const json = { command: "branch", branch: next.branchName };
  await session.show(`On branch ${next.branchName}${known ? "" : `, after message ${argument}`}.\n`, json);
}
