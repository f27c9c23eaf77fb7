/**
 * The sandbox contract's escape attempts. The test plants a file, an environment variable and a listener; an attempt
 * has failed, as it must, when none of them was reached, the host lives and the session goes on.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ExecutionResult, Sandbox } from "../../core/sandbox.ts";
import { escapeAttempts } from "./sandbox-escape-attempts.ts";
import { openTrial, printed, type Trial } from "./sandbox-harness.ts";

interface Planted {
  readonly secret: string;
  readonly folder: string;
  readonly server: Server;
  readonly port: number;
  connections: number;
}

const variable = "UNABRIDGED_PLANTED_SECRET";

export function escapeCases(sandbox: () => Sandbox): void {
  let planted: Planted;
  let trial: Trial;
  before(async () => {
    planted = await plant();
    trial = await openTrial(sandbox());
  });
  after(async () => {
    await trial.session.close();
    planted.server.close();
    delete process.env[variable];
    await rm(planted.folder, { recursive: true });
  });

  for (const [what, code] of Object.entries(escapeAttempts)) {
    test(`does not get out: ${what}`, async () => {
      const result = await trial.run(aimed(code, planted), { timeoutMs: 1_000 });
      await checkHeld(result, planted);
      assert.equal(await usable(trial), "42");
    });
  }
}

/** The cell after an attempt. An attempt may have ended the interpreter a moment after its own cell. */
async function usable(trial: Trial): Promise<string | undefined> {
  const first = await trial.run("6 * 7");
  if (first.status === "ok") return first.value;
  return await trial.value("6 * 7");
}

async function plant(): Promise<Planted> {
  const secret = randomBytes(16).toString("hex");
  const folder = await mkdtemp(join(tmpdir(), "planted-"));
  await writeFile(join(folder, "secret.txt"), secret);
  await writeFile(join(folder, "planted.py"), `value = "${secret}"`);
  process.env[variable] = secret;
  const server = createServer((socket) => {
    planted.connections++;
    socket.on("error", () => {});
    socket.end(secret);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const planted: Planted = {
    secret,
    folder,
    server,
    port: typeof address === "object" && address ? address.port : 0,
    connections: 0,
  };
  return planted;
}

function aimed(code: string, { folder, port }: Planted): string {
  return code
    .replaceAll("FILE", JSON.stringify(join(folder, "secret.txt")))
    .replaceAll("FOLDER", JSON.stringify(folder))
    .replaceAll("VARIABLE", JSON.stringify(variable))
    .replaceAll("HOST_PID", String(process.pid))
    .replaceAll("PORT", String(port));
}

async function checkHeld(result: ExecutionResult, planted: Planted): Promise<void> {
  const seen = JSON.stringify(result);
  assert.ok(!seen.includes(planted.secret), `the secret was read: ${seen.slice(0, 2_000)}`);
  // Only what was printed: a traceback shows the line that failed, the word in it included.
  assert.ok(!printed(result).includes("ESCAPED"), `something worked that must not: ${seen.slice(0, 2_000)}`);
  assert.equal(planted.connections, 0, "the listener was reached");
  assert.deepEqual((await readdir(planted.folder)).sort(), ["planted.py", "secret.txt"]);
  assert.equal(await readFile(join(planted.folder, "secret.txt"), "utf8"), planted.secret);
}
