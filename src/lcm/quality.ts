/** Whether a text may stand as a label: checks that need no model. Pure. */
import { estimateTokens } from "../core/tokens.ts";
import { inventedFacts } from "./facts.ts";
import { sharesLanguage } from "./language.ts";
import { sectionNames, type SummaryStyle } from "./prompts.ts";

export type Verdict =
  | { readonly type: "good"; readonly text: string }
  /** `fault` is for the trace. */
  | { readonly type: "bad"; readonly fault: string };

export interface LabelCheck {
  readonly source: string;
  readonly sourceTokens: number;
  readonly cap: number;
  readonly style: SummaryStyle;
}

/** Takes off a fence or thinking around the text, and refuses what a reader could not rely on. */
export function checkLabel(reply: string, check: LabelCheck): Verdict {
  const text = bare(reply);
  const fault = faultOf(text, reply, check);
  return fault === undefined ? { type: "good", text } : { type: "bad", fault };
}

function faultOf(
  text: string,
  reply: string,
  { source, sourceTokens, cap, style }: LabelCheck,
): string | undefined {
  if (text === "") return "it is empty";
  if (/<\/?think(?:ing)?>/i.test(text)) return "it holds thinking";
  if (isRefusal(text)) return "it refuses or comments instead of labelling";
  const tokens = estimateTokens(text);
  if (tokens > cap) return `it has ${tokens} tokens, more than its cap of ${cap}`;
  if (tokens >= sourceTokens) return `it is not shorter than its source of ${sourceTokens} tokens`;
  if (tokens < Math.min(8, sourceTokens / 40)) return "it says almost nothing";
  if (isGarbage(text)) return "it is not a text";
  if (!sharesLanguage(text, source)) return "it is in another language than its source";
  if (style === "normal" && cap >= 150 && sectionsIn(reply) < 2)
    return "it lacks the lines that were asked for";
  const invented = inventedFacts(text, source);
  if (invented.length > Math.max(1, tokens / 150))
    return `it has what its source has not: ${invented
      .slice(0, 4)
      .map((fact) => fact.text)
      .join(", ")}`;
  return undefined;
}

function bare(reply: string): string {
  const answer = reply.replace(/^\s*<think(?:ing)?>[\s\S]*?<\/think(?:ing)?>/i, "").trim();
  const fenced = /^```\w*\n([\s\S]*?)\n?```$/.exec(answer)?.[1];
  return (fenced ?? answer).trim();
}

const refusals =
  /^\W*(?:i['’]?m sorry|sorry[,. ]|i can(?:no|['’])t |i am unable|i['’]m unable|as an ai\b|i apologi[sz]e|sure[,!]|certainly[,!]|here (?:is|are) (?:the|a|your) (?:label|summary)|it (?:looks|seems) like you|could you (?:please )?(?:provide|share)|es tut mir leid|je suis désolé|lo siento)/i;

function isRefusal(text: string): boolean {
  return refusals.test(text);
}

/** The same few characters, or words, over and over; or hardly a letter. */
function isGarbage(text: string): boolean {
  const letters = text.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
  if (letters < text.length * 0.3) return true;
  if (text.length < 80) return false;
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length >= 12 && new Set(words).size < words.length * 0.2) return true;
  return new Set(text).size < 8;
}

function sectionsIn(text: string): number {
  return sectionNames.filter((name) => new RegExp(`^\\W*${name}\\W*:`, "im").test(text)).length;
}
