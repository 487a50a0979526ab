/** Letting in, by either door: what we remember of the session, and what the NAS is told of it. */
import { toHex, utf8 } from "../base/bytes.ts";
import type { Mono, Unix } from "../base/machine.ts";
import type { Decision } from "../policy/admission/proof.ts";
import { sentence } from "../policy/admission/reasons.ts";
import type { Placement } from "../policy/firewall/render.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import {
  attribute,
  ChargeableUserIdentity,
  Class,
  SessionTimeout,
  TerminationAction,
  vlanAttributes,
} from "../proto/radius/attributes.ts";
import type { RadiusAnswer } from "../proto/radius/answer.ts";
import type { Attribute } from "../proto/radius/packet.ts";
import type { RadiusRequest } from "../proto/radius/request.ts";
import type { House } from "./house.ts";
import { endOf, type Session } from "./sessions.ts";
import { subjectOf } from "./subject.ts";

/** RFC 2865 §5.29, RADIUS-Request: at its end the NAS asks again, and the connection lasts meanwhile. */
const TERMINATE_BY_REQUEST = 1;

/** Octets of what accounting brings back in Class. */
const CLASS_LENGTH = 8;

export type SendAnswer = (answer: RadiusAnswer) => void;

/** Somebody comes in, to the network or to quarantine. */
export interface Entry {
  readonly request: RadiusRequest;
  readonly decision: Exclude<Decision, { kind: "reject" }>;
  readonly record: DeviceRecord | null;
  /** What the kernel holds of it by now; null where the NAS named no address and nothing is enforced. */
  readonly placement: Placement | null;
}

/**
 * Remembers the session and the sighting, and tells the owner.
 * @returns what the Access-Accept says of the session
 */
export function enter(house: House, entry: Entry, now: Mono): readonly Attribute[] {
  const { decision, record, placement } = entry;
  const session = toHex(house.host.random(CLASS_LENGTH));
  // First what may fail: from here on nothing keeps the Accept from being sent.
  const attributes = sessionAttributes(house, entry, session);
  if (placement !== null) house.sessions.put(sessionOf(entry, placement, session, now));
  const time = house.clock.now();
  if (record !== null) noteSeen(house, decision, record, time);
  const mac = placement?.mac ?? null;
  const kind = decision.kind === "admit" ? "admitted" : "quarantined";
  const text = sentence(decision.reason, subjectOf(record, mac));
  house.event(kind, record?.id ?? null, mac, text);
  return attributes;
}

/** In quarantine a device is seen, but that it lives it has not shown: whoever has its first key comes as far. */
function noteSeen(
  { presences, sightings }: House,
  { kind, reason }: Entry["decision"],
  { id }: DeviceRecord,
  time: Unix | null,
): void {
  if (kind === "admit" || reason === "caged") presences.contact(id, time);
  else if (time !== null) sightings.note(id, time);
}

function sessionOf(
  { request, record }: Entry,
  { kind, mac, seconds, port }: Placement,
  session: string,
  now: Mono,
): Session {
  return {
    mac,
    device: record?.id ?? null,
    kind,
    until: endOf(now, seconds),
    port: port ?? null,
    nas: { client: request.client.name, identifier: request.nasIdentifier },
    class: session,
    accounting: null,
  };
}

/** Where the session goes, how long it lasts, the name accounting brings back, and the one the NAS knows the device by. */
function sessionAttributes(
  house: House,
  { request, decision, record, placement }: Entry,
  session: string,
): readonly Attribute[] {
  const { radius } = house.configuration;
  const vlan =
    decision.kind === "admit"
      ? (decision.placement.vlan ?? radius.normalVlan)
      : radius.quarantineVlan;
  const pseudonym = house.pseudonym(request.client.name, record?.id ?? placement?.mac ?? "");
  return [
    attribute(SessionTimeout, decision.sessionSeconds),
    attribute(TerminationAction, TERMINATE_BY_REQUEST),
    attribute(Class, utf8(session)),
    ...(vlan === null ? [] : vlanAttributes(vlan)),
    attribute(ChargeableUserIdentity, utf8(pseudonym)),
  ];
}
