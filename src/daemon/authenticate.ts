/**
 * The corridor. An authenticated RADIUS request comes in; the State attribute
 * finds its EAP conversation; the chain it hands out is judged; what it proved
 * is decided on; and the outputs return as one ordered list: store the record,
 * change the firewall, send the answer. If one fails, the rest are not carried
 * out and the peer gets an Access-Reject.
 */
import { toHex, utf8 } from "../base/bytes.ts";
import type { Mono } from "../base/machine.ts";
import { decide } from "../policy/admission/decide.ts";
import { matchFirstContact } from "../policy/admission/match.ts";
import type { Decision, Proof, Standing } from "../policy/admission/proof.ts";
import { sentence } from "../policy/admission/reasons.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { withMac } from "../policy/registry/record.ts";
import { deviceByKey, deviceBySerial, devicesIn } from "../policy/registry/registry.ts";
import type { EapInput, EapOutput, EapProof } from "../proto/eap/server.ts";
import type { EapKeys } from "../proto/eap/methods/method.ts";
import {
  attribute,
  ChargeableUserIdentity,
  EapKeyName,
  ErrorCause,
  State,
} from "../proto/radius/attributes.ts";
import { splitEapMessage } from "../proto/radius/eap-message.ts";
import {
  ACCESS_ACCEPT,
  ACCESS_CHALLENGE,
  ACCESS_REJECT,
  type Attribute,
} from "../proto/radius/packet.ts";
import type { RadiusRequest } from "../proto/radius/request.ts";
import { sessionAttributes } from "./accept.ts";
import type { SendAnswer } from "./accept.ts";
import { Conversations, mayOnboard, titleIn } from "./conversation.ts";
import type { Conversation } from "./conversation.ts";
import type { HostFailure } from "../host/host.ts";
import type { FirewallChange } from "../policy/firewall/render.ts";
import type { House } from "./house.ts";
import { visible } from "./log.ts";
import { judgeChain, type Peer } from "./peer.ts";
import { claimOf, keyOf, recordAfter } from "./proof.ts";
import { chainSentence, conversationSentence } from "./refusals.ts";
import { endOf, GRACE_SECONDS, macOf, type Session } from "./sessions.ts";
import { subjectOf } from "./subject.ts";

export { GRACE_SECONDS, sessionAttributes, subjectOf };
export type { SendAnswer };

/** The EAP packet a link carries that names no Framed-MTU (RFC 3748 §3.1). */
const DEFAULT_PACKET = 1020;

/** 802.1X takes this many octets of the Framed-MTU (RFC 3579 §2.4). */
const EAPOL_HEADER = 4;

/** RFC 3579 §2.2: the EAP packet was ignored, the last request comes again. */
const INVALID_EAP_PACKET_IGNORED = 202;

export class Authenticator {
  readonly #house: House;
  readonly #answer: SendAnswer;
  readonly #forget: (request: RadiusRequest) => void;
  readonly #conversations: Conversations;
  /** Those for whom nft is at work; ended ones too. */
  readonly #placing = new Set<Conversation>();

  constructor(house: House, answer: SendAnswer, forget: (request: RadiusRequest) => void) {
    this.#house = house;
    this.#conversations = new Conversations(house);
    this.#answer = answer;
    this.#forget = forget;
  }

  /** Conversations under way. */
  get size(): number {
    return this.#conversations.size;
  }

  get wakeAt(): Mono | null {
    return this.#conversations.wakeAt;
  }

  /** Ends what has taken too long; nobody waits for an answer then. */
  timeout(now: Mono): void {
    this.#conversations.timeout(now);
  }

  /** Ends every conversation in which the device is known to take part. */
  endOf(device: string): void {
    this.#conversations.endOf(device);
  }

  /** Takes an Access-Request that carries EAP. A fault of ours ends this one conversation with a Reject. */
  handle(request: RadiusRequest, packet: Uint8Array): void {
    const { host } = this.#house;
    let conversation: Conversation | null = null;
    try {
      conversation = this.#conversations.of(request);
      if (conversation === null) return this.#reject(request, null);
      const input: EapInput = { kind: "response", packet, maxPacket: this.#maxPacket(request) };
      this.#advance(conversation, request, input, host.mono());
    } catch (fault) {
      this.#fault("an authentication", fault);
      if (conversation !== null) this.#conversations.end(conversation);
      this.#reject(request, null);
    }
  }

  /** A peer that found a fault of ours can meet it again and again: the log must bear that. */
  #fault(where: string, fault: unknown): void {
    const text = fault instanceof Error ? (fault.stack ?? fault.message) : "unknown";
    this.#house.counters.add("faults");
    this.#house.log.limited("fault", "error", `fault in ${where}: ${visible(text, 2000)}`);
  }

