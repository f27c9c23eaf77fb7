/** Line plots as SVG, by hand: lengths on a logarithmic axis, one line an arm, bands for intervals. Byte-stable; it knows no arm. */

export interface Series {
  readonly name: string;
  readonly points: readonly PlotPoint[];
}

export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

export interface PlotOptions {
  readonly title: string;
  /** Stands under the title: what the numbers may claim. */
  readonly note: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly yScale: "linear" | "log";
  /** Fixes a linear axis, for instance [0, 1]. @default from 0 to the largest value */
  readonly yRange?: readonly [number, number];
  /** "money" is a logarithmic axis of US dollars. @default "length", in powers of two */
  readonly xScale?: "length" | "money";
  /** Points with their names beside them, not joined by lines. @default false */
  readonly scattered?: boolean;
  /** A vertical line with words, for instance at a crossover. */
  readonly mark?: { readonly x: number; readonly text: string };
}

const [width, height] = [800, 440];
const area = { left: 76, right: 590, top: 70, bottom: 380 };
// Okabe and Ito's colours first: told apart by colour-blind readers, too. Shapes and dashes differ as well.
const colours = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#000000",
  "#7f7f7f",
  "#8c564b",
  "#bcbd22",
  "#5b3f99",
  "#a50f15",
  "#1b5e20",
];
const dashes = ["", "7 3", "2 3", "9 3 2 3"];
const shapes = [
  "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0Z",
  "M-3 -3H3V3H-3Z",
  "M0 -4L4 3H-4Z",
  "M0 -4L4 0L0 4L-4 0Z",
  "M0 4L4 -3H-4Z",
];
/** With more lines than these, intervals would hide what they belong to; the table has them. */
const mostWhiskers = 4;

