/** Tools of other servers of the Model Context Protocol, for the cells of a run and for conversations. */
export { readServers, type ServerEntry } from "./server-list.ts";
export { OuterTools, type CellTool, type ChatTool, type OuterToolsOptions } from "./outer-tools.ts";
