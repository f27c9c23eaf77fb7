/** How each reply begins: its id and its time. */
import { randomBytes } from "node:crypto";
import type { ReplyHead } from "./dialect.ts";

/** @param model as the client wrote it */
export function newHead(model: string, wantsUsage: boolean): ReplyHead {
  return { model, id: `una_${randomBytes(12).toString("hex")}`, at: Date.now(), wantsUsage };
}
