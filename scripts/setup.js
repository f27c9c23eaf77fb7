// Installs the project's own tools where they are missing or stale, Node 24 included; says nothing otherwise.
// Plain JavaScript for whatever Node a machine has: it runs before ours is there.
import { execSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;
const isFresh =
  existsSync(installed) &&
  existsSync(`${root}node_modules/.bin/node`) &&
  statSync(installed).mtimeMs >= statSync(`${root}package-lock.json`).mtimeMs;

if (!isFresh) {
  console.error("Installing dependencies (once) …");
  execSync("npm ci --no-fund --no-audit --loglevel=error", { cwd: root, stdio: ["ignore", 2, 2] });
}
