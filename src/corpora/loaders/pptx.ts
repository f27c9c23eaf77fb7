/** The text of a PPTX presentation, slide by slide, with the speaker's notes. */
import { UnreadableError } from "./limits.ts";
import { readXml } from "./parts.ts";
import type { Parts, PartsLoader } from "./parts.ts";
import { joinPlaces } from "./placed-text.ts";
import { readTags, relationsOf, titleIn } from "./xml-text.ts";

export const loadPptx: PartsLoader = async (parts, path, { collector }) => {
  const slides: { text: string; place: { place: string } }[] = [];
  for (const [i, name] of (await slideNames(parts)).entries()) {
    const notes = await notesOf(parts, name);
    const text = slideText(await readXml(parts, name));
    slides.push({
      text: notes === "" ? text : `${text}\n\nNotes:\n${notes}`.trim(),
      place: { place: `slide ${i + 1}` },
    });
    collector.onProgress();
  }
  if (slides.every(({ text }) => text === "")) throw new UnreadableError("a presentation without text");
  const joined = joinPlaces(slides);
  const title = parts.names.includes("docProps/core.xml")
    ? titleIn(await readXml(parts, "docProps/core.xml"))
    : undefined;
  await collector.add(joined.toString(), {
    path,
    ...(title !== undefined && { title }),
    metadata: { slides: slides.length },
    loaded: { format: "PPTX", ending: ".md", places: joined.places },
  });
};

/** In the order in which they are shown, which their names don't tell. */
async function slideNames(parts: Parts): Promise<readonly string[]> {
  const presentation = "ppt/presentation.xml";
  const targets = new Map(
    relationsOf(await readXml(parts, "ppt/_rels/presentation.xml.rels"), presentation).map((one) => [
      one.id,
      one.target,
    ]),
  );
  const names: string[] = [];
  readTags(await readXml(parts, presentation), {
    open: (tag, attributes) => {
      const target = tag === "p:sldId" ? targets.get(attributes["r:id"] ?? "") : undefined;
      if (target !== undefined) names.push(target);
    },
  });
  return names;
}

async function notesOf(parts: Parts, slide: string): Promise<string> {
  const rels = slide.replace(/([^/]*)$/, "_rels/$1.rels");
  if (!parts.names.includes(rels)) return "";
  const notes = relationsOf(await readXml(parts, rels), slide).find(({ type }) =>
    type.endsWith("/notesSlide"),
  );
  if (!notes || !parts.names.includes(notes.target)) return "";
  return slideText(await readXml(parts, notes.target));
}

/** Placeholders whose text is no one's: the slide's number, a date, a footer that every slide has. */
const fixedPlaceholders: ReadonlySet<string> = new Set(["sldNum", "dt", "ftr", "hdr", "sldImg"]);

/** Paragraphs as lines, the title as a heading, the rows of tables as lines with bars. */
function slideText(xml: string): string {
  const lines: string[] = [];
  let line = "";
  let cells: string[] | undefined;
  let placeholder = "";
  let isText = false;
  const endParagraph = (): void => {
    const text = line.replace(/\s+$/, "");
    line = "";
    if (cells) cells[cells.length - 1] = `${cells.at(-1) ?? ""} ${text}`.trim();
    else if (!fixedPlaceholders.has(placeholder) && (text !== "" || lines.at(-1) !== ""))
      lines.push(/^(?:title|ctrTitle)$/.test(placeholder) && text !== "" ? `# ${text}` : text);
  };
  readTags(xml, {
    open: (tag, attributes) => {
      if (tag === "p:sp") placeholder = "";
      else if (tag === "p:ph") placeholder = attributes["type"] ?? "";
      else if (tag === "a:tr") cells = [];
      else if (tag === "a:tc") cells?.push("");
      else if (tag === "a:br") line += "\n";
      else if (tag === "a:tab") line += "\t";
      isText = tag === "a:t";
    },
    text: (text) => (line += isText ? text : ""),
    close: (tag) => {
      isText = false;
      if (tag === "a:p") endParagraph();
      else if (tag === "a:tr" && cells) {
        lines.push(cells.join(" | "));
        cells = undefined;
      }
    },
  });
  return lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}
