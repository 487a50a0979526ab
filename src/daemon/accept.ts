/** Letting in: what we remember of the session, and what the NAS is told of it. */
import { utf8 } from "../base/bytes.ts";
import type { Mono } from "../base/machine.ts";
import type { Decision } from "../policy/admission/proof.ts";
import type { EapOutput } from "../proto/eap/server.ts";
import {
  attribute,
  ChargeableUserIdentity,
  Class,
  EapKeyName,
  SessionTimeout,
  TerminationAction,
  vlanAttributes,
} from "../proto/radius/attributes.ts";
import type { RadiusAnswer } from "../proto/radius/answer.ts";
import { splitEapMessage } from "../proto/radius/eap-message.ts";
import { ACCESS_ACCEPT, type Attribute } from "../proto/radius/packet.ts";
import type { RadiusRequest } from "../proto/radius/request.ts";
import type { Configuration } from "./config/configuration.ts";
import type { Conversation } from "./conversation.ts";
import type { House } from "./house.ts";
import { endOf, GRACE_SECONDS, macOf, type Session } from "./sessions.ts";

/** RFC 2865 §5.29, RADIUS-Request: at its end the NAS asks again, and the connection lasts meanwhile. */
const TERMINATE_BY_REQUEST = 1;

export type SendAnswer = (answer: RadiusAnswer) => void;

/** Somebody comes in, to the network or to quarantine. */
export interface Entry {
  readonly request: RadiusRequest;
  readonly conversation: Conversation;
  readonly decision: Exclude<Decision, { kind: "reject" }>;
  /** What accounting brings back in Class. */
  readonly session: string;
}

/** The session of a station with this address that begins now. */
export function sessionOf(house: House, entry: Entry, mac: string, now: Mono): Session {
  const { request, conversation, decision, session } = entry;
  return {
    mac,
    device: conversation.record?.id ?? null,
    kind: decision.kind,
    until: endOf(now, decision.sessionSeconds + GRACE_SECONDS),
    port: house.portOf(macOf(request.calledStationId)),
    nas: { client: conversation.nas, identifier: request.nasIdentifier },
    class: session,
    accounting: null,
  };
}

/** The Access-Accept, with the keys by which NAS and peer know each other. */
export function acceptOf(
  house: House,
  { request, conversation, decision, session }: Entry,
  { packet, keys }: Extract<EapOutput, { kind: "success" }>,
): RadiusAnswer {
  const { record, mac } = conversation;
  const pseudonym = house.pseudonym(request.client.name, record?.id ?? mac ?? "");
  return {
    request,
    code: ACCESS_ACCEPT,
    attributes: [
      ...splitEapMessage(packet),
      ...sessionAttributes(house.configuration.radius, decision, session),
      attribute(EapKeyName, keys.sessionId),
      attribute(ChargeableUserIdentity, utf8(pseudonym)),
    ],
    keys: { recv: keys.msk.subarray(0, 32), send: keys.msk.subarray(32, 64) },
  };
}

/** Where the session goes, how long it lasts, and the name accounting brings back. */
export function sessionAttributes(
  radius: Configuration["radius"],
  decision: Exclude<Decision, { kind: "reject" }>,
  session: string,
): readonly Attribute[] {
  const vlan =
    decision.kind === "admit"
      ? (decision.placement.vlan ?? radius.normalVlan)
      : radius.quarantineVlan;
  return [
    attribute(SessionTimeout, decision.sessionSeconds),
    attribute(TerminationAction, TERMINATE_BY_REQUEST),
    attribute(Class, utf8(session)),
    ...(vlan === null ? [] : vlanAttributes(vlan)),
  ];
}
