/** `unabridged mcp`: from flags to a server of tools that runs until its client has gone or it is interrupted. */
import { ConfigError } from "../core/errors.ts";
import { serveMcpStdio, startMcpHttp } from "../mcp/index.ts";
import { AllowedFolders } from "../setup/allowed-folders.ts";
import { openToolService, type ToolService } from "../setup/tool-service.ts";
import { exitCodes } from "./failure.ts";
import { launchFlags, type RunFlags } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { keysOf, type KeyFlags } from "./key-flags.ts";
import { version } from "./version.ts";

export interface McpFlags extends RunFlags, KeyFlags {
  readonly root?: readonly string[];
  readonly http?: number;
  readonly host: string;
  readonly quiet?: true;
}

export async function mcp(flags: McpFlags): Promise<number> {
  const folders = await AllowedFolders.of(flags.root ?? []);
  const interrupted = new Promise<() => void>((resolve) => {
    const stop = onInterrupt(() => resolve(stop));
  });
  const service = await openToolService(launchFlags(flags), {
    workingFolder: process.cwd(),
    environment: process.env,
  });
  try {
    if (flags.http === undefined) await onStdio(service, flags, folders, interrupted);
    else await onHttp(service, { ...flags, http: flags.http }, folders, interrupted);
    return exitCodes.done;
  } finally {
    await service.close();
  }
}

async function onStdio(
  service: ToolService,
  { key, keyFile }: McpFlags,
  folders: AllowedFolders,
  interrupted: Promise<() => void>,
): Promise<void> {
  if (key !== undefined || keyFile !== undefined)
    throw new ConfigError("invalid_option", "Keys are for --http: who starts a server on stdio needs none.");
  const server = serveMcpStdio(service, { folders, version: version(), log: say });
  const stopListening = await Promise.race([interrupted, server.ended]);
  await server.close();
  stopListening?.();
}

async function onHttp(
  service: ToolService,
  flags: McpFlags & { readonly http: number },
  folders: AllowedFolders,
  interrupted: Promise<() => void>,
): Promise<void> {
  const { http: port, host, quiet = false } = flags;
  const keys = await keysOf(flags);
  const server = await startMcpHttp(service, { port, host, keys, folders, version: version(), log: say });
  const readable = folders.paths.length === 0 ? "no files (name some with --root)" : folders.paths.join(", ");
  if (!quiet) say(`Listening at ${server.url}. May read: ${readable}.`);
  const stopListening = await interrupted;
  await server.close();
  stopListening();
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
