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
  /** A vertical line with words, for instance at a crossover. */
  readonly mark?: { readonly x: number; readonly text: string };
}

const [width, height] = [760, 440];
const area = { left: 76, right: 590, top: 64, bottom: 380 };
// Okabe and Ito's colours: told apart by colour-blind readers, too.
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
  "#17becf",
];

export function plotSvg(series: readonly Series[], options: PlotOptions): string {
  const drawn = series.filter(({ points }) => points.length > 0);
  const x = logScale(
    drawn.flatMap(({ points }) => points.map((point) => point.x)),
    area.left,
    area.right,
  );
  const y = yScaleOf(drawn, options);
  const body = [
    `<text x="${area.left}" y="24" class="title">${escape(options.title)}</text>`,
    `<text x="${area.left}" y="44" class="note">${escape(options.note)}</text>`,
    ...y.ticks.map(
      (tick) =>
        `<line x1="${area.left}" x2="${area.right}" y1="${at(y.place(tick))}" y2="${at(y.place(tick))}" class="grid"/><text x="${area.left - 8}" y="${at(y.place(tick) + 4)}" class="end">${shortNumber(tick)}</text>`,
    ),
    ...x.ticks.map(
      (tick) =>
        `<line x1="${at(x.place(tick))}" x2="${at(x.place(tick))}" y1="${area.bottom}" y2="${area.bottom + 5}" class="axis"/><text x="${at(x.place(tick))}" y="${area.bottom + 20}" class="mid">${shortLength(tick)}</text>`,
    ),
    `<path d="M${area.left} ${area.top}V${area.bottom}H${area.right}" class="axis"/>`,
    `<text x="${(area.left + area.right) / 2}" y="${height - 16}" class="mid">${escape(options.xLabel)}</text>`,
    `<text x="20" y="${(area.top + area.bottom) / 2}" class="mid" transform="rotate(-90 20 ${(area.top + area.bottom) / 2})">${escape(options.yLabel)}</text>`,
    ...markOf(options, x),
    ...drawn.map((one, index) => lineOf(one, index, x, y)),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12">
<style>.title{font-size:16px;font-weight:600}.note{fill:#666}.grid{stroke:#e5e5e5}.axis{stroke:#333;fill:none}.end{text-anchor:end}.mid{text-anchor:middle}</style>
<rect width="${width}" height="${height}" fill="#fff"/>
${body.join("\n")}
</svg>
`;
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

function lineOf({ name, points }: Series, index: number, x: Scale, y: Scale): string {
  const colour = colours[index % colours.length] ?? "#000";
  const ordered = [...points].sort((a, b) => a.x - b.x);
  const place = (point: PlotPoint, value: number): string => `${at(x.place(point.x))} ${at(y.place(value))}`;
  // Each line's intervals stand a little beside those of the others.
  const beside = (index % 9) * 2 - 8;
  const whiskers = ordered.flatMap((point) => {
    if (point.low === undefined || point.high === undefined) return [];
    const across = at(x.place(point.x) + beside);
    return [
      `<path d="M${across} ${at(y.place(point.low))}V${at(y.place(point.high))}" stroke="${colour}" stroke-opacity="0.35"/>`,
    ];
  });
  const legendY = area.top + 8 + index * 20;
  // Lines that lie on each other are told apart by their dashes.
  const dash = ["", "7 3", "2 3", "9 3 2 3"][Math.floor(index / 2) % 4] ?? "";
  const dashed = dash === "" ? "" : ` stroke-dasharray="${dash}"`;
  return [
    ...whiskers,
    `<path d="M${ordered.map((point) => place(point, point.y)).join("L")}" fill="none" stroke="${colour}" stroke-width="2"${dashed}/>`,
    ...ordered.map(
      (point) => `<circle cx="${at(x.place(point.x))}" cy="${at(y.place(point.y))}" r="3" fill="${colour}"/>`,
    ),
    `<path d="M${area.right + 14} ${legendY}h22" stroke="${colour}" stroke-width="2"${dashed}/><text x="${area.right + 42}" y="${legendY + 4}">${escape(name)}</text>`,
  ].join("");
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

function logScale(values: readonly number[], from: number, to: number, base: 2 | 10 = 2): Scale {
  const least = Math.min(...values, Infinity);
  const most = Math.max(...values, -Infinity);
  const log = base === 2 ? Math.log2 : Math.log10;
  const [low, high] = Number.isFinite(least) ? [log(least), log(most)] : [0, 1];
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
