/** A run that was played once and is replayed by tests: what the models said, and what it came to. */
import { z } from "zod";

const schema = z.strictObject({
  about: z.string(),
  question: z.string(),
  /** "data:books/moby-dick.md" lies in the folder of test data, "fixture:harbour" in test/fixtures. */
  context: z.array(z.string()),
  depth: z.number(),
  /** Replies of root LMs in order; children are told apart by their question. */
  turns: z.array(z.strictObject({ question: z.string(), reply: z.string() })),
  /** Replies to sub-calls, by the SHA-256 of their prompt: they are made in parallel. */
  subCalls: z.array(z.strictObject({ prompt: z.string(), reply: z.string() })),
  answer: z.string(),
});

export type Recording = z.infer<typeof schema>;

export function readRecording(text: string): Recording {
  return schema.parse(JSON.parse(text));
}
