/** What is publicly known of well-known models: windows, limits and list prices, as a dated snapshot that users may override. */
import { readFileSync } from "node:fs";
import type { Price } from "../core/usage.ts";

/** Facts of one model. Where one is missing, nobody was sure: unknown beats wrong. */
export interface KnownModel {
  readonly contextWindow?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  readonly price?: Price | undefined;
  readonly reasoning?: boolean | undefined;
}

/** A vendor's own API. Open weights served by others have other windows and prices, so those are never guessed. */
export type Vendor = "openai" | "anthropic" | "google" | "deepseek";

interface Catalogue {
  /** The day the facts were true, and where they were read. */
  readonly date: string;
  readonly source: string;
  readonly models: readonly (KnownModel & { readonly provider: Vendor; readonly id: string })[];
  /** Parts of names of open weights that think before they answer, and exceptions to them. */
  readonly reasoningFamilies: readonly string[];
  readonly noReasoningFamilies: readonly string[];
}

let loaded: Catalogue | undefined;

/** The snapshot as it is shipped. */
export function catalogue(): Catalogue {
  if (loaded === undefined) {
    // Our own file: a test holds every entry to this shape.
    const parsed: Catalogue = JSON.parse(readFileSync(new URL("./catalogue.json", import.meta.url), "utf8"));
    loaded = parsed;
  }
  return loaded;
}

/**
 * Facts of a model as its vendor serves it. Takes ids with a vendor before them ("openai/gpt-5"), in either spelling of
 * a version ("claude-opus-4.5"), with a date or "latest" behind ("gpt-5-2025-08-07"), but never guesses from a likeness.
 */
export function knownModel(id: string, vendor?: Vendor): KnownModel {
  const key = normalise(id);
  const entry = catalogue().models.find(
    (model) => normalise(model.id) === key && (vendor === undefined || model.provider === vendor),
  );
  if (entry === undefined) return vendor === undefined && isReasoningFamily(id) ? { reasoning: true } : {};
  return entry;
}

/** Whether open weights of this name think before they answer, whoever serves them. */
export function isReasoningFamily(id: string): boolean {
  const name = id.toLowerCase();
  const { reasoningFamilies, noReasoningFamilies } = catalogue();
  if (noReasoningFamilies.some((family) => name.includes(family)) && !name.includes("-thinking"))
    return false;
  return reasoningFamilies.some((family) => name.includes(family));
}

/** Which vendor's own API lies behind a base URL, if it is one that the catalogue covers. */
export function vendorOf(baseUrl: string): Vendor | undefined {
  const { host } = new URL(baseUrl);
  return vendorHosts[host];
}

const vendorHosts: Readonly<Record<string, Vendor>> = {
  "api.openai.com": "openai",
  "api.anthropic.com": "anthropic",
  "generativelanguage.googleapis.com": "google",
  "api.deepseek.com": "deepseek",
};

function normalise(id: string): string {
  return id
    .toLowerCase()
    .replace(/^.*\//, "")
    .replace(/:.*$/, "")
    .replace(/[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest)$/, "")
    .replace(/(\d)\.(\d)/g, "$1-$2");
}
