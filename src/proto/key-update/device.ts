/**
 * The device's side of the key update: it commits to its shares, reveals them
 * once HomeCA has sent its own, and has a new key once HomeCA confirms. Nothing
 * here touches flash: until `updated` comes out the present key stands, and the
 * caller keeps it until the new one has served.
 */
import { sameBytes } from "../../base/bytes.ts";
import type { Crypto, EcdhKey } from "../../base/crypto/crypto.ts";
import { draw } from "../../base/crypto/ec.ts";
import { multiplyAdd, SCALAR_LENGTH } from "../../base/crypto/scalar.ts";
import { mono } from "../../base/machine.ts";
import type { Machine, Mono, RandomSource } from "../../base/machine.ts";
import { checkNewKey, checkShare, isTrivialNonce, sameUpToSign } from "./checks.ts";
import { KeyUpdateFailure } from "./failure.ts";
import type { KeyUpdateReason } from "./failure.ts";
import {
  encodeCommitment,
  encodeReveal,
  HASH_LENGTH,
  parseConfirmation,
  parseShare,
} from "./messages.ts";
import {
  commitmentOf,
  deriveSchedule,
  KEY_UPDATE_MILLISECONDS,
  transcriptHash,
  wipe,
} from "./schedule.ts";
import type { Association, DerivedKeys, Opening, Schedule } from "./schedule.ts";

/** Nonces drawn until one is not trivial; a source that fails this often is broken. */
const MAX_DRAWS = 4;

export interface DeviceConfig {
  readonly crypto: Crypto;
  readonly association: Association;
  /** d: the scalar of `association.deviceKey`, 32 octets. Borrowed, and left as it is. */
  readonly scalar: Uint8Array;
  readonly random: RandomSource;
  /**
   * Whether the random source is known to work. Then the device adds r of its
   * own, and whoever knows both k and d still does not know the new key;
   * otherwise r is 0, which anybody may know.
   */
  readonly withShare: boolean;
}

export type DeviceInput =
  | { readonly kind: "start" }
  /** The body of HomeCA's answer to what was sent last. */
  | { readonly kind: "answer"; readonly body: Uint8Array }
  | { readonly kind: "timeout" };

export interface NewKey extends DerivedKeys {
  /** d2, 32 octets: the secret that the device alone has. */
  readonly scalar: Uint8Array;
  /** D2, SEC 1 uncompressed. */
  readonly publicKey: Uint8Array;
}

export type DeviceOutput =
  /** A request's body: `commit` goes to /h/ku/c, `reveal` to /h/ku/r. */
  | { readonly kind: "send"; readonly step: "commit" | "reveal"; readonly body: Uint8Array }
  | { readonly kind: "updated"; readonly key: NewKey }
  | { readonly kind: "failed"; readonly reason: KeyUpdateReason };

interface AwaitShare {
  readonly kind: "await-share";
  readonly ephemeral: EcdhKey;
  readonly opening: Opening;
  /** r, or zeros in paper mode. */
  readonly share: Uint8Array;
  readonly commitment: Uint8Array;
  readonly until: Mono;
}

interface AwaitConfirmation {
  readonly kind: "await-confirmation";
  readonly key: NewKey;
  /** HomeCA's tag, as it has to be. */
  readonly confirmation: Uint8Array;
  readonly until: Mono;
}

type State = { readonly kind: "idle" } | AwaitShare | AwaitConfirmation | { readonly kind: "done" };

/** See {@link Machine}. One key update; the next one is another machine. */
export class DeviceKeyUpdate implements Machine<DeviceInput, DeviceOutput> {
  readonly #config: DeviceConfig;
  #state: State = { kind: "idle" };

  constructor(config: DeviceConfig) {
    this.#config = config;
  }

  get wakeAt(): Mono | null {
    return "until" in this.#state ? this.#state.until : null;
  }

  handle(input: DeviceInput, now: Mono): DeviceOutput[] {
    try {
      if ("until" in this.#state && now >= this.#state.until) {
        throw new KeyUpdateFailure("out-of-time");
      }
      const output = this.#step(input, now);
      return output === null ? [] : [output];
    } catch (failure) {
      if (!(failure instanceof KeyUpdateFailure)) throw failure;
      this.#end();
      return [{ kind: "failed", reason: failure.reason }];
    }
  }

