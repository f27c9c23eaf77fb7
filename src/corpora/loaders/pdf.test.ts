/** Tests of what PDFs hold besides plain pages: fonts that only name their character map, and pages that are pictures. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openCorpus } from "../open-corpus.ts";
import { directoryWith, never } from "../samples.test.ts";

/** A PDF of these pages, each with its own resources and drawing; readers find the objects without a table of them. */
function pdfOf(pages: readonly { readonly resources: string; readonly drawing: string }[]): string {
  const objects = pages.flatMap(({ resources, drawing }, i) => [
    `${10 + i * 2} 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Resources <<${resources}>> /Contents ${11 + i * 2} 0 R>> endobj`,
    `${11 + i * 2} 0 obj <</Length ${drawing.length}>> stream\n${drawing}\nendstream endobj`,
  ]);
  const kids = pages.map((_, i) => `${10 + i * 2} 0 R`).join(" ");
  return [
    "%PDF-1.4",
    "1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj",
    `2 0 obj <</Type /Pages /Count ${pages.length} /Kids [${kids}]>> endobj`,
    ...objects,
    "trailer <</Root 1 0 R>>\n",
  ].join("\n");
}

/** A font that isn't embedded and has no table of its own: its codes mean what the map says. */
function pageInMap(map: string, ordering: string, codes: Buffer): { resources: string; drawing: string } {
  const font = `<</Type /Font /Subtype /CIDFontType0 /BaseFont /X /CIDSystemInfo <</Registry (Adobe) /Ordering (${ordering}) /Supplement 2>>>>`;
  return {
    resources: `/Font <</F <</Type /Font /Subtype /Type0 /BaseFont /X /Encoding /${map} /DescendantFonts [${font}]>>>>`,
    drawing: `BT /F 20 Tf 20 200 Td <${codes.toString("hex")}> Tj ET`,
  };
}

const latin = {
  resources: "/Font <</F <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>>>",
  drawing: "BT /F 20 Tf 20 200 Td (The tide stood high.) Tj ET",
};
const picture = {
  resources: "",
  drawing: "q 300 0 0 300 0 0 cm BI /W 64 /H 64 /CS /G /BPC 8 ID " + "x".repeat(64 * 64) + " EI Q",
};
const blank = { resources: "", drawing: "q Q" };

test("text in the character maps of China, Japan, Korea and Taiwan is read", async (t) => {
  const cwd = directoryWith(t, {
    "maps.pdf": pdfOf([
      pageInMap("UniGB-UCS2-H", "GB1", Buffer.from("港口的潮水七点", "utf16le").swap16()),
      pageInMap("90ms-RKSJ-H", "Japan1", Buffer.from("8d6082cc969e92aa", "hex")),
      pageInMap("KSCms-UHC-H", "Korea1", Buffer.from("c7d7b1b8", "hex")),
      pageInMap("ETen-B5-H", "CNS1", Buffer.from("b4e4a466", "hex")),
      pageInMap("Identity-H", "Japan1", Buffer.from("0d8f0e6f", "hex")),
    ]),
  });
  const corpus = await openCorpus({ paths: ["maps.pdf"] }, { signal: never, cwd });
  const text = await corpus.read("d1", 0, 1_000);
  await corpus.close();
  assert.deepEqual(text.trimEnd().split("\n\f\n"), ["港口的潮水七点", "港の満潮", "항구", "港口", "毘冒"]);
});

test("pages that are pictures are named, blank ones are not", async (t) => {
  const cwd = directoryWith(t, { "mixed.pdf": pdfOf([latin, blank, picture, latin, picture]) });
  const corpus = await openCorpus({ paths: ["mixed.pdf"] }, { signal: never, cwd });
  const { skipped, structure } = corpus.describe();
  await corpus.close();
  assert.equal(structure[0], "5 pages, parted by lines of \\f");
  assert.deepEqual(
    skipped.map(({ path, reason }) => [path, reason.split(":")[0]]),
    [["mixed.pdf p.3, 5", "a picture without text"]],
  );
});
