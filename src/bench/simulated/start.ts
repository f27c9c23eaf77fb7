/** Starts the server of simulated models beside this process, and ends it. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { JsonObject } from "../../core/json.ts";
import type { SimulatedSettings } from "./settings.ts";

export interface SimulatedServer extends AsyncDisposable {
  readonly baseUrl: string;
  close(): Promise<void>;
}

export async function startSimulated(
  settings: SimulatedSettings,
  family: string,
  worlds: Readonly<Record<string, JsonObject>>,
  port?: number,
): Promise<SimulatedServer> {
  const folder = await mkdtemp(join(tmpdir(), "unabridged-simulated-"));
  const file = join(folder, "worlds.json");
  await writeFile(file, JSON.stringify({ settings, family, worlds, port }));
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  const program = fileURLToPath(new URL(`./serve${ending}`, import.meta.url));
  const child = spawn(process.execPath, [program, file], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const baseUrl = await new Promise<string>((resolve, reject) => {
    lines.once("line", (line) => resolve((JSON.parse(line) as { baseUrl: string }).baseUrl));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`The server of simulated models ended with ${code}.`)));
  });
  const close = async (): Promise<void> => {
    if (child.exitCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.stdin.end();
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };
  return { baseUrl, close, [Symbol.asyncDispose]: close };
}
