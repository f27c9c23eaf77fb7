/** HTML as Markdown. It escapes nothing: the text is to be searched as it is read. */
import gfm from "@joplin/turndown-plugin-gfm";
import { Parser } from "htmlparser2";
import TurndownService from "turndown";
import { UnreadableError } from "./limits.ts";

/** The conversion calls itself for every level, and takes four times as long for twice as many. */
const mostLevels = 300;

const service = new TurndownService({ headingStyle: "atx", codeBlockStyle: "fenced", bulletListMarker: "-" });
service.use(gfm.gfm);
service.escape = (text) => text;
service.remove(["script", "style", "noscript", "template", "head", "title"]);
service.addRule("image", {
  filter: "img",
  replacement: (_, node) => {
    const alt = attribute(node, "alt").replace(/\s+/g, " ").trim();
    const source = attribute(node, "src");
    // Pictures that stand in the file itself are kilobytes of letters that say nothing.
    if (source === "" || source.startsWith("data:")) return alt;
    return `![${alt}](${source})`;
  },
});

export async function markdownOf(html: string): Promise<string> {
  checkDepth(html);
  return service.turndown(html).trim();
}

/** Throws where a tree of the tags would be too deep for those who walk it. */
export function checkDepth(html: string): void {
  let depth = 0;
  const parser = new Parser({
    onopentagname: () => {
      if (++depth > mostLevels) throw new UnreadableError("its tags are nested too deeply");
    },
    onclosetag: () => void depth--,
  });
  parser.write(html);
  parser.end();
}

function attribute(node: object, name: "alt" | "src"): string {
  const get: unknown = "getAttribute" in node ? node.getAttribute : undefined;
  const value: unknown = typeof get === "function" ? get.call(node, name) : "";
  return typeof value === "string" ? value : "";
}
