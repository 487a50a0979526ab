/** What a service says about itself in TXT: `key=value` strings. @see RFC 6763 §6 */
import { fromUtf8, toHex } from "../../base/bytes.ts";

/** Octets of the key's hash that are told: to compare with what a label or a screen shows, not to trust. */
const KEY_HASH_LENGTH = 8;

/**
 * What a home tells while its adoption window is open.
 *
 * @param spkiHash - SHA-256 of the home's SubjectPublicKeyInfo; its first 8 octets are told.
 */
export function homeTxt(spkiHash: Uint8Array): string[] {
  const told = toHex(spkiHash.subarray(0, KEY_HASH_LENGTH));
  return ["txtvers=1", "v=1", "p=open", `k=${told}`];
}

/**
 * Keys in lower case, each with its value. Of a key that is there twice the
 * first counts; one without `=` has the empty value; what is no printable ASCII
 * key, or has a value that is not UTF-8, is passed over.
 */
export function parseTxt(strings: readonly Uint8Array[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const string of strings) {
    const text = fromUtf8(string);
    const [, key, value = ""] = text === null ? [] : (/^([ -<>-~]+)(?:=(.*))?$/s.exec(text) ?? []);
    if (key !== undefined && !values.has(key.toLowerCase())) values.set(key.toLowerCase(), value);
  }
  return values;
}
