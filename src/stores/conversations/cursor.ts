/** The cursor of a search as callers carry it from page to page: opaque to them. Pure. */
import { ConfigError } from "../../core/errors.ts";
import type { SearchPlace } from "./search.ts";

export function cursorText({ upTo, reached }: SearchPlace): string {
  return `${upTo.toString(36)}-${reached.toString(36)}`;
}

/** Throws ConfigError "invalid_input". */
export function placeOf(cursor: string): SearchPlace {
  const [, upTo, reached] = /^([0-9a-z]+)-([0-9a-z]+)$/.exec(cursor) ?? [];
  const place = { upTo: Number.parseInt(upTo ?? "", 36), reached: Number.parseInt(reached ?? "", 36) };
  if (Number.isSafeInteger(place.upTo) && Number.isSafeInteger(place.reached)) return place;
  throw new ConfigError(
    "invalid_input",
    `"${cursor}" is no cursor of a search. Give the "next" of the page before, as it was.`,
  );
}
