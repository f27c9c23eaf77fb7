/** Reads how long a provider asks to be left alone, from the several places where they say it. Pure. */

/** Milliseconds to wait; undefined where nothing usable was said. A date in the past is 0. */
export function retryAfterMs(
  headers: Readonly<Record<string, string>>,
  text: string,
  nowMs: number = Date.now(),
): number | undefined {
  const exact = number(headers["retry-after-ms"]);
  if (exact !== undefined) return Math.ceil(exact);
  const header = headers["retry-after"];
  const seconds = number(header);
  if (seconds !== undefined) return Math.ceil(seconds * 1000);
  const date = header === undefined ? NaN : Date.parse(header);
  if (!Number.isNaN(date)) return Math.max(0, date - nowMs);
  return fromText(text);
}

/** Google names a "retryDelay" in the body, OpenAI says "try again in 1.2s" in its sentence. */
function fromText(text: string): number | undefined {
  const [, amount, unit] = /(?:"retryDelay":\s*"|try again in )([\d.]+)(ms|s)/i.exec(text) ?? [];
  const value = number(amount);
  return value === undefined ? undefined : Math.ceil(unit?.toLowerCase() === "ms" ? value : value * 1000);
}

function number(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
