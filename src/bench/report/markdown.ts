/** The report of one or several runs as Markdown with SVG plots. The same artifacts give the same bytes. Pure. */
import type { Artifact } from "../runner/artifact.ts";
import type { Manifest } from "../runner/manifest.ts";
import { plotSvg, shortLength, type PlotOptions, type PlotPoint, type Series } from "./plot.ts";
import { published } from "./published.ts";
import { pairedDifference } from "./statistics.ts";
import { crossover, endings, growth, summarise, type Cell } from "./summary.ts";

export interface Report {
  readonly markdown: string;
  /** By file name. */
  readonly plots: ReadonlyMap<string, string>;
}

const notes = {
  l0: "L0: simulated models, not language models. It shows the machinery; it says nothing of accuracy.",
  l1: "L1: official or recorded data through the real engine, the leaf reads from gold. It says nothing of a model's accuracy.",
  l2: "L2: a live model.",
} as const;

export function reportOf(manifests: readonly Manifest[], given: readonly Artifact[]): Report {
  const [manifest] = manifests;
  if (!manifest) throw new Error("There is no run to report on.");
  const nameOf = ({ arm, taskId, rep }: Artifact): string => `${arm} ${taskId} ${rep}`;
  const artifacts = [...given].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const cells = summarise(artifacts);
  const arms = [...new Set(manifests.flatMap((one) => one.arms))];
  const plots = new Map<string, string>();
  const note = notes[manifest.level];
  const meeting =
    arms.includes("rlm-1") && arms.includes("direct") ? crossover(cells, "rlm-1", "direct") : undefined;
  for (const [name, options, value] of plotPlans(manifest.family, note, meeting)) {
    const series = arms.map((arm): Series => ({ name: arm, points: pointsOf(cells, arm, value) }));
    plots.set(name, plotSvg(series, options));
  }
  plots.set("cost-accuracy.svg", costAgainstScore(manifest.family, note, artifacts, arms));
  const sections = [
    `# ${manifest.family}, ${manifest.level}`,
    `**${note}**`,
    provenance(manifests),
    `## Results\n\n${table(cells)}\n\nScores with 95 % intervals (Wilson's where all are 0 or 1, else the bootstrap); cost, tokens and calls are means per task, time is the median, memory the peak of this process and its children.`,
    meetingSection(meeting, arms),
    growthSection(cells, arms),
    comparison(artifacts, arms),
    endingsSection(artifacts, arms),
    judgeSection(artifacts),
    factsSection(artifacts),
    `## Plots\n\n${[...plots.keys()].map((name) => `![${name.replace(".svg", "")}](${name})`).join("\n\n")}`,
    publishedSection(manifest, cells),
  ];
  return { markdown: `${sections.filter((section) => section !== "").join("\n\n")}\n`, plots };
}

type Value = (cell: Cell) => PlotPoint | undefined;

function plotPlans(
  family: string,
  note: string,
  meeting: number | undefined,
): (readonly [name: string, options: PlotOptions, value: Value])[] {
  const base = { note, xLabel: "length of the context in tokens", yScale: "log" } as const;
  const mark = meeting === undefined ? {} : { mark: { x: meeting, text: "RLM ahead from here" } };
  // What was not sent has no cost that could be compared.
  const positive = ({ lengthTokens: x, overflows, score }: Cell, y: number): PlotPoint | undefined =>
    y > 0 && overflows < score.n ? { x, y } : undefined;
  return [
    [
      "score.svg",
      {
        ...base,
        ...mark,
        title: `${family}: score against length`,
        yLabel: "score",
        yScale: "linear",
        yRange: [0, 1],
      },
      ({ lengthTokens: x, score }) => ({ x, y: score.mean, low: score.low, high: score.high }),
    ],
    [
      "cost.svg",
      { ...base, title: `${family}: cost against length`, yLabel: "US dollars a task" },
      (cell) => positive(cell, cell.costUsd ?? 0),
    ],
    [
      "tokens.svg",
      { ...base, title: `${family}: tokens against length`, yLabel: "tokens a task, in and out" },
      (cell) => positive(cell, cell.tokens),
    ],
    [
      "calls.svg",
      { ...base, title: `${family}: model calls against length`, yLabel: "calls a task" },
      (cell) => positive(cell, cell.rootCalls + cell.subCalls),
    ],
    [
      "wall.svg",
      { ...base, title: `${family}: time against length`, yLabel: "milliseconds a task" },
      (cell) => positive(cell, cell.wallMs),
    ],
    [
      "memory.svg",
      {
        ...base,
        title: `${family}: memory against length`,
        yLabel: "peak MiB of all processes of ours",
        yScale: "linear",
      },
      (cell) => positive(cell, cell.peakRssMb ?? 0),
    ],
  ];
}

