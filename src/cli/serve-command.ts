/** `unabridged serve`: from flags to a server that listens until it is interrupted. What it answers is said in http. */
import { appendFile } from "node:fs/promises";
import { defaultHttpLimits, hashKey, newKey, startHttp, type HttpLimits } from "../http/index.ts";
import { openService, type Service } from "../setup/service.ts";
import { exitCodes } from "./failure.ts";
import { launchFlags, type RunFlags } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { keysOf, type KeyFlags } from "./key-flags.ts";

export interface ServeFlags extends RunFlags, KeyFlags {
  readonly host: string;
  readonly port: number;
  readonly newKey?: true;
  readonly maxBody?: number;
  readonly quiet?: true;
}

export async function serve(flags: ServeFlags): Promise<number> {
  if (flags.newKey) return makeKey(flags.keyFile);
  const { host, port, maxBody, quiet = false } = flags;
  const keys = await keysOf(flags);
  const interrupted = new Promise<() => void>((resolve) => {
    const stop = onInterrupt(() => resolve(stop));
  });
  const service = await openService(launchFlags(flags), {
    workingFolder: process.cwd(),
    environment: process.env,
  });
  try {
    const names = await service.names();
    const limits = limitsOfBodies(maxBody);
    const server = await startHttp(service, { host, port, keys, limits, log: say });
    if (!quiet) say(welcome(server.url, names, keys.length));
    const stopListening = await interrupted;
    await server.close();
    stopListening();
    return exitCodes.done;
  } finally {
    await service.close();
  }
}

/** All bodies together have room for two of the largest. */
function limitsOfBodies(mebibytes: number | undefined): Partial<HttpLimits> {
  if (mebibytes === undefined) return {};
  const bodyBytes = mebibytes * 1024 * 1024;
  return { bodyBytes, allBodyBytes: Math.max(defaultHttpLimits.allBodyBytes, 2 * bodyBytes) };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function welcome(url: string, names: Awaited<ReturnType<Service["names"]>>, keys: number): string {
  const [first = ""] = names;
  const others = names.length === 1 ? "" : `, and ${names.length - 1} more (GET /v1/models)`;
  const who = keys === 0 ? "programs of this machine, without a key" : `holders of ${keys} key(s)`;
  return `Listening at ${url}/v1 for ${who}.\nModels: "${first}" with lossless context, "ask/${first}" for questions over large messages${others}.`;
}

/** The key goes to standard output alone, so that it can be piped to where it is kept. */
async function makeKey(keyFile: string | undefined): Promise<number> {
  const key = newKey();
  const hash = hashKey(key);
  if (keyFile === undefined) say(`Start the server with --key ${hash}`);
  else {
    await appendFile(keyFile, `${hash} # ${new Date().toISOString().slice(0, 10)}\n`, { mode: 0o600 });
    say(`Its hash is in ${keyFile}. The key is shown this once:`);
  }
  process.stdout.write(`${key}\n`);
  return exitCodes.done;
}
