/** Words for counts and lists, as descriptions use them. Pure. */
import { grouped } from "../core/grouped.ts";
import type { Sample } from "./sample.ts";

/** "12 headings", or "about 1,200 headings" where only a sample was seen. */
export function counted(count: number, noun: string, sample?: Sample): string {
  return `${estimated(count, sample)} ${noun}${count === 1 && (sample?.complete ?? true) ? "" : "s"}`;
}

export function estimated(count: number, sample?: Sample): string {
  if (!sample || sample.complete) return grouped(count);
  const scaled = count * sample.scale;
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, scaled))) - 1);
  return `about ${grouped(Math.round(scaled / step) * step)}`;
}

/** As many as make a line, and how many there are besides. */
export function listed(items: readonly string[], most: number = 220): string {
  const kept: string[] = [];
  let length = 0;
  for (const item of items) {
    const cut = item.length > 60 ? `${item.slice(0, 59)}…` : item;
    if (kept.length > 0 && length + cut.length > most) break;
    kept.push(cut);
    length += cut.length + 2;
  }
  const rest = items.length - kept.length;
  return kept.join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
