/**
 * How a key that both sides were given becomes pre-shared keys of TLS 1.3: one
 * per version and hash, so that no key ever serves two of them.
 *
 * @see RFC 9258 §5.1
 */
import { Reader, Writer } from "../../base/bytes.ts";
import type { Crypto, HashName } from "../../base/crypto/crypto.ts";
import { hkdfExtract } from "../../base/crypto/kdf.ts";
import { expandLabel, kdf13 } from "./key-schedule13.ts";
import { versionCodes } from "./wire.ts";
import type { Transport } from "./wire.ts";

/** The hash of an external key that names none. */
const OWN_HASH = "sha256";

/** TLS KDF identifiers (RFC 9258 §10). */
const KDF_CODES: readonly (readonly [code: number, hash: HashName])[] = [
  [0x0001, "sha256"],
  [0x0002, "sha384"],
];

/** Octets of an ImportedIdentity around the external one; an identity on the wire has at most 65535. */
const FRAME_LENGTH = 8;
export const MAX_EXTERNAL_IDENTITY_LENGTH: number = 0xffff - FRAME_LENGTH;

/** What a key is imported for. */
export interface ImportTarget {
  /** The hash of the suites that it may be used with. */
  readonly hash: HashName;
  readonly transport: Transport;
}

export interface Imported {
  /** What both sides called the key to begin with, 1 octet or more. */
  readonly external: Uint8Array;
  readonly target: ImportTarget;
}

/**
 * The identity as it goes over the wire, with an empty context.
 *
 * @throws RangeError for an external identity that is empty or longer than {@link MAX_EXTERNAL_IDENTITY_LENGTH}.
 */
export function encodeImportedIdentity({ external, target }: Imported): Uint8Array {
  if (external.length === 0 || external.length > MAX_EXTERNAL_IDENTITY_LENGTH) {
    throw new RangeError("A pre-shared key's identity has 1 to 65527 octets.");
  }
  const code = KDF_CODES.find(([, hash]) => hash === target.hash)?.[0];
  if (code === undefined) throw new RangeError(`No KDF of TLS 1.3 is made with ${target.hash}.`);
  return new Writer()
    .vector16(external)
    .vector16(new Uint8Array())
    .u16(versionCodes(target.transport).v13)
    .u16(code)
    .bytes();
}

/**
 * The parts of an identity, which borrow from it; null for one that is nobody's
 * import, or that has a context: ours have none.
 */
export function parseImportedIdentity(identity: Uint8Array): Imported | null {
  try {
    const field = new Reader(identity, () => new RangeError("cut short"));
    const external = field.vector16();
    const context = field.vector16();
    const protocol = field.u16();
    const kdf = field.u16();
    const hash = KDF_CODES.find(([code]) => code === kdf)?.[1];
    const transports: readonly Transport[] = ["stream", "datagram"];
    const transport = transports.find((candidate) => versionCodes(candidate).v13 === protocol);
    if (hash === undefined || transport === undefined || external.length === 0) return null;
    if (context.length > 0 || field.remaining > 0) return null;
    return { external, target: { hash, transport } };
  } catch (failure) {
    if (failure instanceof RangeError) return null;
    throw failure;
  }
}

/**
 * The pre-shared key of one imported identity, as long as the target's hash.
 * DTLS 1.3 has a prefix of its own here too (RFC 9147 §5.9).
 *
 * @param key - The external key, at least 16 octets.
 * @param identity - From {@link encodeImportedIdentity}, or what a client sent.
 */
export function importKey(
  crypto: Crypto,
  key: Uint8Array,
  identity: Uint8Array,
  { hash, transport }: ImportTarget,
): Uint8Array {
  const extracted = hkdfExtract(crypto, OWN_HASH, new Uint8Array(), key);
  const kdf = kdf13(crypto, OWN_HASH, transport);
  const bound = crypto.digest(OWN_HASH, identity);
  const { length } = crypto.digest(hash, new Uint8Array());
  const imported = expandLabel(kdf, extracted, "derived psk", bound, length);
  extracted.fill(0);
  return imported;
}
