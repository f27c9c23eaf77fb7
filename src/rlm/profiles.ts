/** How families of models need to be spoken to, as data. A profile adds rules to the prompt; it changes no behaviour of the loop. */

export interface Profile {
  readonly name: string;
  /** Model ids it is meant for; the first profile that matches is taken. */
  readonly matches: RegExp;
  /** Sentences added to the system prompt. */
  readonly rules: readonly string[];
}

/**
 * Sources: the RLM paper (arXiv 2512.24601 v3, appendix B) found that one prompt doesn't suit all models: Qwen-Coder makes a
 * sub-call per line unless warned, weak coders fail on clever code, thinking models run out of output.
 */
export const profiles: readonly Profile[] = [
  {
    name: "over-eager",
    matches: /qwen.*coder|coder.*qwen/i,
    rules: [
      "Every sub-call costs time and money, and you tend to make far too many. Before each batch, compute how many prompts it has; if there are more than about 50, pack more text into each prompt until there are fewer. Never send one line or one short record per prompt: number the lines, put as many into a prompt as fit, and ask for one short result per number.",
      "Try a regular expression or plain Python first; use sub-calls only for what needs reading.",
    ],
  },
  {
    name: "reasoning",
    matches: /(^|\/)(o[1-9]\b|gpt-5|deepseek-r|deepseek-reasoner|qwq|magistral)|thinking|reason/i,
    rules: [
      "Keep your thinking short: your thoughts and your block share one output limit, and a block that is cut off can't run. Decide on the next step only, write the block, and think further when you have seen its output.",
    ],
  },
  {
    name: "code-poor",
    matches: /(^|[^\d.])(0\.5|0\.6|1|1\.5|1\.7|2|3|4|7|8|9)b\b|phi-|gemma|tinyllama|smollm|mini-instruct/i,
    rules: [
      "Write short, plain Python: one step per turn, no classes, no decorators, no async, no clever one-liners. Print what you got after each step.",
      "If a cell raises an error, read the line it names, correct that line, and run the rest again.",
      "A safe plan for most questions: search() or grep() first, print the best passages, hand them to llm_query with the question, then FINAL.",
    ],
  },
  { name: "default", matches: /^/, rules: [] },
];

export function profileFor(modelId: string, isReasoning: boolean): Profile {
  const found = profiles.find((profile) => profile.matches.test(modelId));
  const reasoning = profiles.find((profile) => profile.name === "reasoning");
  return found?.name === "default" && isReasoning && reasoning
    ? reasoning
    : (found ?? { name: "default", matches: /^/, rules: [] });
}
