/**
 * The two signed objects of an active release: the token by which a home lets
 * go of a device, and the device's receipt. Either can be kept and shown later.
 *
 * Both are COSE_Sign1 over deterministic CBOR. What is signed names the kind of
 * object and the signer's key (`externalAad`), so that no other object of these
 * keys, and no signature under a related key, passes for one.
 *
 * ```
 * token   = { 1: device id, 2: H(SPKI), 3: counter, 4: time, 5: reason, 6: nonce }
 * receipt = { 1: device id, 2: H(token), 3: counter, 4: state }
 * ```
 */
import { sameBytes } from "../../base/bytes.ts";
import { CborFailure, parseCbor } from "../../base/cbor.ts";
import type { CborMap } from "../../base/cbor.ts";
import * as cbor from "../../base/cbor-write.ts";
import type { Crypto, SigningKey } from "../../base/crypto/crypto.ts";
import { unix } from "../../base/machine.ts";
import type { RandomSource, Unix } from "../../base/machine.ts";
import { CoseFailure } from "../../proto/cose/failure.ts";
import { externalAad, parseSign1, signSign1 } from "../../proto/cose/sign1.ts";
import type { ReceivedSign1 } from "../../proto/cose/sign1.ts";
import { encodePublicKey } from "../../proto/x509/key.ts";
import type { EcPublicKey } from "../../proto/x509/key.ts";
import { isDeviceId } from "../../proto/x509/device-id.ts";
import { OwnershipFailure } from "./failure.ts";

/** Octets of either object, signature and all. */
export const MAX_OBJECT_LENGTH = 512;

/** Octets of the device's nonce. */
export const NONCE_LENGTH = 16;
const HASH_LENGTH = 32;

/** Counters of one owner only rise; a home counts in seconds since 1970, so that a restored backup does not fall behind. */
export const MAX_COUNTER: number = 2 ** 48 - 1;
const MAX_TIME = 253_402_300_799;

/** Why a home lets go; the numbers go over the wire. */
export const RELEASE_REASONS = { sold: 1, "given-away": 2, defective: 3, returned: 4 } as const;
export type ReleaseReason = keyof typeof RELEASE_REASONS;

/** The state that a receipt confirms. */
const RELEASED = 1;

const TOKEN_TYPE = "homeca-release";
const RECEIPT_TYPE = "homeca-release-receipt";
const CBOR_CONTENT = 60;

export interface ReleaseToken {
  readonly deviceId: string;
  /** SHA-256 over the SubjectPublicKeyInfo of the device's key in use: 32 octets. */
  readonly spkiHash: Uint8Array;
  readonly counter: number;
  readonly time: Unix;
  readonly reason: ReleaseReason;
  /** As the device gave it out: {@link NONCE_LENGTH} octets. */
  readonly nonce: Uint8Array;
}

export interface Receipt {
  readonly deviceId: string;
  /** SHA-256 over the token as sent: 32 octets. */
  readonly tokenHash: Uint8Array;
  readonly counter: number;
}

/** What signing borrows. */
export interface SigningTools {
  readonly crypto: Crypto;
  readonly random: RandomSource;
}

/** The token, signed by the home's issuing CA. */
export function signToken(token: ReleaseToken, key: SigningKey, tools: SigningTools): Uint8Array {
  const payload = cbor.map(
    [1, cbor.text(token.deviceId)],
    [2, cbor.bytes(token.spkiHash)],
    [3, cbor.integer(token.counter)],
    [4, cbor.integer(token.time)],
    [5, cbor.integer(RELEASE_REASONS[token.reason])],
    [6, cbor.bytes(token.nonce)],
  );
  return signObject(TOKEN_TYPE, payload, key, tools);
}

/** The receipt, signed by the device with the key that the token names. */
export function signReceipt(receipt: Receipt, key: SigningKey, tools: SigningTools): Uint8Array {
  const payload = cbor.map(
    [1, cbor.text(receipt.deviceId)],
    [2, cbor.bytes(receipt.tokenHash)],
    [3, cbor.integer(receipt.counter)],
    [4, cbor.integer(RELEASED)],
  );
  return signObject(RECEIPT_TYPE, payload, key, tools);
}

