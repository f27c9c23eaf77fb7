/** A long conversation that was played once: what was said, each label, each look-up, and where a reader learned what to look up. */
import { z } from "zod";
import type { Json } from "../../../src/core/json.ts";

export interface ChatRecording {
  readonly about: string;
  readonly instructions: string;
  /** In tokens. */
  readonly contextWindow: number;
  readonly turns: readonly { readonly say: string; readonly reply: string }[];
  readonly late: readonly LateQuestion[];
  /** By the messages they stand for, such as "1-14". */
  readonly labels: Readonly<Record<string, string>>;
}

/** A question about the beginning, long after it. */
export interface LateQuestion {
  readonly say: string;
  /** What a label says that led the reader to look. */
  readonly cue: string;
  readonly lookUp: { readonly name: string; readonly input: Json };
  /** What a clone said, where one was asked. */
  readonly clone: readonly string[];
  /** Each must stand in what came back, to the letter. */
  readonly facts: readonly string[];
  readonly reply: string;
}

const schema: z.ZodType<ChatRecording> = z.strictObject({
  about: z.string(),
  instructions: z.string(),
  contextWindow: z.number(),
  turns: z.array(z.strictObject({ say: z.string(), reply: z.string() })),
  late: z.array(
    z.strictObject({
      say: z.string(),
      cue: z.string(),
      lookUp: z.strictObject({ name: z.string(), input: z.json() }),
      clone: z.array(z.string()),
      facts: z.array(z.string()),
      reply: z.string(),
    }),
  ),
  labels: z.record(z.string(), z.string()),
});

export function readChatRecording(text: string): ChatRecording {
  return schema.parse(JSON.parse(text));
}
