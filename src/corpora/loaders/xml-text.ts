/** Reads office XML as a stream of tags and text. The parser knows no entities but the five of XML, and fetches nothing. */
import { Parser } from "htmlparser2";
import { UnreadableError } from "./limits.ts";
import { oneLine } from "./loading.ts";

export interface XmlHandler {
  readonly open?: (name: string, attributes: Readonly<Record<string, string>>) => void;
  readonly text?: (text: string) => void;
  readonly close?: (name: string) => void;
}

const mostLevels = 1_000;

/** Names keep their prefix, as "a:t". */
export function readTags(xml: string, { open, text, close }: XmlHandler): void {
  let depth = 0;
  const parser = new Parser(
    {
      onopentag: (name, attributes) => {
        // Every level costs the parser as many steps as there are above it.
        if (++depth > mostLevels) throw new UnreadableError("its tags are nested too deeply");
        open?.(name, attributes);
      },
      ontext: (data) => text?.(data),
      onclosetag: (name) => {
        depth--;
        close?.(name);
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.write(xml);
  parser.end();
}

/** The text of `dc:title`, where there is one. */
export function titleIn(xml: string): string | undefined {
  let title = "";
  let isInside = false;
  readTags(xml, {
    open: (name) => (isInside ||= name === "dc:title" && title === ""),
    text: (text) => (title += isInside ? text : ""),
    close: () => (isInside = false),
  });
  return title.trim() === "" ? undefined : oneLine(title.trim());
}

export interface Relation {
  readonly id: string;
  readonly type: string;
  /** From the root of the ZIP file. */
  readonly target: string;
}

/** What `name` refers to, as `rels` says: the part beside it in the folder `_rels`. */
export function relationsOf(rels: string, name: string): readonly Relation[] {
  const relations: Relation[] = [];
  readTags(rels, {
    open: (tag, { Id: id = "", Type: type = "", Target: target = "" }) => {
      if (tag === "Relationship") relations.push({ id, type, target: resolvePart(name, target) });
    },
  });
  return relations;
}

/** A path relative to a part, as one from the root of the ZIP file. */
export function resolvePart(from: string, target: string): string {
  const segments = target.startsWith("/") ? [] : from.split("/").slice(0, -1);
  for (const segment of target.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return segments.join("/");
}
