/** How the map arm's root LM may plan OOLONG's questions: a row for each record, and one query over the rows. It knows no gold. */
import type { JsonObject } from "../../core/json.ts";
import type { MapPlan, Sight } from "../task.ts";
import { monthNames, readDate } from "./dates.ts";
import type { LabelTable } from "./leaf.ts";
import { queryOf, type PairsQuery, type Role } from "./pairs-queries.ts";

const fields = { day: "string", user: "string", label: "string" } as const;

const prompt = (labels: string): string =>
  `{{line}}

If this is a record with date, user and instance, give its day as YYYY-MM-DD, its user, and as label the kind that the instance belongs to by its meaning${labels}. If it is none, give empty texts.`;

export function oolongPlan(question: string): MapPlan | undefined {
  const select = ofLabels(question) ?? ofUsers(question) ?? ofDates(question) ?? ofMonths(question);
  if (select === undefined) return undefined;
  const sql = `with r as (select * from results where day <> ''${filterFor(question)})${select}`;
  return { prompt: prompt(" (the kinds are named in the text's introduction)"), fields, sql };
}

/** @param shouldCount where the question wants the number of pairs alone */
export function pairsPlan(question: string, shouldCount: boolean): MapPlan | undefined {
  const query = queryOf(question);
  if (!query) return undefined;
  const users = `with u as (select cast(user as integer) as id, (${roleSql(query.first)}) as f, (${roleSql(query.second)}) as s from results where day <> '' group by user)`;
  const sql = shouldCount
    ? `${users}, n as (select total(f and s) as b, total(f and not s) as f, total(s and not f) as s from u) select 'Pairs: ' || cast(b * (b - 1) / 2 + b * (f + s) + f * s as integer) from n`
    : `${users} select '(' || x.id || ', ' || y.id || ')' from u as x join u as y on x.id < y.id where (x.f and y.s) or (x.s and y.f) order by x.id, y.id`;
  return { prompt: prompt(`: ${labelsOf(query)}`), fields, sql };
}

/** What one who sees so would make of a line under these plans. */
export function recordOf(line: string, position: number, sight: Sight, table: LabelTable): JsonObject {
  const [, date = "", user = ""] = /^Date: (.*?) \|\| User: (.*?) \|\| Instance: /.exec(line) ?? [];
  const label = date === "" ? undefined : table.read(line, position, sight);
  return label === undefined ? { day: "", user: "", label: "" } : { day: readDate(date) ?? "", user, label };
}

function labelsOf(query: PairsQuery): string {
  return /figure out the label .*?\): (.*?)\. In your answer/.exec(query.question)?.[1] ?? "";
}

function filterFor(question: string): string {
  const users = /(?:user IDs|users with IDs) ([\d, ]+\d)/.exec(question)?.[1];
  const month = /occur in (\w+) of any year/.exec(question)?.[1];
  const [, from, to] = /occur between (.+?) and (.+?), inclusive/.exec(question) ?? [];
  if (users !== undefined) return ` and user in (${users.split(/, */).map(quoted).join(", ")})`;
  if (month !== undefined)
    return ` and substr(day, 6, 2) = ${quoted(String(monthNames.indexOf(month) + 1).padStart(2, "0"))}`;
  return from === undefined
    ? ""
    : ` and day between ${quoted(readDate(from) ?? "")} and ${quoted(readDate(to ?? "") ?? "")}`;
}

