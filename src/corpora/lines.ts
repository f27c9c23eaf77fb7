/** Bytes into lines, a block of them at a time: what takes a line at a time spends most of it on promises. */
/** Lines without their ends (LF or CRLF). A byte order mark is left out; bytes that are no UTF-8 become U+FFFD. */
export async function* linesOf(stream: AsyncIterable<unknown>): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  // Pieces of a line that goes on over several blocks: joined once, at its end.
  let rest: string[] = [];
  for await (const chunk of stream) {
    const text = typeof chunk === "string" ? chunk : decoder.decode(chunk as Buffer, { stream: true });
    const lines = text.split("\n");
    if (lines.length === 1) {
      rest.push(text);
      continue;
    }
    const last = lines.pop() ?? "";
    lines[0] = rest.join("") + (lines[0] ?? "");
    rest = [last];
    yield lines.map(withoutReturn);
  }
  const last = rest.join("") + decoder.decode();
  if (last !== "") yield [withoutReturn(last)];
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
