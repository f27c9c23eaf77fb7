/** The Python that the built-in reader writes as a root LM. Each cell prints records, one JSON value a line, for the next turn. */
import type { CountWanted } from "./reader-count.ts";
import type { Term } from "./reader-words.ts";

/** A text as a literal that Python reads as JavaScript wrote it, and that can't end the cell's fence. */
export function literal(value: unknown): string {
  return JSON.stringify(value).replaceAll("`", "\\u0060");
}

export function cell(plan: string, code: string): string {
  return `${plan}\n\`\`\`repl\n${code.trim()}\n\`\`\``;
}

/** Counts the question's words, finds passages by rank and by words that stand close, prints the best. */
export function lookCell(terms: readonly Term[], shownCharacters: number): string {
  const words = `{${terms.map(({ text, pattern }) => `${literal(text)}: ${literal(pattern)}`).join(", ")}}`;
  const query = terms
    .map(({ text, stems }) => (/\s/.test(text) && stems.length > 1 ? `"${text}"` : text))
    .join(" ");
  const also = terms.flatMap(({ related }) => related);
  const related = also.length === 0 ? "" : `${query} ${also.join(" ")}`;
  return String.raw`${showFunction}
words = ${words}
counts = {word: grep(pattern, ignore_case=True, limit=0).total for word, pattern in words.items()}
found = {}
def take(place, start, end, margin):
    """Keeps what is found with something around it, from the end of one sentence to that of another."""
    if any(held.id == place.document and held.start <= start and end <= held.end for _, held in found.values()): return
    text = read(place.document, max(0, start - margin), end + margin)
    ends = [m.end() for m in re.finditer(r'[.!?。！？]["”’)]?\s|\n\s*\n|\n(?![ \t]*[a-z])', text)]
    first = next((e for e in ends if e <= margin), 0) if start > margin else 0
    last = next((e for e in reversed(ends) if e >= len(text) - margin), len(text)) if text.end >= end + margin else len(text)
    text = text[first:last]
    found.setdefault(text.span, (f"{place.path or place.document}:{place.line}", text))
for s in search(${literal(query)}, limit=${searched})${related === "" ? "" : ` + search(${literal(related)}, limit=${searchedAlso})`}:
    take(s, s.start, s.end, 300)
# Where the rarest word stands, and where rare words stand close, whatever their rank.
rare = sorted((w for w in counts if counts[w]), key=counts.get)[:4]
for w in rare[:1]:
    for m in grep(w, literal=True, ignore_case=True, limit=${alone}): take(m, m.start, m.end, 500)
for i, a in enumerate(rare):
    for b in rare[i + 1:]:
        near = "{0}[^\n]{{0,200}}{1}|{1}[^\n]{{0,200}}{0}".format(words[a], words[b])
        for m in grep(near, ignore_case=True, limit=${near}):
            take(m, m.start, m.end, 500)
show("looked", {"counts": counts, "passages": len(found)})
waiting = list(found.items())
answer["content"] = "Passages that share most words with the question (quoted; no language model was asked):\n" + "\n".join(
    f'- "{" ".join(text[:400].split())}" [{text[:400].span}]' for _, (_, text) in waiting[:3]) if waiting else ""
${showPassages}
show_passages(${shownCharacters})`;
}

/** Prints the next passages, where there is nobody to hand them to. */
export function moreCell(shownCharacters: number): string {
  return `show_passages(${shownCharacters})`;
}

const showPassages = String.raw`def show_passages(left):
    while waiting:
        id, (place, text) = waiting[0]
        left -= len(json.dumps(text, ensure_ascii=False)) + len(place) + 80
        if left < 0: break
        show("passage", {"id": id, "place": place, "text": text})
        waiting.pop(0)
    show("waiting", {"passages": len(waiting)})`;

const searched = 40;
const searchedAlso = 20;
const near = 12;
const alone = 40;

const showFunction = `import json, re
def show(kind, value):
    print(kind, json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode())`;

/** Hands all passages found to the sub-LM, some to a prompt, and keeps of its quotes what really stands there. */
export function readCell(instruction: string): string {
  return String.raw`import re
instruction = ${literal(instruction)}
passages = [f"[{id}] {place}\n{text}" for id, (place, text) in found.items()]
prompts = [instruction + "\n\n".join(passages[i:i + 6]) for i in range(0, len(passages), 6)]
def flat(text): return " ".join(text.encode("utf-8", "replace").decode().split())
quotes = []
for reply in llm_query_batched(prompts):
    if not reply:
        print("failed:", reply)
        continue
    for score, id, quote in re.findall(r"^([\d.]+) \[(d\d+:\d+-\d+)\] (.+)$", reply, re.M):
        source = read(id)
        if flat(quote) in flat(source): quotes.append((float(score), id, source if len(source) <= len(quote) + 200 else quote))
quotes.sort(key=lambda q: -q[0])
show("read", {"prompts": len(prompts), "quotes": len(quotes)})
for score, id, quote in quotes[:12]:
    show("quote", {"score": score, "id": id, "text": quote})`;
}

