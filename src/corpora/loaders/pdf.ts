/** The text of a PDF, page by page. */
import { fileURLToPath } from "node:url";
import { getDocumentProxy, getResolvedPDFJS } from "unpdf";
import { wholeOf } from "./input.ts";
import { UnreadableError } from "./limits.ts";
import type { Loader, Loading } from "./loading.ts";
import { oneLine } from "./loading.ts";
import { joinPlaces } from "./placed-text.ts";

type Pdf = Awaited<ReturnType<typeof getDocumentProxy>>;

interface Page {
  readonly text: string;
  readonly place: { readonly page: number };
}

const mostBrokenPages = 100;
const mostScans = 100;
/** PDF.js reads it as an address, also on Windows. */
const characterMaps = fileURLToPath(new URL("./cmaps/", import.meta.url)).replaceAll("\\", "/");

export const loadPdf: Loader = async (input, path, loading) => {
  const content = await wholeOf(input, loading.collector.limits.wholeBytes);
  const pdf = await openPdf(content);
  const pages = await pagesOf(pdf, path, loading);
  if (pages.every(({ text }) => text === ""))
    throw new UnreadableError("a PDF without text, such as a scan: run text recognition (OCR) over it first");
  await nameScans(pdf, pages, path, loading);
  const joined = joinPlaces(pages);
  const title = await titleOf(pdf);
  await loading.collector.add(joined.toString(), {
    path,
    ...(title !== undefined && { title }),
    metadata: { pages: pages.length },
    loaded: { format: "PDF", ending: ".txt", places: joined.places },
  });
};

async function openPdf(content: Buffer): Promise<Pdf> {
  try {
    // A copy: what is handed over may be transferred away.
    return await getDocumentProxy(new Uint8Array(content), { verbosity: 0, cMapUrl: characterMaps });
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "PasswordException") throw new UnreadableError("a PDF protected by a password");
    throw new UnreadableError("a PDF that is broken or cut off", { cause: error });
  }
}

async function pagesOf(pdf: Pdf, path: string, { collector }: Loading): Promise<Page[]> {
  const pages: Page[] = [];
  let broken = 0;
  for (let page = 1; page <= pdf.numPages; page++) {
    let text = "";
    try {
      text = await pageText(pdf, page);
    } catch (error) {
      if (++broken > mostBrokenPages || broken === pdf.numPages)
        throw new UnreadableError("a PDF with pages that can't be read", { cause: error });
      collector.skip(`${path} p.${page}`, "a page that can't be read");
    }
    collector.unpacked.addBytes(text.length);
    pages.push({ text, place: { page } });
    collector.onProgress();
  }
  return pages;
}

async function pageText(pdf: Pdf, number: number): Promise<string> {
  const page = await pdf.getPage(number);
  const { items } = await page.getTextContent();
  const text = items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("");
  page.cleanup();
  // Form feeds are ours: they part pages.
  return text
    .replaceAll("\f", " ")
    .replace(/[ \t]+$/gm, "")
    .trim();
}

/** A page may be blank; one that shows a picture and has no text is most likely a scan, and what it says is missing. */
async function nameScans(
  pdf: Pdf,
  pages: readonly Page[],
  path: string,
  { collector }: Loading,
): Promise<void> {
  const scans: number[] = [];
  for (const { text, place } of pages) {
    if (text === "" && (await showsPicture(pdf, place.page))) scans.push(place.page);
    if (scans.length === mostScans) break;
    collector.onProgress();
  }
  if (scans.length === 0) return;
  const named = scans.length > 10 ? `${scans.slice(0, 10).join(", ")} and more` : scans.join(", ");
  collector.skip(`${path} p.${named}`, "a picture without text: run text recognition (OCR) over it first");
}

async function showsPicture(pdf: Pdf, number: number): Promise<boolean> {
  const { OPS } = await getResolvedPDFJS();
  const pictures: readonly number[] = [
    OPS.paintImageXObject,
    OPS.paintImageMaskXObject,
    OPS.paintInlineImageXObject,
  ];
  try {
    const page = await pdf.getPage(number);
    const { fnArray } = await page.getOperatorList();
    page.cleanup();
    return fnArray.some((operator) => pictures.includes(operator));
  } catch {
    return false; // A page that can't be read was named when its text was asked for.
  }
}

async function titleOf(pdf: Pdf): Promise<string | undefined> {
  const found = await pdf.getMetadata().catch(() => undefined); // A PDF may do without, or have it broken.
  const title: unknown = found && "Title" in found.info ? found.info.Title : undefined;
  return typeof title === "string" && title.trim() !== "" ? oneLine(title.trim()) : undefined;
}
