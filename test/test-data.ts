/** Where the texts lie that tests run on and that are not in the repository. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** UNABRIDGED_TEST_DATA, else the folder shared/data beside the repository. */
export const testData: string =
  process.env["UNABRIDGED_TEST_DATA"] ?? fileURLToPath(new URL("../../shared/data", import.meta.url));

export const fixtures: string = fileURLToPath(new URL("./fixtures", import.meta.url));

/** What to give a test as `skip`: a reason where a file is not there, else false. */
export function unlessThere(...paths: readonly string[]): string | false {
  const missing = paths.find((path) => !existsSync(join(testData, path)));
  return missing === undefined ? false : `${join(testData, missing)} is not there; set UNABRIDGED_TEST_DATA`;
}
