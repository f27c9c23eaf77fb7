/** The compaction agent: reads the text part by part, keeps notes of a fixed size, and answers from the notes. */
import { callModel } from "../../core/call-model.ts";
import { user } from "../../core/message.ts";
import { estimateTokens } from "../../core/tokens.ts";
import { windowOf, type Arm } from "./arm.ts";
import { finalNotesPrompt, notesPrompt } from "./prompts.ts";
import { closing } from "./single-call.ts";

const mostNoteTokens = 8_000;

export const rollingSummary: Arm = {
  name: "summary",
  about:
    "a rolling summary: parts of half a window become notes of at most 8,000 tokens, one after the other",
  async run({ context, question }, setting) {
    await using corpus = closing(await setting.openCorpus(context));
    const { scope, model, signal } = setting;
    const noteTokens = Math.floor(Math.min(mostNoteTokens, windowOf(model) / 6));
    const partTokens = Math.max(400, windowOf(model) / 2 - noteTokens);
    let notes = "";
    for (const { id } of corpus.value.documents) {
      const characters = await corpus.value.characters(id);
      const sample = await corpus.value.read(id, 0, 20_000);
      const step = Math.ceil(partTokens / (estimateTokens(sample) / Math.max(1, sample.length)));
      for (let start = 0; start < characters; start += step) {
        const part = await corpus.value.read(id, start, start + step);
        const prompt = notesPrompt(notes, part, question, noteTokens);
        notes = (await callModel(scope, model, { messages: [user(prompt)] }, { role: "summary", signal }))
          .text;
      }
    }
    const request = { messages: [user(finalNotesPrompt(notes, question))] };
    return {
      status: "answered",
      answer: (await callModel(scope, model, request, { role: "root", signal })).text,
    };
  },
};
