/** A real PostgreSQL server on a free port of this machine, for tests; where its binaries are not installed, why not. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Undefined where tests can run; else the reason to skip them. */
export function postgresIsMissing(): string | undefined {
  if (process.platform === "win32") return "PostgreSQL is not looked for on Windows";
  if (binaries() === undefined) return "PostgreSQL is not installed: apt-get install postgresql";
  return isRoot() && account() === undefined
    ? "PostgreSQL does not run as root, and there is no other account"
    : undefined;
}

/** Starts a server whose data are gone when it is stopped. Nothing is synced to disk: it is for tests of processes, not of power. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = binaries();
  if (bin === undefined) throw new Error(postgresIsMissing());
  const directory = await mkdtemp(join(tmpdir(), "postgres-"));
  const owner = isRoot() ? account() : undefined;
  if (owner) chownSync(directory, owner.uid, owner.gid);
  const data = join(directory, "data");
  const env = { ...process.env, LC_ALL: "C" };
  const options = { ...owner, env, cwd: directory };
  await run(
    join(bin, "initdb"),
    ["-D", data, "-U", "unabridged", "-A", "trust", "-E", "UTF8", "--no-sync"],
    options,
  );
  const port = await freePort();
  const settings = [
    "fsync=off",
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${directory}`,
    "max_connections=60",
  ];
  const server = spawn(
    join(bin, "postgres"),
    ["-D", data, "-p", String(port), ...settings.flatMap((one) => ["-c", one])],
    {
      ...options,
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  await isReady(server);
  return {
    url: `postgres://unabridged@127.0.0.1:${port}/postgres`,
    port,
    async stop() {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      // "Immediate": clients are not waited for.
      if (server.exitCode === null && server.kill("SIGQUIT")) await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function binaries(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian)
    ? readdirSync(debian).map((version) => join(debian, version, "bin"))
    : [];
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...versions];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Somebody else than root. */
function account(): { readonly uid: number; readonly gid: number } | undefined {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      // A server that listens on TCP has such an address.
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function isReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = "";
    server.stderr?.on("data", (chunk: Buffer) => {
      if (log.length < 100_000) log += chunk.toString();
      if (log.includes("ready to accept connections")) resolve();
    });
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`PostgreSQL ended with ${code}: ${log}`)));
  });
}
