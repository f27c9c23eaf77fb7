/** One connection's server: all tools and resources over one workspace. How messages come and go it does not know. */
import { McpServer } from "@modelcontextprotocol/server";
import { addAsk } from "./ask-tool.ts";
import { addCorpora } from "./corpus-tools.ts";
import type { Desk } from "./desk.ts";
import { addMap } from "./map-tool.ts";
import { addRecall } from "./recall-tools.ts";
import { addResources } from "./resources.ts";
import { addRunStatus } from "./status-tool.ts";

const instructions = `Unabridged answers over more text than fits any window. Use ask for questions over files or long texts, map to label or extract record by record, corpus_search and corpus_read to look yourself, recall_… for stored conversations. What takes minutes: pass background, then run_status.`;

export function mcpServer(desk: Omit<Desk, "server">, version: string): McpServer {
  const server = new McpServer(
    { name: "unabridged", title: "Unabridged", version },
    { instructions, capabilities: { tools: {}, resources: { listChanged: true } } },
  );
  const whole: Desk = { ...desk, server };
  addAsk(whole);
  addMap(whole);
  addRunStatus(whole);
  addCorpora(whole);
  addRecall(whole);
  addResources(whole);
  return server;
}
