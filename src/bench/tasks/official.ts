/** Loaders for official files that a user has: LongBench v2, LoCoMo, OpenAI-MRCR. Nothing of theirs is in this project. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../core/errors.ts";
import { isPlainObject } from "../../core/json.ts";
import { scoreLocomo } from "../scorers/locomo.ts";
import { scoreChoice } from "../scorers/match.ts";
import { scoreMrcr } from "../scorers/sequence-matcher.ts";
import type { Family, Task } from "../task.ts";
import { asList, loadRows, noMind, powerOfTwo, writeContext, type Row } from "./official-files.ts";

export const longBench: Family = {
  name: "longbench-v2",
  about: "multiple choice over long texts, code repositories among them (official data.json; letter)",
  growth: "1",
  defaultLengths: [],
  load: (folder) =>
    loadRows(
      folder,
      "longbench-v2",
      "data.json of LongBench v2",
      ["context", "question", "choice_A", "answer"],
      (row, index) => {
        const options = ["A", "B", "C", "D"]
          .map((letter) => `(${letter}) ${String(row[`choice_${letter}`])}`)
          .join("\n");
        return {
          id: String(row["_id"] ?? index),
          text: String(row["context"]),
          question: `What is the correct answer to this question: ${String(row["question"])}\nChoices:\n${options}\n\nFormat your response as follows: "The correct answer is (insert answer here)".`,
          gold: String(row["answer"]),
        };
      },
    ),
  score: ({ gold }, answer) => scoreChoice(String(gold), answer),
  mind: () => noMind,
};

export const mrcr: Family = {
  name: "mrcr",
  about:
    "the n-th of several alike requests in a long conversation (OpenAI-MRCR as JSON Lines; ratio of texts)",
  growth: "1",
  defaultLengths: [],
  load: (folder) =>
    loadRows(
      folder,
      "mrcr",
      "JSON Lines of OpenAI-MRCR",
      ["prompt", "answer", "random_string_to_prepend"],
      (row, index) => {
        const turns = asList(JSON.parse(String(row["prompt"])));
        const said = turns.map((turn) => `${String(turn["role"])}: ${String(turn["content"])}`);
        return {
          id: String(index),
          text: said.slice(0, -1).join("\n\n"),
          question: String(turns.at(-1)?.["content"]),
          gold: [String(row["answer"]), String(row["random_string_to_prepend"])],
        };
      },
    ),
  score({ gold }, answer) {
    const [text = "", prefix = ""] = Array.isArray(gold) ? gold.map(String) : [];
    return scoreMrcr(text, prefix, answer);
  },
  mind: () => noMind,
};

export const locomo: Family = {
  name: "locomo",
  about: "questions over long conversations (official locomo10.json; F1 of stemmed words)",
  growth: "1",
  defaultLengths: [],
  async load(folder) {
    const file = join(folder, "locomo10.json");
    if (!existsSync(file))
      throw new ConfigError(
        "not_found",
        `${file} is not there: put LoCoMo's locomo10.json into that folder.`,
      );
    const tasks: Task[] = [];
    for (const [index, sample] of asList(JSON.parse(readFileSync(file, "utf8"))).entries()) {
      const text = conversationText(isPlainObject(sample["conversation"]) ? sample["conversation"] : {});
      const context = await writeContext("locomo", String(sample["sample_id"] ?? index), text);
      for (const [number, qa] of asList(sample["qa"]).entries())
        tasks.push({
          id: `${String(sample["sample_id"] ?? index)}-${number}`,
          family: "locomo",
          lengthTokens: powerOfTwo(text),
          world: "any",
          context: [context],
          question: `${String(qa["question"])} Answer with a short phrase, with exact words from the conversation wherever you can.`,
          gold: String(qa["answer"] ?? qa["adversarial_answer"] ?? ""),
          meta: { category: Number(qa["category"]) },
        });
    }
    return {
      tasks,
      knowledge: { any: {} },
      source: "LoCoMo (CC BY-NC 4.0): 99 of its golds are known to be wrong",
    };
  },
  score: ({ gold, meta }, answer) => scoreLocomo(String(gold), Number(meta?.["category"]), answer),
  mind: () => noMind,
};

function conversationText(conversation: Row): string {
  const sessions = Object.keys(conversation).filter((name) => /^session_\d+$/.test(name));
  const ordered = sessions.sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)));
  return ordered
    .map((name) => {
      const turns = asList(conversation[name]).map((turn) => {
        const picture = turn["blip_caption"] === undefined ? "" : ` [shares ${String(turn["blip_caption"])}]`;
        return `${String(turn["speaker"])}: ${String(turn["text"])}${picture}`;
      });
      return `DATE: ${String(conversation[`${name}_date_time`])}\n${turns.join("\n")}`;
    })
    .join("\n\n");
}
