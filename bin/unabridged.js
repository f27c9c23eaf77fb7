#!/usr/bin/env node
// The command `unabridged`: from dist where it was built, from the sources in a clone.
import { existsSync } from "node:fs";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `unabridged needs Node 22.19 or newer, this is ${process.versions.node}. Try: npx -p node@24 -p unabridged unabridged\n`,
  );
  process.exit(2);
}
const built = new URL("../dist/cli/main.js", import.meta.url);
const source = new URL("../src/cli/main.ts", import.meta.url);
const { main } = await import((existsSync(source) ? source : built).href);
process.exitCode = await main(process.argv);
