/** The text of a PDF, page by page. */
import { getDocumentProxy } from "unpdf";
import { wholeOf } from "./input.ts";
import { UnreadableError } from "./limits.ts";
import type { Loader, Loading } from "./loading.ts";
import { oneLine } from "./loading.ts";
import { joinPlaces } from "./placed-text.ts";

type Pdf = Awaited<ReturnType<typeof getDocumentProxy>>;

const mostBrokenPages = 100;

export const loadPdf: Loader = async (input, path, loading) => {
  const content = await wholeOf(input, loading.collector.limits.wholeBytes);
  const pdf = await openPdf(content);
  const pages = await pagesOf(pdf, path, loading);
  if (pages.every(({ text }) => text === ""))
    throw new UnreadableError("a PDF without text, such as a scan: run text recognition (OCR) over it first");
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
    return await getDocumentProxy(new Uint8Array(content), { verbosity: 0 });
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "PasswordException") throw new UnreadableError("a PDF protected by a password");
    throw new UnreadableError("a PDF that is broken or cut off", { cause: error });
  }
}

async function pagesOf(
  pdf: Pdf,
  path: string,
  { collector }: Loading,
): Promise<{ text: string; place: { page: number } }[]> {
  const pages: { text: string; place: { page: number } }[] = [];
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

async function titleOf(pdf: Pdf): Promise<string | undefined> {
  const found = await pdf.getMetadata().catch(() => undefined); // A PDF may do without, or have it broken.
  const title: unknown = found && "Title" in found.info ? found.info.Title : undefined;
  return typeof title === "string" && title.trim() !== "" ? oneLine(title.trim()) : undefined;
}
