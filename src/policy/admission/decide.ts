/**
 * The one place that says yes. A decision is made from a proof, the record it
 * belongs to, the house rules and the time; whatever is not settled otherwise
 * is quarantine, and whatever throws is a reject.
 */
import { hex } from "../../base/bytes.ts";
import type { Unix } from "../../base/machine.ts";
import type { VerifiedPeer } from "../../proto/x509/path.ts";
import type { SelfSignedPeer } from "../../proto/x509/self-signed.ts";
import { step } from "../lifecycle/step.ts";
import { BEGINNINGS } from "../lifecycle/table.ts";
import type { Change, RevocationReason } from "../registry/change.ts";
import {
  blankRecord,
  comesByAddress,
  hasCertificate,
  hasKey,
  isOwedRelease,
  recordId,
  withKey,
  withMac,
} from "../registry/record.ts";
import type { DeviceRecord, Proven } from "../registry/record.ts";
import { backoffAfter } from "./limits.ts";
import { comeBack } from "./owner.ts";
import type { Decision, Now, Proof, Rules, Standing } from "./proof.ts";
import type { QuarantineReason, RejectReason } from "./reasons.ts";

type FirstContact = Proof & { readonly kind: "first-contact" };

/**
 * @param record - what `deviceBySerial`, `deviceByKey`, `matchFirstContact` or `deviceByAddress` found for this proof
 * @param standing - what the limits say; a certificate of ours is not held up by it
 */
export function decide(
  proof: Proof,
  record: DeviceRecord | null,
  rules: Rules,
  now: Now,
  standing: Standing,
): Decision {
  try {
    switch (proof.kind) {
      case "certificate":
        return byCertificate(proof.peer, proof.revoked, record, rules, now, standing);
      case "lapsed":
        return byLapsed(proof, record, rules, standing);
      case "first-contact":
        return byOwnKey(proof, record, rules, now, standing);
      case "address":
        return byAddress(proof, record, rules, now, standing);
      case "none":
        return visitor(rules, standing);
    }
  } catch (fault) {
    return { ...reject("internal-error", standing), fault };
  }
}

function byCertificate(
  peer: VerifiedPeer,
  revoked: RevocationReason | null,
  record: DeviceRecord | null,
  rules: Rules,
  now: Now,
  standing: Standing,
): Decision {
  if (fetchesRelease(record, peer)) return quarantine(rules, "release-waits");
  const refused = certificateRefused(record, revoked, standing);
  if (refused !== null) return refused;
  if (record === null || !hasCertificate(record, peer.serial, peer.spkiHash)) {
    return quarantine(rules, "certificate-not-on-record");
  }
  if (record.alarm !== null) return quarantine(rules, record.alarm);
  if (now.unix === null) return quarantine(rules, "time-unknown");
  // Withdrawn for silence or for its rights: the list counts, whatever the record says by now.
  if (revoked !== null) {
    return quarantine(rules, record.state === "dormant" ? "dormant" : "certificate-withdrawn");
  }
  if (peer.leaf.notAfter < now.unix) return lapsed(record, rules, standing);

  switch (record.state) {
    case "approved":
      return admit(peer, record, rules, now.unix, "joined");
    case "active":
      return admit(peer, record, rules, now.unix, "certificate-on-record");
    case "dormant":
      return quarantine(rules, "dormant");
    case "expected":
    case "pending":
      return quarantine(rules, "awaiting-owner");
    case "denied":
    case "revoked":
    case "released":
      return reject(record.state, standing);
  }
}

function byLapsed(
  proof: Proof & { readonly kind: "lapsed" },
  record: DeviceRecord | null,
  rules: Rules,
  standing: Standing,
): Decision {
  if (fetchesRelease(record, proof)) return quarantine(rules, "release-waits");
  const refused = certificateRefused(record, proof.revoked, standing);
  if (refused !== null) return refused;
  if (record === null || !hasCertificate(record, proof.serial, proof.spkiHash)) {
    return quarantine(rules, "certificate-not-on-record");
  }
  return record.alarm === null ? lapsed(record, rules, standing) : quarantine(rules, record.alarm);
}

/**
 * Quarantine is what any stranger's key gets, so a device that is owed its
 * release gets it by the certificate that was withdrawn for that.
 */
function fetchesRelease(
  record: DeviceRecord | null,
  { serial, spkiHash }: { readonly serial: string; readonly spkiHash: string },
): boolean {
  return record !== null && isOwedRelease(record) && hasCertificate(record, serial, spkiHash);
}

