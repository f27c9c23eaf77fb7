/**
 * `npm run demo`: asks one question, for real, over text that every clone has: documentation and type declarations of the
 * installed dependencies. It only starts the command line; `npm run demo -- --model …` hands flags on.
 */
import { spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folders = ["@types/node", "undici", "zod", "typescript"].map((name) => join("node_modules", name));
const question = "Which signal does subprocess.kill() send if no argument is given?";

const { files, bytes } = sizeOf(folders.map((folder) => join(root, folder)));
console.error(`Asks a question over ${files} files, ${(bytes / 1e6).toFixed(1)} MB, of what npm has installed here:
  unabridged ask "${question}" ${folders.join(" ")}
With whatever model is found: a key in the environment, a local server, else the built-in reader.
`);
const command = spawn(
  process.execPath,
  [join(root, "bin/unabridged.js"), "ask", question, ...folders, ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
// Ctrl-C reaches the command by itself, and it says how to resume; this process waits for it.
process.on("SIGINT", () => {});
command.on("error", (error) => {
  console.error(`The command could not be started: ${error.message}`);
  process.exitCode = 1;
});
command.on("close", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
  if (process.exitCode === 0)
    console.error("\nEach [path:line] is where the words before it stand: open it and compare.");
});

function sizeOf(paths: readonly string[]): { files: number; bytes: number } {
  const all = paths.flatMap((path) =>
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).size),
  );
  return { files: all.length, bytes: all.reduce((sum, size) => sum + size, 0) };
}
