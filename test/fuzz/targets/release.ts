/**
 * A release as a device gets it. Any octets are taken or refused in the
 * device's own way; with every lock open, what is taken is for this device, this
 * key and this nonce, and is taken once.
 */
import { sameBytes, toHex, utf8 } from "../../../src/base/bytes.ts";
import type { SigningKey } from "../../../src/base/crypto/crypto.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import { adopt, NEW_DEVICE, takeRelease } from "../../../src/policy/ownership/device.ts";
import type { Ownership } from "../../../src/policy/ownership/device.ts";
import { OwnershipFailure } from "../../../src/policy/ownership/failure.ts";
import { MAX_OBJECT_LENGTH, verifyToken } from "../../../src/policy/ownership/objects.ts";
import { hold, holdSame, leavesNothing, outcome } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

const FAILURES = [OwnershipFailure] as const;

/** A device and a home of fixed keys: scalars 1 and 2, so that seeds can be made anywhere. */
export const HOME_KEY: SigningKey = openCrypto.signingKey("P-256", scalar(1));
const DEVICE_KEY = openCrypto.signingKey("P-256", scalar(2));
export const DEVICE_ID = "aaaaaaaaaaaaaaaa";
export const NONCE: Uint8Array = utf8("sixteen octets!!");
const OWNER = { deviceId: DEVICE_ID, signers: [toHex(HOME_KEY.publicKey.point)] };

const owned = adopt(NEW_DEVICE, OWNER, null) as Ownership & { readonly state: "owned" };
const waiting: Ownership = { ...owned, nonce: toHex(NONCE) };

export function fuzz(bytes: Uint8Array): void {
  const shut = { crypto: noble, random: zeros, key: DEVICE_KEY };
  outcome(() => takeRelease(waiting, bytes, shut), FAILURES);
  const open = { ...shut, crypto: openCrypto };
  const result = outcome(() => takeRelease(waiting, bytes, open), FAILURES);
  if ("failure" in result) return;
  const { ownership, receipt, token } = result.value;
  const parse = (octets: Uint8Array): unknown =>
    verifyToken(octets, [HOME_KEY.publicKey], openCrypto);
  leavesNothing(parse, bytes, FAILURES);
  hold(bytes.length <= MAX_OBJECT_LENGTH && receipt.length <= MAX_OBJECT_LENGTH, "the bound");
  hold(token !== null && token.deviceId === DEVICE_ID, "for this device");
  hold(sameBytes(token.nonce, NONCE) && token.counter > 0, "for this time");
  hold(ownership.state === "free", "free by it");
  const again = takeRelease(ownership, bytes, open);
  hold(again.token === null, "taken once");
  holdSame(again.receipt, receipt, "the same receipt");
}

function scalar(value: number): Uint8Array {
  const octets = new Uint8Array(32);
  octets[31] = value;
  return octets;
}

function zeros(length: number): Uint8Array {
  return new Uint8Array(length);
}