/**
 * A token whose signature holds under one of the keys.
 *
 * @param signers - the keys of the owner's issuing CAs; the message says which of them, so at most one is tried
 * @throws {@link OwnershipFailure} `malformed`, `unknown-signer`, `bad-signature`
 */
export function verifyToken(
  encoded: Uint8Array,
  signers: readonly EcPublicKey[],
  crypto: Crypto,
): ReleaseToken {
  const payload = verifyObject(TOKEN_TYPE, encoded, signers, crypto);
  return read(payload, (map) => ({
    ...readDeviceAndHash(map),
    counter: map.required(3).integer(1, MAX_COUNTER),
    time: unix(map.required(4).unsigned(MAX_TIME)),
    reason: reasonOf(map.required(5).unsigned()),
    nonce: map.required(6).bytes(NONCE_LENGTH),
  }));
}

/** A receipt whose signature holds. @throws {@link OwnershipFailure} `malformed`, `unknown-signer`, `bad-signature` */
export function verifyReceipt(encoded: Uint8Array, device: EcPublicKey, crypto: Crypto): Receipt {
  const payload = verifyObject(RECEIPT_TYPE, encoded, [device], crypto);
  return read(payload, (map) => {
    const { deviceId, spkiHash: tokenHash } = readDeviceAndHash(map);
    const counter = map.required(3).integer(1, MAX_COUNTER);
    map.required(4).integer(RELEASED, RELEASED);
    return { deviceId, tokenHash, counter };
  });
}

/** Both objects begin with the device's id and a hash. */
function readDeviceAndHash(map: CborMap): Pick<ReleaseToken, "deviceId" | "spkiHash"> {
  const deviceId = map.required(1).text(64);
  if (!isDeviceId(deviceId)) throw new OwnershipFailure("malformed");
  return { deviceId, spkiHash: map.required(2).bytes(HASH_LENGTH) };
}

function reasonOf(code: number): ReleaseReason {
  // The keys of this constant are exactly the reasons; Object.keys forgets that.
  const reasons = Object.keys(RELEASE_REASONS) as ReleaseReason[];
  const found = reasons.find((reason) => RELEASE_REASONS[reason] === code);
  if (found === undefined) throw new OwnershipFailure("malformed");
  return found;
}

function signObject(
  type: string,
  payload: Uint8Array,
  key: SigningKey,
  { crypto, random }: SigningTools,
): Uint8Array {
  const spki = encodePublicKey(key.publicKey);
  const signed = {
    payload,
    externalAad: externalAad(crypto, type, spki),
    contentType: CBOR_CONTENT,
    keyId: crypto.digest("sha256", spki),
  };
  return signSign1(signed, key, random);
}

function verifyObject(
  type: string,
  encoded: Uint8Array,
  signers: readonly EcPublicKey[],
  crypto: Crypto,
): Uint8Array {
  const message = parsed(encoded);
  const { keyId, contentType } = message.headers;
  if (contentType !== CBOR_CONTENT) throw new OwnershipFailure("malformed");
  for (const signer of signers) {
    const spki = encodePublicKey(signer);
    if (keyId === null || !sameBytes(crypto.digest("sha256", spki), keyId)) continue;
    try {
      return message.verify(crypto, signer, externalAad(crypto, type, spki));
    } catch (failure) {
      if (failure instanceof CoseFailure) throw new OwnershipFailure("bad-signature", failure);
      throw failure;
    }
  }
  throw new OwnershipFailure("unknown-signer");
}

function parsed(encoded: Uint8Array): ReceivedSign1 {
  try {
    return parseSign1(encoded, MAX_OBJECT_LENGTH);
  } catch (failure) {
    if (failure instanceof CborFailure || failure instanceof CoseFailure) {
      throw new OwnershipFailure("malformed", failure);
    }
    throw failure;
  }
}

function read<T>(payload: Uint8Array, fields: (map: CborMap) => T): T {
  try {
    const map = parseCbor(payload, MAX_OBJECT_LENGTH).map();
    const value = fields(map);
    map.end();
    return value;
  } catch (failure) {
    if (failure instanceof CborFailure) throw new OwnershipFailure("malformed", failure);
    throw failure;
  }
}
