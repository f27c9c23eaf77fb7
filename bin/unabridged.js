#!/usr/bin/env node
// The command `unabridged`: from the sources in a clone, from dist where it was installed.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const built = new URL("../dist/cli/main.js", import.meta.url);
const source = new URL("../src/cli/main.ts", import.meta.url);
// A clone brings a newer Node of its own: the development dependency `node`.
const brought = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > 22 || (major === 22 && minor >= 19)) {
  const { main } = await import((existsSync(source) ? source : built).href);
  process.exitCode = await main(process.argv);
} else if (existsSync(brought)) {
  // Ctrl-C reaches the child by itself; this process only waits for how it ends.
  for (const signal of ["SIGINT", "SIGTERM"])
    process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
  const child = spawn(brought, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
} else {
  process.stderr.write(
    `unabridged needs Node 22.19 or newer, this is ${process.versions.node}. Try: npx -p node@24 -p unabridged unabridged\n`,
  );
  process.exitCode = 2;
}
