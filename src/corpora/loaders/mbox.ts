/** A mailbox as its mails, one document each, read from a file of any size. */
import { streamOf } from "./input.ts";
import type { Input } from "./input.ts";
import { LimitError, sizeText, UnreadableError } from "./limits.ts";
import type { Loader } from "./loading.ts";
import { addMail } from "./mail.ts";
import { countNewlines } from "../utf8.ts";
import { reasonOf } from "./reason.ts";

export const loadMbox: Loader = async (input, path, loading) => {
  const { collector } = loading;
  let number = 0;
  for await (const { content, line } of mailsOf(input, collector.limits.wholeBytes)) {
    const mail = `${path}#${++number}`;
    try {
      await collector.whole(() => addMail(content, mail, { mail: number, line }, loading));
    } catch (error) {
      if (error instanceof LimitError) throw error;
      collector.skip(mail, reasonOf(error));
    }
  }
  if (number === 0) throw new UnreadableError("a mailbox without mails");
};

interface BoxedMail {
  readonly content: Buffer;
  /** Where it begins in the mailbox, from 1. */
  readonly line: number;
}

const separator = Buffer.from("\nFrom ");

/** Each begins with a line of its own, "From …", which is no part of it. */
async function* mailsOf(input: Input, mostBytes: number): AsyncGenerator<BoxedMail> {
  // With a newline before the first, all begin alike.
  let held: Buffer = Buffer.from("\n");
  let searched = 1;
  let line = 0;
  for await (const chunk of streamOf(input)) {
    held = Buffer.concat([held, chunk]);
    for (;;) {
      const next = held.indexOf(separator, searched);
      if (next < 0) break;
      yield { content: mailIn(held.subarray(0, next + 1)), line: line + 1 };
      line += countNewlines(held.subarray(0, next));
      held = held.subarray(next);
      searched = 1;
    }
    searched = Math.max(1, held.length - separator.length);
    if (held.length > mostBytes)
      throw new UnreadableError(`a mailbox with a mail of more than ${sizeText(mostBytes)}`);
  }
  if (held.length > 1) yield { content: mailIn(held), line: line + 1 };
}

/** Without the line that parts it from others, and without the > that lines like it were given. */
function mailIn(boxed: Buffer): Buffer {
  const content = boxed.subarray(boxed.indexOf(0x0a, 1) + 1);
  if (!content.includes(">From ")) return Buffer.from(content);
  return Buffer.from(content.toString("latin1").replace(/^>(>*From )/gm, "$1"), "latin1");
}
