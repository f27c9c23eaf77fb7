/** OOLONG-Pairs: the twenty queries of the RLM paper (arXiv 2512.24601, appendix D.1, CC BY 4.0), as text and as conditions. As data. */

export interface CountCondition {
  readonly label: string;
  readonly at: "least" | "exactly";
  readonly count: number;
}

export interface DateCondition {
  readonly label: string;
  readonly relation: "after" | "before";
  /** YYYY-MM-DD */
  readonly day: string;
}

/** What one user must have. */
export interface Role {
  readonly all: readonly CountCondition[];
  readonly any: readonly CountCondition[];
  /** Holds where the user has no such instance. */
  readonly dates: readonly DateCondition[];
}

export interface PairsQuery {
  readonly id: number;
  readonly question: string;
  readonly first: Role;
  /** The other user's; the same as `first` where both must have the same. */
  readonly second: Role;
}

const d = "description and abstract concept";
const e = "entity";
const h = "human being";
const n = "numeric value";
const l = "location";
const a = "abbreviation";

const before = "In the above data, list all pairs of user IDs (no duplicate pairs, list lower ID first) ";
const after = `. Each of the questions can be labelled as one of the labels (the data does not provide the labels, you need to figure out the label from the semantics of the question): ${[d, e, h, n, l, a].join(", ")}. In your answer, list all pairs in the format (user_id_1, user_id_2), separated by newlines.`;

const least = (label: string, count = 1): CountCondition => ({ label, at: "least", count });
const exactly = (label: string, count = 1): CountCondition => ({ label, at: "exactly", count });

function both(
  id: number,
  article: "a" | "an",
  x: string,
  y: string,
  when?: DateCondition & { of: string; said: string },
): PairsQuery {
  const condition = when
    ? `, and all instances that are ${when.of} ${when.label} for both users must be ${when.relation} ${when.said}`
    : "";
  const dates = when ? [{ label: when.label, relation: when.relation, day: when.day }] : [];
  const role: Role = { all: [], any: [least(x), least(y)], dates };
  const text = `where both users have at least one instance with ${article} ${x} or ${y}${condition}`;
  return { id, question: `${before}${text}${after}`, first: role, second: role };
}

function one(
  id: number,
  text: string,
  first: readonly CountCondition[],
  second: readonly CountCondition[],
): PairsQuery {
  return {
    id,
    question: `${before}such that ${text}${after}`,
    first: { all: first, any: [], dates: [] },
    second: { all: second, any: [], dates: [] },
  };
}

export const pairsQueries: readonly PairsQuery[] = [
  both(1, "a", n, l),
  both(2, "an", e, h),
  both(3, "a", d, a),
  both(4, "a", h, l, { label: h, relation: "after", day: "2023-01-06", of: "a", said: "January 6, 2023" }),
  both(5, "an", e, n, { label: e, relation: "before", day: "2023-03-15", of: "an", said: "March 15, 2023" }),
  both(6, "a", l, a),
  both(7, "a", d, n, { label: n, relation: "after", day: "2023-02-01", of: "a", said: "February 1, 2023" }),
  both(8, "a", h, d),
  both(9, "an", e, l, { label: l, relation: "after", day: "2023-04-10", of: "a", said: "April 10, 2023" }),
  both(10, "a", n, a, { label: a, relation: "before", day: "2023-05-20", of: "an", said: "May 20, 2023" }),
  one(
    11,
    `one user has at least one instance with ${e} and one with ${a}, and the other user has exactly one instance with ${e}`,
    [least(e), least(a)],
    [exactly(e)],
  ),
  one(
    12,
    `one user has at least two instances with ${n}, and the other user has at least one instance with ${l} and at least one instance with ${h}`,
    [least(n, 2)],
    [least(l), least(h)],
  ),
  one(
    13,
    `one user has exactly one instance with ${d}, and the other user has at least one instance with ${a} and at least one instance with ${e}`,
    [exactly(d)],
    [least(a), least(e)],
  ),
  one(
    14,
    `one user has at least one instance with ${h} and at least one instance with ${n}, and the other user has exactly two instances with ${l}`,
    [least(h), least(n)],
    [exactly(l, 2)],
  ),
  one(
    15,
    `one user has at least one instance with ${e}, at least one instance with ${l}, and at least one instance with ${a}, and the other user has exactly one instance with ${n}`,
    [least(e), least(l), least(a)],
    [exactly(n)],
  ),
  one(
    16,
    `one user has at least one instance with ${d} and at least one instance with ${h}, and the other user has at least two instances with ${e} and exactly one instance with ${a}`,
    [least(d), least(h)],
    [least(e, 2), exactly(a)],
  ),
  one(
    17,
    `one user has exactly one instance with ${n}, and the other user has at least one instance with ${l} and at least one instance with ${d}`,
    [exactly(n)],
    [least(l), least(d)],
  ),
  one(
    18,
    `one user has at least one instance with ${a} and exactly one instance with ${h}, and the other user has at least one instance with ${e} and at least one instance with ${n}`,
    [least(a), exactly(h)],
    [least(e), least(n)],
  ),
  one(
    19,
    `one user has at least two instances with ${l} and at least one instance with ${e}, and the other user has exactly one instance with ${d} and exactly one instance with ${a}`,
    [least(l, 2), least(e)],
    [exactly(d), exactly(a)],
  ),
  one(
    20,
    `one user has at least one instance with ${n} and at least one instance with ${h}, and the other user has at least one instance with ${l}, at least one instance with ${e}, and exactly one instance with ${a}`,
    [least(n), least(h)],
    [least(l), least(e), exactly(a)],
  ),
];

/** The query of a question, by its words. */
export function queryOf(question: string): PairsQuery | undefined {
  return pairsQueries.find((query) => question.includes(query.question));
}
