/** Writes to a stream and waits until it has taken it: an answer may be larger than a pipe takes at once. */
export function writeText(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => stream.write(text, (error) => (error ? reject(error) : resolve())));
}
