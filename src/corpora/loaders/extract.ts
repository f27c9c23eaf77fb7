/** Takes the text out of one file: finds the loader of its format, and of the files packed in it. */
import { isUtf8 } from "node:buffer";
import { headBytes, judge } from "../inspect-file.ts";
import { decodeStream } from "../decode.ts";
import type { Collector } from "./collector.ts";
import { collect, peek } from "./input.ts";
import type { Input } from "./input.ts";
import { LimitError, UnreadableError } from "./limits.ts";
import type { Loader, Loading, Member } from "./loading.ts";
import { reasonOf } from "./reason.ts";
import { isTextFormat } from "./recognise.ts";
import type { LoadedFormat } from "./recognise.ts";

export interface ExtractOptions {
  readonly encoding?: string | undefined;
}

/** Contract: throws UnreadableError or whatever a library throws; `collector` is then as it was. */
export async function extract(
  input: Input,
  path: string,
  format: LoadedFormat,
  collector: Collector,
  { encoding }: ExtractOptions = {},
): Promise<void> {
  await load(input, path, format, loadingAt(0, collector, encoding));
}

/** Each library is loaded with the first file that needs it. */
const loaders: Readonly<Record<LoadedFormat, () => Promise<Loader>>> = {
  pdf: async () => (await import("./pdf.ts")).loadPdf,
  zip: async () => (await import("./zip.ts")).loadZip,
  gzip: async () => (await import("./tar.ts")).loadGzip,
  tar: async () => (await import("./tar.ts")).loadTar,
  html: async () => (await import("./html.ts")).loadHtml,
  mail: async () => (await import("./mail.ts")).loadMail,
  mbox: async () => (await import("./mbox.ts")).loadMbox,
};

async function load(input: Input, path: string, format: LoadedFormat, loading: Loading): Promise<void> {
  if (loading.depth > loading.collector.limits.depth)
    throw new UnreadableError(`packed more than ${loading.collector.limits.depth} levels deep`);
  const loader = await loaders[format]();
  const { collector } = loading;
  const before = collector.documents.length + collector.skipped.length;
  await collector.whole(() => loader(input, path, loading));
  if (collector.documents.length + collector.skipped.length === before)
    throw new UnreadableError("there is no text in it");
}

function loadingAt(depth: number, collector: Collector, encoding: string | undefined): Loading {
  return {
    collector,
    depth,
    encoding,
    take: (member) => takeMember(member, loadingAt(depth + 1, collector, encoding)),
  };
}

async function takeMember({ path, stream }: Member, loading: Loading): Promise<void> {
  const { collector } = loading;
  try {
    const { head, whole } = await peek(stream, headBytes);
    const judged = judge(head, path, false);
    if (judged.kind === "binary") {
      await whole.return(undefined);
      collector.skip(path, judged.reason);
    } else if (judged.kind === "text") {
      const isMarked = judged.encoding !== "utf-8";
      await collector.whole(() =>
        isMarked
          ? collector.add(decodeStream(whole, judged.encoding), {
              path,
              metadata: { encoding: judged.encoding },
            })
          : addPlain(path, whole, loading),
      );
    } else {
      const content = await collect(whole, collector.limits.wholeBytes);
      await loadMember({ kind: "bytes", content }, path, judged.format, loading);
    }
  } catch (error) {
    if (error instanceof LimitError) throw error;
    collector.skip(path, reasonOf(error));
  }
}

async function addPlain(
  path: string,
  whole: AsyncIterable<Uint8Array>,
  { collector, encoding }: Loading,
): Promise<void> {
  if (encoding === undefined) return collector.add(whole, { path });
  const content = await collect(whole, collector.limits.wholeBytes);
  if (isUtf8(content)) return collector.add(content, { path });
  return collector.add(new TextDecoder(encoding).decode(content), { path, metadata: { encoding } });
}

/** What is text itself is at least read as its source. */
async function loadMember(input: Input, path: string, format: LoadedFormat, loading: Loading): Promise<void> {
  try {
    await load(input, path, format, loading);
  } catch (error) {
    if (error instanceof LimitError || !isTextFormat(format) || input.kind !== "bytes") throw error;
    await loading.collector.add(input.content, { path });
  }
}
