/** Estimates tokens from text alone, corrected by what providers really counted. Exactness is their business. */

/** Tokens in a text, by the density of its scripts: about 4 letters of Latin text a token, 1.5 CJK characters. */
export function estimateTokens(text: string): number {
  const sample = text.length <= sampleCharacters ? text : spread(text);
  const perCharacter = weigh(sample) / Math.max(1, sample.length);
  return Math.ceil(text.length * perCharacter);
}

/** The same from bytes of UTF-8, for text that was not read. */
export function estimateTokensOfBytes(bytes: number, sample: string): number {
  if (sample.length === 0) return Math.ceil(bytes / 4);
  return Math.ceil((bytes * weigh(sample)) / Buffer.byteLength(sample));
}

/**
 * Learns, per model, how far the estimate is off. The factor only moves by what providers report; until then it
 * is a cautious 1.1.
 */
export class TokenCalibration {
  #factors = new Map<string, number>();

  factor(modelId: string): number {
    return this.#factors.get(modelId) ?? 1.1;
  }

  learn(modelId: string, estimated: number, counted: number): void {
    if (estimated < 50 || counted <= 0) return;
    const seen = Math.min(8, Math.max(0.25, counted / estimated));
    const before = this.#factors.get(modelId);
    this.#factors.set(modelId, before === undefined ? seen : before * 0.7 + seen * 0.3);
  }
}

const sampleCharacters = 16_384;

/** Eight stretches from all over the text, so that a header doesn't stand for the whole. */
function spread(text: string): string {
  const piece = sampleCharacters / 8;
  const step = Math.floor((text.length - piece) / 7);
  let sample = "";
  for (let i = 0; i < 8; i++) sample += text.slice(i * step, i * step + piece);
  return sample;
}

function weigh(text: string): number {
  let tokens = 0;
  let previous = other;
  for (let i = 0; i < text.length; i++) {
    const kind = kindOf(text.charCodeAt(i));
    tokens += costs[kind] ?? 1;
    // A new word, number or run of signs begins a token even where the one before was short.
    if (kind !== previous && kind !== space) tokens += 0.22;
    previous = kind;
  }
  return tokens;
}

const letter = 0;
const digit = 1;
const space = 2;
const sign = 3;
const dense = 4;
const other = 5;
const costs = [0.175, 0.36, 0.04, 0.42, 0.75, 0.5];

function kindOf(code: number): number {
  if ((code >= 97 && code <= 122) || (code >= 65 && code <= 90)) return letter;
  if (code === 32 || (code >= 9 && code <= 13)) return space;
  if (code >= 48 && code <= 57) return digit;
  if (code < 128) return sign;
  return code >= 0x2e80 ? dense : other;
}
