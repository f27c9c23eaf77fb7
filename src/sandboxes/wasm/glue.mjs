/** Loads the glue between CPython's wasm and JavaScript, with no more of Node in its scope than it needs. */
import { readFileSync } from "node:fs";
import { randomFillSync } from "node:crypto";
import { compileFunction } from "node:vm";
import { fileURLToPath } from "node:url";

/** The factory of interpreters that the file exports. */
export function loadGlue(url) {
  const filename = fileURLToPath(url);
  const scope = {
    module: { exports: {} },
    require,
    process: { argv: [], version: "" },
    // Sockets of the glue would be these; the system calls that lead there are refused as well.
    WebSocket: undefined,
    fetch: undefined,
    XMLHttpRequest: undefined,
    __filename: "/python.cjs",
    __dirname: "/",
  };
  scope.exports = scope.module.exports;
  compileFunction(readFileSync(filename, "utf8"), Object.keys(scope), { filename })(...Object.values(scope));
  return scope.module.exports;
}

function require(name) {
  if (name === "node:crypto") return { randomFillSync };
  if (name === "node:fs") return {};
  throw new Error(`"${name}" is not in this cage`);
}
