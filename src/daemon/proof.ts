/** What a conversation has proved, and how it stands here, in the words of admission. */
import { utf8 } from "../base/bytes.ts";
import type { Mono } from "../base/machine.ts";
import { matchFirstContact } from "../policy/admission/match.ts";
import type { Decision, Proof, Standing } from "../policy/admission/proof.ts";
import { parseSetupIdentity, SetupFailure } from "../policy/admission/setup.ts";
import type { Claim, DeviceRecord } from "../policy/registry/record.ts";
import type { Registry } from "../policy/registry/registry.ts";
import { deviceByKey, deviceBySerial, devicesIn } from "../policy/registry/registry.ts";
import type { InnerCredentials } from "../proto/eap/methods/method.ts";
import type { EapProof } from "../proto/eap/server.ts";
import type { SelfSignedPeer } from "../proto/x509/self-signed.ts";
import type { Conversation } from "./conversation.ts";
import { mayOnboard } from "./conversation.ts";
import type { House } from "./house.ts";
import type { Peer } from "./peer.ts";

/** A proof, and the record it is about; null where there is none yet. */
export interface Proven {
  readonly proof: Proof;
  readonly record: DeviceRecord | null;
}

/** What the peer's chain and its inner credentials amount to. */
export function proofOf(house: House, { peer, mac }: Conversation, { inner }: EapProof): Proven {
  if (peer === null) return { proof: { kind: "none" }, record: null };
  if (peer.kind === "self-signed") return firstContact(house, peer.peer, inner, mac);
  const { registry } = house;
  const { serial, spkiHash, leaf } = peer.peer;
  const { notAfter } = leaf;
  const revoked = registry.revoked.get(serial)?.reason ?? null;
  const proof: Proof =
    peer.kind === "verified"
      ? { kind: "certificate", peer: peer.peer, revoked }
      : { kind: "lapsed", serial, spkiHash, notAfter, revoked };
  return { proof, record: recordOf(registry, peer) };
}

/** The record of a peer whose chain was believed. */
export function recordOf(registry: Registry, { kind, peer }: Peer): DeviceRecord | null {
  return kind === "self-signed"
    ? deviceByKey(registry, peer.spkiHash)
    : deviceBySerial(registry, peer.serial);
}

/** The key to count refusals by; null where the peer proved none. */
export function keyOf(proof: Proof): string | null {
  return proof.kind === "first-contact" ? proof.peer.spkiHash : null;
}

/** What the limits say. @param subject - the key or the MAC address that refusals are counted by */
export function standingOf(
  house: House,
  conversation: Conversation,
  subject: string | null,
  now: Mono,
): Standing {
  const { limits, registry } = house;
  // Who shows a certificate of ours is no stranger, and takes no stranger's place.
  const isOurs = conversation.peer !== null && conversation.peer.kind !== "self-signed";
  return {
    mayBegin: isOurs || mayOnboard(conversation, house, now),
    backoffSeconds: subject === null ? 0 : limits.backoffSeconds(subject, now),
    refusals: subject === null ? 0 : limits.refusals(subject, now),
    pending: devicesIn(registry, "pending").length,
  };
}

/** The record as the decision leaves it. */
export function recordAfter(
  { changes }: Decision,
  before: DeviceRecord | null,
): DeviceRecord | null {
  for (const change of changes) if (change.kind === "put") return change.record;
  return before;
}

function firstContact(
  { registry, host }: House,
  peer: SelfSignedPeer,
  credentials: InnerCredentials | null,
  mac: string | null,
): Proven {
  const inner = credentials === null ? null : claimOf(credentials.userName);
  const password = credentials?.password ?? null;
  const { record, ...match } = matchFirstContact(registry, host.crypto, { peer, inner, password });
  return { proof: { kind: "first-contact", peer, inner, ...match, mac }, record };
}

/** What the device says of itself, or null where it says nothing in our form. */
function claimOf(userName: string): Claim | null {
  try {
    return parseSetupIdentity(utf8(userName));
  } catch (failure) {
    if (failure instanceof SetupFailure) return null;
    throw failure;
  }
}
