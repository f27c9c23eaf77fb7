/** How a model is asked whether an answer is right. The wording is this project's own: numbers by it are not the benchmarks' official ones. */
import { tagged } from "../arms/prompts.ts";
import type { Judge, Task } from "../task.ts";

const frame =
  "You judge one answer to a question. Compare it with the reference, not with what you know. An answer that is vague, hedged between several values, or only near the subject is wrong; other words for the same thing are right.";

const yesOrNo = 'End with a line "Verdict: yes" if the answer is right, or "Verdict: no".';

function readVerdict(reply: string): number | undefined {
  const verdict = [...reply.matchAll(/Verdict:\W*(yes|no)\b/gi)].at(-1)?.[1]?.toLowerCase();
  return verdict === undefined ? undefined : Number(verdict === "yes");
}

function material({ question, gold }: Pick<Task, "question" | "gold">, answer: string): string {
  return [
    tagged("question", question),
    tagged("reference", String(gold)),
    tagged("answer", answer.slice(0, mostShown)),
  ].join("\n\n");
}

/** What is said beyond it is not read: an answer that long has not answered. */
const mostShown = 20_000;

/** Short facts, as in BrowseComp-Plus: one right value. */
export const factJudge: Judge = {
  name: "fact-own-1",
  prompts: (task, answer) => [`${frame}\n\n${material(task, answer)}\n\n${yesOrNo}`],
  read: readVerdict,
};

/** LongMemEval's kinds of question each have a rule of their own. */
export const memoryJudge: Judge = {
  name: "memory-own-1",
  prompts(task, answer) {
    const kind = String(task.meta?.["kind"]);
    const rule = memoryRules[kind] ?? "";
    return [`${frame} ${rule}\n\n${material(task, answer)}\n\n${yesOrNo}`];
  },
  read: readVerdict,
};

const memoryRules: Readonly<Record<string, string>> = {
  "temporal-reasoning": "A number of days, weeks or months that is off by one is right.",
  "knowledge-update":
    "What held earlier may be mentioned too, as long as the latest state is given as the answer.",
  "single-session-preference":
    "The reference says what a good answer takes into account; not every point of it is needed, but the answer must use what this person said.",
  abstention:
    "The question can't be answered from the record, and the reference says why. Right is only an answer that says so.",
};

/** BEAM: each point of the rubric by itself, wholly, partly or not at all. */
export const rubricJudge: Judge = {
  name: "rubric-own-1",
  prompts: (task, answer) =>
    (Array.isArray(task.gold) ? task.gold.map(String) : [String(task.gold)]).map(
      (point) =>
        `${frame} The reference is one single point that the answer should have; judge that point alone.\n\n${material({ ...task, gold: point }, answer)}\n\nEnd with a line "Points: 1" if the answer has it, "Points: 0.5" if only in part, or "Points: 0".`,
    ),
  read(reply) {
    const points = [...reply.matchAll(/Points:\W*(0\.5|0|1)\b/g)].at(-1)?.[1];
    return points === undefined ? undefined : Number(points);
  },
};

/** Wrong, and worded so that a lenient judge would let it pass: how often it does is reported beside the scores. */
export const vagueAnswers: readonly string[] = [
  "This was touched on in the material; what exactly it was depends on the circumstances that are described there.",
  "There are several mentions of this, and taken together they point to more or less what one would expect.",
];
