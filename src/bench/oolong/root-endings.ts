/** The last cell for each kind of OOLONG question: counting in Python over `records` and `label_of`. It knows no gold. */

/** False where date and user in the lines are enough, so that nothing needs to be read. */
export function needsLabels(question: string): boolean {
  return !/which user is represented|which date is represented|how many dates are represented/.test(question);
}

export function endingFor(question: string): string {
  const code = ofLabels(question) ?? ofUsers(question) ?? ofDates(question) ?? ofMonths(question);
  if (code === undefined) throw new Error(`No ending is known for: ${question}`);
  return code;
}

function ofLabels(question: string): string | undefined {
  const listed = /one of the labels: ([^.]+)\./.exec(question)?.[1]?.split(", ");
  const names = listed === undefined ? "labels" : JSON.stringify(listed);
  if (/of the labels is the most common\?/.test(question))
    return `FINAL("Label: " + max(${names}, key=lambda l: count[l]))`;
  if (/of the labels is the least common\?/.test(question))
    return `FINAL("Label: " + min(${names}, key=lambda l: count[l]))`;
  const [, counted] = /classified as label '([^']+)'/.exec(question) ?? [];
  if (counted !== undefined) return `FINAL("Answer: " + str(count[${JSON.stringify(counted)}]))`;
  const [, a, b] = /is label '([^']+)' more common, .* as label '([^']+)'/.exec(question) ?? [];
  if (a === undefined || b === undefined) return undefined;
  return `a, b = count[${JSON.stringify(a)}], count[${JSON.stringify(b)}]
relation = "same frequency as" if a == b else "more common than" if a > b else "less common than"
FINAL("Answer: " + ${JSON.stringify(a)} + " is " + relation + " " + ${JSON.stringify(b)})`;
}

function ofUsers(question: string): string | undefined {
  const label = /instances with the label (.+?)(?:\?|: User)/.exec(question)?.[1];
  const users =
    label === undefined
      ? "users = Counter(r[1] for r in records)"
      : `users = Counter(r[1] for r, l in zip(records, label_of) if l == ${JSON.stringify(label)})`;
  const [, one, other] = /: User (\S+) or User (\S+)\?/.exec(question) ?? [];
  if (one !== undefined && other !== undefined)
    return `${users}\nFINAL("User: " + (${JSON.stringify(one)} if users[${JSON.stringify(one)}] >= users[${JSON.stringify(other)}] else ${JSON.stringify(other)}))`;
  if (!/which user (is represented|has the most)/.test(question)) return undefined;
  const place = /second most/.test(question) ? 1 : 0;
  return `${users}\nprint(users.most_common(3))\nFINAL(f"User: {users.most_common(2)[${place}][0]}")`;
}

function ofDates(question: string): string | undefined {
  const dates = "dates = Counter(r[0] for r in records)";
  if (/which date is represented/.test(question)) {
    const place = /second most/.test(question) ? 1 : 0;
    return `${dates}\nprint(dates.most_common(3))\nFINAL("Date: " + dates.most_common(2)[${place}][0].strftime("%m/%d/%Y"))`;
  }
  const times = /how many dates are represented exactly (\d+) time/.exec(question)?.[1];
  if (times !== undefined)
    return `${dates}\nFINAL(f"Answer: {sum(1 for n in dates.values() if n == ${times})}")`;
  const [, label, at] =
    /was label '([^']+)' more common, .* before (.+?), as compared to after/.exec(question) ?? [];
  if (label === undefined || at === undefined) return undefined;
  return `at = day(${JSON.stringify(at)})
def share(part): return sum(1 for l in part if l == ${JSON.stringify(label)}) / max(1, len(part))
a = share([l for r, l in zip(records, label_of) if r[0] < at])
b = share([l for r, l in zip(records, label_of) if r[0] > at])
relation = "the same frequency" if a == b else "more common" if a > b else "less common"
FINAL("Answer: " + ${JSON.stringify(label)} + " is " + relation + " before " + ${JSON.stringify(at)})`;
}

const byMonth = `months = defaultdict(Counter)
for r, l in zip(records, label_of): months[(r[0].year, r[0].month)][l] += 1`;

function ofMonths(question: string): string | undefined {
  const [, a, b] =
    /did the label '([^']+?)'? first occur more often than the label '([^']+)'/.exec(question) ??
    /does the label '([^']+)' occur more frequently than the label '([^']+)'/.exec(question) ??
    [];
  if (a !== undefined && b !== undefined) {
    const more = `${byMonth}\nmore = [m for m in sorted(months) if months[m][${JSON.stringify(a)}] > months[m][${JSON.stringify(b)}]]`;
    return /first occur/.test(question)
      ? `${more}\nFINAL("Answer: " + datetime(more[0][0], more[0][1], 1).strftime("%B %Y"))`
      : `${more}\nFINAL(f"Answer: {len(more)}")`;
  }
  const [, single] = /is the label '([^']+)' the single most frequently/.exec(question) ?? [];
  if (single === undefined) return undefined;
  return `${byMonth}
leads = [m for m, c in months.items() if all(l == ${JSON.stringify(single)} or n < c[${JSON.stringify(single)}] for l, n in c.items())]
FINAL(f"Answer: {len(leads)}")`;
}
