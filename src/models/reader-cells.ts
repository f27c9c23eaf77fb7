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
counts = {word: grep(pattern, ignore_case=True, limit=1).total for word, pattern in words.items()}
found = {}
for s in search(${literal(query)}, limit=${searched})${related === "" ? "" : ` + search(${literal(related)}, limit=${searchedAlso})`}:
    found[s.id] = (f"{s.path or s.document}:{s.line}", s.text)
# Passages that hold rare words close to each other, whatever their rank.
rare = sorted((w for w in counts if counts[w]), key=counts.get)[:4]
for i, a in enumerate(rare):
    for b in rare[i + 1:]:
        near = "{0}[^\n]{{0,200}}{1}|{1}[^\n]{{0,200}}{0}".format(words[a], words[b])
        for m in grep(near, ignore_case=True, limit=${near}):
            text = read(m.document, max(0, m.start - 400), m.end + 400)
            begin = re.search(r'\n|[.!?]["”’]?\s', text[:400]) if m.start > 400 else None
            text = text[begin.end():] if begin else text
            found.setdefault(text.span, (f"{m.path or m.document}:{m.line}", text))
show("looked", {"counts": counts, "passages": len(found)})
best = list(found.items())
answer["content"] = "Passages that share most words with the question (quoted; no language model was asked):\n" + "\n".join(
    f'- "{" ".join(text[:400].split())}" [{text[:400].span}]' for _, (_, text) in best[:3]) if best else ""
left = ${shownCharacters}
for id, (place, text) in best:
    if len(text) > left: break
    left -= len(text) + 60
    show("passage", {"id": id, "place": place, "text": text})`;
}

const searched = 40;
const searchedAlso = 20;
const near = 12;

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
lines = grep(${literal(lines)}, limit=5000)
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
    """Names of the places that the value fills: columns, keys before a : or =, else the how-manieth word it is."""
    table = header(m)
    if table:
        row = next(csv.reader([m.text], delimiter=table[0]), [])
        return {f"column {name}" for name, cell in zip(table[1], row) if value.fullmatch(cell.strip())}
    names = {f"key {k}" for k, v in re.findall(r"([A-Za-z_][\w .-]{0,40}?)[\"']?\s*[:=]\s*[\"']?([^\"',;}]*)", m.text) if value.fullmatch(v.strip())}
    return names or {f"field {i}" for i, word in enumerate(m.text.split(), 1) if value.fullmatch(word.strip('"()[],;'))}
def pages():
    page = lines
    for _ in range(20):
        yield from page
        if page.next is None: return
        page = grep(${literal(lines)}, limit=5000, offset=page.next)
rows = [[fields(m, value) for value in values] for m in pages()] if lines.total <= 100_000 else []
chosen = []
for i in range(len(values)):
    seen = Counter(name for row in rows for name in row[i])
    named = [n for n in seen if any(k[:4] == w[:4] for k in keys for w in n.lower().split()[1:] if len(k) > 2)]
    top = max(named, key=seen.get) if named else seen.most_common(1)[0][0] if seen and seen.most_common(1)[0][1] >= 0.5 * len(rows) else None
    chosen.append(top)
in_field = None
if any(chosen):
    n = sum(all(c is None or c in row[i] for i, c in enumerate(chosen)) for row in rows)
    in_field = {"lines": n, "names": [f'"{t}" as {c}' for t, c in zip(${literal(values.map(({ text }) => text))}, chosen) if c]}
first = [m for m in lines if not in_field or all(c is None or c in fields(m, v) for c, v in zip(chosen, values))][:2]
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
