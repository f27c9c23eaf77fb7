/** The commands of conversations: their names, flags and help. What they do is loaded only when one is called. */
import { Option, type Command } from "commander";
import type { ChatFlags } from "./chat-command.ts";
import type { EraseFlags, ImportFlags, ListFlags, SearchFlags, ShowFlags } from "./conversations-command.ts";
import { addLimitFlags, addModelFlags, addSandboxFlag, addToolFlags, count } from "./flags.ts";

type Exit = (code: number) => void;

export function addChat(program: Command, exit: Exit): void {
  const chat = program
    .command("chat")
    .summary("talk without end: nothing is cut, nothing is lost")
    .description(
      "Talks with a model. Every message is kept word for word; what the window has no room for is shown to the model as labels, and it looks up the rest. The same conversation goes on the next time. From a pipe each line is a turn. The replies go to standard output, everything else to standard error.",
    )
    .argument("[paths...]", "files, folders and globs to attach")
    .option("-c, --conversation <name>", "which one to go on with (default: the one of this folder)")
    .option("--branch <name>", 'which of its branches (default: "main")')
    .option("--system <file>", "instructions of every request; the same each time, or the cache is lost")
    .option(
      "--map",
      "offer the model to have each record of a file, or each message, read by the LM of sub-calls",
    )
    .option("--json", "one JSON object a turn; from a pipe each line is a message as JSON")
    .option("-q, --quiet", "nothing but replies and failures");
  addModelFlags(chat);
  addLimitFlags(chat);
  addToolFlags(chat, "turn");
  addSandboxFlag(chat)
    .addHelpText("after", `\nWithin it, /help shows the commands.\n\nExamples:\n${examples}`)
    .action(async (paths: string[], flags: ChatFlags) =>
      exit(await (await import("./chat-command.ts")).chat(paths, flags)),
    );
}

const examples = `  unabridged chat notes/ --conversation plans
  echo "What did we decide about the port?" | unabridged chat -c plans --quiet
  unabridged conversations import ~/.claude/projects/…/session.jsonl --conversation work`;

const formats = ["unabridged", "claude-code", "codex", "openai"];

export function addConversations(program: Command, exit: Exit): void {
  const load = (): Promise<typeof import("./conversations-command.ts")> =>
    import("./conversations-command.ts");
  const conversations = program
    .command("conversations")
    .description("what is kept of conversations: look, search, take out, take in, check, erase");
  conversations
    .command("list", { isDefault: true })
    .description("the last used first")
    .option("--json", "print a JSON array")
    .option("-n, --limit <n>", "how many", count, 20)
    .action(async (flags: ListFlags) => exit(await (await load()).listConversations(flags)));
  conversations
    .command("show")
    .description("its messages, the newest last")
    .argument("<name>")
    .option("--branch <name>", "which branch", "main")
    .option("-n, --last <n>", "how many", count, 20)
    .option("--all", "every message")
    .option("--json", "print one JSON object a message")
    .action(async (name: string, flags: ShowFlags) =>
      exit(await (await load()).showConversation(name, flags)),
    );
  conversations
    .command("search")
    .description("find messages by a text, letter by letter, in any case")
    .argument("<text>")
    .option("--in <name>", "only this conversation")
    .option("--regex", "the text is a regular expression")
    .option("--words", "messages with any of the words, the best first")
    .option("-n, --limit <n>", "how many", count, 20)
    .option("--json", "print one JSON object")
    .action(async (text: string, flags: SearchFlags) =>
      exit(await (await load()).searchConversations(text, flags)),
    );
  conversations
    .command("export")
    .description("write a conversation as lines of JSON to standard output: all that import needs")
    .argument("<name>")
    .action(async (name: string) => exit(await (await load()).exportConversation(name)));
  conversations
    .command("import")
    .description(
      "take in an export, or what Claude Code, Codex and OpenAI's message lists look like; again adds what is new",
    )
    .argument("[file]", "- or nothing: standard input")
    .option("-c, --conversation <name>", "its name here (default: the file's; an export keeps its own)")
    .addOption(
      new Option("--format <format>", "what it is (default: seen from its first lines)").choices(formats),
    )
    .option("--json", "print one JSON object")
    .action(async (file: string | undefined, flags: ImportFlags) =>
      exit(await (await load()).importFile(file, flags)),
    );
  conversations
    .command("fsck")
    .description("check every hash, link, label and index; changes nothing")
    .argument("[name]", "all, where none is named")
    .option("--json", "print one JSON object")
    .action(async (name: string | undefined, flags: { json?: true }) =>
      exit(await (await load()).checkConversations(name, flags)),
    );
  conversations
    .command("erase")
    .description("remove content for good; a tombstone stays. Nothing else ever removes any")
    .argument("<name>")
    .option("--messages <first-last>", "only these, by their numbers")
    .option("--branch <name>", "on which branch the numbers are", "main")
    .option("--reason <text>", "kept with the tombstone", "erased by its owner")
    .option("--yes", "don't ask")
    .option("--json", "print one JSON object")
    .action(async (name: string, flags: EraseFlags) =>
      exit(await (await load()).eraseConversation(name, flags)),
    );
}
