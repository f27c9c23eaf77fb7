/** The tools of all servers together, under names that no two share: counted, checked by their schemas, and ended together. */
import type { Tool } from "@modelcontextprotocol/client";
import { BudgetError, ConfigError } from "../core/errors.ts";
import { isPlainObject, sha256, type Json, type JsonObject } from "../core/json.ts";
import { CallLimiter } from "../core/limiter.ts";
import type { ToolDefinition } from "../core/model.ts";
import type { GuestTool } from "../core/sandbox.ts";
import type { RunScope } from "../core/scope.ts";
import { schemaCheck } from "../core/typed-call.ts";
import { connect, type Connection } from "./connection.ts";
import { HeldResults } from "./held-results.ts";
import type { ServerEntry } from "./server-list.ts";
import { listing, parametersOf } from "./signature.ts";
import { valueOf } from "./tool-result.ts";

export interface OuterToolsOptions {
  readonly signal: AbortSignal;
  /** Of this program, as servers are told. */
  readonly version: string;
  /** Calls in one run, or in one turn of a conversation. @default 200 */
  readonly calls?: number;
}

/** For the cells of a run: called by name with `{ args, kwargs }`. */
export interface CellTool extends GuestTool {
  run(args: Json, signal: AbortSignal): Promise<Json>;
}

/** For a conversation. */
export interface ChatTool extends ToolDefinition {
  run(
    input: Json,
    turn: { readonly signal: AbortSignal; readonly scope: Pick<RunScope, "runId"> },
  ): Promise<Json>;
}

interface OuterTool extends ToolDefinition {
  readonly connection: Connection;
  readonly tool: Tool;
}

const defaultCalls = 200;
const callsAtOnce = 8;
/** Providers take names and descriptions up to these lengths. */
const longestName = 64;
const longestDescription = 1024;

export class OuterTools {
  readonly #connections: readonly Connection[];
  readonly #tools: readonly OuterTool[];
  readonly #mostCalls: number;
  readonly #limiter = new CallLimiter(callsAtOnce);

  private constructor(connections: readonly Connection[], mostCalls: number) {
    this.#connections = connections;
    this.#mostCalls = mostCalls;
    this.#tools = named(connections);
  }

  /** Starts or reaches all servers. Throws ConfigError where one does not come up; none is left behind then. */
  static async open(
    entries: readonly ServerEntry[],
    { signal, version, calls = defaultCalls }: OuterToolsOptions,
  ): Promise<OuterTools> {
    const opened = await Promise.allSettled(entries.map((entry) => connect(entry, { signal, version })));
    const connections = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = opened.find((one) => one.status === "rejected");
    if (failed) {
      await closeAll(connections);
      throw failed.reason;
    }
    return new OuterTools(connections, calls);
  }

  get names(): readonly string[] {
    return this.#tools.map(({ name }) => name);
  }

  /** A line each, and the whole of it by `tool_help`. Without any tool there is none of these either. */
  cellTools(): readonly CellTool[] {
    if (this.#tools.length === 0) return [];
    const held = new HeldResults();
    const count = this.#newCount();
    const lines = listing(this.#tools);
    const tools = this.#tools.map((tool, index) => ({
      name: tool.name,
      description: lines[index] ?? "",
      run: async (given: Json, signal: AbortSignal) =>
        held.handOver(await this.#call(tool, inputOf(tool, given), count, signal)),
    }));
    return [...tools, this.#help(), readResult(held)];
  }

  chatTools(): readonly ChatTool[] {
    let turn = { runId: "", count: this.#newCount() };
    return this.#tools.map((tool) => ({
      ...{ name: tool.name, description: tool.description, inputSchema: tool.inputSchema },
      run: (input, { signal, scope: { runId } }) => {
        // A conversation has one turn after the other.
        if (turn.runId !== runId) turn = { runId, count: this.#newCount() };
        const given = isPlainObject(input) ? (input as JsonObject) : {};
        return this.#call(tool, given, turn.count, signal);
      },
    }));
  }

  async close(): Promise<void> {
    await closeAll(this.#connections);
  }

  /** Throws BudgetError once all calls are used. */
  #newCount(): () => void {
    const limit = this.#mostCalls;
    let spent = 0;
    return () => {
      if (spent >= limit)
        throw new BudgetError(
          "calls",
          `All ${limit} calls of tools are used. Answer with what is known, or have --max-tool-calls raised.`,
          { limit, spent },
        );
      spent++;
    };
  }

