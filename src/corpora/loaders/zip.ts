/** Opens a ZIP file and finds out what it is: an office document, a book, or an archive of files. */
import { fromBufferPromise, getFileNameLowLevel, openPromise } from "yauzl";
import type { Entry, ZipFile } from "yauzl";
import { collect } from "./input.ts";
import type { Input } from "./input.ts";
import { UnreadableError } from "./limits.ts";
import { isSkipped, memberPath, unpackedOf } from "./loading.ts";
import type { Loader, Loading } from "./loading.ts";
import type { Parts, PartsLoader } from "./parts.ts";

export const loadZip: Loader = async (input, path, loading) => {
  const zip = await openZip(input);
  try {
    const entries = await entriesOf(zip, loading);
    const office = await officeLoader(new Set(entries.map(nameOf)));
    if (office) await office(partsOf(zip, entries, loading), path, loading);
    else for (const entry of entries) await takeEntry(zip, entry, path, loading);
  } finally {
    zip.close();
  }
};

async function openZip(input: Input): Promise<ZipFile> {
  // Names are read apart: one that leads out of the archive must not hide the others.
  const options = { lazyEntries: true, decodeStrings: false, autoClose: false };
  try {
    return await (input.kind === "file"
      ? openPromise(input.file, options)
      : fromBufferPromise(input.content, options));
  } catch (error) {
    throw new UnreadableError("a ZIP file that is broken or cut off", { cause: error });
  }
}

async function entriesOf(zip: ZipFile, { collector }: Loading): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  try {
    for await (const entry of zip.eachEntry()) {
      collector.unpacked.addEntry();
      entries.push(entry);
    }
  } catch (error) {
    if (error instanceof UnreadableError) throw error;
    throw new UnreadableError("a ZIP file with a broken directory", { cause: error });
  }
  return entries;
}

function nameOf(entry: Entry): string {
  return getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, false);
}

/** By the parts that only such a file has: its ending may say anything. */
async function officeLoader(names: ReadonlySet<string>): Promise<PartsLoader | undefined> {
  if (names.has("[Content_Types].xml")) {
    if (names.has("word/document.xml")) return (await import("./docx.ts")).loadDocx;
    if (names.has("xl/workbook.xml")) return (await import("./xlsx.ts")).loadXlsx;
    if (names.has("ppt/presentation.xml")) return (await import("./pptx.ts")).loadPptx;
    if (names.has("xl/workbook.bin")) throw new UnreadableError("an XLSB workbook: save it as XLSX");
  }
  if (names.has("META-INF/container.xml") && names.has("mimetype"))
    return (await import("./epub.ts")).loadEpub;
  if (names.has("content.xml") && names.has("mimetype"))
    throw new UnreadableError("an OpenDocument file: save it as DOCX, XLSX, PPTX or PDF");
  return undefined;
}

function partsOf(zip: ZipFile, entries: readonly Entry[], { collector }: Loading): Parts {
  const byName = new Map(entries.map((entry) => [nameOf(entry), entry]));
  return {
    names: [...byName.keys()],
    read: async (name) => {
      const entry = byName.get(name);
      if (!entry) throw new UnreadableError(`"${name}" is missing in it`);
      if (entry.isEncrypted()) throw new UnreadableError("protected by a password");
      return collect(
        unpackedOf(await zip.openReadStreamPromise(entry), collector),
        collector.limits.wholeBytes,
      );
    },
  };
}

async function takeEntry(zip: ZipFile, entry: Entry, archive: string, loading: Loading): Promise<void> {
  const { collector } = loading;
  const name = nameOf(entry);
  if (name.endsWith("/") || isLink(entry) || isSkipped(name)) return;
  const path = memberPath(archive, name);
  if (path === undefined) return collector.skip(archive, "a packed file whose name leads out of the archive");
  if (entry.isEncrypted()) return collector.skip(path, "protected by a password");
  let stream: AsyncIterable<Uint8Array>;
  try {
    stream = await zip.openReadStreamPromise(entry);
  } catch (error) {
    return collector.skip(
      path,
      `can't be unpacked: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  await loading.take({ path, stream: unpackedOf(stream, collector) });
}

/** A link to somewhere, as Unix keeps it in the upper half of the attributes. */
function isLink(entry: Entry): boolean {
  return ((entry.externalFileAttributes >>> 16) & 0xf000) === 0xa000;
}