export function plotSvg(series: readonly Series[], options: PlotOptions): string {
  const all = series.filter(({ points }) => points.length > 0);
  const xs = all.flatMap(({ points }) => points.map((point) => point.x));
  const isMoney = options.xScale === "money";
  const x = isMoney ? logScale(xs, area.left, area.right, 10) : lengthScale(xs);
  const y = yScaleOf(all, options);
  const drawn = joined(all, x, y);
  const isCrowded =
    drawn.length > mostWhiskers && drawn.some(({ points }) => points.some(({ low }) => low !== undefined));
  const shown = isCrowded ? drawn.map(withoutIntervals) : drawn;
  const note = isCrowded ? `${options.note} Intervals: in the table.` : options.note;
  const body = [
    `<text x="${area.left}" y="24" class="title">${escape(options.title)}</text>`,
    `<text x="${area.left}" y="42" class="note">${escape(note)}</text>`,
    ...y.ticks.map(
      (tick) =>
        `<line x1="${area.left}" x2="${area.right}" y1="${at(y.place(tick))}" y2="${at(y.place(tick))}" class="grid"/><text x="${area.left - 8}" y="${at(y.place(tick) + 4)}" class="end">${shortNumber(tick)}</text>`,
    ),
    ...x.ticks.map(
      (tick) =>
        `<line x1="${at(x.place(tick))}" x2="${at(x.place(tick))}" y1="${area.bottom}" y2="${area.bottom + 5}" class="axis"/><text x="${at(x.place(tick))}" y="${area.bottom + 20}" class="mid">${isMoney ? `$${Number(tick.toPrecision(3))}` : shortLength(tick)}</text>`,
    ),
    `<path d="M${area.left} ${area.top}V${area.bottom}H${area.right}" class="axis"/>`,
    `<text x="${(area.left + area.right) / 2}" y="${height - 16}" class="mid">${escape(options.xLabel)}</text>`,
    `<text x="20" y="${(area.top + area.bottom) / 2}" class="mid" transform="rotate(-90 20 ${(area.top + area.bottom) / 2})">${escape(options.yLabel)}</text>`,
    ...markOf(options, x),
    ...shown.map((one, index) => seriesOf(one, index, x, y, options.scattered === true)),
    ...legendOf(shown, options.scattered === true),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12">
<style>.title{font-size:16px;font-weight:600}.note{fill:#666;font-size:11px}.grid{stroke:#e5e5e5}.axis{stroke:#333;fill:none}.end{text-anchor:end}.mid{text-anchor:middle}</style>
<rect width="${width}" height="${height}" fill="#fff"/>
${body.join("\n")}
</svg>
`;
}

/** Lines that lie on each other from end to end are one line with several names. */
function joined(series: readonly Series[], x: Scale, y: Scale): Series[] {
  const byPlace = Map.groupBy(series, ({ points }) =>
    points.map((point) => `${Math.round(x.place(point.x))},${Math.round(y.place(point.y) / 2)}`).join(" "),
  );
  return [...byPlace.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, name: group.map(({ name }) => name).join(", ") }] : [];
  });
}

function withoutIntervals({ name, points }: Series): Series {
  return { name, points: points.map(({ x, y }) => ({ x, y })) };
}

interface Scale {
  readonly ticks: readonly number[];
  place(value: number): number;
}

function markOf({ mark }: PlotOptions, x: Scale): string[] {
  if (!mark) return [];
  const place = at(x.place(mark.x));
  return [
    `<line x1="${place}" x2="${place}" y1="${area.top}" y2="${area.bottom}" stroke="#999" stroke-dasharray="4 4"/>`,
    `<text x="${place}" y="${area.top - 6}" class="mid" fill="#666">${escape(mark.text)}</text>`,
  ];
}

function seriesOf({ points }: Series, index: number, x: Scale, y: Scale, isScattered: boolean): string {
  const { colour, dashed, mark } = lookOf(index);
  const ordered = [...points].sort((a, b) => a.x - b.x);
  const place = (point: PlotPoint): string => `${at(x.place(point.x))} ${at(y.place(point.y))}`;
  // Each line's intervals stand a little beside those of the others.
  const beside = (index % mostWhiskers) * 4 - 6;
  const whiskers = ordered.flatMap((point) =>
    point.low === undefined || point.high === undefined
      ? []
      : [
          `<path d="M${at(x.place(point.x) + beside)} ${at(y.place(point.low))}V${at(y.place(point.high))}" stroke="${colour}" stroke-opacity="0.4"/>`,
        ],
  );
  const line = `<path d="M${ordered.map(place).join("L")}" fill="none" stroke="${colour}" stroke-width="2"${dashed}/>`;
  return [
    ...whiskers,
    ...(isScattered ? [] : [line]),
    ...ordered.map((point) => `${mark} transform="translate(${place(point)})"/>`),
  ].join("");
}

/** A line's names are broken over several rows where they are many. */
function legendOf(series: readonly Series[], isScattered: boolean): string[] {
  let y = area.top + 8;
  return series.map(({ name }, index) => {
    const { colour, dashed, mark } = lookOf(index);
    const rows: string[] = [];
    for (const word of name.split(", ")) {
      const longer = rows.length === 0 ? word : `${rows.at(-1)}, ${word}`;
      if (rows.length > 0 && longer.length <= mostLegend) rows[rows.length - 1] = longer;
      else rows.push(word);
    }
    const line = `<path d="M${area.right + 14} ${y}h26" stroke="${colour}" stroke-width="2"${dashed}/>`;
    const names = rows.map(
      (row, number) => `<text x="${area.right + 46}" y="${y + 4 + number * 15}">${escape(row)}</text>`,
    );
    const drawn = `${isScattered ? "" : line}${mark} transform="translate(${area.right + 27} ${y})"/>${names.join("")}`;
    y += 8 + rows.length * 15;
    return drawn;
  });
}

const mostLegend = 22;

function lookOf(index: number): { colour: string; dashed: string; mark: string } {
  const colour = colours[index % colours.length] ?? "#000";
  // Lines that lie on each other in part are told apart by their dashes.
  const dash = dashes[index % dashes.length] ?? "";
  return {
    colour,
    dashed: dash === "" ? "" : ` stroke-dasharray="${dash}"`,
    mark: `<path d="${shapes[index % shapes.length]}" fill="${colour}"`,
  };
}

function yScaleOf(series: readonly Series[], { yScale, yRange }: PlotOptions): Scale {
  const values = series.flatMap(({ points }) => points.flatMap(({ y, high }) => [y, high ?? y]));
  if (yScale === "log")
    return logScale(
      values.filter((value) => value > 0),
      area.bottom,
      area.top,
      10,
    );
  const [low, high] = yRange ?? [0, niceAbove(Math.max(0, ...values))];
  const ticks = Array.from({ length: 6 }, (_, index) => low + ((high - low) * index) / 5);
  return {
    ticks,
    place: (value) => area.bottom - ((value - low) / (high - low || 1)) * (area.bottom - area.top),
  };
}

/** Ticks where something was measured, as far as their names have room. */
function lengthScale(lengths: readonly number[]): Scale {
  const { place } = logScale(lengths, area.left, area.right, 2);
  const ticks: number[] = [];
  for (const length of [...new Set(lengths)].sort((a, b) => a - b))
    if (place(length) - place(ticks.at(-1) ?? 0) >= leastBetween || ticks.length === 0) ticks.push(length);
  return { ticks, place };
}

const leastBetween = 36;

function logScale(values: readonly number[], from: number, to: number, base: 2 | 10 = 2): Scale {
  const least = Math.min(...values, Infinity);
  const most = Math.max(...values, -Infinity);
  const log = base === 2 ? Math.log2 : Math.log10;
  const [low, high] = Number.isFinite(least) ? [log(least), log(most)] : [0, 1];
  // Powers of ten are whole ticks; lengths begin and end where they are.
  const [first, last] =
    base === 10
      ? [Math.floor(low), Math.max(Math.ceil(high), Math.floor(low) + 1)]
      : [low, high > low ? high : low + 1];
  const step = Math.max(1, Math.ceil((last - first) / 10));
  const count = Math.floor((last - first) / step + 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, index) => base ** (first + index * step));
  return {
    ticks,
    place: (value) => from + ((log(Math.max(value, base ** first)) - first) / (last - first)) * (to - from),
  };
}

function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((factor) => factor * unit >= value) ?? 10) * unit;
}

export function shortLength(tokens: number): string {
  if (tokens >= 1_048_576) return `${trim(tokens / 1_048_576)}M`;
  return tokens >= 1_024 ? `${trim(tokens / 1_024)}K` : trim(tokens);
}

function shortNumber(value: number): string {
  if (value >= 1e6) return `${trim(value / 1e6)}M`;
  if (value >= 1e3) return `${trim(value / 1e3)}k`;
  return value !== 0 && Math.abs(value) < 0.01 ? value.toExponential(0) : trim(value);
}

function trim(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
