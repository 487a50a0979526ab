/** The two ends of a key update over a wire in memory, and a device that may misbehave. */
import { assert, seeded } from "#kit";
import { concat, hex, toHex } from "../../../src/base/bytes.ts";
import type { Crypto, EcdhKey } from "../../../src/base/crypto/crypto.ts";
import { mono } from "../../../src/base/machine.ts";
import type { Mono, RandomSource } from "../../../src/base/machine.ts";
import { DeviceKeyUpdate } from "../../../src/proto/key-update/device.ts";
import type { DeviceConfig, DeviceOutput, NewKey } from "../../../src/proto/key-update/device.ts";
import type { KeyUpdateReason } from "../../../src/proto/key-update/failure.ts";
import { HomeKeyUpdates } from "../../../src/proto/key-update/home.ts";
import type {
  Attempt,
  HomeConfig,
  HomeOutput,
  HomeUpdate,
} from "../../../src/proto/key-update/home.ts";
import {
  encodeCommitment,
  encodeReveal,
  parseShare,
} from "../../../src/proto/key-update/messages.ts";
import {
  commitmentOf,
  deriveSchedule,
  transcriptHash,
} from "../../../src/proto/key-update/schedule.ts";
import type { Association } from "../../../src/proto/key-update/schedule.ts";
import vectors from "../../../docs/vectors/key-update.json" with { type: "json" };

export { vectors };

export const START: Mono = mono(1_000_000);
export const later = (milliseconds: number): Mono => mono(START + milliseconds);

const { inputs, points } = vectors.cases[0]!;

/** d of the vectors. */
export const SCALAR: Uint8Array = hex(inputs.d);

export const ASSOCIATION: Association = {
  deviceId: hex(inputs.deviceId),
  deviceKey: hex(points.D),
  homeKeyHash: hex(inputs.homeKeyHash),
  exporter: hex(inputs.exporter),
};

/** Hands out the given octets, draw by draw, and then no more. */
export function scripted(...draws: readonly Uint8Array[]): RandomSource {
  const left = [...draws];
  return (length) => {
    const next = left.shift();
    assert.equal(next?.length, length, "a draw of another length");
    return next!;
  };
}

/** The opposite of a point, by what is known of the field: p - y. */
export function opposite(point: Uint8Array): Uint8Array {
  const prime = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
  const y = prime - BigInt(`0x${toHex(point.subarray(33))}`);
  return concat(point.subarray(0, 33), hex(y.toString(16).padStart(64, "0")));
}

export interface Home {
  readonly machine: HomeKeyUpdates;
  readonly attempts: Map<string, Attempt>;
  /** Fingerprints to be remembered, in hexadecimal. */
  readonly seen: Set<string>;
  /** Every output so far. */
  readonly outputs: HomeOutput[];
  commit(body: Uint8Array, at?: Mono, association?: Association): HomeOutput[];
  reveal(body: Uint8Array, at?: Mono, association?: Association): HomeOutput[];
}

/** HomeCA's side, which remembers what it is told to. Its only device is "lamp". */
export function homeOf(crypto: Crypto, options: Partial<HomeConfig> = {}): Home {
  const seen = new Set<string>();
  const attempts = new Map<string, Attempt>();
  const config = {
    crypto,
    random: seeded("home"),
    seen: (fingerprint: Uint8Array): boolean => seen.has(toHex(fingerprint)),
    ...options,
  };
  const machine = new HomeKeyUpdates(config, attempts);
  const outputs: HomeOutput[] = [];
  const handle = (
    kind: "commit" | "reveal",
    body: Uint8Array,
    at: Mono,
    association: Association,
  ): HomeOutput[] => {
    const caused = machine.handle({ kind, device: "lamp", association, body }, at);
    for (const output of caused) {
      if (output.kind === "remember") output.fingerprints.forEach((f) => seen.add(toHex(f)));
    }
    outputs.push(...caused);
    return caused;
  };
  return {
    machine,
    attempts,
    seen,
    outputs,
    commit: (body, at = START, association = ASSOCIATION) =>
      handle("commit", body, at, association),
    reveal: (body, at = START, association = ASSOCIATION) =>
      handle("reveal", body, at, association),
  };
}

