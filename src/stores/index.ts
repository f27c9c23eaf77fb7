/** What keeps runs and answers beyond a process, or just for one. */
export { memoryConversations, sqliteConversations } from "./conversations.ts";
export type { SqliteConversationsOptions } from "./conversations.ts";
export { storeHome } from "./home.ts";
export type { HomeSurroundings } from "./home.ts";
export { sqliteJobs } from "./jobs.ts";
export { memoryJobs } from "./jobs-memory.ts";
export { memoryStore } from "./memory.ts";
export { sqlite } from "./sqlite.ts";
export type { SqliteOptions } from "./sqlite.ts";
export { claudeCodeMessages, codexMessages, importTranscript, openAiMessages } from "./transcripts/index.ts";
export type { TranscriptImport, TranscriptMessage } from "./transcripts/index.ts";
