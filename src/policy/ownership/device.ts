/**
 * Whose the device is, as the device itself knows it. It changes hands in two
 * ways only: its owner signs a release for it, or its home is lost and somebody
 * who holds it pairs it anew.
 *
 * The state is stored before anything is answered. A device that is released
 * erases what its owner put on it, and keeps its key: the next key update
 * starts from it.
 */
import { hex, sameBytes, toHex } from "../../base/bytes.ts";
import type { Crypto, SigningKey } from "../../base/crypto/crypto.ts";
import type { RandomSource } from "../../base/machine.ts";
import { encodePublicKey } from "../../proto/x509/key.ts";
import type { EcPublicKey } from "../../proto/x509/key.ts";
import { isDeviceId } from "../../proto/x509/device-id.ts";
import { RegistryFailure } from "../registry/failure.ts";
import { Fields } from "../registry/fields.ts";
import type { Pairing } from "../window/passive-release.ts";
import { OwnershipFailure } from "./failure.ts";
import {
  MAX_COUNTER,
  MAX_OBJECT_LENGTH,
  NONCE_LENGTH,
  signReceipt,
  verifyToken,
} from "./objects.ts";
import type { ReleaseToken } from "./objects.ts";

/** The owner's signers: one issuing CA, and its successor while both are in use. */
export const MAX_SIGNERS = 2;

/** A home, as the device it owns remembers it. */
export interface Owner {
  /** The name by which this home knows the device. */
  readonly deviceId: string;
  /** P-256 points of the issuing CAs that may release it: 65 octets in hexadecimal. */
  readonly signers: readonly string[];
}

/** A release that was carried out, kept so that the same one again gets the same receipt. Both in hexadecimal. */
export interface Carried {
  readonly tokenHash: string;
  readonly receipt: string;
}

export type Ownership =
  | { readonly state: "free"; readonly released: Carried | null }
  | {
      readonly state: "owned";
      readonly owner: Owner;
      /** Of the last token taken from this owner; 0 before the first. */
      readonly counter: number;
      /** Given out and not answered yet, in hexadecimal. */
      readonly nonce: string | null;
      readonly theftLock: boolean;
    };

/** A device that never had an owner. */
export const NEW_DEVICE: Ownership = { state: "free", released: null };

/**
 * The device takes a new owner: after a release, or through a door that its
 * lost home and somebody's presence have opened.
 *
 * @param pairing - of a device that is owned; null for none asked
 * @throws {@link OwnershipFailure} `still-owned`, `theft-locked`; RangeError for an owner without a signer, or with too many
 */
export function adopt(ownership: Ownership, owner: Owner, pairing: Pairing | null): Ownership {
  if (ownership.state === "owned") {
    if (ownership.theftLock) throw new OwnershipFailure("theft-locked");
    if (pairing?.kind !== "open") throw new OwnershipFailure("still-owned");
  }
  checkSigners(owner.signers);
  return { state: "owned", owner, counter: 0, nonce: null, theftLock: false };
}

/** The owner's signers from now on, told by the home itself. @throws RangeError as {@link adopt}, OwnershipFailure `not-owned` */
export function withSigners(ownership: Ownership, signers: readonly string[]): Ownership {
  if (ownership.state !== "owned") throw new OwnershipFailure("not-owned");
  checkSigners(signers);
  return { ...ownership, owner: { ...ownership.owner, signers } };
}

/**
 * Sets or takes off the theft lock, told by the home itself over an
 * authenticated connection. A locked device is neither freed by time nor
 * released by a token: who steals a token, or signs one in a hurry, gets nowhere.
 *
 * @throws {@link OwnershipFailure} `not-owned`
 */
export function withTheftLock(ownership: Ownership, theftLock: boolean): Ownership {
  if (ownership.state !== "owned") throw new OwnershipFailure("not-owned");
  return { ...ownership, theftLock };
}

/**
 * The nonce that the next release has to name. One is out at a time, and asking
 * again gives it again: else a lost answer, or a stranger's question, would
 * spoil a release under way.
 *
 * @returns {@link NONCE_LENGTH} octets, and the state to store before they are sent
 * @throws {@link OwnershipFailure} `not-owned`
 */
export function giveNonce(
  ownership: Ownership,
  random: RandomSource,
): { readonly ownership: Ownership; readonly nonce: Uint8Array } {
  if (ownership.state !== "owned") throw new OwnershipFailure("not-owned");
  const nonce = ownership.nonce === null ? random(NONCE_LENGTH) : hex(ownership.nonce);
  return { ownership: { ...ownership, nonce: toHex(nonce) }, nonce };
}

/** What the device signs with. */
export interface DeviceTools {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  /** The device's key in use. */
  readonly key: SigningKey;
}

