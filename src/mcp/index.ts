/** Serves questions, conversations, maps and corpora as tools of the Model Context Protocol. */
export { serveMcpStdio, type McpStdio } from "./stdio.ts";
export { startMcpHttp, type McpHttp, type McpHttpOptions } from "./http.ts";
