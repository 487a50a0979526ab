/**
 * The form of every resource of the device API. A resource is a function of the
 * request, of who asks, and of the home as it stands: it answers, and names the
 * changes that are to be stored before the answer goes out. It carries nothing
 * out itself.
 */
import { CborFailure } from "../../base/cbor.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import type { RandomSource } from "../../base/machine.ts";
import { ContentFormat } from "../../proto/coap/codes.ts";
import type { Method } from "../../proto/coap/codes.ts";
import type { CoapRequest } from "../../proto/coap/request.ts";
import type { CoapResponse } from "../../proto/coap/response.ts";
import type { Certificate } from "../../proto/x509/certificate.ts";
import type { SelfSignedPeer } from "../../proto/x509/self-signed.ts";
import type { Decision, Now } from "../admission/proof.ts";
import type { Reason } from "../admission/reasons.ts";
import type { IssuedCrl } from "../ca/authority.ts";
import type { EstHome } from "../est/enrolment.ts";
import type { EstReason } from "../est/outcome.ts";
import type { Authenticated } from "../est/standing.ts";
import type { Change, RevocationReason } from "../registry/change.ts";
import type { Claim, DeviceRecord } from "../registry/record.ts";
import type { Registry } from "../registry/registry.ts";
import { ApiFailure } from "./failure.ts";
import type { Releases } from "../ownership/releases.ts";
import type { KeyUpdates } from "./key-updates.ts";

/** Who speaks, as the handshake of this association proved it. */
export interface Caller {
  readonly asker: Authenticated;
  /** SHA-256 of its SubjectPublicKeyInfo, 64 hex digits. */
  readonly spkiHash: string;
  /** 32 octets of the exporter "EXPORTER-Channel-Binding" without context (RFC 9266). */
  readonly channelBinding: Uint8Array;
  /** What a request for a certificate may be tied to its connection by, this exporter among it. */
  readonly bindings: readonly Uint8Array[];
}

/** What a device that comes for the first time is to this home. */
export interface Met {
  readonly decision: Decision;
  /** The record as the decision leaves it; null where there is none. */
  readonly record: DeviceRecord | null;
  /** Null where no code could be checked. */
  readonly setupProofValid: boolean | null;
}

/** The periods that devices are told of, in seconds. */
export interface Periods {
  readonly windowSeconds: number;
  readonly releaseSeconds: number;
  readonly liveSeconds: number;
}

/** The home, as far as a resource may ask of it. */
export interface Home {
  readonly crypto: Crypto;
  readonly random: RandomSource;
  readonly now: Now;
  readonly registry: Registry;
  readonly root: Certificate;
  /** SHA-256 of the SubjectPublicKeyInfo of the certificate that this home shows, 32 octets. */
  readonly serverKeyHash: Uint8Array;
  /** Of this home alone; names of adoptions are made by it. 32 octets or more, secret. */
  readonly nameKey: Uint8Array;
  readonly est: EstHome;
  readonly keyUpdates: KeyUpdates;
  readonly releases: Releases;
  /** Whether a device may leave by its own wish; one that is theft-locked never may. */
  readonly leavesFreely: boolean;
  /** @throws AuthorityFailure while the time is not known and none was signed yet */
  crl(): IssuedCrl;
  periods(record: DeviceRecord): Periods;
  /**
   * What admission says of a key of the device's own, as in EAP.
   * @param proof - 16 octets; null for none
   */
  meet(peer: SelfSignedPeer, claim: Claim, proof: Uint8Array | null): Met;
}

/** One request, and all that it is judged by. */
export interface Call {
  readonly request: CoapRequest;
  readonly caller: Caller;
  /** The caller's record as it is now; null where there is none. */
  readonly record: DeviceRecord | null;
  /** What our own list says of the caller's certificate. */
  readonly revoked: RevocationReason | null;
  readonly home: Home;
}

/** Something for the owner's log; the sentence is made where devices have titles. */
export type Note =
  /** `reason` as admission has it; `isNews` where something follows from it. */
  | {
      readonly kind: "asked-for-adoption";
      readonly reason: Reason;
      readonly isNews: boolean;
      /** Whether it wants the home to know a code that no list has told. */
      readonly codeUnknown: boolean;
    }
  | { readonly kind: "key-updated"; readonly code: string; readonly shared: boolean }
  | { readonly kind: "key-update-refused"; readonly reason: string }
  /** Broken off so often that it has to wait. */
  | { readonly kind: "key-update-held" }
  | { readonly kind: "enrolment-refused"; readonly reason: EstReason }
  | { readonly kind: "lived" }
  | { readonly kind: "returned" }
  /** It is released by its own wish. */
  | { readonly kind: "gave-itself-up" }
  /** It would be released, and is not: it is locked, or its owner wants to decide. */
  | { readonly kind: "asked-to-leave"; readonly locked: boolean }
  | { readonly kind: "confirmed-release" }
  | { readonly kind: "receipt-refused"; readonly reason: string };

export interface Answer {
  readonly response: CoapResponse;
  /** Stored before the response is sent. */
  readonly changes: readonly Change[];
  readonly notes: readonly Note[];
}

/** What is new is pushed: who observes asks again once a day and not, as without a Max-Age, each minute (RFC 7641 §3.3.1). */
export const PUSHED_SECONDS = 86_400;

export function answer(
  response: CoapResponse,
  changes: readonly Change[] = [],
  notes: readonly Note[] = [],
): Answer {
  return { response, changes, notes };
}

/** Whom a method serves. */
export type Audience =
  /** Whoever has proved a key. */
  | "anyone"
  /** A device's own key, before it has a certificate. */
  | "newcomer"
  /** A certificate of this home, its record in good standing. */
  | "member"
  /** A member, or a device that was released and has not confirmed it. */
  | "leaving";

export interface Served {
  readonly audience: Audience;
  readonly call: (call: Call) => Answer;
}

export interface Resource {
  /** Segments; `*` stands for one of any name. */
  readonly path: readonly string[];
  /** Resource type in `/.well-known/core`; null for one that is not listed. */
  readonly type: string | null;
  /** Content-Formats of its representations. */
  readonly formats: readonly number[];
  readonly observable: boolean;
  readonly methods: Readonly<Partial<Record<Method, Served>>>;
}

/**
 * The body, in the one format that a resource takes.
 * @throws {@link ApiFailure} `wrong-format`, `malformed`
 */
export function bodyOf<T>(
  { contentFormat, payload }: CoapRequest,
  parse: (body: Uint8Array) => T,
  format: number = ContentFormat.CBOR,
): T {
  if (contentFormat !== format) throw new ApiFailure("wrong-format");
  try {
    return parse(payload);
  } catch (failure) {
    if (failure instanceof CborFailure) throw new ApiFailure("malformed", failure.reason);
    if (failure instanceof RangeError) throw new ApiFailure("malformed", failure.message);
    throw failure;
  }
}

/** Refuses a request that wants another format than there is. @throws {@link ApiFailure} `not-acceptable` */
export function requireAccept({ accept }: CoapRequest, ...formats: readonly number[]): void {
  if (accept !== null && !formats.includes(accept)) throw new ApiFailure("not-acceptable");
}
