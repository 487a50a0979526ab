/**
 * The OCSP response that goes with the EAP server's certificate, for clients
 * that ask for one. We are the CA, so we sign it ourselves; it says what we
 * know, and a server without a good certificate would not run.
 *
 * @see RFC 9190 §5.4 (a server of EAP-TLS 1.3 staples), RFC 6066 §8
 */
import type { Unix } from "../base/machine.ts";
import { STATUS_LIFETIME_SECONDS } from "../policy/ca/authority.ts";
import { AuthorityFailure } from "../policy/ca/failure.ts";
import type { HomeKeys } from "./keys.ts";

/** A response is signed again once it has this much of its life behind it. */
const RENEW_SECONDS: number = STATUS_LIFETIME_SECONDS / 2;

export class Stapling {
  #response: Uint8Array | null = null;
  #signedAt = 0;
  #serial = "";

  /** DER; null while the time is not known, for a response without a date is none. */
  response(keys: HomeKeys, now: Unix | null, floor: Unix): Uint8Array | null {
    if (now === null) return null;
    const { serial } = keys.server.certificate;
    const age = now - this.#signedAt;
    const fresh = serial === this.#serial && age >= 0 && age < RENEW_SECONDS;
    if (this.#response !== null && fresh) return this.#response;
    try {
      this.#response = keys.issuing.vouchFor(serial, { clock: now, floor });
    } catch (failure) {
      if (failure instanceof AuthorityFailure) return null;
      throw failure;
    }
    this.#signedAt = now;
    this.#serial = serial;
    return this.#response;
  }
}
