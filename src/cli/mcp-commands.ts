/** `mcp`: its name, flags and help. What it does is loaded only when it is called. */
import { InvalidArgumentError, type Command } from "commander";
import { addLimitFlags, addModelFlags, addSandboxFlag } from "./flags.ts";
import { several } from "./key-flags.ts";
import type { McpFlags } from "./mcp-command.ts";

export function addMcp(program: Command, exit: (code: number) => void): void {
  const mcp = program
    .command("mcp")
    .summary("tools for other programs' models: a server of the Model Context Protocol")
    .description(
      "Gives the model of Claude Desktop, Claude Code, Cursor, opencode and others tools to ask over any amount of text, label records, search corpora and recall conversations. On standard input and output, or with --http for several clients.",
    )
    .option("--root <folder>", "may be read, with all below it; several times for several", several)
    .option("--http <port>", "listen for streamable HTTP at /mcp; 0 takes any that is free", port)
    .option("--host <address>", "with --http: where; any but this machine's own needs a key", "127.0.0.1")
    .option("--key <key>", "with --http: a key, or its hash; several stand for tenants", several)
    .option("--key-file <file>", "with --http: keys or hashes, one a line");
  addModelFlags(mcp);
  addLimitFlags(mcp);
  addSandboxFlag(mcp)
    .option("-q, --quiet", "say nothing but failures on standard error")
    .addHelpText("after", `\nLimits are ceilings of each call.\n\nExamples:\n${examples}`)
    .action(async (flags: McpFlags) => exit(await (await import("./mcp-command.ts")).mcp(flags)));
}

const examples = `  claude mcp add unabridged -- unabridged mcp
  unabridged mcp --root ~/documents --max-cost 0.50
  unabridged mcp --http 8788 --root /var/log`;

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
}
