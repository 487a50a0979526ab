/**
 * HomeCA's side of the key update: it answers a commitment with a share, and
 * a reveal with its confirmation. It learns the device's new public key and
 * nothing that its private key follows from: k and the share's scalar end with
 * the call that used them.
 *
 * Whether a device may update its key is decided before; what becomes of the
 * new key (proof of possession, certificate, the end of the old one) behind.
 */
import { sameBytes } from "../../base/bytes.ts";
import type { Crypto, EcdhKey } from "../../base/crypto/crypto.ts";
import { draw } from "../../base/crypto/ec.ts";
import { earliest, mono } from "../../base/machine.ts";
import type { Machine, Mono, RandomSource } from "../../base/machine.ts";
import { checkNewKey, checkShare, fingerprint, isTrivialNonce, sameUpToSign } from "./checks.ts";
import { KeyUpdateFailure } from "./failure.ts";
import type { KeyUpdateReason } from "./failure.ts";
import {
  encodeConfirmation,
  encodeShare,
  HASH_LENGTH,
  parseCommitment,
  parseReveal,
} from "./messages.ts";
import type { Reveal } from "./messages.ts";
import {
  commitmentOf,
  deriveSchedule,
  KEY_UPDATE_MILLISECONDS,
  transcriptHash,
  wipe,
} from "./schedule.ts";
import type { Association, DerivedKeys, Schedule } from "./schedule.ts";

/** Key updates that run at the same time, or ended within the last minute. */
export const MAX_ATTEMPTS = 64;

export interface HomeConfig {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  /**
   * Whether a share, nonce or key with this fingerprint (16 octets) was seen
   * before, from any device at any time. Present keys of devices belong there too.
   */
  readonly seen: (fingerprint: Uint8Array) => boolean;
}

/** `device` is the caller's own name for the device: one attempt each. */
export type HomeInput =
  | {
      readonly kind: "commit" | "reveal";
      readonly device: string;
      readonly association: Association;
      readonly body: Uint8Array;
    }
  | { readonly kind: "forget"; readonly device: string }
  | { readonly kind: "timeout" };

/** What HomeCA has of a new key. */
export interface HomeUpdate extends DerivedKeys {
  /** D2: the key that the device's next certificate request has to be for. */
  readonly publicKey: Uint8Array;
  /** Whether the device added a share of its own, so that k and the old key do not give the new one. */
  readonly withShare: boolean;
}

export type HomeOutput =
  /** The body of the answer to the request just handled. */
  | { readonly kind: "answer"; readonly device: string; readonly body: Uint8Array }
  /** Fingerprints that `seen` has to know from now on. */
  | { readonly kind: "remember"; readonly fingerprints: readonly Uint8Array[] }
  /** The attempt is over, its reveal was good. Comes before the answer: what cannot be stored is not confirmed. */
  | { readonly kind: "updated"; readonly device: string; readonly update: HomeUpdate }
  /** The request is refused; a reveal so refused has ended the attempt. */
  | { readonly kind: "refused"; readonly device: string; readonly reason: KeyUpdateReason }
  /** The device saw our share and never revealed its own: who does so often picks among results. */
  | { readonly kind: "abandoned"; readonly device: string };

/** One device's attempt; see {@link HomeKeyUpdates}. */
export type Attempt =
  | {
      readonly state: "await-reveal";
      readonly commitment: Uint8Array;
      readonly association: Association;
      readonly key: EcdhKey;
      readonly nonce: Uint8Array;
      readonly answer: Uint8Array;
      readonly until: Mono;
    }
  /** Kept so that a device which missed our confirmation may ask again. */
  | {
      readonly state: "confirmed";
      /** SHA-256 over the reveal. */
      readonly reveal: Uint8Array;
      readonly association: Association;
      readonly answer: Uint8Array;
      readonly until: Mono;
    };

type Outstanding = Attempt & { readonly state: "await-reveal" };
type Request = HomeInput & { readonly kind: "commit" | "reveal" };

/** See {@link Machine}. All devices of a home share one. */
export class HomeKeyUpdates implements Machine<HomeInput, HomeOutput> {
  readonly #config: HomeConfig;
  readonly #attempts: Map<string, Attempt>;

  /** @param attempts - all there is of state, by device; lent so that a test can look for secrets in it */
  constructor(config: HomeConfig, attempts: Map<string, Attempt> = new Map()) {
    this.#config = config;
    this.#attempts = attempts;
  }

