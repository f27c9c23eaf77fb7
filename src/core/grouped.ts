/** Numbers as people read them: 1,234,567. Pure. */

/** Rounded to a whole one. toLocaleString() first loads what is known of all languages, 20 ms of every start, and looks the language up each time. */
export function grouped(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(?:\d{3})+$)/g, ",");
}
