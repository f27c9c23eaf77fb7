/** The public subpath `unabridged/ai-sdk`: a conversation without end around any model of the AI SDK. */
export { losslessContext, type LosslessContextOptions } from "./lossless-context.ts";
