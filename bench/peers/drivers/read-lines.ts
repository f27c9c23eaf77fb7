/** For Deno, in place of what dspy's interpreter loads from deno.land: the lines of a reader. Knows nothing of dspy. */
interface Reader {
  readonly readable: AsyncIterable<Uint8Array>;
}

export async function* readLines({ readable }: Reader): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  for await (const chunk of readable) {
    const [first = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n");
    pieces.push(first);
    for (const next of others) {
      yield withoutReturn(pieces.join(""));
      pieces = [next];
    }
  }
  const rest = pieces.join("");
  if (rest !== "") yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
