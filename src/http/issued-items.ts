/**
 * Items of replies in OpenAI's responses, which programs name by their id in later requests instead of sending them again.
 * Remembered while there is room; each tenant names only its own.
 */
import { isPlainObject, type JsonObject } from "../core/json.ts";

export type Issuer = "us" | "provider";

export interface Resolved {
  /** With the items in place of their names. */
  readonly json: JsonObject;
  /** An item is named that only we know, so no provider can answer the request as it was sent. */
  readonly namesOurs: boolean;
}

interface Issued {
  readonly item: JsonObject;
  readonly issuer: Issuer;
  readonly size: number;
}

/** In characters of JSON. */
const mostHeld = 64 * 1024 * 1024;

export class IssuedItems {
  /** The last used stand last. */
  readonly #items = new Map<string, Issued>();
  readonly #most: number;
  #held = 0;

  constructor(most: number = mostHeld) {
    this.#most = most;
  }

  /** Reads what was sent to a client: a whole response, or an event of one. Anything else is passed over. */
  see(tenant: string | undefined, data: unknown, issuer: Issuer): void {
    if (!isPlainObject(data)) return;
    if (data["type"] === itemDone) this.#keep(tenant, data["item"], issuer);
    else if (data["object"] === "response" && Array.isArray(data["output"]))
      for (const item of data["output"]) this.#keep(tenant, item, issuer);
  }

  /** Names that are not known stay as they are. */
  resolve(tenant: string | undefined, json: JsonObject): Resolved {
    const { input } = json;
    if (!Array.isArray(input)) return { json, namesOurs: false };
    let namesOurs = false;
    const whole = input.map((item) => {
      if (!isPlainObject(item) || item["type"] !== "item_reference") return item;
      const issued = this.#find(tenant, item["id"]);
      if (issued?.issuer === "us") namesOurs = true;
      return issued?.item ?? item;
    });
    return { json: { ...json, input: whole }, namesOurs };
  }

  #keep(tenant: string | undefined, item: unknown, issuer: Issuer): void {
    if (!isPlainObject(item) || typeof item["id"] !== "string") return;
    const key = keyOf(tenant, item["id"]);
    const size = JSON.stringify(item).length;
    this.#forget(key);
    this.#items.set(key, { item: item as JsonObject, issuer, size });
    this.#held += size;
    for (const oldest of this.#items.keys()) {
      if (this.#held <= this.#most) return;
      this.#forget(oldest);
    }
  }

  #find(tenant: string | undefined, id: unknown): Issued | undefined {
    const key = keyOf(tenant, String(id));
    const issued = this.#items.get(key);
    if (!issued) return undefined;
    this.#items.delete(key);
    this.#items.set(key, issued);
    return issued;
  }

  #forget(key: string): void {
    this.#held -= this.#items.get(key)?.size ?? 0;
    this.#items.delete(key);
  }
}

const itemDone = "response.output_item.done";

function keyOf(tenant: string | undefined, id: string): string {
  return JSON.stringify([tenant ?? null, id]);
}

/** Finds the items in a stream of events while it passes, however it is cut into chunks. */
export class ItemSniffer {
  readonly #see: (event: unknown) => void;
  #rest: Buffer[] = [];

  constructor(see: (event: unknown) => void) {
    this.#see = see;
  }

  add(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#line(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
  }

  #line(end: Buffer): void {
    const line = this.#rest.length === 0 ? end : Buffer.concat([...this.#rest, end]);
    this.#rest = [];
    // Most lines are small pieces of text: looked at no further.
    if (line.subarray(0, 6).toString("latin1") !== "data: " || !line.includes(itemDone)) return;
    try {
      this.#see(JSON.parse(line.subarray(6).toString("utf8")));
    } catch {
      // No JSON of a kind we know: it passes all the same.
    }
  }
}
