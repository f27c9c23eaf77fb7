/** A mail as its headers and text; what is attached to it is taken as packed files are. */
import PostalMime from "postal-mime";
import type { JsonObject } from "../../core/json.ts";
import { wholeOf } from "./input.ts";
import type { Loader, Loading } from "./loading.ts";
import { memberPath, oneLine } from "./loading.ts";
import { markdownOf } from "./markdown.ts";

type Mail = Awaited<ReturnType<typeof PostalMime.parse>>;
type Address = NonNullable<Mail["from"]>;

export const loadMail: Loader = async (input, path, loading) => {
  await addMail(await wholeOf(input, loading.collector.limits.wholeBytes), path, {}, loading);
};

/** @param place where it stands in its mailbox */
export async function addMail(
  content: Buffer,
  path: string,
  place: JsonObject,
  loading: Loading,
): Promise<void> {
  const mail = await PostalMime.parse(content, { maxNestingDepth: 50, attachmentEncoding: "arraybuffer" });
  const title = oneLine(mail.subject ?? "").trim();
  await loading.collector.add(`${headersOf(mail).join("\n")}\n\n${(await bodyOf(mail)).trimEnd()}\n`, {
    path,
    ...(title !== "" && { title }),
    ...(Object.keys(place).length > 0 && { metadata: place }),
    loaded: { format: "mail", ending: ".txt", places: [] },
  });
  for (const [i, { filename, content: attached }] of mail.attachments.entries()) {
    const name = (filename ?? "").replace(/.*[/\\]/s, "");
    const member = memberPath(path, name) ?? `${path}!/attachment ${i + 1}`;
    const bytes = typeof attached === "string" ? Buffer.from(attached) : bufferOf(attached);
    loading.collector.unpacked.addEntry();
    await loading.take({ path: member, stream: oneChunk(bytes) });
  }
}

function headersOf(mail: Mail): string[] {
  const lines = {
    From: addressText(mail.from ? [mail.from] : []),
    To: addressText(mail.to ?? []),
    Cc: addressText(mail.cc ?? []),
    Date: mail.date ?? "",
    Subject: oneLine(mail.subject ?? ""),
    Attachments: mail.attachments
      .flatMap(({ filename }) => filename ?? [])
      .map(oneLine)
      .join(", "),
  };
  return Object.entries(lines).flatMap(([name, value]) => (value === "" ? [] : [`${name}: ${value}`]));
}

/** Names and addresses; of a group its name and members. */
function addressText(addresses: readonly Address[]): string {
  return addresses
    .map(({ name, address, group }) => {
      if (group) return `${name}: ${addressText(group)}`;
      return name === "" || name === address ? (address ?? "") : `${name} <${address ?? ""}>`;
    })
    .map(oneLine)
    .join(", ");
}

async function bodyOf({ text, html }: Mail): Promise<string> {
  if (text !== undefined && text.trim() !== "") return text.replaceAll("\r\n", "\n");
  return html === undefined ? "" : markdownOf(html);
}

function bufferOf(content: ArrayBuffer | Uint8Array): Buffer {
  return content instanceof Uint8Array
    ? Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    : Buffer.from(content);
}

async function* oneChunk(content: Buffer): AsyncGenerator<Uint8Array> {
  yield content;
}