  #maxPacket({ framedMtu }: RadiusRequest): number {
    const link = framedMtu === null ? DEFAULT_PACKET : framedMtu - EAPOL_HEADER;
    return Math.min(link, this.#house.configuration.radius.fragmentSize);
  }

  #advance(conversation: Conversation, request: RadiusRequest, input: EapInput, now: Mono): void {
    for (const output of conversation.eap.handle(input, now)) {
      this.#carryOut(conversation, request, output, now);
    }
  }

  #carryOut(
    conversation: Conversation,
    request: RadiusRequest,
    output: EapOutput,
    now: Mono,
  ): void {
    switch (output.kind) {
      case "request":
        return this.#challenge(conversation, request, output.packet);
      case "verify-peer":
        return this.#advance(
          conversation,
          request,
          this.#judge(conversation, output.chain, now),
          now,
        );
      case "authenticated":
        return this.#decide(conversation, request, output.proof, now);
      case "success":
        return this.#accept(conversation, request, output, now);
      case "failure":
        return this.#refuse(conversation, request, output);
      case "ignored":
        return this.#repeat(conversation, request);
    }
  }

  #judge(conversation: Conversation, chain: readonly Uint8Array[], now: Mono): EapInput {
    const verdict = judgeChain(chain, this.#house.peerRules());
    // A key of its own under another outer identity, as in the EAP-TLS fallback, is onboarding all the same.
    if (verdict.kind === "accepted" && verdict.peer.kind === "self-signed") {
      if (!mayOnboard(conversation, this.#house, now))
        return { kind: "peer-rejected", alert: "access_denied", reason: "too-many-conversations" };
    }
    if (verdict.kind === "accepted") {
      conversation.peer = verdict.peer;
      conversation.record = this.#recordOf(verdict.peer);
      return { kind: "peer-accepted", publicKey: verdict.publicKey };
    }
    conversation.rejected = verdict;
    conversation.record = verdict.record;
    return { kind: "peer-rejected", alert: verdict.alert, reason: verdict.reason };
  }

  #recordOf({ kind, peer }: Peer): DeviceRecord | null {
    const { registry } = this.#house;
    return kind === "self-signed"
      ? deviceByKey(registry, peer.spkiHash)
      : deviceBySerial(registry, peer.serial);
  }

  #decide(conversation: Conversation, request: RadiusRequest, eapProof: EapProof, now: Mono): void {
    const { house } = this;
    const { proof, record } = this.#proofOf(conversation, eapProof);
    const subject = record === null ? keyOf(proof) : null;
    const standing = this.#standing(conversation, subject ?? keyOf(proof) ?? conversation.mac, now);
    const decision = decide(
      proof,
      record,
      house.rules,
      { mono: now, unix: house.clock.now() },
      standing,
    );
    conversation.decision = decision;
    conversation.record = recordAfter(decision, record);
    if (decision.kind === "reject" && decision.fault !== null) {
      this.#fault("a decision", decision.fault);
    }
    if (decision.kind === "reject") {
      const blamed = keyOf(proof) ?? conversation.mac;
      if (blamed !== null && proof.kind !== "certificate") house.limits.refuse(blamed, now);
    }
    this.#enforce(conversation, request, decision, now);
  }

  /** Store, then the firewall, then the answer; what fails stops the rest. */
  #enforce(
    conversation: Conversation,
    request: RadiusRequest,
    decision: Decision,
    now: Mono,
  ): void {
    const { house } = this;
    const { mac } = conversation;
    if (decision.kind !== "reject") {
      const obstacle =
        house.enforces && mac === null
          ? "the access point names no MAC address"
          : this.#noRoom(mac, now);
      if (obstacle !== null) return this.#stop(conversation, request, obstacle, now);
    }
    const seen = this.#withMac(conversation, decision);
    try {
      house.change([...decision.changes, ...seen]);
    } catch (failure) {
      const why = failure instanceof Error ? failure.message : "unknown";
      return this.#stop(conversation, request, `the change could not be stored (${why})`, now);
    }
    if (decision.kind === "reject") {
      return this.#advance(conversation, request, { kind: "refuse", reason: decision.reason }, now);
    }
    if (mac === null) return this.#advance(conversation, request, { kind: "admit" }, now);
    const kind = decision.kind;
    const port = house.portOf(macOf(request.calledStationId));
    const seconds = decision.sessionSeconds + GRACE_SECONDS;
    const placement = { kind, mac, seconds, ...(port === null ? {} : { port }) };
    this.#placing.add(conversation);
    house.place(placement, (failure) => {
      this.#placing.delete(conversation);
      try {
        this.#placed(conversation, request, placement, failure);
      } catch (fault) {
        this.#fault("an admission", fault);
        this.#conversations.end(conversation);
        this.#reject(request, null);
      }
    });
  }

  /** The kernel has spoken; the conversation may have been ended meanwhile, by a revocation above all. */
  #placed(
    conversation: Conversation,
    request: RadiusRequest,
    { mac, port }: FirewallChange,
    failure: HostFailure | null,
  ): void {
    const { house } = this;
    const now = house.host.mono();
    if (!this.#conversations.has(conversation)) {
      // Nobody hears of this admission any more, so nobody may keep it: back to what was there before.
      const before = house.sessions.placements(now).find((placement) => placement.mac === mac);
      const cut = { kind: "cut", mac, ...(port === undefined ? {} : { port }) } as const;
      if (failure === null) house.place(before ?? cut, () => {});
      return this.#reject(request, null);
    }
    if (failure !== null) {
      const why = `the firewall took no change (${failure.message})`;
      return this.#stop(conversation, request, why, now);
    }
    this.#advance(conversation, request, { kind: "admit" }, now);
  }

  #noRoom(mac: string | null, now: Mono): string | null {
    // Those whom nft is letting in have no session yet and will have one.
    if (mac === null || this.#house.sessions.hasRoomFor(mac, now, this.#placing.size)) return null;
    return "too many devices are on the network at once";
  }

  #stop(conversation: Conversation, request: RadiusRequest, why: string, now: Mono): void {
    const who = titleIn(conversation);
    this.#house.log.limited("enforcement", "error", `Refused ${who}: ${why}.`);
    conversation.decision = null;
    this.#advance(conversation, request, { kind: "refuse", reason: "not-enforced" }, now);
  }

  /** The MAC address goes into the record once it is admitted with it; flash is spared otherwise. */
  #withMac(
    { mac }: Conversation,
    decision: Decision,
  ): readonly { kind: "put"; record: DeviceRecord }[] {
    if (decision.kind !== "admit" || mac === null) return [];
    const put = decision.changes.find((change) => change.kind === "put");
    const record = put?.record ?? deviceBySerial(this.#house.registry, decision.peer.serial);
    if (record === null || record.macs.includes(mac)) return [];
    return [{ kind: "put", record: withMac(record, mac) }];
  }

  #proofOf(
    { peer, mac }: Conversation,
    { inner }: EapProof,
  ): { readonly proof: Proof; readonly record: DeviceRecord | null } {
    const { registry, host } = this.#house;
    if (peer === null) return { proof: { kind: "none" }, record: null };
    if (peer.kind === "self-signed") {
      const claim = inner === null ? null : claimOf(inner.userName);
      const password = inner?.password ?? null;
      const { spkiHash } = peer.peer;
      const match = matchFirstContact(registry, host.crypto, { spkiHash, inner: claim, password });
      const { record, setupProofValid, absorbs } = match;
      const proof: Proof = {
        kind: "first-contact",
        peer: peer.peer,
        inner: claim,
        setupProofValid,
        absorbs,
        mac,
      };
      return { proof, record };
    }
    const { serial } = peer.peer;
    const revoked = registry.revoked.get(serial)?.reason ?? null;
    const record = deviceBySerial(registry, serial);
    if (peer.kind === "verified")
      return { proof: { kind: "certificate", peer: peer.peer, revoked }, record };
    const { spkiHash, leaf } = peer.peer;
    return {
      proof: { kind: "lapsed", serial, spkiHash, notAfter: leaf.notAfter, revoked },
      record,
    };
  }

  #standing(conversation: Conversation, subject: string | null, now: Mono): Standing {
    const { limits, registry } = this.#house;
    return {
      mayBegin: mayOnboard(conversation, this.#house, now),
      backoffSeconds: subject === null ? 0 : limits.backoffSeconds(subject, now),
      refusals: subject === null ? 0 : limits.refusals(subject, now),
      pending: devicesIn(registry, "pending").length,
    };
  }

  #challenge(
    conversation: Conversation,
    request: RadiusRequest,
    packet: Uint8Array,
    more: readonly Attribute[] = [],
  ): void {
    const attributes = [...splitEapMessage(packet), attribute(State, conversation.state), ...more];
    this.#answer({ request, code: ACCESS_CHALLENGE, attributes });
  }

  /** The peer said something that does not count: it gets the last request again (RFC 3579 §2.2). */
  #repeat(conversation: Conversation, request: RadiusRequest): void {
    const { lastRequest } = conversation.eap;
    // While the firewall is at work there is nothing to repeat, and the NAS asks again by itself.
    if (conversation.decision !== null) return this.#forget(request);
    if (lastRequest !== null) {
      const cause = attribute(ErrorCause, INVALID_EAP_PACKET_IGNORED);
      return this.#challenge(conversation, request, lastRequest, [cause]);
    }
    this.#conversations.end(conversation);
    this.#reject(request, null);
  }

  #accept(
    conversation: Conversation,
    request: RadiusRequest,
    { packet, keys }: { readonly packet: Uint8Array; readonly keys: EapKeys },
    now: Mono,
  ): void {
    const { decision, record, mac } = conversation;
    this.#conversations.end(conversation);
    // An Accept needs a decision that lets in; the machine cannot have come here without one.
    if (decision === null || decision.kind === "reject") return this.#reject(request, null);
    const session = toHex(this.#house.host.random(8));
    if (mac !== null)
      this.#house.sessions.put(this.#session(conversation, request, decision, session, now));
    const event = decision.kind === "admit" ? "admitted" : "quarantined";
    this.#house.event(
      event,
      record?.id ?? null,
      mac,
      sentence(decision.reason, subjectOf(record, mac)),
    );
    this.#answer({
      request,
      code: ACCESS_ACCEPT,
      attributes: [
        ...splitEapMessage(packet),
        ...sessionAttributes(this.#house.configuration.radius, decision, session),
        attribute(EapKeyName, keys.sessionId),
        attribute(
          ChargeableUserIdentity,
          utf8(this.#house.pseudonym(request.client.name, record?.id ?? mac ?? "")),
        ),
      ],
      keys: { recv: keys.msk.subarray(0, 32), send: keys.msk.subarray(32, 64) },
    });
  }

  #session(
    { record, mac, nas }: Conversation,
    request: RadiusRequest,
    decision: Exclude<Decision, { kind: "reject" }>,
    session: string,
    now: Mono,
  ): Session {
    return {
      mac: mac ?? "",
      device: record?.id ?? null,
      kind: decision.kind,
      until: endOf(now, decision.sessionSeconds + GRACE_SECONDS),
      port: this.#house.portOf(macOf(request.calledStationId)),
      nas: { client: nas, identifier: request.nasIdentifier },
      class: session,
      accounting: null,
    };
  }

  #refuse(
    conversation: Conversation,
    request: RadiusRequest,
    { packet, reason, detail }: Extract<EapOutput, { kind: "failure" }>,
  ): void {
    const { decision, record, mac, rejected } = conversation;
    this.#conversations.end(conversation);
    const who = titleIn(conversation);
    let text: string;
    if (decision?.kind === "reject") text = sentence(decision.reason, subjectOf(record, mac));
    // The owner ended its membership, so the fix is not another certificate.
    else if (record?.state === "revoked" || record?.state === "released") {
      text = sentence(record.state, subjectOf(record, mac));
    } else if (rejected !== null) text = chainSentence(who, rejected.reason, rejected.notAfter);
    else text = conversationSentence(who, reason, detail);
    this.#house.event("refused", record?.id ?? null, mac, text);
    this.#answer({ request, code: ACCESS_REJECT, attributes: splitEapMessage(packet) });
  }

  /** A Reject outside any conversation; the RADIUS machine adds the EAP-Failure. */
  #reject(request: RadiusRequest, cause: number | null): void {
    const attributes = cause === null ? [] : [attribute(ErrorCause, cause)];
    this.#answer({ request, code: ACCESS_REJECT, attributes });
  }

  /** Named without `#` so that methods above read as prose. */
  private get house(): House {
    return this.#house;
  }
}
