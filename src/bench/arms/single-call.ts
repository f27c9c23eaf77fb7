/** Arms that put text before the model once: all of it, its beginning and end, or the passages that a search finds. */
import { callModel } from "../../core/call-model.ts";
import { user } from "../../core/message.ts";
import { estimateTokens } from "../../core/tokens.ts";
import { reserveTokens, wholeText, windowOf, type Arm, type Outcome, type Setting } from "./arm.ts";
import { directPrompt, passagesPrompt } from "./prompts.ts";

export const direct: Arm = {
  name: "direct",
  about: "the whole text and the question in one prompt; what does not fit is not sent",
  async run({ context, question }, setting) {
    await using corpus = closing(await setting.openCorpus(context));
    const room = windowOf(setting.model) - reserveTokens;
    const text = await wholeText(corpus.value, room * 8);
    if (text === undefined || estimateTokens(text) > room) return { status: "overflow", answer: "" };
    return askOnce(directPrompt(text, question), setting);
  },
};

export const truncated: Arm = {
  name: "truncated",
  about: "the first and the last half of a window, as LongBench does it",
  async run({ context, question }, setting) {
    await using corpus = closing(await setting.openCorpus(context));
    const text = (await wholeText(corpus.value, Number.MAX_SAFE_INTEGER / 8)) ?? "";
    // Estimates are taken with a tenth more where a call is made, until the provider has counted.
    const room = (windowOf(setting.model) - reserveTokens) / 1.15;
    const share = room / Math.max(1, estimateTokens(text));
    if (share >= 1) return askOnce(directPrompt(text, question), setting);
    const half = Math.floor((text.length * share) / 2);
    return askOnce(directPrompt(text.slice(0, half) + text.slice(-half), question), setting);
  },
};

export const retrieval: Arm = {
  name: "bm25",
  about: "the passages that rank best for the question's words, up to a quarter of the window, in one prompt",
  async run({ context, question }, setting) {
    await using corpus = closing(await setting.openCorpus(context));
    const found = await corpus.value.search(question, { signal: setting.signal, limit: 50 });
    const passages: { readonly text: string; readonly place: number }[] = [];
    const order = corpus.value.documents.map(({ id }) => id);
    let room = windowOf(setting.model) / 4;
    for (const { text: own, documentId, start, end } of found) {
      const text = own === "" ? await corpus.value.read(documentId, start, end) : own;
      if ((room -= estimateTokens(text)) < 0) break;
      passages.push({ text, place: order.indexOf(documentId) * 1e12 + start });
    }
    // Chosen by rank, shown in the order of the text.
    const shown = passages.sort((a, b) => a.place - b.place).map(({ text }) => text);
    return askOnce(passagesPrompt(shown, question), setting);
  },
};

async function askOnce(prompt: string, { scope, model, signal }: Setting): Promise<Outcome> {
  const reply = await callModel(scope, model, { messages: [user(prompt)] }, { role: "root", signal });
  return { status: "answered", answer: reply.text };
}

/** A corpus that is closed at the end of its block. */
export function closing<Value extends { close(): Promise<void> }>(
  value: Value,
): { readonly value: Value } & AsyncDisposable {
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