/** Counts lines on the host, and in which field of a line the values stand. */
export function countCell({ values, keys }: CountWanted): string {
  const patterns = values.map(({ pattern, ignoreCase }) => (ignoreCase ? `(?i:${pattern})` : pattern));
  const [only] = patterns;
  const lines =
    patterns.length === 1 ? `^.*${only}.*$` : `^${patterns.map((pattern) => `(?=.*${pattern})`).join("")}.*$`;
  if (patterns.length === 0)
    return String.raw`${showFunction}
show("counted", {"lines": 0, "times": None, "allLines": grep("^", limit=0).total, "inField": None, "first": []})`;
  return String.raw`${showFunction}
import csv
from collections import Counter
values = [re.compile(p) for p in ${literal(patterns)}]
keys = set(${literal(keys)})
lines = grep(${literal(lines)}, limit=500)
times = ${patterns.length === 1 ? `grep(${literal(only)}, limit=0).total` : "None"}
headers = {}
def header(m):
    if m.document not in headers:
        is_table = (m.path or "").lower().endswith((".csv", ".tsv"))
        first = read(m.document, 0, 10000).split("\n")[0].strip() if is_table else ""
        mark = "\t" if "\t" in first else ";" if first.count(";") > first.count(",") else ","
        headers[m.document] = (mark, next(csv.reader([first], delimiter=mark))) if is_table else None
    return headers[m.document]
def fields(m, value):
    """Where the value fills a field of the line: a name, and a pattern for the value in that place of any line."""
    v, found = value.pattern, {}
    table = header(m)
    if table:
        mark = re.escape(table[0])
        cells = zip(table[1], next(csv.reader([m.text], delimiter=table[0]), []))
        return {f"column {name}": f'(?:(?:"(?:[^"]|"")*"|[^{mark}\n]*){mark}){{{k}}}"?{v}"?[ \t\r]*(?:{mark}|$)'
                for k, (name, cell) in enumerate(cells) if value.fullmatch(cell.strip())}
    for key, filling in re.findall(r"([A-Za-z_][\w .-]{0,40}?)[\"']?\s*[:=]\s*[\"']?([^\"',;}]*)", m.text):
        if value.fullmatch(filling.strip()):
            found[f"key {key}"] = f".*\\b{re.escape(key)}[\"']?[ \t]*[:=][ \t]*[\"']?{v}[\"']?[ \t\r]*(?:[,;}}]|$)"
    if not found:
        for k, word in enumerate(m.text.split()):
            if value.fullmatch(word.strip('"()[],;')):
                found[f"word {k + 1}"] = f"[ \t]*(?:[^ \t\n]+[ \t]+){{{k}}}[\"(\[]*{v}[\")\],;]*(?:[ \t\r]|$)"
    return found
rows = [[fields(m, value) for value in values] for m in lines]
chosen = []
for i in range(len(values)):
    seen = Counter(place for row in rows for place in row[i].items())
    named = [p for p in seen if any(k[:4] == w[:4] for k in keys if len(k) > 2 for w in re.findall("[a-z]+", p[0].lower())[1:])]
    common = [p for p, n in seen.most_common(1) if n >= 0.5 * len(rows)]
    chosen.append(max(named, key=seen.get) if named else common[0] if common else None)
in_field, first = None, lines[:2]
if any(chosen):
    # Each value in its place, and the line as a whole holding them all: counted on the host over everything.
    there = "^" + "".join(f"(?={place[1]})" if place else f"(?=.*{value.pattern})" for place, value in zip(chosen, values)) + ".*$"
    hits = grep(there, limit=2)
    texts = ${literal(values.map(({ text }) => text))}
    in_field = {"lines": hits.total, "names": [f'"{t}" as {place[0]}' for t, place in zip(texts, chosen) if place]}
    first = hits
show("counted", {"lines": lines.total, "times": times, "allLines": grep("^", limit=0).total, "inField": in_field,
    "first": [{"id": m.id, "text": m.text[:300]} for m in first]})`;
}

/** How the texts begin: for a question that has no word to look for. */
export function beginningCell(): string {
  return String.raw`${showFunction}
texts = [context] if isinstance(context, str) else context[:3]
for text in texts:
    start = text[:600]
    show("passage", {"id": start.span, "place": text.path or text.id, "text": start})
show("looked", {"counts": {}, "passages": len(texts)})`;
}

export function finalCell(answer: string): string {
  return `FINAL(${literal(answer)})`;
}