/** One point an arm, over all of its tasks: what did not fit has cost nothing and is not answered. */
function costAgainstScore(
  family: string,
  note: string,
  artifacts: readonly Artifact[],
  arms: readonly string[],
): string {
  const series = arms.map((name): Series => {
    const own = artifacts.filter(({ arm }) => arm === name);
    const usd = own.reduce((sum, { measured }) => sum + (measured.costMicroUsd ?? 0), 0) / 1e6 / own.length;
    const score = own.reduce((sum, one) => sum + one.score, 0) / own.length;
    return { name, points: own.length > 0 && usd > 0 ? [{ x: usd, y: score }] : [] };
  });
  return plotSvg(series, {
    ...{ note, title: `${family}: score against cost`, xScale: "money", scattered: true },
    ...{ xLabel: "US dollars a task, over all lengths", yLabel: "score", yScale: "linear", yRange: [0, 1] },
  });
}

function pointsOf(cells: readonly Cell[], arm: string, value: Value): PlotPoint[] {
  return cells.filter((cell) => cell.arm === arm).flatMap((cell) => value(cell) ?? []);
}

function provenance(manifests: readonly Manifest[]): string {
  return manifests
    .map(({ id, at, source, models, machine, hashes, recipe, limits }) => {
      const lines = [
        `- run: \`${id}\`, ${at}, ${machine}`,
        `- data: ${source}`,
        `- models: \`${JSON.stringify(models)}\``,
        `- recipe: \`${JSON.stringify(recipe)}\`, limits of a task: \`${JSON.stringify(limits)}\``,
        `- hashes: ${Object.entries(hashes)
          .map(([name, hash]) => `${name} \`${hash.slice(0, 12)}\``)
          .join(", ")}`,
      ];
      return lines.join("\n");
    })
    .join("\n\n");
}

function table(cells: readonly Cell[]): string {
  const head =
    "| length | arm | n | score | 95 % | full marks | not fitting | failed | $ a task | tokens | root + sub-calls | largest sub-prompt | time | memory |\n|---:|---|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|";
  const rows = cells.map(
    ({
      lengthTokens,
      arm,
      score,
      fullMarks,
      overflows,
      failures,
      costUsd,
      tokens,
      rootCalls,
      subCalls,
      largestSubPrompt,
      wallMs,
      peakRssMb,
    }) =>
      `| ${shortLength(lengthTokens)} | ${arm} | ${score.n} | ${score.mean.toFixed(3)} | ${score.low.toFixed(3)}–${score.high.toFixed(3)} | ${fullMarks} | ${overflows} | ${failures} | ${costUsd === null ? "unknown" : costUsd.toFixed(4)} | ${Math.round(tokens).toLocaleString("en-US")} | ${rootCalls.toFixed(1)} + ${subCalls.toFixed(1)} | ${largestSubPrompt.toLocaleString("en-US")} | ${(wallMs / 1_000).toFixed(2)} s | ${peakRssMb === null ? "unknown" : `${peakRssMb} MiB`} |`,
  );
  return [head, ...rows].join("\n");
}

function meetingSection(meeting: number | undefined, arms: readonly string[]): string {
  if (!arms.includes("direct") || !arms.includes("rlm-1")) return "";
  return meeting === undefined
    ? "## Crossover\n\nAt no measured length is `rlm-1` ahead of `direct` from there on."
    : `## Crossover\n\nFrom ${shortLength(meeting)} tokens on \`rlm-1\` is ahead of \`direct\` at every measured length.`;
}

function growthSection(cells: readonly Cell[], arms: readonly string[]): string {
  const rows = arms.map((arm) => {
    const { calls, tokens } = growth(cells, arm);
    return calls === undefined || tokens === undefined
      ? undefined
      : `| ${arm} | N^${calls.toFixed(2)} | N^${tokens.toFixed(2)} |`;
  });
  const known = rows.filter((row) => row !== undefined);
  if (known.length === 0) return "";
  return `## Growth with the length N\n\nFitted over the longer half of the lengths at which every task was sent and answered.\n\n| arm | calls | tokens |\n|---|---|---|\n${known.join("\n")}`;
}

/** The first arm against each other one over the tasks that both have. */
function comparison(artifacts: readonly Artifact[], arms: readonly string[]): string {
  const [first, ...others] = arms;
  if (first === undefined || others.length === 0) return "";
  const scores = new Map(artifacts.map(({ arm, taskId, rep, score }) => [`${arm} ${taskId} ${rep}`, score]));
  const rows = others.map((other) => {
    const pairs = artifacts
      .filter(({ arm }) => arm === first)
      .flatMap(({ taskId, rep, score }): (readonly [number, number])[] => {
        const its = scores.get(`${other} ${taskId} ${rep}`);
        return its === undefined ? [] : [[score, its]];
      });
    const { mean, low, high, n } = pairedDifference(pairs);
    return `| ${first} − ${other} | ${n} | ${mean.toFixed(3)} | ${low.toFixed(3)} to ${high.toFixed(3)} |`;
  });
  return `## Paired differences\n\n| arms | tasks | mean | 95 % |\n|---|---:|---:|---|\n${rows.join("\n")}`;
}

function endingsSection(artifacts: readonly Artifact[], arms: readonly string[]): string {
  const rows = arms.flatMap((name) =>
    [...endings(artifacts.filter(({ arm }) => arm === name))].map(
      ([kind, count]) => `| ${name} | ${kind} | ${count} |`,
    ),
  );
  return rows.length === 0
    ? ""
    : `## What had no full marks\n\n| arm | how it ended | tasks |\n|---|---|---:|\n${rows.join("\n")}`;
}

/** Scores of a judge are only as good as its strictness, so both stand together, and its cost by itself. */
function judgeSection(artifacts: readonly Artifact[]): string {
  const groups = Map.groupBy(
    artifacts.flatMap(({ judgement }) => judgement ?? []),
    ({ judge, model }) => `${judge}, asked of ${model}`,
  );
  if (groups.size === 0) return "";
  const rows = [...groups].map(([name, judgements]) => {
    const controls = judgements.flatMap(({ control }) => control ?? []);
    const usd = judgements.reduce((sum, { costMicroUsd }) => sum + (costMicroUsd ?? 0), 0) / 1e6;
    const calls = judgements.reduce((sum, one) => sum + one.calls, 0);
    const unread = judgements.reduce((sum, one) => sum + one.unread, 0);
    return `| ${name} | ${judgements.length} | ${calls} | ${usd.toFixed(4)} | ${unread} | ${controls.filter(({ accepted }) => accepted).length} of ${controls.length} |`;
  });
  return `## The judge\n\nScores above were given by a model, with this project's own wording: they are not the benchmark's official ones. What judging cost is not in the cost of an arm.\n\n| judge | answers | calls | $ | unreadable | vague wrong answers let pass |\n|---|---:|---:|---:|---:|---:|\n${rows.join("\n")}`;
}

/** What arms had to say of themselves, on average, by length. */
function factsSection(artifacts: readonly Artifact[]): string {
  const groups = Map.groupBy(
    artifacts.filter(({ facts }) => facts !== undefined),
    ({ arm, lengthTokens }) => `| ${shortLength(lengthTokens)} | ${arm} |`,
  );
  const rows = [...groups].map(([head, group]) => {
    const names = [...new Set(group.flatMap(({ facts }) => Object.keys(facts ?? {})))];
    const means = names.map((name) => {
      const values = group.map(({ facts }) => Number(facts?.[name] ?? 0));
      return `${name} ${Number((values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(1)).toLocaleString("en-US")}`;
    });
    return `${head} ${means.join(", ")} |`;
  });
  return rows.length === 0
    ? ""
    : `## How it went\n\n| length | arm | on average |\n|---:|---|---|\n${rows.join("\n")}`;
}

function publishedSection({ family, level }: Manifest, cells: readonly Cell[]): string {
  const others = published.filter((one) => one.family === family);
  if (others.length === 0) return "";
  const ours =
    level === "l2"
      ? cells.map(
          ({ arm, lengthTokens, score, costUsd }) =>
            `| ${shortLength(lengthTokens)}, n = ${score.n} | ${arm} (this run) | ${(score.mean * 100).toFixed(1)} | ${costUsd?.toFixed(2) ?? "unknown"} | this run |`,
        )
      : [];
  const rows = others.map(
    ({ what, method, score, costUsd, source }) =>
      `| ${what} | ${method} | ${score} | ${costUsd?.toFixed(2) ?? ""} | ${source} |`,
  );
  const caution =
    level === "l2"
      ? ""
      : `\n\nNo row of this run stands here: ${level} measures no model, so its numbers can't be compared with these.`;
  return `## What others have published\n\n| task | method | score in % | $ a task | source |\n|---|---|---:|---:|---|\n${[...ours, ...rows].join("\n")}${caution}`;
}
