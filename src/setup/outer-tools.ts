/** The tools of the servers that a file names. */
import { OuterTools, readServers, type OuterToolsOptions } from "../mcp-client/index.ts";
import type { Environment } from "./endpoints.ts";

export type { OuterTools } from "../mcp-client/index.ts";

/** Throws ConfigError where the file, or a server in it, can't be used. */
export async function openOuterTools(
  path: string,
  { environment, ...options }: OuterToolsOptions & { readonly environment: Environment },
): Promise<OuterTools> {
  return OuterTools.open(await readServers(path, environment), options);
}
