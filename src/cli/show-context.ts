/** What the model sees as a map: a line for each label and message, with its tokens. Pure. */
import { grouped } from "../core/grouped.ts";
import type { ContextReport, ShownItem } from "../engine/index.ts";

/** @returns lines that end in a line break */
export function showContext({ tokens, window, soft, hard, reason, items }: ContextReport): string {
  const share = ((tokens / window) * 100).toFixed(0);
  const lines = items.map((item) => `${grouped(item.tokens).padStart(9)}  ${describe(item)}`);
  return [
    `${grouped(tokens)} tokens, ${share} % of a window of ${grouped(window)}. Labels are prepared above ${grouped(soft)}, no request is above ${grouped(hard)}.`,
    `Why it is so: ${reason}`,
    `   tokens  what`,
    ...lines,
    "",
  ].join("\n");
}

function describe(item: ShownItem): string {
  switch (item.type) {
    case "instructions":
      return "instructions";
    case "tools":
      return `tools: ${item.names.join(", ")}`;
    case "preamble":
      return "what labels are";
    case "label": {
      const by = item.origin.type === "model" ? "" : ", made without a model";
      return `${item.id}  messages ${item.first}-${item.last}, level ${item.level}${by}: ${oneLine(item.text)}`;
    }
    case "message": {
      const form = { verbatim: "", handle: ", as a handle", stub: ", in part" }[item.form];
      return `[${item.position}] ${item.role}${form}: ${item.text}`;
    }
  }
}

export function oneLine(text: string, most = 80): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length <= most ? flat : `${flat.slice(0, most - 1).toWellFormed()}…`;
}
