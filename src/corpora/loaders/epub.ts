/** The text of an EPUB book as Markdown, chapter by chapter in the order of reading. */
import { decodeHtml } from "./html.ts";
import { LimitError, UnreadableError } from "./limits.ts";
import { oneLine } from "./loading.ts";
import { markdownOf } from "./markdown.ts";
import { checkedXml, readXml } from "./parts.ts";
import type { Parts, PartsLoader } from "./parts.ts";
import { headingsIn, joinPlaces } from "./placed-text.ts";
import { reasonOf } from "./reason.ts";
import { readTags, resolvePart, titleIn } from "./xml-text.ts";

interface Chapter {
  readonly text: string;
  readonly place: { readonly place: string };
}

export const loadEpub: PartsLoader = async (parts, path, { collector }) => {
  const packageName = packageNameIn(await readXml(parts, "META-INF/container.xml"));
  const packageXml = await readXml(parts, packageName);
  if (
    parts.names.includes("META-INF/encryption.xml") &&
    isLocked(await readXml(parts, "META-INF/encryption.xml"))
  )
    throw new UnreadableError("a book protected by its publisher");
  const chapters: Chapter[] = [];
  let failure: string | undefined;
  for (const name of spineOf(packageXml, packageName)) {
    try {
      const text = await chapterText(parts, name);
      if (text !== "") chapters.push({ text, place: { place: chapterPlace(chapters.length + 1, text) } });
    } catch (error) {
      if (error instanceof LimitError) throw error;
      failure ??= reasonOf(error);
      collector.skip(`${path}!/${oneLine(name)}`, reasonOf(error));
    }
    collector.onProgress();
  }
  if (chapters.length === 0) throw new UnreadableError(failure ?? "an EPUB book without text");
  const joined = joinPlaces(chapters);
  const title = titleIn(packageXml);
  await collector.add(joined.toString(), {
    path,
    ...(title !== undefined && { title }),
    metadata: { chapters: chapters.length },
    loaded: { format: "EPUB", ending: ".md", places: joined.places },
  });
};

async function chapterText(parts: Parts, name: string): Promise<string> {
  const content = await parts.read(name);
  checkedXml(content, name);
  return (await markdownOf(decodeHtml(content))).replaceAll("\f", " ");
}

/** For instance "chapter 3, The Whale". */
function chapterPlace(number: number, text: string): string {
  const [first] = headingsIn(text);
  return first === undefined ? `chapter ${number}` : `chapter ${number}, ${first.heading}`;
}

function packageNameIn(container: string): string {
  let name: string | undefined;
  readTags(container, {
    open: (tag, attributes) => {
      if (tag === "rootfile") name ??= attributes["full-path"];
    },
  });
  if (name === undefined) throw new UnreadableError("an EPUB book without a table of its parts");
  return name;
}

/** The parts that are read one after the other; the table of contents is for machines. */
function spineOf(packageXml: string, packageName: string): readonly string[] {
  const items = new Map<string, string>();
  const names: string[] = [];
  readTags(packageXml, {
    open: (prefixed, attributes) => {
      const tag = prefixed.replace(/^opf:/, "");
      const { id = "", href = "", idref = "", properties = "" } = attributes;
      if (tag === "item" && !properties.split(" ").includes("nav"))
        items.set(id, resolvePart(packageName, decodeURIComponentSafely(href)));
      const name = tag === "itemref" ? items.get(idref) : undefined;
      if (name !== undefined) names.push(name);
    },
  });
  return names;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A lone % stands for itself.
  }
}

/** Fonts are often scrambled, which nobody needs to read; chapters are not. */
function isLocked(encryption: string): boolean {
  let isLocked = false;
  readTags(encryption, {
    open: (tag, attributes) => {
      if (/(?:^|:)CipherReference$/.test(tag) && /\.x?html?$/i.test(attributes["URI"] ?? "")) isLocked = true;
    },
  });
  return isLocked;
}
