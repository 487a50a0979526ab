/** What the NAS is told of a session. */
import { utf8 } from "../base/bytes.ts";
import type { Decision } from "../policy/admission/proof.ts";
import {
  attribute,
  Class,
  SessionTimeout,
  TerminationAction,
  vlanAttributes,
} from "../proto/radius/attributes.ts";
import type { RadiusAnswer } from "../proto/radius/answer.ts";
import type { Attribute } from "../proto/radius/packet.ts";
import type { Configuration } from "./config/configuration.ts";

/** RFC 2869 §5.16 wants no less than 60 and advises 600 and more. */
const TERMINATE_BY_REQUEST = 1;

export type SendAnswer = (answer: RadiusAnswer) => void;

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
