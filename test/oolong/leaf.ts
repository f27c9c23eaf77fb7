/**
 * A sub-LM that reads perfectly: it labels the numbered lines of a prompt from a table. It sees nothing but the prompt, answers in
 * the form that the prompt asks for, and fails loudly where it does not know that form.
 */

export function labellingLeaf(labels: ReadonlyMap<string, string>): (prompt: string) => string {
  return (prompt) => {
    const lines = [...prompt.matchAll(/^(\d+): (.*)$/gm)];
    if (lines.length === 0) throw new Error(`The prompt has no numbered lines: ${prompt.slice(0, 300)}`);
    const pairs = lines.map(([, number = "", text = ""]): readonly [string, string] => {
      const label = labels.get(text.trimEnd());
      if (label === undefined) throw new Error(`There is no gold label for "${text}".`);
      return [number, label];
    });
    if (/'number: label'/.test(prompt))
      return pairs.map(([number, label]) => `${number}: ${label}`).join("\n");
    if (/JSON object from number to label/.test(prompt)) return JSON.stringify(Object.fromEntries(pairs));
    throw new Error(`The prompt asks for a form that is not known: ${prompt.slice(0, 300)}`);
  };
}
