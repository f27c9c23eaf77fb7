/** Transcripts that other programs wrote, as messages to be kept. */
export { claudeCodeMessages } from "./claude-code.ts";
export { codexMessages } from "./codex.ts";
export { importTranscript } from "./import-transcript.ts";
export type { TranscriptImport } from "./import-transcript.ts";
export { openAiMessages } from "./openai.ts";
export type { TranscriptMessage } from "./transcript.ts";
