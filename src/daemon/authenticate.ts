/**
 * The corridor. An authenticated RADIUS request comes in; the State attribute
 * finds its EAP conversation; the chain it hands out is judged; what it proved
 * is decided on; and the outputs return as one ordered list: store the record,
 * change the firewall, send the answer. If one fails, the rest are not carried
 * out and the peer gets an Access-Reject.
 */
import type { Mono } from "../base/machine.ts";
import { decide } from "../policy/admission/decide.ts";
import type { Decision } from "../policy/admission/proof.ts";
import { sentence } from "../policy/admission/reasons.ts";
import type { Placement } from "../policy/firewall/render.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import type { MethodName } from "../proto/eap/methods/method.ts";
import type { EapInput, EapOutput, EapProof } from "../proto/eap/server.ts";
import { attribute, EapKeyName, ErrorCause, State } from "../proto/radius/attributes.ts";
import { splitEapMessage } from "../proto/radius/eap-message.ts";
import {
  ACCESS_ACCEPT,
  ACCESS_CHALLENGE,
  ACCESS_REJECT,
  type Attribute,
} from "../proto/radius/packet.ts";
import type { RadiusRequest } from "../proto/radius/request.ts";
import type { HostFailure } from "../host/host.ts";
import { enter, type SendAnswer } from "./accept.ts";
import { type Conversation, Conversations, mayOnboard, titleIn } from "./conversation.ts";
import type { House } from "./house.ts";
import { judgeChain } from "./peer.ts";
import { Placing } from "./place.ts";
import { keyOf, proofOf, type Proven, recordAfter, recordOf, standingOf } from "./proof.ts";
import { chainSentence, conversationSentence } from "./refusals.ts";
import { subjectOf } from "./subject.ts";

/** The EAP packet a link carries that names no Framed-MTU (RFC 3748 §3.1). */
const DEFAULT_PACKET = 1020;

/** 802.1X takes this many octets of the Framed-MTU (RFC 3579 §2.4). */
const EAPOL_HEADER = 4;

/** RFC 3579 §2.2: the EAP packet was ignored, the last request comes again. */
const INVALID_EAP_PACKET_IGNORED = 202;

type Output<Kind extends EapOutput["kind"]> = Extract<EapOutput, { kind: Kind }>;

/** A decision, and what it was made of. */
interface Decided extends Proven {
  /** The key or address that refusals are counted by. */
  readonly subject: string | null;
  readonly decision: Decision;
}

export class Authenticator {
  readonly conversations: Conversations;
  readonly #house: House;
  readonly #answer: SendAnswer;
  readonly #forget: (request: RadiusRequest) => void;
  readonly #placing: Placing;

  constructor(house: House, answer: SendAnswer, forget: (request: RadiusRequest) => void) {
    this.conversations = new Conversations(house);
    this.#house = house;
    this.#answer = answer;
    this.#forget = forget;
    this.#placing = new Placing(house);
  }

  /** Takes an Access-Request that carries EAP. A fault of ours ends this one conversation with a Reject. */
  handle(request: RadiusRequest, packet: Uint8Array): void {
    const { host, configuration } = this.#house;
    let conversation: Conversation | null = null;
    try {
      conversation = this.conversations.of(request);
      if (conversation === null) return this.#reject(request);
      const maxPacket = Math.min(linkLimit(request), configuration.radius.fragmentSize);
      const input: EapInput = { kind: "response", packet, maxPacket };
      this.#advance(conversation, request, input, host.mono());
    } catch (fault) {
      this.#house.fault("an authentication", fault);
      if (conversation !== null) this.conversations.end(conversation);
      this.#reject(request);
    }
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
      case "verify-peer": {
        const answer = this.#judge(conversation, output.chain, now);
        return this.#advance(conversation, request, answer, now);
      }
      case "proven":
        return this.#preview(conversation, request, output.proof, now);
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
    if (verdict.kind === "rejected") {
      conversation.rejected = verdict;
      conversation.record = verdict.record;
      return { kind: "peer-rejected", alert: verdict.alert, reason: verdict.reason };
    }
    const { peer, publicKey } = verdict;
    // A key of its own under another outer identity, as in the EAP-TLS fallback, is onboarding all the same.
    if (peer.kind === "self-signed" && !mayOnboard(conversation, this.#house, now)) {
      return { kind: "peer-rejected", alert: "access_denied", reason: "too-many-conversations" };
    }
    conversation.peer = peer;
    conversation.record = recordOf(this.#house.registry, peer);
    return { kind: "peer-accepted", publicKey };
  }

  /** Before success is promised: what would be refused as things stand is refused now. */
  #preview(conversation: Conversation, request: RadiusRequest, proof: EapProof, now: Mono): void {
    const { decision } = this.#decision(conversation, proof, now);
    if (decision.kind === "reject") return this.#decide(conversation, request, proof, now);
    this.#advance(conversation, request, { kind: "proceed" }, now);
  }

  /** What admission says of the proof; nothing is done about it yet. */
  #decision(conversation: Conversation, eapProof: EapProof, now: Mono): Decided {
    const house = this.#house;
    const { proof, record } = proofOf(house, conversation, eapProof);
    const subject = keyOf(proof) ?? conversation.mac;
    const standing = standingOf(house, conversation, subject, now);
    const time = { mono: now, unix: house.clock.now() };
    return { proof, record, subject, decision: decide(proof, record, house.rules, time, standing) };
  }

