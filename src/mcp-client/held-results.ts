/** Results too large to be handed over: they stay here, and are read in pieces. */
import { ConfigError } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import type { Json, JsonObject } from "../core/json.ts";

/** Larger ones stay with the host. */
const mostHandedOver = 1_000_000;
/** Of one piece. */
const mostPiece = 1_000_000;
const mostHeld = 256 * 1024 * 1024;
const shownBeginning = 2_000;

export class HeldResults {
  readonly #texts = new Map<string, string>();
  #characters = 0;

  /** The value, or what stands for it. */
  handOver(value: Json): Json {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (text.length <= mostHandedOver) return value;
    if (this.#characters + text.length > mostHeld)
      throw new ConfigError(
        "invalid_input",
        `The results of tools in this run are too large together: ${grouped(mostHeld)} characters may be held. Ask tools for less.`,
      );
    const id = `result_${this.#texts.size + 1}`;
    this.#texts.set(id, text);
    this.#characters += text.length;
    return {
      result: id,
      characters: text.length,
      beginning: text.slice(0, shownBeginning).toWellFormed(),
      read: `read_result("${id}", start, end) gives up to ${grouped(mostPiece)} characters`,
    };
  }

  /** Characters from `start`, to `end` or as many as may be had at once. */
  read({ result, start = 0, end }: JsonObject): string {
    const text = this.#texts.get(String(result));
    if (text === undefined) {
      const known = [...this.#texts.keys()].join(", ") || "none";
      throw new ConfigError("not_found", `There is no result "${String(result)}". Held are: ${known}.`);
    }
    const from = Math.max(0, Number(start) || 0);
    const to = Math.min(typeof end === "number" ? end : text.length, from + mostPiece);
    return text.slice(from, to).toWellFormed();
  }
}
