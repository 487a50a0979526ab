/**
 * Secrets inside attributes: User-Password, and the salted form that carries the
 * MS-MPPE keys and Tunnel-Password. MD5 as a stream cipher under the shared
 * secret: it hides keys from who does not know the secret, and from nobody else.
 *
 * @see RFC 2865 §5.2; RFC 2548 §2.4.2; RFC 2868 §3.5
 */
import { concat } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import type { RandomSource } from "../../base/machine.ts";
import { TunnelPassword } from "./attributes.ts";
import type { Attribute } from "./packet.ts";
import { MICROSOFT, vendorAttribute, vendorAttributes } from "./vendor.ts";

const BLOCK = 16;
/** What one attribute holds after tag or vendor header, salt and length octet. */
const MAX_SECRET_LENGTH = 239;
const MS_MPPE_SEND_KEY = 16;
const MS_MPPE_RECV_KEY = 17;

/** Session keys for the authenticator, named from its point of view (RFC 2548 §2.4). */
export interface SessionKeys {
  /** MSK octets 0 to 31 (RFC 5216 §2.3). */
  readonly recv: Uint8Array;
  /** MSK octets 32 to 63. */
  readonly send: Uint8Array;
}

/** The shared secret and the Request Authenticator: what the salted form is keyed by. */
export interface Sealing {
  readonly crypto: Crypto;
  readonly secret: Uint8Array;
  readonly requestAuthenticator: Uint8Array;
}

/**
 * Salts for one packet: the top bit set and none twice, so that no key stream
 * repeats within it (RFC 2548 §2.4.2).
 */
export function saltSource(random: RandomSource): () => Uint8Array {
  const used = new Set<number>();
  return () => {
    const drawn = random(2);
    let salt = 0x8000 | (drawn[0]! << 8) | drawn[1]!;
    while (used.has(salt)) salt = 0x8000 | ((salt + 1) & 0x7fff);
    used.add(salt);
    return Uint8Array.of(salt >> 8, salt & 0xff);
  };
}

/**
 * Salt and ciphertext of a secret.
 *
 * @param salt - 2 octets, see {@link saltSource}.
 * @throws RangeError above 239 octets, which fill an attribute.
 */
export function sealSalted(sealing: Sealing, salt: Uint8Array, secret: Uint8Array): Uint8Array {
  if (secret.length > MAX_SECRET_LENGTH) {
    throw new RangeError(`a salted attribute holds ${MAX_SECRET_LENGTH} octets`);
  }
  const plaintext = new Uint8Array(Math.ceil((secret.length + 1) / BLOCK) * BLOCK);
  plaintext[0] = secret.length;
  plaintext.set(secret, 1);
  const start = concat(sealing.requestAuthenticator, salt);
  return concat(salt, applyStream(sealing, start, plaintext, "seal"));
}

/** The secret from salt and ciphertext, or null where they are not what {@link sealSalted} makes. */
export function openSalted(sealing: Sealing, sealed: Uint8Array): Uint8Array | null {
  const ciphertext = sealed.subarray(2);
  if (ciphertext.length === 0 || ciphertext.length % BLOCK !== 0) return null;
  const start = concat(sealing.requestAuthenticator, sealed.subarray(0, 2));
  const plaintext = applyStream(sealing, start, ciphertext, "open");
  const length = plaintext[0]!;
  return length < plaintext.length ? plaintext.slice(1, 1 + length) : null;
}

/** The password of a User-Password, its padding removed, or null where the length is impossible. */
export function openUserPassword(sealing: Sealing, sealed: Uint8Array): Uint8Array | null {
  if (sealed.length === 0 || sealed.length % BLOCK !== 0 || sealed.length > 128) return null;
  const padded = applyStream(sealing, sealing.requestAuthenticator, sealed, "open");
  let end = padded.length;
  while (end > 0 && padded[end - 1] === 0) end--;
  return padded.slice(0, end);
}

/** A User-Password value of 1 to 128 octets. */
export function sealUserPassword(sealing: Sealing, password: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(password.length / BLOCK));
  if (blocks > 8) throw new RangeError("a password has at most 128 octets");
  const padded = new Uint8Array(blocks * BLOCK);
  padded.set(password);
  return applyStream(sealing, sealing.requestAuthenticator, padded, "seal");
}

/** Block i of the stream is MD5(secret, ciphertext block i - 1), the first one MD5(secret, `start`). */
function applyStream(
  { crypto, secret }: Sealing,
  start: Uint8Array,
  input: Uint8Array,
  direction: "seal" | "open",
): Uint8Array {
  const output = input.slice();
  let chained = start;
  for (let at = 0; at < input.length; at += BLOCK) {
    const mask = crypto.digest("md5", concat(secret, chained));
    for (let next = 0; next < BLOCK; next++) output[at + next]! ^= mask[next]!;
    chained = (direction === "seal" ? output : input).subarray(at, at + BLOCK);
  }
  return output;
}

/** MS-MPPE-Recv-Key and MS-MPPE-Send-Key (RFC 2548 §2.4.2, §2.4.3). */
export function sealSessionKeys(
  sealing: Sealing,
  salt: () => Uint8Array,
  keys: SessionKeys,
): readonly Attribute[] {
  const one = (type: number, key: Uint8Array): Attribute =>
    vendorAttribute({ vendor: MICROSOFT, type, value: sealSalted(sealing, salt(), key) });
  return [one(MS_MPPE_RECV_KEY, keys.recv), one(MS_MPPE_SEND_KEY, keys.send)];
}

/** What a NAS makes of {@link sealSessionKeys}, or null where a key is missing or malformed. */
export function openSessionKeys(
  sealing: Sealing,
  attributes: readonly Attribute[],
): SessionKeys | null {
  const one = (wanted: number): Uint8Array | null => {
    const sealed = vendorAttributes(attributes).find(
      ({ vendor, type }) => vendor === MICROSOFT && type === wanted,
    );
    return sealed === undefined ? null : openSalted(sealing, sealed.value);
  };
  const recv = one(MS_MPPE_RECV_KEY);
  const send = one(MS_MPPE_SEND_KEY);
  return recv === null || send === null ? null : { recv, send };
}

/** Tunnel-Password with tag 0: for hostapd the passphrase or PSK of one station (RFC 2868 §3.5). */
export function sealTunnelPassword(
  sealing: Sealing,
  salt: () => Uint8Array,
  password: Uint8Array,
): Attribute {
  const value = concat(Uint8Array.of(0), sealSalted(sealing, salt(), password));
  return { type: TunnelPassword.type, value };
}

/** The password of a Tunnel-Password, whatever its tag. */
export function openTunnelPassword(sealing: Sealing, { value }: Attribute): Uint8Array | null {
  return openSalted(sealing, value.subarray(1));
}
