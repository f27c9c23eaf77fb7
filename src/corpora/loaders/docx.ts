/** The text of a DOCX document as Markdown, with the pages that the program which saved it made. */
import mammoth from "mammoth";
import { UnreadableError } from "./limits.ts";
import { markdownOf } from "./markdown.ts";
import { readXml, repack } from "./parts.ts";
import type { PartsLoader } from "./parts.ts";
import { headingPlaces, joinPlaces } from "./placed-text.ts";
import type { LoadedFrom } from "../places.ts";
import { titleIn } from "./xml-text.ts";

export const loadDocx: PartsLoader = async (parts, path, { collector }) => {
  const buffer = await repack(
    parts,
    (name) => /^(?:\[Content_Types\]\.xml|_rels\/.*|word\/[^/]*\.xml|word\/_rels\/.*)$/.test(name),
    (name, xml) => (name === "word/document.xml" ? markPages(xml) : xml),
  );
  const { value: html } = await mammoth.convertToHtml(
    { buffer },
    { convertImage: noImages, styleMap: [withComments] },
  );
  const markdown = await markdownOf(withoutInnerLinks(html));
  const { text, places } = placed(markdown);
  if (text.trim() === "") throw new UnreadableError("a DOCX document without text");
  const title = parts.names.includes("docProps/core.xml")
    ? titleIn(await readXml(parts, "docProps/core.xml"))
    : undefined;
  await collector.add(text, {
    path,
    ...(title !== undefined && { title }),
    loaded: { format: "DOCX", ending: ".md", places },
  });
};

/** Without it they would be left out; with it they follow the text. */
const withComments = "comment-reference => sup";

/** Marks of notes and comments stay as "[1]"; where they lead to within the document, nobody who reads text can go. */
function withoutInnerLinks(html: string): string {
  return html
    .replace(/ ?<a href="#[^"]*"[^>]*>↑<\/a>/g, "")
    .replace(/<a href="#[^"]*"[^>]*>([^<]*)<\/a>/g, "$1");
}

const noImages = mammoth.images.imgElement(async () => ({ src: "" }));

/** A character that no text has, from the private end of Unicode, goes through the conversion as a letter does. */
const pageMark = "\u{10fb8c}";

/**
 * Pages aren't part of the format, but Word notes where it broke them last, and authors break them by hand. Where
 * Word noted any, a break by hand is followed by a note of its own.
 */
function markPages(xml: string): string {
  const isNoted = /<w:lastRenderedPageBreak\b/.test(xml);
  const breaks = isNoted
    ? /<w:lastRenderedPageBreak\s*\/>/g
    : /<w:br\b[^>]*w:type="page"[^>]*\/>(?:\s*<\/w:br>)?/g;
  const marked = xml.replaceAll(pageMark, "\ufffd").replace(breaks, `<w:t>${pageMark}</w:t>`);
  return isNoted ? marked : marked.replace(pageBreakBefore, `$&<w:r><w:t>${pageMark}</w:t></w:r>`);
}

/** The properties of a paragraph that begins a page. */
const pageBreakBefore =
  /<w:pPr>(?:(?!<\/w:pPr>).)*<w:pageBreakBefore(?:\s+w:val="(?:true|1|on)")?\s*\/>(?:(?!<\/w:pPr>).)*<\/w:pPr>/gs;

function placed(markdown: string): Pick<LoadedFrom, "places"> & { readonly text: string } {
  if (!markdown.includes(pageMark)) return { text: `${markdown}\n`, places: headingPlaces(markdown) };
  const pages = markdown.split(pageMark).map((text, i) => ({ text: text.trim(), place: { page: i + 1 } }));
  const joined = joinPlaces(pages);
  return { text: joined.toString(), places: joined.places };
}
