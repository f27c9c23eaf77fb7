/** Dates as OOLONG's lines, questions and answers write them. Pure; no time zones. */

export const monthNames: readonly string[] = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** "Sep 06, 2023", "September 6 2023", "2023-09-06", "09/06/2023" as "2023-09-06"; undefined where it is no date. */
export function readDate(text: string): string | undefined {
  // A window of millions of tokens has the same thousand dates over and over.
  if (known.has(text)) return known.get(text);
  if (known.size > mostKnown) known.clear();
  const date = parseDate(text);
  known.set(text, date);
  return date;
}

const known = new Map<string, string | undefined>();
const mostKnown = 10_000;

function parseDate(text: string): string | undefined {
  const trimmed = text.trim();
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]00:00(?::00)?)?$/.exec(trimmed);
  if (iso) return ymd(iso[1], iso[2], iso[3]);
  const slashes = /^(\d{1,2})[/-](\d{1,2})[/-](\d{4})$/.exec(trimmed);
  if (slashes) return ymd(slashes[3], slashes[1], slashes[2]);
  const named =
    /^([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$/.exec(trimmed) ??
    /^(?<day>\d{1,2}) (?<month>[A-Za-z]{3,9}),? (?<year>\d{4})$/.exec(trimmed);
  if (!named) return undefined;
  const [month, day, year] = named.groups
    ? [named.groups["month"], named.groups["day"], named.groups["year"]]
    : [named[1], named[2], named[3]];
  const index = monthNames.findIndex(
    (name) => name.slice(0, 3).toLowerCase() === month?.slice(0, 3).toLowerCase(),
  );
  return index < 0 ? undefined : ymd(year, String(index + 1), day);
}

/** "2023-09-06" as the lines have it: "Sep 06, 2023". */
export function lineDate(iso: string): string {
  return `${monthNames[Number(iso.slice(5, 7)) - 1]?.slice(0, 3)} ${iso.slice(8, 10)}, ${iso.slice(0, 4)}`;
}

/** "2023-09-06" as answers have it: "09/06/2023". */
export function answerDate(iso: string): string {
  return `${iso.slice(5, 7)}/${iso.slice(8, 10)}/${iso.slice(0, 4)}`;
}

function ymd(year = "", month = "", day = ""): string | undefined {
  const iso = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
  const time = Date.parse(`${iso}T00:00:00Z`);
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== iso ? undefined : iso;
}
