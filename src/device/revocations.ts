/**
 * The revocation list that a device holds of its home: verified under the
 * issuing CA that its own certificate came from, never exchanged for an older
 * one, and on the medium before it counts.
 */
import type { Crypto } from "../base/crypto/crypto.ts";
import { DerFailure } from "../base/der.ts";
import type { Unix } from "../base/machine.ts";
import { freshness, stillServed, takes } from "../policy/rights/list-freshness.ts";
import type { Freshness, ListHeld, Taking } from "../policy/rights/list-freshness.ts";
import type { Method } from "../policy/rights/aif.ts";
import { parseCertificate } from "../proto/x509/certificate.ts";
import { parseCrl, verifyCrl } from "../proto/x509/crl.ts";
import type { VerifiedCrl } from "../proto/x509/crl.ts";
import { X509Failure } from "../proto/x509/failure.ts";
import type { Host } from "../host/host.ts";
import type { Ownership, StateFile } from "./state.ts";

const FILE_MODE = 0o600;

/** Octets of a list that a device keeps: a home's is below 5 KiB, one of a thousand revocations below 40. */
export const MAX_LIST_LENGTH = 65_536;

/** What became of a list: `refused` for one that is too long, damaged, or not signed by this home. */
export type ListTaken = Taking | "refused";

export class Revocations {
  readonly #host: Pick<Host, "files" | "crypto">;
  readonly #path: string;
  readonly #file: StateFile;
  #held: VerifiedCrl | null;

  /** Reads the list that is kept; one that does not hold under the present home is left out. @throws HostFailure */
  constructor(host: Pick<Host, "files" | "crypto">, path: string, file: StateFile) {
    this.#host = host;
    this.#path = path;
    this.#file = file;
    const { owner } = file.state;
    const bytes = host.files.read(path);
    this.#held = owner === null || bytes === null ? null : verified(host.crypto, bytes, owner);
  }

  /** Null for none; also where the one kept is older than one that was held before. */
  get held(): ListHeld | null {
    const crl = this.#held?.crl;
    if (crl === undefined || crl.number < this.#floor) return null;
    return { number: crl.number, nextUpdate: crl.nextUpdate };
  }

  /**
   * Takes what the home sent.
   * @throws HostFailure; what was held stays
   */
  take(encoded: Uint8Array): ListTaken {
    const { owner } = this.#file.state;
    const list = owner === null ? null : verified(this.#host.crypto, encoded, owner);
    if (list === null || owner === null) return "refused";
    const { number, nextUpdate } = list.crl;
    if (number < this.#floor) return "older";
    const taking = takes(this.held, { number, nextUpdate });
    if (taking !== "taken") return taking;
    this.#host.files.replaceDurably(this.#path, encoded, FILE_MODE);
    this.#held = list;
    if (number > this.#floor) this.#file.change({ owner: { ...owner, crlNumber: number } });
    return taking;
  }

  /** @param now - the later of the device's clock and the newest time its home has proved, or that nobody knows the time */
  freshness(now: Unix | "unknown"): Freshness {
    return freshness(this.held, now);
  }

  /** Whether a device of this home may use a method here, its rights aside: it is not on the list, and the list is new enough for that. */
  serves(serial: string, method: Method, now: Unix | "unknown"): boolean {
    const isListed = this.#held?.crl.entries.has(serial) ?? true;
    return !isListed && stillServed(this.freshness(now), method);
  }

  /** The home that it was of is none any more. @throws HostFailure */
  forget(): void {
    this.#host.files.remove(this.#path);
    this.#held = null;
  }

  /** The highest number that was held, over the loss of the list. */
  get #floor(): number {
    return this.#file.state.owner?.crlNumber ?? 0;
  }
}

function verified(
  crypto: Crypto,
  encoded: Uint8Array,
  { chain }: Pick<Ownership, "chain">,
): VerifiedCrl | null {
  const [, issuing] = chain;
  if (issuing === undefined || encoded.length > MAX_LIST_LENGTH) return null;
  try {
    return verifyCrl(parseCrl(encoded), parseCertificate(issuing), crypto);
  } catch (failure) {
    if (failure instanceof X509Failure || failure instanceof DerFailure) return null;
    throw failure;
  }
}
