/** A run that was played once and is replayed by tests: what the models said, and what it came to. */
import { z } from "zod";

export interface Recording {
  readonly about: string;
  readonly question: string;
  /** "data:books/moby-dick.md" lies in the folder of test data, "fixture:harbour" in test/fixtures. */
  readonly context: readonly string[];
  readonly depth: number;
  /** Replies of root LMs in order; children are told apart by their question. */
  readonly turns: readonly { readonly question: string; readonly reply: string }[];
  /** Replies to sub-calls, by the SHA-256 of their prompt: they are made in parallel. */
  readonly subCalls: readonly { readonly prompt: string; readonly reply: string }[];
  readonly answer: string;
}

const schema: z.ZodType<Recording> = z.strictObject({
  about: z.string(),
  question: z.string(),
  context: z.array(z.string()),
  depth: z.number(),
  turns: z.array(z.strictObject({ question: z.string(), reply: z.string() })),
  subCalls: z.array(z.strictObject({ prompt: z.string(), reply: z.string() })),
  answer: z.string(),
});

export function readRecording(text: string): Recording {
  return schema.parse(JSON.parse(text));
}
