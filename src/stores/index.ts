/** What keeps runs and answers beyond a process, or just for one. */
export { storeHome } from "./home.ts";
export type { HomeSurroundings } from "./home.ts";
export { memoryStore } from "./memory.ts";
export { sqlite } from "./sqlite.ts";
export type { SqliteOptions } from "./sqlite.ts";
