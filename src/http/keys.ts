/** The keys of this server are those of every face that others can reach. */
export { hashKey, KeyRing, newKey, readKey, type KeyHash } from "../setup/keys.ts";