/** A release taken. */
export interface Taken {
  /** To be stored, and the owner's data erased, before the receipt is sent. */
  readonly ownership: Ownership;
  readonly receipt: Uint8Array;
  /** Null where this very token had been taken before: nothing is left to do but to send the receipt. */
  readonly token: ReleaseToken | null;
}

/**
 * Takes a release token. The same token again, because its receipt was lost,
 * gets the same receipt.
 *
 * @throws {@link OwnershipFailure}; the state stays as it was
 */
export function takeRelease(ownership: Ownership, encoded: Uint8Array, tools: DeviceTools): Taken {
  const { crypto, key } = tools;
  const tokenHash = crypto.digest("sha256", encoded);
  if (ownership.state === "free") {
    const { released } = ownership;
    if (released === null || !sameBytes(hex(released.tokenHash), tokenHash)) {
      throw new OwnershipFailure("not-owned");
    }
    return { ownership, receipt: hex(released.receipt), token: null };
  }
  if (ownership.theftLock) throw new OwnershipFailure("theft-locked");
  if (ownership.nonce === null) throw new OwnershipFailure("other-nonce");
  const signers = ownership.owner.signers.map(keyOf);
  const token = verifyToken(encoded, signers, crypto);
  checkToken(token, ownership, crypto.digest("sha256", encodePublicKey(key.publicKey)));
  const { deviceId, counter } = token;
  const receipt = signReceipt({ deviceId, tokenHash, counter }, key, tools);
  const released = { tokenHash: toHex(tokenHash), receipt: toHex(receipt) };
  return { ownership: { state: "free", released }, receipt, token };
}

function checkToken(
  token: ReleaseToken,
  owned: Ownership & { readonly state: "owned" },
  ownHash: Uint8Array,
): void {
  if (token.deviceId !== owned.owner.deviceId) throw new OwnershipFailure("other-device");
  if (!sameBytes(token.spkiHash, ownHash)) throw new OwnershipFailure("other-key");
  if (token.counter <= owned.counter) throw new OwnershipFailure("counter-not-higher");
  if (owned.nonce === null || !sameBytes(token.nonce, hex(owned.nonce))) {
    throw new OwnershipFailure("other-nonce");
  }
}

function checkSigners(signers: readonly string[]): void {
  if (signers.length < 1 || signers.length > MAX_SIGNERS || !signers.every(isPoint)) {
    throw new RangeError("an owner has one or two signers on P-256");
  }
}

function keyOf(point: string): EcPublicKey {
  return { kind: "ec", curve: "P-256", point: hex(point) };
}

/** An uncompressed point in hexadecimal; whether it lies on the curve is found out when it verifies. */
function isPoint(text: string): boolean {
  return /^04[0-9a-f]{128}$/.test(text);
}

/** Whose the device is, from its JSON. @throws RegistryFailure `bad-form` for a field missing, unknown or out of bounds. */
export function parseOwnership(json: unknown): Ownership {
  const fields = new Fields(json, "ownership");
  const state = fields.oneOf("state", ["free", "owned"]);
  const ownership: Ownership =
    state === "free"
      ? { state, released: fields.nullable("released", () => parseCarried(fields.raw("released"))) }
      : {
          state,
          owner: parseOwner(fields.raw("owner")),
          counter: fields.whole("counter", 0, MAX_COUNTER),
          nonce: fields.nullable("nonce", () => fields.text("nonce", isNonce)),
          theftLock: fields.flag("theftLock"),
        };
  fields.end();
  return ownership;
}

function parseOwner(json: unknown): Owner {
  const fields = new Fields(json, "owner");
  const deviceId = fields.text("deviceId", isDeviceId);
  const signers = fields.list("signers", MAX_SIGNERS, (value, where) =>
    new Fields({ point: value }, where).text("point", isPoint),
  );
  fields.end();
  if (signers.length === 0) throw new RegistryFailure("bad-form", "owner has no signer");
  return { deviceId, signers };
}

function parseCarried(json: unknown): Carried {
  const fields = new Fields(json, "release");
  const carried = {
    tokenHash: fields.text("tokenHash", (text) => /^[0-9a-f]{64}$/.test(text)),
    receipt: fields.text("receipt", isObject),
  };
  fields.end();
  return carried;
}

function isNonce(text: string): boolean {
  return text.length === 2 * NONCE_LENGTH && isHex(text);
}

function isObject(text: string): boolean {
  return text.length >= 2 && text.length <= 2 * MAX_OBJECT_LENGTH && isHex(text);
}

function isHex(text: string): boolean {
  return /^(?:[0-9a-f]{2})+$/.test(text);
}