  /** An input that its state does not wait for, as an answer that comes twice, changes nothing. */
  #step(input: DeviceInput, now: Mono): DeviceOutput | null {
    const state = this.#state;
    if (input.kind === "start") return state.kind === "idle" ? this.#begin(now) : null;
    if (input.kind === "timeout") return null;
    if (state.kind === "await-share") return this.#reveal(state, input.body);
    if (state.kind === "await-confirmation") return this.#confirm(state, input.body);
    return null;
  }

  #begin(now: Mono): DeviceOutput {
    const { crypto, random, withShare } = this.#config;
    const ephemeral = crypto.ecdhKey("P-256", random);
    const nonce = drawNonce(random);
    const share = withShare
      ? crypto.generateScalar("P-256", random)
      : new Uint8Array(SCALAR_LENGTH);
    const keyShare = withShare ? crypto.p256.base(share) : null;
    const point = ephemeral.publicKey;
    // A source that gives the same number twice would give r away with the agreement.
    if (keyShare !== null && sameUpToSign(point, keyShare)) {
      throw new KeyUpdateFailure("broken-source");
    }
    const opening = { point, nonce, keyShare };
    const commitment = commitmentOf(crypto, opening);
    const until = mono(now + KEY_UPDATE_MILLISECONDS);
    this.#state = { kind: "await-share", ephemeral, opening, share, commitment, until };
    return { kind: "send", step: "commit", body: encodeCommitment(commitment) };
  }

  #reveal({ opening, share, until, ...state }: AwaitShare, body: Uint8Array): DeviceOutput {
    const { crypto, association } = this.#config;
    const { deviceKey } = association;
    const home = parseShare(body);
    checkShare(crypto, home.point, opening.point, deviceKey);
    if (opening.keyShare !== null && sameUpToSign(home.point, opening.keyShare)) {
      throw new KeyUpdateFailure("own-share");
    }

    const transcript = transcriptHash(crypto, association, state.commitment, opening, home);
    const schedule = this.#agree(state.ephemeral, home.point, transcript);
    try {
      const key = this.#newKey(schedule, share);
      const confirmation = schedule.homeConfirmation;
      this.#state = { kind: "await-confirmation", key, confirmation, until };
    } finally {
      wipe(schedule.scalar, share);
    }
    const revealed = { ...opening, confirmation: schedule.deviceConfirmation };
    return { kind: "send", step: "reveal", body: encodeReveal(revealed) };
  }

  #agree(ephemeral: EcdhKey, point: Uint8Array, transcript: Uint8Array): Schedule {
    const { crypto, scalar } = this.#config;
    const shared = ephemeral.agree(point);
    const product = crypto.p256.multiply(point, scalar);
    // The point is on the curve, so there is nothing they could not agree on.
    if (shared === null || product === null) throw new KeyUpdateFailure("off-curve");
    const present = product.slice(1, 1 + SCALAR_LENGTH);
    wipe(product);
    return deriveSchedule(crypto, transcript, shared, present);
  }

  #newKey(schedule: Schedule, share: Uint8Array): NewKey {
    const { crypto, association, scalar: present } = this.#config;
    const scalar = multiplyAdd(schedule.scalar, present, share);
    const isZero = scalar.every((octet) => octet === 0);
    const publicKey = checkNewKey(isZero ? null : crypto.p256.base(scalar), association.deviceKey);
    const { discoveryKey, pskKey, authenticationString } = schedule;
    return { scalar, publicKey, discoveryKey, pskKey, authenticationString };
  }

  #confirm({ key, confirmation }: AwaitConfirmation, body: Uint8Array): DeviceOutput {
    if (!sameBytes(parseConfirmation(body), confirmation)) {
      throw new KeyUpdateFailure("bad-confirmation");
    }
    this.#state = { kind: "done" };
    return { kind: "updated", key };
  }

  #end(): void {
    if (this.#state.kind === "await-share") wipe(this.#state.share);
    if (this.#state.kind === "await-confirmation") wipe(this.#state.key.scalar);
    this.#state = { kind: "done" };
  }
}

function drawNonce(random: RandomSource): Uint8Array {
  for (let draws = 0; draws < MAX_DRAWS; draws++) {
    const nonce = draw(HASH_LENGTH, random);
    if (!isTrivialNonce(nonce)) return nonce;
  }
  throw new KeyUpdateFailure("broken-source");
}
