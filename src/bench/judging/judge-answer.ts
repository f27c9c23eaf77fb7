/** Has a model judge an answer, and now and then a vague wrong one, on an account of its own. It knows no benchmark. */
import { callModel } from "../../core/call-model.ts";
import { user } from "../../core/message.ts";
import type { Model } from "../../core/model.ts";
import type { RunScope } from "../../core/scope.ts";
import { drawOf } from "../random.ts";
import type { Judge, Task } from "../task.ts";
import { vagueAnswers } from "./judges.ts";

export interface Judgement {
  /** From 0 to 1; 0 where no reply could be read. */
  readonly score: number;
  readonly judge: string;
  readonly model: string;
  /** Replies that could not be read. */
  readonly unread: number;
  /** A vague wrong answer to the same question, and whether it was let pass; not for every task. */
  readonly control?: { readonly accepted: boolean };
}

/** Of all tasks: those that a vague wrong answer is judged for, too. */
const controlShare = 0.25;

/** Throws BudgetError where the scope's budget ends. */
export async function judgeAnswer(
  judge: Judge,
  model: Model,
  task: Task,
  answer: string,
  scope: RunScope,
): Promise<Judgement> {
  const given = answer === "" ? { score: 0, unread: 0 } : await scoreOf(judge, model, task, answer, scope);
  const draw = drawOf(`control ${task.id}`);
  const known = { ...given, judge: judge.name, model: model.id };
  if (draw >= controlShare) return known;
  const vague = vagueAnswers[Math.floor((draw / controlShare) * vagueAnswers.length)] ?? "";
  const { score } = await scoreOf(judge, model, task, vague, scope);
  return { ...known, control: { accepted: score > 0.5 } };
}

async function scoreOf(
  judge: Judge,
  model: Model,
  task: Task,
  answer: string,
  scope: RunScope,
): Promise<{ score: number; unread: number }> {
  const prompts = judge.prompts(task, answer);
  const points = await Promise.all(
    prompts.map(async (prompt) => {
      const { text } = await callModel(scope, model, { messages: [user(prompt)] }, { role: "sub" });
      return judge.read(text);
    }),
  );
  return {
    score: points.reduce((sum: number, one) => sum + (one ?? 0), 0) / Math.max(1, points.length),
    unread: points.filter((one) => one === undefined).length,
  };
}
