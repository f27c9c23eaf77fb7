/** Keys of those who may ask a server, as they are given to its command. */
import { readFile } from "node:fs/promises";
import { ConfigError, messageOf } from "../core/errors.ts";
import { readKey, type KeyHash } from "../setup/keys.ts";

export interface KeyFlags {
  readonly key?: readonly string[];
  readonly keyFile?: string;
}

/** Throws ConfigError for a file without keys, and for a key that could be guessed. */
export async function keysOf({ key = [], keyFile }: KeyFlags): Promise<readonly KeyHash[]> {
  if (keyFile === undefined) return key.map(readKey);
  const lines = (await readKeys(keyFile)).split("\n");
  const written = lines.map((line) => line.replace(/#.*$/, "").trim()).filter((line) => line !== "");
  if (written.length === 0)
    throw new ConfigError(
      "invalid_option",
      `There is no key in "${keyFile}". Add one with: unabridged serve --new-key --key-file ${keyFile}`,
    );
  return [...key, ...written].map(readKey);
}

async function readKeys(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new ConfigError("invalid_option", `The --key-file "${file}" can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

export function several(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
