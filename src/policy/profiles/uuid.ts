/** UUIDs that are the same for the same device each time, so that a second profile takes the place of the first. */
import { concat, hex, toHex, utf8 } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";

/** This project's own UUID, as in its object identifiers. */
export const HOMECA_NAMESPACE = "1017a64b-c946-4704-910a-61618d1ab498";

/** Version 5: SHA-1 over the namespace and the name (RFC 9562 §5.5), in lower case. It is a name, not a secret. */
export function nameUuid(crypto: Pick<Crypto, "digest">, namespace: string, name: string): string {
  const digest = crypto.digest("sha1", concat(hex(namespace.replaceAll("-", "")), utf8(name)));
  const octets = digest.slice(0, 16);
  octets[6] = (octets[6]! & 0x0f) | 0x50;
  octets[8] = (octets[8]! & 0x3f) | 0x80;
  return toHex(octets).replace(/^(.{8})(.{4})(.{4})(.{4})/u, "$1-$2-$3-$4-");
}
