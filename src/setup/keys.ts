/** Who may come in. Keys are known by their hashes alone; which one was presented can't be told from the time it takes. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { ConfigError } from "../core/errors.ts";
import { sha256 } from "../core/json.ts";

/** "sha256:" and 64 hex digits. */
export type KeyHash = `sha256:${string}`;

const hashPattern = /^sha256:[0-9a-f]{64}$/;
const leastKey = 16;

export function hashKey(key: string): KeyHash {
  return `sha256:${createHash("sha256").update(key).digest("hex")}`;
}

export function newKey(): string {
  return `una_${randomBytes(24).toString("base64url")}`;
}

/** A key, or the hash of one. Throws ConfigError for a key that could be guessed. */
export function readKey(text: string): KeyHash {
  const trimmed = text.trim();
  if (isHash(trimmed)) return trimmed;
  if (trimmed.length < leastKey)
    throw new ConfigError(
      "invalid_option",
      `A key needs at least ${leastKey} characters, this one has ${trimmed.length}. Make one with: unabridged serve --new-key`,
    );
  return hashKey(trimmed);
}

function isHash(text: string): text is KeyHash {
  return hashPattern.test(text);
}

export class KeyRing {
  readonly #hashes: readonly Buffer[];

  constructor(hashes: readonly KeyHash[]) {
    this.#hashes = [...new Set(hashes)].map((hash) => Buffer.from(hash.slice("sha256:".length), "hex"));
  }

  get isEmpty(): boolean {
    return this.#hashes.length === 0;
  }

  /** The tenant that a key stands for; undefined where it is none of ours. */
  tenantOf(key: string): string | undefined {
    const presented = createHash("sha256").update(key).digest();
    let found: Buffer | undefined;
    // All are compared, so that the time says nothing of which one it is.
    for (const hash of this.#hashes) if (timingSafeEqual(hash, presented)) found = hash;
    return found && `key ${found.toString("hex")}`;
  }
}

/** Where a tenant's data is. Its name may be anything; its folder tells nothing of it. */
export function tenantHome(home: string, tenant: string): string {
  return join(home, "tenants", sha256(`tenant ${tenant}`).slice(0, 24));
}
