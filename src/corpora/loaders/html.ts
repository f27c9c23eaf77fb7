/** The readable part of an HTML document as Markdown. */
import { isUtf8 } from "node:buffer";
import { Readability } from "@mozilla/readability";
import { parseHTML } from "linkedom";
import { wholeOf } from "./input.ts";
import { UnreadableError } from "./limits.ts";
import { oneLine } from "./loading.ts";
import type { Loader } from "./loading.ts";
import { checkDepth, markdownOf } from "./markdown.ts";
import { headingPlaces } from "./placed-text.ts";

export const loadHtml: Loader = async (input, path, { collector }) => {
  const html = decodeHtml(await wholeOf(input, collector.limits.wholeBytes));
  const { title, markdown } = await readableMarkdown(html);
  if (markdown === "") throw new UnreadableError("an HTML document without text");
  await collector.add(`${markdown}\n`, {
    path,
    ...(title !== undefined && { title }),
    loaded: { format: "HTML", ending: ".md", places: headingPlaces(markdown) },
  });
};

async function readableMarkdown(html: string): Promise<{ title: string | undefined; markdown: string }> {
  checkDepth(html);
  const { document } = parseHTML(html);
  const title = document.title.trim() === "" ? undefined : oneLine(document.title.trim());
  for (const element of document.querySelectorAll("script, style, noscript, template")) element.remove();
  const everything = document.body.innerHTML;
  for (const element of document.querySelectorAll("nav, [role=navigation]")) element.remove();
  const body = document.body.innerHTML;
  const length = lengthOf(document.body.textContent);
  const article = new Readability(document, { charThreshold: 0 }).parse();
  // Of lists, tables and reference pages it keeps a part only: then all of the page is what is read.
  const isMostOfIt = lengthOf(article?.textContent) >= length * leastShare;
  const chosen = await markdownOf(isMostOfIt ? (article?.content ?? body) : body);
  // A page may be all navigation, and then that is what it says.
  const markdown = chosen === "" ? await markdownOf(everything) : chosen;
  const hasHeading = /^# /m.test(markdown);
  return {
    title,
    markdown: title === undefined || hasHeading || markdown === "" ? markdown : `# ${title}\n\n${markdown}`,
  };
}

const leastShare = 0.5;

/** Without white space, of which HTML has any amount. */
function lengthOf(text: string | null | undefined): number {
  return (text ?? "").replace(/\s+/g, "").length;
}

/** By its mark, by what it declares, and else as browsers do: UTF-8 where it is that, or Windows' Latin alphabet. */
export function decodeHtml(content: Buffer): string {
  const [a, b] = content;
  if (a === 0xff && b === 0xfe) return new TextDecoder("utf-16le").decode(content);
  if (a === 0xfe && b === 0xff) return new TextDecoder("utf-16be").decode(content);
  const start = content.toString("latin1", 0, 2_048);
  const declared =
    /<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)/i.exec(start)?.[1] ??
    /^<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)/i.exec(start)?.[1];
  return decoderOf(isUtf8(content) ? undefined : (declared ?? "windows-1252")).decode(content);
}

function decoderOf(label: string | undefined): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder("windows-1252"); // A page may declare a name that nobody knows.
  }
}