  get wakeAt(): Mono | null {
    return earliest(Array.from(this.#attempts.values(), ({ until }) => until));
  }

  handle(input: HomeInput, now: Mono): HomeOutput[] {
    const outputs = this.#expire(now);
    if (input.kind === "timeout") return outputs;
    if (input.kind === "forget") {
      this.#attempts.delete(input.device);
      return outputs;
    }
    try {
      if (input.kind === "commit") outputs.push(this.#commit(input, now));
      else this.#reveal(input, now, outputs);
    } catch (failure) {
      if (!(failure instanceof KeyUpdateFailure)) throw failure;
      outputs.push({ kind: "refused", device: input.device, reason: failure.reason });
    }
    return outputs;
  }

  #expire(now: Mono): HomeOutput[] {
    const outputs: HomeOutput[] = [];
    for (const [device, { state, until }] of this.#attempts) {
      if (until > now) continue;
      this.#attempts.delete(device);
      if (state === "await-reveal") outputs.push({ kind: "abandoned", device });
    }
    return outputs;
  }

  #commit({ device, association, body }: Request, now: Mono): HomeOutput {
    const { crypto, random } = this.#config;
    const commitment = parseCommitment(body);
    const known = this.#attempts.get(device);
    if (known?.state === "await-reveal") {
      const repeated =
        sameBytes(known.commitment, commitment) && sameAssociation(known.association, association);
      if (!repeated) throw new KeyUpdateFailure("commitment-outstanding");
      return { kind: "answer", device, body: known.answer };
    }
    if (known === undefined && this.#attempts.size >= MAX_ATTEMPTS) {
      throw new KeyUpdateFailure("too-many-outstanding");
    }
    if (!crypto.isOnCurve("P-256", association.deviceKey)) {
      throw new KeyUpdateFailure("unsupported-key");
    }

    const key = crypto.ecdhKey("P-256", random);
    const nonce = draw(HASH_LENGTH, random);
    const answer = encodeShare({ point: key.publicKey, nonce });
    const until = mono(now + KEY_UPDATE_MILLISECONDS);
    const attempt = { commitment, association, key, nonce, answer, until };
    this.#attempts.set(device, { state: "await-reveal", ...attempt });
    return { kind: "answer", device, body: answer };
  }

  /** Appends outputs one by one: what was said before a failure stays said. */
  #reveal({ device, association, body }: Request, now: Mono, outputs: HomeOutput[]): void {
    const { crypto } = this.#config;
    const attempt = this.#attempts.get(device);
    if (attempt === undefined) throw new KeyUpdateFailure("no-commitment");
    if (attempt.state === "confirmed") {
      const repeated =
        sameBytes(attempt.reveal, crypto.digest("sha256", body)) &&
        sameAssociation(attempt.association, association);
      if (!repeated) throw new KeyUpdateFailure("no-commitment");
      outputs.push({ kind: "answer", device, body: attempt.answer });
      return;
    }
    // Whatever comes of it, this share has served: nobody tries a second reveal against it.
    this.#attempts.delete(device);
    if (!sameAssociation(attempt.association, association)) {
      throw new KeyUpdateFailure("other-association");
    }
    const reveal = parseReveal(body);
    this.#checkOpening(attempt, reveal, outputs);

    const schedule = this.#agree(attempt, reveal);
    try {
      if (!sameBytes(schedule.deviceConfirmation, reveal.confirmation)) {
        throw new KeyUpdateFailure("bad-confirmation");
      }
      const update = this.#update(attempt, reveal, schedule, outputs);
      const answer = encodeConfirmation(schedule.homeConfirmation);
      const until = mono(now + KEY_UPDATE_MILLISECONDS);
      const confirmed = { reveal: crypto.digest("sha256", body), association, answer, until };
      this.#attempts.set(device, { state: "confirmed", ...confirmed });
      outputs.push({ kind: "updated", device, update }, { kind: "answer", device, body: answer });
    } finally {
      wipe(schedule.scalar, schedule.deviceConfirmation);
    }
  }

  /** The commitment, then what it hid: cheap checks first. */
  #checkOpening(attempt: Outstanding, reveal: Reveal, outputs: HomeOutput[]): void {
    const { crypto, seen } = this.#config;
    const { point, nonce, keyShare } = reveal;
    if (!sameBytes(commitmentOf(crypto, reveal), attempt.commitment)) {
      throw new KeyUpdateFailure("commitment-differs");
    }
    if (isTrivialNonce(nonce)) throw new KeyUpdateFailure("trivial-nonce");
    const opened = keyShare === null ? [point, nonce] : [point, nonce, keyShare];
    const fingerprints = opened.map((octets) => fingerprint(crypto, octets));
    if (fingerprints.some((known) => seen(known))) throw new KeyUpdateFailure("repeated-share");
    outputs.push({ kind: "remember", fingerprints });

    const { deviceKey } = attempt.association;
    const shares = keyShare === null ? [point] : [point, keyShare];
    for (const share of shares) checkShare(crypto, share, attempt.key.publicKey, deviceKey);
    if (keyShare !== null && sameUpToSign(point, keyShare)) {
      throw new KeyUpdateFailure("same-share-twice");
    }
  }

  #agree({ association, commitment, key, nonce }: Outstanding, reveal: Reveal): Schedule {
    const { crypto } = this.#config;
    const home = { point: key.publicKey, nonce };
    const transcript = transcriptHash(crypto, association, commitment, reveal, home);
    const ephemeral = key.agree(reveal.point);
    const present = key.agree(association.deviceKey);
    // Both points are on the curve, so there is nothing they could not agree on.
    if (ephemeral === null || present === null) throw new KeyUpdateFailure("off-curve");
    return deriveSchedule(crypto, transcript, ephemeral, present);
  }

  #update(
    { association }: Outstanding,
    { keyShare }: Reveal,
    schedule: Schedule,
    outputs: HomeOutput[],
  ): HomeUpdate {
    const { crypto, seen } = this.#config;
    const { deviceKey } = association;
    const product = crypto.p256.multiply(deviceKey, schedule.scalar);
    const sum =
      keyShare === null || product === null ? product : crypto.p256.add(product, keyShare);
    const publicKey = checkNewKey(sum, deviceKey);
    const known = fingerprint(crypto, publicKey);
    if (seen(known)) throw new KeyUpdateFailure("new-key-is-known");
    outputs.push({ kind: "remember", fingerprints: [known] });
    const { discoveryKey, pskKey, authenticationString } = schedule;
    const withShare = keyShare !== null;
    return { publicKey, withShare, discoveryKey, pskKey, authenticationString };
  }
}

function sameAssociation(a: Association, b: Association): boolean {
  return (
    sameBytes(a.exporter, b.exporter) &&
    sameBytes(a.deviceKey, b.deviceKey) &&
    sameBytes(a.deviceId, b.deviceId) &&
    sameBytes(a.homeKeyHash, b.homeKeyHash)
  );
}