  async #call(
    { connection, tool, name }: OuterTool,
    input: JsonObject,
    count: () => void,
    signal: AbortSignal,
  ): Promise<Json> {
    const fault = (await checkOf(tool))(input);
    if (fault !== undefined) throw new ConfigError("invalid_input", `${name}(): ${fault}`);
    count();
    const slot = await this.#limiter.acquire(connection.name, signal);
    try {
      return valueOf(name, await connection.call(tool.name, input, signal));
    } finally {
      slot.release({ type: "ok" });
    }
  }

  #help(): CellTool {
    return {
      name: "tool_help",
      description: "(name: str) What a tool does, whole, with the JSON Schema of its arguments.",
      run: async (given) => {
        const name = String(firstOf(given, "name"));
        const found = this.#tools.find((tool) => tool.name === name);
        if (!found)
          throw new ConfigError(
            "not_found",
            `There is no tool "${name}". There are: ${this.names.join(", ")}.`,
          );
        const { description = "", inputSchema, outputSchema } = found.tool;
        const gives = outputSchema === undefined ? "" : `\nIt gives: ${JSON.stringify(outputSchema)}`;
        return `${description}\nArguments: ${JSON.stringify(inputSchema)}${gives}`;
      },
    };
  }
}

function readResult(held: HeldResults): CellTool {
  return {
    name: "read_result",
    description:
      "(result: str, start: int = 0, end: int = None) A piece of a tool's result that was too large to be handed over.",
    run: async (given) => held.read(inputFrom(["result", "start", "end"], given)),
  };
}

/** "server_tool", as an identifier. Names that come out the same get a number. */
function named(connections: readonly Connection[]): readonly OuterTool[] {
  const taken = new Set(["tool_help", "read_result"]);
  return connections.flatMap((connection) =>
    connection.tools.map((tool): OuterTool => {
      const plain = `${connection.name}_${tool.name}`.replace(/[^A-Za-z0-9]+/g, "_").replace(/^(?=\d)/, "t");
      const short =
        plain.length <= longestName
          ? plain
          : `${plain.slice(0, longestName - 9)}_${sha256(plain).slice(0, 8)}`;
      let name = short;
      for (let number = 2; taken.has(name); number++) name = `${short.slice(0, longestName - 4)}_${number}`;
      taken.add(name);
      const { description = "", inputSchema } = tool;
      return {
        ...{ name, connection, tool },
        description: description.slice(0, longestDescription).toWellFormed(),
        // It came as JSON.
        inputSchema: inputSchema as JsonObject,
      };
    }),
  );
}

/** What guest code wrote as an object of arguments: by name, by position, or one dict of all. */
function inputOf({ inputSchema }: OuterTool, given: Json): JsonObject {
  const names = parametersOf(inputSchema).map(({ name }) => name);
  const { args, kwargs } = callOf(given);
  const [only] = args;
  const isWhole = args.length === 1 && kwargsCount(kwargs) === 0 && isPlainObject(only);
  if (isWhole && Object.keys(only).every((key) => names.includes(key))) return only as JsonObject;
  return inputFrom(names, given);
}

function inputFrom(names: readonly string[], given: Json): JsonObject {
  const { args, kwargs } = callOf(given);
  if (args.length > names.length)
    throw new ConfigError(
      "invalid_input",
      `${args.length} arguments were given, there are ${names.length}: ${names.join(", ")}.`,
    );
  const byPosition = args.map((value, index) => [names[index] ?? "", value] as const);
  // None is how Python leaves an argument out.
  const all = [...byPosition, ...Object.entries(kwargs)].filter(([, value]) => value !== null);
  return Object.fromEntries(all);
}

function firstOf(given: Json, name: string): Json {
  return inputFrom([name], given)[name] ?? "";
}

function callOf(given: Json): { readonly args: readonly Json[]; readonly kwargs: JsonObject } {
  const { args, kwargs } = isPlainObject(given) ? given : {};
  return {
    // The guest sends JSON.
    args: Array.isArray(args) ? (args as Json[]) : [],
    kwargs: isPlainObject(kwargs) ? (kwargs as JsonObject) : {},
  };
}

function kwargsCount(kwargs: JsonObject): number {
  return Object.keys(kwargs).length;
}

/** A schema that can't be read is the server's to check by. */
async function checkOf({ inputSchema }: Tool): Promise<(input: JsonObject) => string | undefined> {
  try {
    return await schemaCheck(inputSchema as JsonObject);
  } catch (error) {
    if (error instanceof ConfigError) return () => undefined;
    throw error;
  }
}

async function closeAll(connections: readonly Connection[]): Promise<void> {
  await Promise.allSettled(connections.map((connection) => connection.close()));
}
