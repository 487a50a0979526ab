/** A home, a device that it owns and a release between them. Everything repeats with the seed. */
import { hex, toHex } from "../../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../../src/base/crypto/crypto.ts";
import { unix } from "../../../src/base/machine.ts";
import type { Unix } from "../../../src/base/machine.ts";
import { withdraw } from "../../../src/policy/admission/owner.ts";
import { adopt, giveNonce, NEW_DEVICE } from "../../../src/policy/ownership/device.ts";
import type { DeviceTools, Ownership } from "../../../src/policy/ownership/device.ts";
import { signRelease, withdrawnAt } from "../../../src/policy/ownership/home.ts";
import type { SignedRelease } from "../../../src/policy/ownership/home.ts";
import { blankRecord, recordId, withKey } from "../../../src/policy/registry/record.ts";
import type { DeviceRecord } from "../../../src/policy/registry/record.ts";
import { applyChanges, EMPTY_REGISTRY } from "../../../src/policy/registry/registry.ts";
import type { Registry } from "../../../src/policy/registry/registry.ts";
import { encodePublicKey } from "../../../src/proto/x509/key.ts";
import { seeded } from "#kit";

/** 2026-11-22T00:00:00Z. */
export const NOW: Unix = unix(1_795_305_600);
export const SERIAL = "40aa";

export interface Scene {
  readonly homeKey: SigningKey;
  readonly deviceKey: SigningKey;
  readonly device: DeviceTools;
  readonly deviceId: string;
  readonly record: DeviceRecord;
  /** The device is active in it and has one certificate. */
  readonly registry: Registry;
  readonly owned: Ownership;
}

export function makeScene(crypto: Crypto, seed = "ownership"): Scene {
  const random = seeded(seed);
  const newKey = (): SigningKey =>
    crypto.signingKey("P-256", crypto.generateScalar("P-256", random));
  const homeKey = newKey();
  const deviceKey = newKey();
  const spkiHash = crypto.digest("sha256", encodePublicKey(deviceKey.publicKey));
  const deviceId = recordId(spkiHash);
  const notAfter = unix(NOW + 30 * 86_400);
  const certificate = { serial: SERIAL, spkiHash: toHex(spkiHash), notAfter };
  const record = withKey(blankRecord(deviceId, "aware", "active"), {
    role: "certificate",
    issuedAt: NOW,
    ...certificate,
  });
  const registry = applyChanges(EMPTY_REGISTRY, [
    { kind: "issued", device: deviceId, ...certificate },
    { kind: "put", record },
  ]);
  const owner = { deviceId, signers: [pointOf(homeKey)] };
  const owned = adopt(NEW_DEVICE, owner, null);
  const device = { crypto, random, key: deviceKey };
  return { homeKey, deviceKey, device, deviceId, record, registry, owned };
}

export function pointOf(key: SigningKey): string {
  return toHex(key.publicKey.point);
}

/** The home's registry once its owner has released the device on record. */
export function releasedIn({ registry, record }: Scene): Registry {
  const changes = withdraw(record, "release", "privilegeWithdrawn", "owner", NOW);
  return applyChanges(registry, changes);
}

/** The device after it gave out its nonce, and the release that the home signs for it. */
export function signedFor(
  scene: Scene,
  changes: {
    readonly nonce?: Uint8Array;
    readonly lastCounter?: number;
    readonly key?: SigningKey;
  } = {},
): { readonly asked: Ownership; readonly nonce: Uint8Array; readonly release: SignedRelease } {
  const { ownership, nonce } = giveNonce(scene.owned, scene.device.random);
  const order = {
    device: withdrawnAt(releasedIn(scene), scene.deviceId, NOW),
    nonce: changes.nonce ?? nonce,
    reason: "sold" as const,
    now: NOW,
    lastCounter: changes.lastCounter ?? 0,
  };
  const release = signRelease(order, changes.key ?? scene.homeKey, scene.device);
  return { asked: ownership, nonce, release };
}

export const NO_NONCE: Uint8Array = hex("00".repeat(16));
