/** Every word that the arms beside ours put before a model. Their hash is part of a run's manifest. Pure. */

/** By which a simulated model tells the arms apart. */
export const marks = {
  notes: "You keep notes on a long text",
  cells: "You may write Python in one",
  react: "Action: search[words]",
  plan: "You plan how a question about a long text is answered",
} as const;

const answerRule = "Answer from the text alone, in the form that the question asks for, and nothing else.";

export function directPrompt(text: string, question: string): string {
  return `${answerRule}\n\n${tagged("text", text)}\n\n${tagged("question", question)}`;
}

export function passagesPrompt(passages: readonly string[], question: string): string {
  return `Below are the passages of a longer text that a search found. ${answerRule}\n\n${tagged("text", passages.join("\n…\n"))}\n\n${tagged("question", question)}`;
}

/** One step of a rolling summary: the notes so far and the next part become new notes. */
export function notesPrompt(notes: string, part: string, question: string, mostTokens: number): string {
  return `${marks.notes}, part by part, so that a question can be answered in the end from your notes alone. Write the notes anew, in at most ${mostTokens} tokens: keep every fact of the old notes and of the part that the question may need, with its exact words, names and numbers.\n\n${tagged("question", question)}\n\n${tagged("notes", notes)}\n\n${tagged("text", part)}`;
}

export function finalNotesPrompt(notes: string, question: string): string {
  return `These are your notes on a long text. ${answerRule}\n\n${tagged("text", notes)}\n\n${tagged("question", question)}`;
}

export const cellsSystem: string = `${marks.cells} \`\`\`python block per reply; it is run and you are shown what it printed. Variables stay. The text is in front of you and not in any variable. End with FINAL(answer) inside a block.`;

export const reactSystem: string = `You answer a question about a text that is too long to be shown. Each reply is a line "Thought: …" and then one line with an action:
${marks.react} — the passages that fit these words best
Action: read[line] — forty lines from that line on
Action: finish[answer] — the answer, in the form that the question asks for`;

export function toolsSystem(file: string, lines: number, characters: number): string {
  return `You answer a question about the file ${file} (${lines} lines, ${characters} characters), which is too long to be shown. Look into it with the tools: grep for patterns, read for lines, python for anything that must be computed (the file's text is the variable \`context\`; print what you want to see). When you know the answer, give it as plain text, in the form that the question asks for, and nothing else.`;
}

/** For map: the root LM sees the beginning and the end, and says what to ask of each line. */
export function planPrompt(sample: string, question: string): string {
  return `${marks.plan} without anybody reading all of it: one small prompt is put to every line by itself, each result becomes a row of a table, and one query over that table gives the answer.

Answer with one JSON object and nothing else:
{"prompt": "what to say about one line, where {{line}} stands for it", "fields": {"name of a member of the result": "string" | "integer" | "boolean"}, "sql": "one SQLite select over the table results(position, <the fields>)"}
Whoever reads a line sees no other line and not the question. The values of the rows that the query gives are the final answer, in the form that the question asks for.

${tagged("question", question)}

The text begins and ends like this:
${tagged("text", sample)}`;
}

export function tagged(tag: string, text: string): string {
  return `<${tag}>\n${text}\n</${tag}>`;
}

/** What stands in the last such tag; undefined where there is none. */
export function textIn(prompt: string, tag: string): string | undefined {
  const start = prompt.lastIndexOf(`<${tag}>\n`);
  if (start < 0) return undefined;
  const from = start + tag.length + 3;
  const end = prompt.indexOf(`\n</${tag}>`, from);
  return prompt.slice(from, end < 0 ? undefined : end);
}
