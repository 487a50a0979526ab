/**
 * `POST /h/live`: a device says that it lives, and is told the time, the home's
 * periods and what it should fetch. The first report of a new certificate counts
 * as joining: the key before it is retired. A dormant device that proves the key
 * of its certificate here is active again, and its next certificate is due at once.
 */
import type { Unix } from "../../base/machine.ts";
import { Code, ContentFormat } from "../../proto/coap/codes.ts";
import { coapResponse } from "../../proto/coap/response.ts";
import { step } from "../lifecycle/step.ts";
import type { Change } from "../registry/change.ts";
import type { DeviceRecord } from "../registry/record.ts";
import { isUpToDate } from "../rights/certified.ts";
import { ApiFailure } from "./failure.ts";
import { requireMember } from "./member.ts";
import { encodeLiveAnswer, parseLiveReport } from "./messages.ts";
import { answer, bodyOf, requireAccept } from "./resource.ts";
import type { Answer, Call, Resource } from "./resource.ts";

/** A certificate is renewed when this part of its life is left. */
const RENEW_AT = 1 / 3;

export const LIVE: Resource = {
  path: ["h", "live"],
  type: "homeca.live",
  formats: [ContentFormat.CBOR],
  observable: false,
  methods: { POST: { audience: "member", call: report } },
};

function report(call: Call): Answer {
  const { request, caller, revoked, home } = call;
  requireAccept(request, ContentFormat.CBOR);
  bodyOf(request, parseLiveReport);
  const record = requireMember(call);
  if (caller.asker.kind !== "certificate") throw new ApiFailure("not-authorized");
  const { lapsed, peer } = caller.asker;
  const { unix } = home.now;
  const returns = record.state === "dormant";
  const periods = home.periods(record);
  const payload = encodeLiveAnswer({
    time: unix,
    windowSeconds: periods.windowSeconds,
    releaseSeconds: periods.releaseSeconds,
    periodSeconds: periods.liveSeconds,
    crlNumber: home.registry.crlNumber,
    locked: record.theftLock,
    // One that was withdrawn for silence opens the network no more, however long it would last.
    renew:
      returns ||
      lapsed ||
      revoked !== null ||
      !isUpToDate(peer.leaf, record) ||
      (unix !== null && isDue(peer.leaf, unix)),
  });
  const response = coapResponse(Code.CHANGED, { contentFormat: ContentFormat.CBOR, payload });
  if (returns) {
    return answer(response, [becoming(record, "return", unix)], [{ kind: "returned" }]);
  }
  const changes = record.state === "approved" ? [becoming(record, "join", unix)] : [];
  return answer(response, changes, [{ kind: "lived" }]);
}

function isDue(
  { notBefore, notAfter }: { readonly notBefore: Unix; readonly notAfter: Unix },
  now: Unix,
): boolean {
  return notAfter - now < (notAfter - notBefore) * RENEW_AT;
}

/** Certificates withdrawn for silence stay so: they were listed, and a list is not taken back. */
function becoming(record: DeviceRecord, event: "join" | "return", now: Unix | null): Change {
  const firstSeen = record.firstSeen ?? now;
  return { kind: "put", record: { ...record, state: step(record.state, event), firstSeen } };
}