function ofLabels(question: string): string | undefined {
  const listed = /one of the labels: ([^.]+)\./.exec(question)?.[1]?.split(", ");
  const extreme = /of the labels is the (most|least) common\?/.exec(question)?.[1];
  if (extreme !== undefined && listed)
    return `, l(place, label) as (values ${listed.map((label, place) => `(${place}, ${quoted(label)})`).join(", ")})
select 'Label: ' || l.label from l left join r on r.label = l.label group by l.label order by count(r.day) ${extreme === "most" ? "desc" : "asc"}, l.place limit 1`;
  const counted = /classified as label '([^']+)'/.exec(question)?.[1];
  if (counted !== undefined) return ` select 'Answer: ' || count(*) from r where label = ${quoted(counted)}`;
  const [, a, b] = /is label '([^']+)' more common, .* as label '([^']+)'/.exec(question) ?? [];
  if (a === undefined || b === undefined) return undefined;
  return ` select 'Answer: ' || ${quoted(a)} || case when x > y then ' is more common than ' when x < y then ' is less common than ' else ' is same frequency as ' end || ${quoted(b)}
from (select total(label = ${quoted(a)}) as x, total(label = ${quoted(b)}) as y from r)`;
}

function ofUsers(question: string): string | undefined {
  const label = /instances with the label (.+?)(?:\?|: User)/.exec(question)?.[1];
  const where = label === undefined ? "" : ` where label = ${quoted(label)}`;
  const [, one, other] = /: User (\S+) or User (\S+)\?/.exec(question) ?? [];
  if (one !== undefined && other !== undefined)
    return ` select 'User: ' || case when total(user = ${quoted(one)}) >= total(user = ${quoted(other)}) then ${quoted(one)} else ${quoted(other)} end from r${where}`;
  if (!/which user (is represented|has the most)/.test(question)) return undefined;
  return ` select 'User: ' || user from r${where} group by user order by count(*) desc, min(position) limit 1 offset ${/second most/.test(question) ? 1 : 0}`;
}

function ofDates(question: string): string | undefined {
  if (/which date is represented/.test(question))
    return ` select 'Date: ' || strftime('%m/%d/%Y', day) from r group by day order by count(*) desc, min(position) limit 1 offset ${/second most/.test(question) ? 1 : 0}`;
  const times = /how many dates are represented exactly (\d+) time/.exec(question)?.[1];
  if (times !== undefined)
    return ` select 'Answer: ' || count(*) from (select day from r group by day having count(*) = ${times})`;
  const [, label, at] =
    /was label '([^']+)' more common, .* before (.+?), as compared to after/.exec(question) ?? [];
  if (label === undefined || at === undefined) return undefined;
  const day = quoted(readDate(at) ?? "");
  return ` select 'Answer: ' || ${quoted(label)} || case when x > y then ' is more common' when x < y then ' is less common' else ' is the same frequency' end || ' before ' || ${quoted(at)}
from (select avg(label = ${quoted(label)}) filter (where day < ${day}) as x, avg(label = ${quoted(label)}) filter (where day > ${day}) as y from r)`;
}

function ofMonths(question: string): string | undefined {
  const [, a, b] =
    /did the label '([^']+?)'? first occur more often than the label '([^']+)'/.exec(question) ??
    /does the label '([^']+)' occur more frequently than the label '([^']+)'/.exec(question) ??
    [];
  if (a !== undefined && b !== undefined) {
    const more = `, m as (select substr(day, 1, 7) as month from r group by 1 having total(label = ${quoted(a)}) > total(label = ${quoted(b)}))`;
    const named = monthNames.map((name, index) => `(${index + 1}, ${quoted(name)})`).join(", ");
    return /first occur/.test(question)
      ? `${more}, names(number, name) as (values ${named}) select 'Answer: ' || name || ' ' || substr(month, 1, 4) from m join names on number = cast(substr(month, 6, 2) as integer) order by month limit 1`
      : `${more} select 'Answer: ' || count(*) from m`;
  }
  const single = /is the label '([^']+)' the single most frequently/.exec(question)?.[1];
  if (single === undefined) return undefined;
  return `, c as (select substr(day, 1, 7) as month, label, count(*) as n from r group by 1, 2)
select 'Answer: ' || count(*) from c where label = ${quoted(single)} and n > coalesce((select max(n) from c as o where o.month = c.month and o.label <> c.label), 0)`;
}

/** What a user must have, over the rows of one user. */
function roleSql({ all, any, dates }: Role): string {
  const count = ({ label, at, count: wanted }: Role["all"][number]): string =>
    `total(label = ${quoted(label)}) ${at === "exactly" ? "=" : ">="} ${wanted}`;
  const conditions = [
    ...all.map(count),
    ...(any.length === 0 ? [] : [`(${any.map(count).join(" or ")})`]),
    ...dates.map(
      ({ label, relation, day }) =>
        `total(label = ${quoted(label)} and not day ${relation === "after" ? ">" : "<"} ${quoted(day)}) = 0`,
    ),
  ];
  return conditions.join(" and ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
