/** Loaders for official files whose answers only a model can judge: LongMemEval, BEAM, BrowseComp-Plus. Nothing of theirs is in this project. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../core/errors.ts";
import { isPlainObject } from "../../core/json.ts";
import { factJudge, memoryJudge, rubricJudge } from "../judging/judges.ts";
import type { Family, Task } from "../task.ts";
import { asList, loadRows, noMind, powerOfTwo, writeContext, type Row } from "./official-files.ts";

export const longMemEval: Family = {
  name: "longmemeval",
  about: "questions over many sessions of a user with an assistant (official longmemeval_*.json; judged)",
  growth: "1",
  defaultLengths: [],
  load: (folder) =>
    loadRows(
      folder,
      "longmemeval",
      "longmemeval_s.json or longmemeval_m.json",
      ["question_id", "question", "answer", "haystack_sessions"],
      (row) => {
        const id = String(row["question_id"]);
        const dates = Array.isArray(row["haystack_dates"]) ? row["haystack_dates"].map(String) : [];
        const sessions = Array.isArray(row["haystack_sessions"]) ? row["haystack_sessions"] : [];
        const text = sessions.map(
          (session, index) => `DATE: ${dates[index] ?? "unknown"}\n${turnsIn(session)}`,
        );
        return {
          id,
          text: text.join("\n\n"),
          question: `Today is ${String(row["question_date"] ?? "the day after the last session")}. ${String(row["question"])}`,
          gold: String(row["answer"]),
          meta: { kind: id.endsWith("_abs") ? "abstention" : String(row["question_type"]) },
        };
      },
    ),
  score: () => 0,
  judge: memoryJudge,
  mind: () => noMind,
};

export const browseCompPlus: Family = {
  name: "browsecomp-plus",
  about: "questions over up to 1,000 web documents (decrypted rows as JSON Lines; judged)",
  growth: "1",
  defaultLengths: [],
  load: (folder) =>
    loadRows(
      folder,
      "browsecomp-plus",
      "decrypted rows of BrowseComp-Plus",
      ["query_id", "query", "answer", "gold_docs"],
      (row) => ({
        id: String(row["query_id"]),
        text: documentsOf(row),
        question: String(row["query"]),
        gold: String(row["answer"]),
      }),
    ),
  score: () => 0,
  judge: factJudge,
  mind: () => noMind,
};

const mostDocuments = 1_000;

/** What answers the question and what proves it come first; others fill up to a thousand, shuffled by nothing but their names. */
function documentsOf(row: Row): ReadonlyMap<string, string> {
  const documents = new Map<string, string>();
  for (const member of ["gold_docs", "evidence_docs", "negative_docs"])
    for (const document of asList(row[member])) {
      if (documents.size >= mostDocuments) break;
      documents.set(String(document["docid"]), String(document["text"] ?? ""));
    }
  return new Map([...documents].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const beam: Family = {
  name: "beam",
  about:
    "probing questions over chats of up to ten million tokens (official chats/SIZE/N folders; judged by rubric, the order of events too)",
  growth: "1",
  defaultLengths: [],
  async load(folder) {
    const chats = existsSync(folder)
      ? readdirSync(folder, { recursive: true, encoding: "utf8" })
          .map((name) => name.replaceAll("\\", "/"))
          .filter((name) => /(^|\/)chat\.json$/.test(name))
          .sort()
      : [];
    const tasks: Task[] = [];
    for (const name of chats) tasks.push(...(await probes(folder, name.replace(/\/?chat\.json$/, ""))));
    if (tasks.length === 0)
      throw new ConfigError(
        "not_found",
        `${folder} has no chat of BEAM: expected folders with chat.json and probing_questions/probing_questions.json.`,
      );
    return { tasks, knowledge: { any: {} }, source: "BEAM (no licence stated: for evaluation only)" };
  },
  score: () => 0,
  judge: rubricJudge,
  mind: () => noMind,
};

async function probes(folder: string, name: string): Promise<Task[]> {
  const questions = join(folder, name, "probing_questions", "probing_questions.json");
  if (!existsSync(questions)) return [];
  const text = chatText(JSON.parse(readFileSync(join(folder, name, "chat.json"), "utf8")));
  const id = name === "" ? "chat" : name.replaceAll("/", "-");
  const context = [await writeContext("beam", id, text)];
  const kinds: unknown = JSON.parse(readFileSync(questions, "utf8"));
  return Object.entries(isPlainObject(kinds) ? kinds : {}).flatMap(([kind, list]) =>
    asList(list).map((probe, index): Task => ({
      id: `${id}-${kind}-${index + 1}`,
      family: "beam",
      lengthTokens: powerOfTwo(text),
      world: "any",
      context,
      question: String(probe["question"]),
      gold: Array.isArray(probe["rubric"]) ? probe["rubric"].map(String) : [],
      meta: { kind },
    })),
  );
}

/** Batches of turns of messages, nested as deep as they may be; every object with a role and a content is a message. */
function chatText(value: unknown): string {
  const said: string[] = [];
  const visit = (one: unknown): void => {
    if (Array.isArray(one)) return one.forEach(visit);
    if (!isPlainObject(one)) return;
    if (typeof one["role"] === "string" && typeof one["content"] === "string") {
      const when = typeof one["time_anchor"] === "string" ? ` (${one["time_anchor"]})` : "";
      said.push(`${one["role"]}${when}: ${one["content"]}`);
    } else Object.values(one).forEach(visit);
  };
  visit(value);
  return said.join("\n\n");
}

function turnsIn(session: unknown): string {
  return asList(session)
    .map((turn) => `${String(turn["role"])}: ${String(turn["content"])}`)
    .join("\n");
}
