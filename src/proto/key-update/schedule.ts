/**
 * From two shares to one scalar: the commitment, the transcript, and the keys
 * derived from both. Both sides call the same functions.
 *
 * ```
 * C    = H("HomeCA-KU-v1 commit" || 00 || E_d || N_d [|| R])
 * T    = ["HomeCA-KU-v1", id, D, S, C, E_d, [R,] N_d, E_h, N_h, EV]
 * PRK  = HKDF-Extract(H(T), x(e_d·E_h) || x(d·E_h))
 * k    = HKDF-Expand(PRK, "HomeCA-KU-v1 k" || i, 48) mod n, the first not in {0, 1, n-1}
 * d2   = k·d [+ r],  D2 = k·D [+ R]
 * ```
 */
import { concat, utf8 } from "../../base/bytes.ts";
import * as cbor from "../../base/cbor-write.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { hkdfExpand, hkdfExtract } from "../../base/crypto/kdf.ts";
import { isTrivialScalar, reduceWide, WIDE_LENGTH } from "../../base/crypto/scalar.ts";
import { KeyUpdateFailure } from "./failure.ts";
import { HASH_LENGTH } from "./messages.ts";
import type { Reveal, Share } from "./messages.ts";

/** Name and version of the protocol: what is derived by it serves no other. */
const PROTOCOL = "HomeCA-KU-v1";

/** How long a key update may take, from the commitment to the reveal. */
export const KEY_UPDATE_MILLISECONDS = 60_000;

/** Decimal digits that an owner compares on two displays. */
export const AUTHENTICATION_DIGITS = 6;

/** The connection a key update runs in, as both ends see it. */
export interface Association {
  /** The 32 octets of the device's id. */
  readonly deviceId: Uint8Array;
  /** D, the key the device authenticated with: a point of P-256. */
  readonly deviceKey: Uint8Array;
  /** SHA-256 over the SubjectPublicKeyInfo of the certificate that the device pinned. */
  readonly homeKeyHash: Uint8Array;
  /** 32 octets of the exporter "EXPORTER-Channel-Binding" (RFC 9266 §4.2). */
  readonly exporter: Uint8Array;
}

/** What a device opens its commitment with. */
export type Opening = Pick<Reveal, "point" | "nonce" | "keyShare">;

/** C: all that the device adds, before it sees what HomeCA adds. */
export function commitmentOf(crypto: Crypto, { point, nonce, keyShare }: Opening): Uint8Array {
  const label = concat(utf8(`${PROTOCOL} commit`), Uint8Array.of(0));
  const share = keyShare ?? new Uint8Array();
  return crypto.digest("sha256", concat(label, point, nonce, share));
}

/** TH = H(T). */
export function transcriptHash(
  crypto: Crypto,
  association: Association,
  commitment: Uint8Array,
  device: Opening,
  home: Share,
): Uint8Array {
  const { deviceId, deviceKey, homeKeyHash, exporter } = association;
  const before = [deviceId, deviceKey, homeKeyHash, commitment, device.point];
  const keyShare = device.keyShare === null ? [] : [device.keyShare];
  const behind = [device.nonce, home.point, home.nonce, exporter];
  const parts = [...before, ...keyShare, ...behind].map((part) => cbor.bytes(part));
  return crypto.digest("sha256", cbor.array(cbor.text(PROTOCOL), ...parts));
}

/** What a key update derives besides the new key. */
export interface DerivedKeys {
  /** 32 octets: names the device recognises HomeCA by, and HomeCA the device. */
  readonly discoveryKey: Uint8Array;
  /** 32 octets: the pre-shared key of later associations. */
  readonly pskKey: Uint8Array;
  /** Six digits. Equal on both sides where nobody stands between them, but for one in a million. */
  readonly authenticationString: string;
}

export interface Schedule extends DerivedKeys {
  /** k, 32 octets. A secret of both sides, to be wiped as soon as it has served. */
  readonly scalar: Uint8Array;
  /** HMAC under the confirmation key: the device's tag and HomeCA's. */
  readonly deviceConfirmation: Uint8Array;
  readonly homeConfirmation: Uint8Array;
}

/**
 * @param ephemeral - x(e_d·E_h) = x(e_h·E_d), 32 octets: unknown to whoever has d alone
 * @param present - x(d·E_h) = x(e_h·D), 32 octets: unknown to whoever guesses e_d alone.
 *   Both are wiped.
 * @throws KeyUpdateFailure `no-scalar`
 */
export function deriveSchedule(
  crypto: Crypto,
  transcript: Uint8Array,
  ephemeral: Uint8Array,
  present: Uint8Array,
): Schedule {
  const input = concat(ephemeral, present);
  const secret = hkdfExtract(crypto, "sha256", transcript, input);
  const expand = (label: string): Uint8Array =>
    hkdfExpand(crypto, "sha256", secret, utf8(`${PROTOCOL} ${label}`), HASH_LENGTH);
  const confirmKey = expand("confirm");
  const tag = (role: string): Uint8Array =>
    crypto.hmac("sha256", confirmKey, concat(utf8(role), transcript));
  try {
    return {
      scalar: deriveScalar((counter) => expandScalar(crypto, secret, counter)),
      discoveryKey: expand("discovery"),
      pskKey: expand("psk"),
      authenticationString: authenticationString(transcript),
      deviceConfirmation: tag("device"),
      homeConfirmation: tag("homeca"),
    };
  } finally {
    wipe(ephemeral, present, input, secret, confirmKey);
  }
}

function expandScalar(crypto: Crypto, secret: Uint8Array, counter: number): Uint8Array {
  const info = concat(utf8(`${PROTOCOL} k`), Uint8Array.of(counter));
  return hkdfExpand(crypto, "sha256", secret, info, WIDE_LENGTH);
}

/**
 * The first scalar that is not 0, 1 or n-1: those would end the key, keep it,
 * or keep it but for a sign.
 *
 * @param wide - 48 octets for each counter from 0 to 255; wiped
 * @throws KeyUpdateFailure `no-scalar` where none of them will do, which means that `wide` is broken
 */
export function deriveScalar(wide: (counter: number) => Uint8Array): Uint8Array {
  for (let counter = 0; counter < 256; counter++) {
    const octets = wide(counter);
    const scalar = reduceWide(octets);
    wipe(octets);
    if (!isTrivialScalar(scalar)) return scalar;
  }
  throw new KeyUpdateFailure("no-scalar");
}

/** The first 20 bits of the transcript hash, modulo 10^6. */
function authenticationString(transcript: Uint8Array): string {
  const bits = (transcript[0]! << 12) | (transcript[1]! << 4) | (transcript[2]! >> 4);
  const digits = bits % 10 ** AUTHENTICATION_DIGITS;
  return String(digits).padStart(AUTHENTICATION_DIGITS, "0");
}

/** Overwrites secrets that have served. What an engine copied elsewhere, as big numbers are, it does not reach. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}
