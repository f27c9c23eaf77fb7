/**
 * The process in which files are taken apart, one after the other. It may write where it is told to and nowhere else,
 * starts nothing, and is ended by its parent when it takes too long or too much.
 */
import { statSync } from "node:fs";
import { Pack } from "../spool.ts";
import { Collector } from "./collector.ts";
import { extract } from "./extract.ts";
import { Unpacked } from "./limits.ts";
import type { ExtractReport, ExtractRequest } from "./protocol.ts";
import { reasonOf } from "./reason.ts";

const batch = 1_000;
const progressMs = 200;

process.on("message", (request: ExtractRequest) => void serve(request));
// Its parent is gone: nobody waits for what it finds.
process.on("disconnect", () => process.exit());

async function serve(request: ExtractRequest): Promise<void> {
  try {
    const { documents, skipped } = await extractTo(request);
    for (let i = 0; i < documents.length; i += batch)
      await report({ type: "documents", documents: documents.slice(i, i + batch) });
    for (let i = 0; i < skipped.length; i += batch)
      await report({ type: "skipped", skipped: skipped.slice(i, i + batch) });
    await report({ type: "done" });
  } catch (error) {
    await report({ type: "failed", reason: reasonOf(error) });
  }
}

async function extractTo({
  file,
  path,
  format,
  output,
  limits,
  encoding,
}: ExtractRequest): Promise<Collector> {
  const bytes = statSync(file).size;
  const pack = new Pack(output);
  try {
    const unpacked = new Unpacked(bytes, limits);
    const collector = new Collector({ pack, limits, unpacked, onProgress: progress() });
    await extract({ kind: "file", file, bytes }, path, format, collector, { encoding });
    return collector;
  } finally {
    await pack.close();
  }
}

/** Now and then: a page takes less time than a message. */
function progress(): () => void {
  let reportedAt = Date.now();
  return () => {
    if (Date.now() - reportedAt < progressMs) return;
    reportedAt = Date.now();
    void report({ type: "progress" });
  };
}

function report(message: ExtractReport): Promise<void> {
  return new Promise((resolve) => {
    if (process.send) process.send(message, () => resolve());
    else resolve();
  });
}

// A library that fails where nobody waits must end this file, not pass for success.
process.on("unhandledRejection", (error) => void giveUp(error));

async function giveUp(error: unknown): Promise<void> {
  await report({ type: "failed", reason: reasonOf(error) });
  process.exit(1);
}
