/** The tools that `--mcp` names, for as long as a command runs. */
import type { Surroundings } from "../setup/launch.ts";
import type { OuterTools } from "../setup/outer-tools.ts";
import type { ToolFlags } from "./flags.ts";
import { version } from "./version.ts";

/** Loaded and started only where it is asked for. Throws ConfigError where the file or a server in it can't be used. */
export async function openTools(
  { mcp, maxToolCalls }: ToolFlags,
  { environment }: Surroundings,
  signal: AbortSignal = new AbortController().signal,
): Promise<OuterTools | undefined> {
  if (mcp === undefined) return undefined;
  const { openOuterTools } = await import("../setup/outer-tools.ts");
  return openOuterTools(mcp, {
    ...{ environment, signal, version: version() },
    ...(maxToolCalls !== undefined && { calls: maxToolCalls }),
  });
}