/** What refuses a certificate before anything else is looked at. */
function certificateRefused(
  record: DeviceRecord | null,
  revoked: RevocationReason | null,
  standing: Standing,
): Decision | null {
  const refused = recordRefused(record, standing);
  if (refused !== null) return refused;
  // Withdrawn for silence alone: the device may still prove in quarantine that it lives.
  if (revoked === null || revoked === "cessationOfOperation") return null;
  return reject("certificate-revoked", standing);
}

/** A device that renews by itself is let as far as that; for another the owner must issue. */
function lapsed(record: DeviceRecord, rules: Rules, standing: Standing): Decision {
  return record.class === "aware"
    ? quarantine(rules, "certificate-lapsed")
    : reject("certificate-ended", standing);
}

function byOwnKey(
  proof: FirstContact,
  record: DeviceRecord | null,
  rules: Rules,
  now: Now,
  standing: Standing,
): Decision {
  if (record !== null && bringsReceipt(record, proof.peer)) {
    return strangerRefused(rules, standing) ?? quarantine(rules, "release-waits");
  }
  const refused = recordRefused(record, standing);
  if (refused !== null) return refused;
  if (standing.backoffSeconds > 0) return tooSoon(standing);
  if (proof.setupProofValid === false) return reject("setup-proof-wrong", standing);
  if (record === null) return stranger(proof, rules, now, standing);
  if (record.alarm !== null) return quarantine(rules, record.alarm);

  switch (record.state) {
    case "expected":
    case "pending":
    case "approved":
      return isSecondClaimant(proof, record)
        ? quarantine(rules, "duplicate-key", [
            { kind: "put", record: { ...record, alarm: "duplicate-key" } },
          ])
        : becoming(proof, record, rules, now.unix);
    // Its first key is retired: whoever still has that one, the maker or the last owner, must not
    // be able to bring an alarm upon a device that has a certificate.
    case "active":
    case "dormant":
      return quarantine(rules, "lost-certificate");
    case "denied":
    case "revoked":
    case "released":
      return reject(record.state, standing);
  }
}

/** Its token taken, the device has nothing left but the key that signed the receipt. */
function bringsReceipt(record: DeviceRecord, { spkiHash }: SelfSignedPeer): boolean {
  const { release } = record;
  return isOwedRelease(record) && release?.sent !== null && release?.spkiHash === spkiHash;
}

/** A device on its way in: approved by what it proves, or already, or not yet. */
function becoming(
  proof: FirstContact,
  record: DeviceRecord,
  rules: Rules,
  now: Unix | null,
): Decision {
  if (record.state === "approved") return quarantine(rules, "approved");
  const proven = provenBy(proof, record);
  if (proven !== null) return quarantine(rules, "approved", approval(proof, record, proven, now));
  const isListed = record.state === "expected" && proof.weakKey;
  return isListed
    ? quarantine(rules, "weak-key", [{ kind: "put", record: doubted(proof, record, now) }])
    : quarantine(rules, "awaiting-owner");
}

/** Its key is the imported one, which proves nothing: the owner is asked as for any stranger. */
function doubted(proof: FirstContact, record: DeviceRecord, now: Unix | null): DeviceRecord {
  const state = step(record.state, "contact");
  return { ...introduced(record, proof), state, firstSeen: record.firstSeen ?? now };
}

/** No key at all: nothing to remember, but it may look at quarantine (RFC 9965 §4.2). */
function visitor(rules: Rules, standing: Standing): Decision {
  if (standing.backoffSeconds > 0) return tooSoon(standing);
  return strangerRefused(rules, standing) ?? quarantine(rules, "nothing-proven");
}

/**
 * An address is not a proof, so it opens nothing but the cage, and that only
 * where the owner has said that this device can do no better. A stranger's
 * leaves no trace: whoever sends frames could fill the list with invented ones.
 */
function byAddress(
  { mac, medium }: Proof & { readonly kind: "address" },
  record: DeviceRecord | null,
  rules: Rules,
  now: Now,
  standing: Standing,
): Decision {
  if (record === null || !record.macs.includes(mac) || !comesByAddress(record, medium)) {
    return reject("unknown-address", standing);
  }
  const refused = recordRefused(record, standing);
  if (refused !== null) return refused;
  if (record.alarm !== null) return quarantine(rules, record.alarm);
  switch (record.state) {
    case "approved":
      return caged(rules, [joining(record, now.unix)]);
    case "active":
      return caged(rules, []);
    case "dormant":
      // It has nothing to prove more with, and the cage opens no more than quarantine does.
      return caged(rules, [{ kind: "put", record: comeBack(record) }]);
    case "expected":
    case "pending":
      return reject("not-approved", standing);
    case "denied":
    case "revoked":
    case "released":
      return reject(record.state, standing);
  }
}

