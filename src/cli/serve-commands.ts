/** `serve`: its name, flags and help. What it does is loaded only when it is called. */
import { InvalidArgumentError, type Command } from "commander";
import { addLimitFlags, addModelFlags, addSandboxFlag, count } from "./flags.ts";
import { several } from "./key-flags.ts";
import type { ServeFlags } from "./serve-command.ts";

export function addServe(program: Command, exit: (code: number) => void): void {
  const serve = program
    .command("serve")
    .summary("an endpoint for other programs: OpenAI's and Anthropic's dialects")
    .description(
      'Programs that speak to OpenAI or Anthropic use it by their base URL. The model "NAME" has lossless context: a history of any length is sent as what fits. "ask/NAME" answers questions over messages of any size with a Recursive Language Model.',
    )
    .option("--host <address>", "where to listen; any but this machine's own needs a key", "127.0.0.1")
    .option("--port <port>", "0 takes any that is free", port, 8787)
    .option("--key <key>", "a key, or its hash; several stand for tenants with data of their own", several)
    .option("--key-file <file>", "keys or hashes, one a line; # begins a remark")
    .option("--new-key", "make a key, show it once, and keep its hash in the --key-file")
    .option("--max-body <MiB>", "largest request (default: 64)", count);
  addModelFlags(serve);
  addLimitFlags(serve);
  addSandboxFlag(serve)
    .option("-q, --quiet", "say nothing but failures on standard error")
    .addHelpText("after", `\nLimits hold for each request.\n\nExamples:\n${examples}`)
    .action(async (flags: ServeFlags) => exit(await (await import("./serve-command.ts")).serve(flags)));
}

const examples = `  unabridged serve
  OPENAI_BASE_URL=http://127.0.0.1:8787/v1 OPENAI_API_KEY=none my-program
  ANTHROPIC_BASE_URL=http://127.0.0.1:8787 ANTHROPIC_API_KEY=none my-program
  unabridged serve --new-key --key-file keys.txt
  unabridged serve --host 0.0.0.0 --key-file keys.txt`;

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
}
