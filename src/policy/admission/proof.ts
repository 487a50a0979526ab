/** What an authentication proved, and what was decided on it. */
import type { Mono, Unix } from "../../base/machine.ts";
import type { VerifiedPeer } from "../../proto/x509/path.ts";
import type { SelfSignedPeer } from "../../proto/x509/self-signed.ts";
import type { Change, RevocationReason } from "../registry/change.ts";
import type { Claim, Medium, Placement } from "../registry/record.ts";
import type { AdmitReason, QuarantineReason, RejectReason } from "./reasons.ts";

export type Proof =
  | {
      readonly kind: "certificate";
      readonly peer: VerifiedPeer;
      /** What our own list says of the serial. */
      readonly revoked: RevocationReason | null;
    }
  /** A certificate of ours with nothing wrong but its end. */
  | {
      readonly kind: "lapsed";
      readonly serial: string;
      readonly spkiHash: string;
      readonly notAfter: Unix;
      readonly revoked: RevocationReason | null;
    }
  /** The device's own key, in EAP-TTLS or EAP-TLS. */
  | {
      readonly kind: "first-contact";
      readonly peer: SelfSignedPeer;
      readonly inner: Claim | null;
      /** Whether others may hold this key as well, so that showing it proves nothing; see `isWeakKey`. */
      readonly weakKey: boolean;
      /** Null where no code could be checked. */
      readonly setupProofValid: boolean | null;
      /** The id of an expected record that this device's record takes in, see `match.ts`. */
      readonly absorbs: string | null;
      readonly mac: string | null;
    }
  /** A MAC address, which anyone can copy: the access point asks by it before a device without EAP may come. */
  | { readonly kind: "address"; readonly mac: string; readonly medium: Medium }
  /** A tunnel without any key of the peer's. */
  | { readonly kind: "none" };

/** The house rules that the owner configures. */
export interface Rules {
  /** Where a device goes whose record names no place of its own. */
  readonly placement: Placement;
  /** Longest session before a device authenticates again. */
  readonly sessionSeconds: number;
  /** Session in quarantine: enough for a key update, too short to live in. */
  readonly quarantineSeconds: number;
  /** Records in state `pending` beyond which no stranger becomes one more. */
  readonly maxPending: number;
  /** Whether strangers may come as far as quarantine. */
  readonly onboarding: boolean;
}

/** Both clocks; `unix` is null while the wall clock cannot be trusted. */
export interface Now {
  readonly mono: Mono;
  readonly unix: Unix | null;
}

/** What the limits say of this stranger; see `OnboardingLimits`. */
export interface Standing {
  /** Whether the NAS had a conversation left. */
  readonly mayBegin: boolean;
  /** Seconds the key still has to wait. */
  readonly backoffSeconds: number;
  /** Refusals before this one. */
  readonly refusals: number;
  /** Records in state `pending`. */
  readonly pending: number;
}

/**
 * The answer. `changes` are stored before anything else is done. To admit
 * takes a {@link VerifiedPeer}, and only path validation makes those.
 */
export type Decision =
  | {
      readonly kind: "admit";
      readonly peer: VerifiedPeer;
      readonly placement: Placement;
      readonly sessionSeconds: number;
      readonly reason: AdmitReason;
      readonly changes: readonly Change[];
    }
  | {
      readonly kind: "quarantine";
      readonly sessionSeconds: number;
      readonly reason: QuarantineReason;
      readonly changes: readonly Change[];
    }
  | {
      readonly kind: "reject";
      readonly reason: RejectReason;
      /** How long the peer should stay away. */
      readonly backoffSeconds: number;
      readonly changes: readonly [];
      /** What was thrown where the reason is `internal-error`, for the log; else null. */
      readonly fault: unknown;
    };
