/** Makes files that are broken, or meant to break who reads them: for tests alone. */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";

type Content = string | Uint8Array;

/** Written by hand: with the platform's own compression a bomb takes a moment to make. */
export function zip(files: Readonly<Record<string, Content>>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    const packed = deflateRawSync(bytes);
    const nameBytes = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    locals.push(Buffer.from("PK\x03\x04"), common, nameBytes, packed);
    directory.push(Buffer.from("PK\x01\x02\x14\x03"), common, rest, nameBytes);
    offset += 4 + common.length + nameBytes.length + packed.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  const count = Object.keys(files).length;
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, entries, end]);
}

export function gzip(content: Content): Buffer {
  return gzipSync(content);
}

/** A tar archive as simple as it can be; `size` may lie. */
export function tar(
  files: Readonly<Record<string, Content>>,
  { size, checksum = true }: { readonly size?: number; readonly checksum?: boolean } = {},
): Buffer {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
    return [tarHeader(name, size ?? bytes.length, checksum), bytes, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1_024)]);
}

function tarHeader(name: string, size: number, hasChecksum: boolean): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, "utf8");
  header.write("0000644\0", 100);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${(hasChecksum ? sum : sum + 7).toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** Text that packs a thousand to one. */
export function endless(megabytes: number): string {
  return "a".repeat(megabytes * 1_000_000);
}

const types = `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>`;
const relationships = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

function relations(type: string, target: string, id: string = "r1"): string {
  return `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="${id}" Type="${relationships}/${type}" Target="${target}"/></Relationships>`;
}

/** @param body what stands within w:body; @param before what stands before the document's element */
export function docx(body: string, before: string = ""): Buffer {
  const main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
  return zip({
    "[Content_Types].xml": types,
    "_rels/.rels": relations("officeDocument", "word/document.xml"),
    "word/document.xml": `${before}<w:document xmlns:w="${main}"><w:body>${body}</w:body></w:document>`,
  });
}

export function paragraph(text: string): string {
  return `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`;
}

/** @param rows what stands within sheetData */
export function xlsx(rows: string, before: string = ""): Buffer {
  const main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
  return zip({
    "[Content_Types].xml": types,
    "_rels/.rels": relations("officeDocument", "xl/workbook.xml"),
    "xl/workbook.xml": `<workbook xmlns="${main}" xmlns:r="${relationships}"><sheets><sheet name="One" sheetId="1" r:id="r1"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": relations("worksheet", "worksheets/sheet1.xml"),
    "xl/worksheets/sheet1.xml": `${before}<worksheet xmlns="${main}"><sheetData>${rows}</sheetData></worksheet>`,
  });
}

export function pptx(slide: string, before: string = "", encoding: BufferEncoding = "utf8"): Buffer {
  return zip({
    "[Content_Types].xml": types,
    "_rels/.rels": relations("officeDocument", "ppt/presentation.xml"),
    "ppt/presentation.xml": `<p:presentation xmlns:p="p" xmlns:r="r"><p:sldIdLst><p:sldId id="256" r:id="r1"/></p:sldIdLst></p:presentation>`,
    "ppt/_rels/presentation.xml.rels": relations("slide", "slides/slide1.xml"),
    "ppt/slides/slide1.xml": Buffer.from(
      `${before}<p:sld xmlns:p="p" xmlns:a="a"><p:sp><a:p><a:r><a:t>${slide}</a:t></a:r></a:p></p:sp></p:sld>`,
      encoding,
    ),
  });
}

export function epub(chapter: string): Buffer {
  return zip({
    mimetype: "application/epub+zip",
    "META-INF/container.xml": `<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>`,
    "book.opf": `<package><manifest><item id="c" href="c.xhtml"/></manifest><spine><itemref idref="c"/></spine></package>`,
    "c.xhtml": chapter,
  });
}

/** Ten entities, each ten of the one before: a billion words, were they ever spelled out. */
export const billionLaughs: string = `<!DOCTYPE x [<!ENTITY l0 "lol">${Array.from(
  { length: 9 },
  (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`,
).join("")}]>`;

export function fileEntity(file: string): string {
  return `<!DOCTYPE x [<!ENTITY secret SYSTEM "file://${file}">]>`;
}

/** A PDF of one page whose tree of pages is `pages`; readers find the objects without a table of them. */
export function pdf(pages: string): string {
  return `%PDF-1.4\n1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj\n2 0 obj ${pages} endobj\n3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9]>> endobj\ntrailer <</Root 1 0 R>>\n`;
}

/** A file that says it is large and holds nothing but its beginning. */
export function writeSparse(path: string, start: Content, bytes: number): void {
  const file = openSync(path, "wx");
  writeSync(file, Buffer.from(start));
  ftruncateSync(file, bytes);
  closeSync(file);
}

/** Every entry of the archive's directory leads to the same bytes, as in the tightest bombs. */
export function overlapping(content: string, times: number): Buffer {
  const one = zip({ "a.txt": content });
  const directoryAt = one.readUInt32LE(one.length - 6);
  const entry = one.subarray(directoryAt, one.length - 22);
  const end = Buffer.from(one.subarray(one.length - 22));
  end.writeUInt16LE(times, 8);
  end.writeUInt16LE(times, 10);
  end.writeUInt32LE(entry.length * times, 12);
  return Buffer.concat([one.subarray(0, directoryAt), ...Array.from({ length: times }, () => entry), end]);
}

/** Mails in mails, each a part of the one around it. */
export function deepMail(levels: number): string {
  const open = Array.from(
    { length: levels },
    (_, i) => `Content-Type: multipart/mixed; boundary="b${i}"\r\n\r\n--b${i}\r\n`,
  );
  return `From: a@b.example\r\nSubject: deep\r\n${open.join("")}Content-Type: text/plain\r\n\r\nat the bottom\r\n`;
}

/** Every fiftieth byte has another bit set. */
export function flip(content: Buffer): Buffer {
  return Buffer.from(content.map((byte, i) => (i % 50 === 49 ? byte ^ 0x10 : byte)));
}

/** Changes the entry of an archive of one file in its directory. */
export function withEntry(archive: Buffer, change: (entry: Buffer) => void): Buffer {
  const copy = Buffer.from(archive);
  change(copy.subarray(copy.readUInt32LE(copy.length - 6)));
  return copy;
}