  #decide(conversation: Conversation, request: RadiusRequest, eapProof: EapProof, now: Mono): void {
    const house = this.#house;
    const { proof, record, subject, decision } = this.#decision(conversation, eapProof, now);
    conversation.decision = decision;
    conversation.record = recordAfter(decision, record);
    if (decision.kind === "reject") {
      if (decision.fault !== null) house.fault("a decision", decision.fault);
      // Who shows a certificate of ours is known, and counts as nobody's attempt.
      if (proof.kind !== "certificate" && subject !== null) house.limits.refuse(subject, now);
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
    const { mac } = conversation;
    const obstacle = decision.kind === "reject" ? null : this.#placing.obstacle(mac, now);
    const hindrance = obstacle ?? this.#placing.store(decision, mac);
    if (hindrance !== null) return this.#stop(conversation, request, hindrance, now);
    if (decision.kind === "reject") {
      return this.#advance(conversation, request, { kind: "refuse", reason: decision.reason }, now);
    }
    if (mac === null) return this.#advance(conversation, request, { kind: "admit" }, now);
    const placement = this.#placing.placementOf(request, decision, mac);
    conversation.placement = placement;
    this.#house.place(placement, (failure) => {
      try {
        this.#placed(conversation, request, placement, failure);
      } catch (fault) {
        this.#house.fault("an admission", fault);
        this.conversations.end(conversation);
        this.#reject(request);
      }
    });
  }

  /** The kernel has spoken; the conversation may have been ended meanwhile, by a revocation above all. */
  #placed(
    conversation: Conversation,
    request: RadiusRequest,
    placement: Placement,
    failure: HostFailure | null,
  ): void {
    const now = this.#house.host.mono();
    if (!this.conversations.has(conversation)) {
      if (failure === null) this.#placing.undo(placement, now);
      return this.#reject(request);
    }
    if (failure !== null) {
      const why = `the firewall took no change (${failure.message})`;
      return this.#stop(conversation, request, why, now);
    }
    this.#advance(conversation, request, { kind: "admit" }, now);
  }

  #stop(conversation: Conversation, request: RadiusRequest, why: string, now: Mono): void {
    const who = titleIn(conversation);
    this.#house.log.limited("enforcement", "error", `Refused ${who}: ${why}.`);
    conversation.decision = null;
    this.#advance(conversation, request, { kind: "refuse", reason: "not-enforced" }, now);
  }

  #challenge(
    { state }: Conversation,
    request: RadiusRequest,
    packet: Uint8Array,
    more: readonly Attribute[] = [],
  ): void {
    const attributes = [...splitEapMessage(packet), attribute(State, state), ...more];
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
    this.conversations.end(conversation);
    this.#reject(request);
  }

  #accept(
    conversation: Conversation,
    request: RadiusRequest,
    { method, packet, keys, resumption }: Output<"success">,
    now: Mono,
  ): void {
    const { decision, record, placement } = conversation;
    this.conversations.end(conversation);
    // An Accept needs a decision that lets in; the machine cannot have come here without one.
    if (decision === null || decision.kind === "reject") return this.#reject(request);
    const { ticket, resumed } = resumption;
    if (resumed) this.#house.counters.add("resumed");
    if (ticket !== null) this.#keepTicket(method, ticket, decision, record);
    const { msk, sessionId } = keys;
    const session = enter(this.#house, { request, decision, record, placement }, now);
    this.#answer({
      request,
      code: ACCESS_ACCEPT,
      attributes: [...splitEapMessage(packet), ...session, attribute(EapKeyName, sessionId)],
      keys: { recv: msk.subarray(0, 32), send: msk.subarray(32, 64) },
    });
  }

  /** Only a device that is in with its certificate may come back by a ticket. */
  #keepTicket(
    method: MethodName,
    ticket: Uint8Array,
    decision: Decision,
    record: DeviceRecord | null,
  ): void {
    const { tickets } = this.#house;
    if (decision.kind !== "admit" || record === null) return tickets.of(method).spend(ticket);
    const { serial, leaf } = decision.peer;
    tickets.admit(method, ticket, { device: record.id, serial, notAfter: leaf.notAfter });
  }

  #refuse(conversation: Conversation, request: RadiusRequest, failure: Output<"failure">): void {
    const { record, mac } = conversation;
    this.conversations.end(conversation);
    this.#house.event("refused", record?.id ?? null, mac, refusalOf(conversation, failure));
    const attributes = splitEapMessage(failure.packet);
    this.#answer({ request, code: ACCESS_REJECT, attributes });
  }

  /** A Reject outside any conversation; the RADIUS machine adds the EAP-Failure. */
  #reject(request: RadiusRequest): void {
    this.#answer({ request, code: ACCESS_REJECT, attributes: [] });
  }
}

/** Bytes of the longest EAP packet that the link between NAS and peer carries. */
function linkLimit({ framedMtu }: RadiusRequest): number {
  return framedMtu === null ? DEFAULT_PACKET : framedMtu - EAPOL_HEADER;
}

/** Why the peer was refused: what was decided, what its chain was worth, or where the conversation broke off. */
function refusalOf(conversation: Conversation, { reason, detail }: Output<"failure">): string {
  const { decision, record, mac, rejected } = conversation;
  const subject = subjectOf(record, mac);
  if (decision?.kind === "reject") return sentence(decision.reason, subject);
  // The owner ended its membership, so the fix is not another certificate.
  if (record?.state === "revoked" || record?.state === "released") {
    return sentence(record.state, subject);
  }
  const who = titleIn(conversation);
  if (rejected !== null) return chainSentence(who, rejected.reason, rejected.notAfter);
  return conversationSentence(who, reason, detail);
}
