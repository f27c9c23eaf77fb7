/** The version of this program. */
import { readFileSync } from "node:fs";

export function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const found = /"version":\s*"([^"]+)"/.exec(text);
  return found?.[1] ?? "unknown";
}
