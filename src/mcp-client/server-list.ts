/** Which servers there are: the file of "mcpServers" that clients of the protocol share. It starts none of them. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { ConfigError, messageOf } from "../core/errors.ts";

export type ServerEntry = {
  readonly name: string;
  /** Only these of its tools; a star stands for anything. @default all */
  readonly tools: readonly string[] | undefined;
} & (
  | {
      readonly type: "stdio";
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string | undefined;
    }
  | { readonly type: "http"; readonly url: URL; readonly headers: Readonly<Record<string, string>> }
);

const shared = { tools: z.array(z.string().min(1)).optional(), disabled: z.boolean().optional() };
const stdio = z.looseObject({
  ...shared,
  type: z.literal("stdio").optional(),
  command: z.string().min(1),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  cwd: z.string().optional(),
});
const http = z.looseObject({
  ...shared,
  type: z.enum(["http", "streamable-http", "streamableHttp"]).optional(),
  url: z.string().min(1),
  headers: z.record(z.string(), z.string()).default({}),
});
const file = z.looseObject({ mcpServers: z.record(z.string().min(1), z.looseObject({})) });

/**
 * `${NAME}` and `${NAME:-default}` stand for variables of the environment. Throws ConfigError, naming file, server and fault.
 */
export async function readServers(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly ServerEntry[]> {
  const parsed = file.safeParse(await readJson(path));
  if (!parsed.success)
    throw new ConfigError(
      "invalid_option",
      `"${path}" is no list of MCP servers. Expected {"mcpServers": {"name": {"command": "…"} or {"url": "…"}}}: ${faultOf(parsed.error)}`,
    );
  return Object.entries(parsed.data.mcpServers).flatMap(([name, entry]) => {
    try {
      return readEntry(name, entry, dirname(resolve(path)), environment);
    } catch (error) {
      throw new ConfigError("invalid_option", `The server "${name}" in "${path}": ${messageOf(error)}`, {
        cause: error,
      });
    }
  });
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigError("not_found", `The --mcp file "${path}" can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError("invalid_option", `The --mcp file "${path}" is no JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function readEntry(
  name: string,
  entry: Record<string, unknown>,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
): readonly ServerEntry[] {
  const fill = (text: string): string => filled(text, environment);
  const fillAll = (texts: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, fill(text)]));
  if ("url" in entry) {
    const parsed = http.safeParse(entry);
    if (!parsed.success) throw new Error(faultOf(parsed.error));
    const { url, headers, tools, disabled } = parsed.data;
    if (disabled) return [];
    return [{ type: "http", name, tools, url: readUrl(fill(url)), headers: fillAll(headers) }];
  }
  const parsed = stdio.safeParse(entry);
  if (!parsed.success) throw new Error(faultOf(parsed.error));
  const { command, args, env, cwd, tools, disabled } = parsed.data;
  if (disabled) return [];
  const place = cwd === undefined ? undefined : resolve(folder, fill(cwd));
  const how = { command: fill(command), args: args.map(fill), env: fillAll(env), cwd: place };
  return [{ type: "stdio", name, tools, ...how }];
}

function filled(text: string, environment: Readonly<Record<string, string | undefined>>): string {
  return text.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (_whole, variable: string, otherwise?: string) => {
    const value = environment[variable] ?? otherwise;
    if (value === undefined)
      throw new Error(`the variable ${variable} is not set. Set it, or write \${${variable}:-default}.`);
    return value;
  });
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new Error(`expected "url" to be an address that begins with http:// or https://, got "${text}".`);
}

function faultOf({ issues }: z.ZodError): string {
  const [issue] = issues;
  if (!issue) return "";
  const place = issue.path.join(".");
  return `${place === "" ? "" : `${place}: `}${issue.message}.`;
}
