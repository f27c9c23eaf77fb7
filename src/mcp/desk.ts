/** What the tools of one connection share: its workspace, and which files its client may have read. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  inputRequired,
  type CallToolResult,
  type InputRequiredResult,
  type McpServer,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { RunLimits } from "../engine/index.ts";
import type { AllowedFolders } from "../setup/allowed-folders.ts";
import type { Workspace } from "./workspace.ts";

export interface Desk {
  readonly server: McpServer;
  readonly workspace: Workspace;
  /** Those of the command line. */
  readonly folders: AllowedFolders;
  /**
   * Whether folders that the client names as its roots may be read as well. Who started us may say so; somebody on the network
   * could name any.
   */
  readonly trustsRoots: boolean;
}

const noRoots = { roots: [] };
const rootsAnswer = z.object({ roots: z.array(z.object({ uri: z.string() })) });
const capabilities = z.object({ roots: z.unknown() });

/**
 * Does the work with the folders that may be read now; the client is asked for its roots first, where it has any.
 * @param needed false where the call names no files
 */
export async function withFolders(
  { server, folders, trustsRoots }: Desk,
  { mcpReq }: ServerContext,
  needed: boolean,
  work: (folders: AllowedFolders) => Promise<CallToolResult>,
): Promise<CallToolResult | InputRequiredResult> {
  if (!needed || !trustsRoots) return work(folders);
  const envelope: Readonly<Record<string, unknown>> | undefined = mcpReq.envelope;
  const declared = envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? server.server.getClientCapabilities();
  if (capabilities.safeParse(declared).data?.roots === undefined) return work(folders);
  // In the older version a server asks by itself. Some clients promise roots and then know nothing of them.
  const answer = envelope
    ? mcpReq.inputResponses?.["roots"]
    : await server.server.listRoots({}, { signal: mcpReq.signal, timeout: 10_000 }).catch(() => noRoots);
  if (answer === undefined) return inputRequired({ inputRequests: { roots: inputRequired.listRoots() } });
  const { roots } = rootsAnswer.parse(answer);
  return work(await folders.with(roots.flatMap(({ uri }) => folderOf(uri))));
}

function folderOf(uri: string): readonly string[] {
  try {
    return uri.startsWith("file:") ? [fileURLToPath(uri)] : [];
  } catch {
    // The address of another machine, or none at all: nothing there can be read.
    return [];
  }
}

/** Text for a model to read, and the same for a program where it has use for it. */
export function answered(text: string, structured?: object): CallToolResult {
  return {
    content: [{ type: "text", text }],
    // As JSON has it: members that are undefined are left out.
    ...(structured && {
      structuredContent: JSON.parse(JSON.stringify(structured)) as Record<string, unknown>,
    }),
  };
}

type OptionalNumber = z.ZodOptional<z.ZodNumber>;

/** Limits that a client may set; the ceilings of the command line hold above them. */
export const limitInput: Readonly<
  Record<"max_cost_usd" | "max_calls" | "max_tokens" | "max_seconds", OptionalNumber>
> = {
  max_cost_usd: z.number().positive().optional().describe("most US dollars"),
  max_calls: z.number().int().positive().optional().describe("most model calls"),
  max_tokens: z.number().int().positive().optional().describe("most tokens, in and out"),
  max_seconds: z.number().positive().max(86_400).optional().describe("most time"),
};

interface LimitInput {
  readonly max_cost_usd?: number | undefined;
  readonly max_calls?: number | undefined;
  readonly max_tokens?: number | undefined;
  readonly max_seconds?: number | undefined;
  readonly depth?: number | undefined;
}

export function limitsOf(workspace: Workspace, input: LimitInput): RunLimits {
  const { max_cost_usd: costUsd, max_calls: calls, max_tokens: tokens, max_seconds: seconds, depth } = input;
  return workspace.limits({ costUsd, calls, tokens, timeMs: seconds && seconds * 1000, depth });
}
