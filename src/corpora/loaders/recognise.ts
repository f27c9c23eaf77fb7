/** Recognises files that a loader takes text out of, by their first bytes; those that are text themselves by their ending too. Pure. */

export type LoadedFormat = "pdf" | "zip" | "gzip" | "tar" | "html" | "mail" | "mbox";

/** Formats whose files are text themselves: where no loader can read one, its source can be read. */
export function isTextFormat(format: LoadedFormat): boolean {
  return format === "html" || format === "mail" || format === "mbox";
}

/** Runs for every file of a directory: most are told apart by their first byte. */
export function recogniseBinary(head: Buffer, path: string): LoadedFormat | undefined {
  switch (head[0]) {
    case 0x25:
      return startsWith(head, "%PDF-") ? "pdf" : undefined;
    case 0x50:
      // The second is a ZIP archive of nothing.
      return startsWith(head, "PK\x03\x04") || startsWith(head, "PK\x05\x06") ? "zip" : undefined;
    case 0x1f:
      return head[1] === 0x8b ? "gzip" : undefined;
  }
  // A tar header is padded with zero bytes, which no text has.
  if (head[257] === 0x75 && head.includes(0) && head.toString("latin1", 257, 262) === "ustar") return "tar";
  // Some programs write a line or two before a PDF begins, and readers look for it in the first kilobyte.
  if (isPdfName(path) && head.subarray(0, 1_024).includes("%PDF-")) return "pdf";
  return undefined;
}

/** Whole HTML documents, mails and mailboxes; templates, fragments and prose with such an ending stay what they are. */
export function recogniseText(head: string, path: string): LoadedFormat | undefined {
  if (htmlEnding.test(path)) return htmlStart.test(head) ? "html" : undefined;
  if (mailEnding.test(path)) return mailStart.test(head) && knownHeader.test(head) ? "mail" : undefined;
  if (!boxEnding.test(path)) return undefined;
  return boxStart.test(head) ? "mbox" : undefined;
}

/** Whether it is worth the look at its text: that of most files isn't decoded for this. Allocates nothing. */
export function mayBeLoadedText(path: string, firstByte: number | undefined): boolean {
  for (let length = 4; length <= 6; length++) {
    if (path.charCodeAt(path.length - length) === dot) return textEnding.test(path);
  }
  return firstByte === capitalF;
}

function isPdfName(path: string): boolean {
  return path.charCodeAt(path.length - 4) === dot && pdfEnding.test(path);
}

const dot = 0x2e;
/** Of the line "From …" that parts the mails of a mailbox, which may have a name without an ending. */
const capitalF = 0x46;
const pdfEnding = /\.pdf$/i;
const textEnding = /\.(?:x?html?|eml|mbo?x)$/i;
const htmlEnding = /\.x?html?$/i;
const mailEnding = /\.eml$/i;
/** Mail programs name mailboxes as their folders: "Inbox", "Sent". */
const boxEnding = /(?:\.mbo?x|(?:^|\/)[^./]+)$/i;

const htmlStart =
  /^\ufeff?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--[\s\S]{0,2000}?-->\s*)?<(?:!doctype\s+html|html[\s>])/i;
const mailStart = /^(?:[\w-]{1,60}:.{0,1000}\r?\n)/;
const knownHeader = /^(?:From|Date|Received|Message-ID|Return-Path|MIME-Version):/im;
const boxStart = /^From \S.{0,200}\d{2}:\d{2}.{0,40}\r?\n>?[\w-]{1,60}:/;

function startsWith(head: Buffer, magic: string): boolean {
  return head.toString("latin1", 0, magic.length) === magic;
}