/** For good, unlike those who are in quarantine on their way elsewhere. */
function caged({ sessionSeconds }: Rules, changes: readonly Change[]): Decision {
  return { kind: "quarantine", sessionSeconds, reason: "caged", changes };
}

/** A key nobody knows: into quarantine and before the owner's eyes, within the limits. */
function stranger(proof: FirstContact, rules: Rules, now: Now, standing: Standing): Decision {
  const refused = strangerRefused(rules, standing);
  if (refused !== null) return refused;
  if (standing.pending >= rules.maxPending) return reject("too-many-pending", standing);
  const blank = blankRecord(recordId(hex(proof.peer.spkiHash)), "aware", BEGINNINGS.contact);
  const record = { ...introduced(blank, proof), firstSeen: now.unix };
  return quarantine(rules, "new-device", [{ kind: "put", record }]);
}

function strangerRefused(rules: Rules, standing: Standing): Decision | null {
  if (!rules.onboarding) return reject("onboarding-closed", standing);
  if (!standing.mayBegin) return reject("too-many-conversations", standing);
  return null;
}

/** The owner's word that ended a device's life here stands over any proof. */
function recordRefused(record: DeviceRecord | null, standing: Standing): Decision | null {
  const state = record?.state;
  if (state === "denied" || state === "revoked" || state === "released") {
    return reject(state, standing);
  }
  return null;
}

/** What ties this key to what the owner was told beforehand; null for nothing. */
function provenBy(proof: FirstContact, record: DeviceRecord): Proven | null {
  if (proof.setupProofValid === true) return "setup-code";
  const isImported = record.state === "expected" && hasKey(record, proof.peer.spkiHash);
  return isImported && !proof.weakKey ? "imported-key" : null;
}

/** One key, two devices that call themselves differently: a key shared by a batch, or a copy. */
function isSecondClaimant({ inner }: FirstContact, record: DeviceRecord): boolean {
  return inner !== null && record.claim !== null && inner.id !== record.claim.id;
}

function approval(
  proof: FirstContact,
  record: DeviceRecord,
  proven: Proven,
  now: Unix | null,
): Change[] {
  const approved: DeviceRecord = {
    ...introduced(record, proof),
    state: step(record.state, "prove"),
    proven,
    firstSeen: record.firstSeen ?? now,
    decidedAt: now,
    decidedBy: proven,
  };
  const changes: Change[] = [{ kind: "put", record: approved }];
  // First, so that the key is never on two records at once.
  if (proof.absorbs !== null) changes.unshift({ kind: "remove", id: proof.absorbs });
  return changes;
}

/** The record with what the device showed and says; what the owner or a list said stays. */
function introduced(record: DeviceRecord, { peer, inner, mac }: FirstContact): DeviceRecord {
  const keyed = withKey(record, { role: "first-contact", spkiHash: peer.spkiHash });
  const placed = mac === null ? keyed : withMac(keyed, mac);
  if (inner === null) return placed;
  const claimedName = inner.name === null ? null : ({ value: inner.name, by: "device" } as const);
  return {
    ...placed,
    claim: inner,
    name: record.name ?? claimedName,
    type: record.type ?? { value: inner.type, by: "device" },
  };
}

function admit(
  peer: VerifiedPeer,
  record: DeviceRecord,
  rules: Rules,
  now: Unix,
  reason: "joined" | "certificate-on-record",
): Decision {
  return {
    kind: "admit",
    peer,
    placement: record.placement ?? rules.placement,
    // A session does not outlive the certificate it rests on.
    sessionSeconds: Math.max(1, Math.min(rules.sessionSeconds, peer.leaf.notAfter - now)),
    reason,
    changes: reason === "joined" ? [joining(record, now)] : [],
  };
}

function joining(record: DeviceRecord, now: Unix | null): Change {
  const firstSeen = record.firstSeen ?? now;
  return { kind: "put", record: { ...record, state: step(record.state, "join"), firstSeen } };
}

function quarantine(
  rules: Rules,
  reason: QuarantineReason,
  changes: readonly Change[] = [],
): Decision {
  return { kind: "quarantine", sessionSeconds: rules.quarantineSeconds, reason, changes };
}

function tooSoon(standing: Standing): Decision {
  return { ...reject("backing-off", standing), backoffSeconds: standing.backoffSeconds };
}

function reject(reason: RejectReason, standing: Standing): Decision & { readonly kind: "reject" } {
  const backoffSeconds = backoffAfter(standing.refusals);
  return { kind: "reject", reason, backoffSeconds, changes: [], fault: null };
}