export function deviceOf(crypto: Crypto, options: Partial<DeviceConfig> = {}): DeviceKeyUpdate {
  const association = ASSOCIATION;
  const random = seeded("device");
  return new DeviceKeyUpdate({
    crypto,
    association,
    scalar: SCALAR,
    random,
    withShare: true,
    ...options,
  });
}

/** The body of the one request or answer there is among the outputs. */
export function bodyOf(outputs: readonly (HomeOutput | DeviceOutput)[]): Uint8Array {
  const bodies = outputs.flatMap((output) => ("body" in output ? [output.body] : []));
  assert.equal(bodies.length, 1, JSON.stringify(outputs));
  return bodies[0]!;
}

/** Why the last of the outputs refused; fails where it did not. */
export function reasonOf(outputs: readonly (HomeOutput | DeviceOutput)[]): KeyUpdateReason {
  const last = outputs.at(-1);
  assert.ok(last !== undefined && "reason" in last, JSON.stringify(last));
  return last.reason;
}

export function updateOf(outputs: readonly HomeOutput[]): HomeUpdate {
  const updated = outputs.find((output) => output.kind === "updated");
  assert.ok(updated !== undefined, JSON.stringify(outputs.at(-1)));
  return updated.update;
}

/** Bodies of one run, in their order. */
export interface Messages {
  readonly commitment: Uint8Array;
  readonly share: Uint8Array;
  readonly reveal: Uint8Array;
  readonly confirmation: Uint8Array;
}

export interface Run {
  readonly messages: Messages;
  readonly update: HomeUpdate;
  readonly key: NewKey;
}

/** Both ends to the end; fails where either refuses. */
export function run(device: DeviceKeyUpdate, home: Home): Run {
  const commitment = bodyOf(device.handle({ kind: "start" }, START));
  const share = bodyOf(home.commit(commitment));
  const reveal = bodyOf(device.handle({ kind: "answer", body: share }, START));
  const answered = home.reveal(reveal);
  const confirmation = bodyOf(answered);
  const [updated] = device.handle({ kind: "answer", body: confirmation }, START);
  assert.equal(updated?.kind, "updated");
  assert.ok(updated?.kind === "updated");
  const messages = { commitment, share, reveal, confirmation };
  return { messages, update: updateOf(answered), key: updated.key };
}

/** What a device says that misbehaves knowingly: any points, any nonce, a tag that is right all the same. */
export interface Crooked {
  readonly point?: Uint8Array;
  readonly nonce?: Uint8Array;
  readonly keyShare?: Uint8Array | null;
  /** Changes the reveal after the commitment. */
  readonly lie?: (reveal: Parameters<typeof encodeReveal>[0]) => Parameters<typeof encodeReveal>[0];
}

/** Commits and reveals as told; what HomeCA made of the reveal. */
export function crookedRun(crypto: Crypto, home: Home, crooked: Crooked): HomeOutput[] {
  const ephemeral = crypto.ecdhKey("P-256", seeded("crooked"));
  const opening = {
    point: crooked.point ?? ephemeral.publicKey,
    nonce: crooked.nonce ?? seeded("crooked nonce")(32),
    keyShare: crooked.keyShare ?? null,
  };
  const commitment = commitmentOf(crypto, opening);
  const body = bodyOf(home.commit(encodeCommitment(commitment)));
  const confirmation = confirmationFor(crypto, opening, commitment, body, ephemeral);
  const reveal = { ...opening, confirmation };
  return home.reveal(encodeReveal(crooked.lie?.(reveal) ?? reveal));
}

function confirmationFor(
  crypto: Crypto,
  opening: Parameters<typeof commitmentOf>[1],
  commitment: Uint8Array,
  body: Uint8Array,
  ephemeral: EcdhKey,
): Uint8Array {
  const share = parseShare(body);
  const transcript = transcriptHash(crypto, ASSOCIATION, commitment, opening, share);
  const shared = ephemeral.agree(share.point)!;
  const present = crypto.p256.multiply(share.point, SCALAR)!.slice(1, 33);
  return deriveSchedule(crypto, transcript, shared, present).deviceConfirmation;
}
