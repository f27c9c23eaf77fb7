/**
 * A simulated model: (settings, knowledge, request) → reply. It is told nothing but the request: which arm is asking shows in the
 * words of the prompt alone. A prompt that it does not understand is a loud failure, never a guess.
 */
import { estimateTokens } from "../../core/tokens.ts";
import type { FakeReply, FakeRequest } from "../../testing/index.ts";
import { marks, textIn } from "../arms/prompts.ts";
import { isPlainObject } from "../../core/json.ts";
import { drawOf } from "../random.ts";
import type { Mind, Sight } from "../task.ts";
import { conversingReply } from "./conversing.ts";
import type { SimulatedSettings } from "./settings.ts";
import { breakForm, sightOf } from "./sight.ts";

export function simulatedReply(
  request: FakeRequest,
  minds: readonly Mind[],
  settings: SimulatedSettings,
): FakeReply {
  const tokens = request.messages.reduce((sum, { text }) => sum + estimateTokens(text), 0);
  if (tokens > settings.windowTokens && settings.overflow === "error")
    return {
      status: 400,
      text: `This model's maximum context length is ${settings.windowTokens} tokens. However, your messages resulted in ${tokens} tokens.`,
    };
  const sight = sightOf(settings, tokens);
  const cut = tokens > settings.windowTokens ? settings.windowTokens / tokens : 1;
  const reply = replyOf(request, minds, settings, sight, cut);
  return { ...reply, delayMs: settings.latencyMs };
}

function replyOf(
  request: FakeRequest,
  minds: readonly Mind[],
  settings: SimulatedSettings,
  sight: Sight,
  cut: number,
): FakeReply {
  const [first, second] = request.messages;
  const turn = 1 + request.messages.filter(({ role }) => role === "assistant").length;
  const whole = request.messages.map(({ text }) => text).join("\n");
  const seen = whole.slice(0, Math.floor(whole.length * cut));
  if (first?.role === "system" && first.text.includes("held in a Python REPL as the variable")) {
    const question = /# Question\n([\s\S]*?)\n\n# The context/.exec(second?.text ?? "")?.[1] ?? "";
    const depth = first.text.includes("rlm_query_batched") ? 2 : first.text.includes("llm_query") ? 1 : 0;
    return { text: mindFor(question, minds).root(question, turn, depth) };
  }
  if (whole.includes("You judge one answer to a question")) return { text: judged(whole) };
  const isTelling = (line: string): boolean => minds.some((mind) => mind.isTelling?.(line) === true);
  const said = conversingReply(request, (asked) => mindFor(asked, minds), isTelling, settings, sight);
  if (said) return said;
  const question = textIn(whole, "question");
  if (question === undefined)
    return {
      text: leafReply(request.text.slice(0, Math.floor(request.text.length * cut)), minds, settings, sight),
    };
  const mind = mindFor(question, minds);
  if (whole.includes(marks.plan))
    return { text: JSON.stringify(mind.plan?.(question) ?? "No line by itself says anything of it.") };
  if (whole.includes(marks.notes)) return { text: summarise(seen, question, mind, settings) };
  if (whole.includes(marks.cells))
    return {
      text: `I have read it.\n\`\`\`python\nFINAL(${JSON.stringify(mind.read(textIn(seen, "text") ?? "", question, sight))})\n\`\`\``,
    };
  if (whole.includes(marks.react)) return { text: react(seen, question, mind, sight, turn) };
  if (Array.isArray(request.body["tools"])) return useTools(seen, question, mind, sight, turn);
  return { text: mind.read(textIn(seen, "text") ?? seen, question, sight) };
}

/** A strict judge: the reference must stand in the answer, letter case aside. */
function judged(prompt: string): string {
  const [reference = "", answer = ""] = ["reference", "answer"].map((tag) =>
    textIn(prompt, tag)?.toLowerCase(),
  );
  const isRight = answer.includes(reference);
  return prompt.includes("Points: 0.5") ? `Points: ${isRight ? 1 : 0}` : `Verdict: ${isRight ? "yes" : "no"}`;
}

function mindFor(question: string, minds: readonly Mind[]): Mind {
  const mind = minds.find((one) => one.knows(question));
  if (!mind) throw new Error(`No simulated model knows how to answer: ${question.slice(0, 300)}`);
  return mind;
}

function leafReply(
  prompt: string,
  minds: readonly Mind[],
  settings: SimulatedSettings,
  sight: Sight,
): string {
  const rows = rowsFor(prompt, minds, sight);
  if (rows !== undefined) return rows;
  for (const mind of minds) {
    const answer = mind.leaf(prompt, sight);
    if (answer !== undefined) return breakForm(answer, settings, prompt);
  }
  throw new Error(`No simulated model understands this prompt: ${prompt.slice(0, 300)}`);
}

/** A batch of map: the result of each item, under its id; undefined where the prompt is no batch. */
function rowsFor(prompt: string, minds: readonly Mind[], sight: Sight): string | undefined {
  const list = /<items>\n([\s\S]*)\n<\/items>/.exec(prompt)?.[1]?.split("\n");
  const mind = minds.find(({ record }) => record !== undefined);
  if (list === undefined || !mind?.record) return undefined;
  const results = list.map((text, index) => {
    const item: unknown = JSON.parse(text);
    const { id, line } = isPlainObject(item) ? item : {};
    return { id: Number(id), result: mind.record?.(String(line), index / list.length, sight) ?? {} };
  });
  return JSON.stringify({ results });
}

/** Keeps a share of the lines by chance; the adversarial one drops what the question needs first. */
function summarise(prompt: string, question: string, mind: Mind, settings: SimulatedSettings): string {
  const { keeps, adversarial } = settings.summary;
  const wanted = mind.searchFor(question);
  const lines = `${textIn(prompt, "notes") ?? ""}\n${textIn(prompt, "text") ?? ""}`
    .split("\n")
    .filter((line) => line.trim() !== "");
  const isKept = (line: string): boolean =>
    adversarial && wanted.some((word) => line.includes(word))
      ? false
      : drawOf(`${settings.seed} keep ${line}`) < keeps;
  const mostTokens = Number(/in at most (\d+) tokens/.exec(prompt)?.[1] ?? 8_000);
  const kept = lines.filter(isKept).join("\n");
  return kept.slice(0, mostTokens * 3) || "There is nothing to note so far.";
}

function react(prompt: string, question: string, mind: Mind, sight: Sight, turn: number): string {
  const words = mind.searchFor(question);
  const word = words[turn - 1];
  return word !== undefined && turn <= 5
    ? `Thought: I look for it.\nAction: search[${word}]`
    : `Thought: that must do.\nAction: finish[${mind.read(inOrder(prompt), question, sight)}]`;
}

/** What was observed, by the numbers of its lines: one who reads them sees which comes first. */
function inOrder(observed: string): string {
  const numberOf = (line: string): number => Number(/^\[line (\d+)\]/.exec(line)?.[1] ?? 0);
  return observed
    .split(/\n(?=\[line \d)/)
    .sort((a, b) => numberOf(a) - numberOf(b))
    .join("\n");
}

function useTools(prompt: string, question: string, mind: Mind, sight: Sight, turn: number): FakeReply {
  const word = mind.searchFor(question)[turn - 1];
  return word !== undefined && turn <= 5
    ? { toolCalls: [{ id: `call-${turn}`, name: "grep", input: { pattern: word } }] }
    : { text: mind.read(prompt, question, sight) };
}
