/**
 * The side door: an access point or switch asks by MAC address alone, for a
 * device that speaks no EAP. Over the air the answer is the device's own Wi-Fi
 * key, which it must show to the access point; on a cable there is nothing to
 * show. Either way the device is caged, and the order is the corridor's: store
 * the record, change the firewall, send the answer.
 */
import { sameBytes, utf8 } from "../base/bytes.ts";
import type { Mono } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import { decide } from "../policy/admission/decide.ts";
import type { Decision, Standing } from "../policy/admission/proof.ts";
import { sentence } from "../policy/admission/reasons.ts";
import type { Placement } from "../policy/firewall/render.ts";
import type { DeviceRecord, Medium } from "../policy/registry/record.ts";
import { titleOf } from "../policy/registry/record.ts";
import { deviceByAddress } from "../policy/registry/registry.ts";
import { ACCESS_ACCEPT, ACCESS_REJECT } from "../proto/radius/packet.ts";
import type { RadiusRequest } from "../proto/radius/request.ts";
import { enter, type SendAnswer } from "./accept.ts";
import type { HostFailure } from "../host/host.ts";
import type { House } from "./house.ts";
import { Placing } from "./place.ts";
import { macOf } from "./sessions.ts";
import { subjectOf } from "./subject.ts";

/** NAS-Port-Type of a switch's port (RFC 2865 §5.41); hostapd says 19 for everything it does. */
const ETHERNET = 15;

/** Whoever comes this way waits for nothing and counts for nothing: an unknown address costs one look-up. */
const STANDING: Standing = { mayBegin: true, backoffSeconds: 0, refusals: 0, pending: 0 };

/** What an access point asks about. */
export interface AddressQuestion {
  /** `02:00:00:00:00:01` */
  readonly mac: string;
  readonly medium: Medium;
}

/**
 * The address that a request without EAP is about: its User-Name is the 12 hex
 * digits of Calling-Station-Id, and so is its User-Password where there is one.
 * Null for any other request.
 */
export function addressQuestion(request: RadiusRequest): AddressQuestion | null {
  const { userName, userPassword, callingStationId, nasPortType } = request;
  if (request.eap !== null || userName === null || !/^[0-9A-Fa-f]{12}$/u.test(userName)) {
    return null;
  }
  const mac = macOf(userName);
  if (mac === null || mac !== macOf(callingStationId)) return null;
  // RFC 2865 §5.6: Call Check, where the address is all there is, may leave it out.
  if (userPassword !== null && !sameBytes(userPassword, utf8(userName))) return null;
  return { mac, medium: nasPortType === ETHERNET ? "wired" : "wireless" };
}

export class AddressDesk {
  readonly #house: House;
  readonly #answer: SendAnswer;
  readonly #placing: Placing;

  constructor(house: House, answer: SendAnswer) {
    this.#house = house;
    this.#answer = answer;
    this.#placing = new Placing(house);
  }

  /** Takes an Access-Request that {@link addressQuestion} understood. A fault of ours is a Reject. */
  handle(request: RadiusRequest, question: AddressQuestion): void {
    try {
      this.#decide(request, question);
    } catch (fault) {
      this.#house.fault("an address", fault);
      this.#reject(request);
    }
  }

  #decide(request: RadiusRequest, question: AddressQuestion): void {
    const { mac } = question;
    const now = this.#house.host.mono();
    const record = this.#recordOf(question);
    const decision = this.#decisionOn(question, record, now);
    // No address is admitted, whatever policy may come to say: it is not a proof.
    if (decision.kind !== "quarantine") {
      const text = sentence(decision.reason, subjectOf(record, mac));
      this.#house.event("refused", record?.id ?? null, mac, text);
      return this.#reject(request);
    }
    const hindrance = this.#placing.obstacle(mac, now) ?? this.#placing.store(decision, mac);
    if (hindrance !== null) return this.#stop(request, record, mac, hindrance);
    this.#place(request, question, this.#placing.placementOf(request, decision, mac));
  }

  /** The firewall, then the answer. */
  #place(request: RadiusRequest, question: AddressQuestion, placement: Placement): void {
    this.#house.place(placement, (failure) => {
      try {
        this.#placed(request, question, placement, failure);
      } catch (fault) {
        this.#house.fault("a cage", fault);
        this.#reject(request);
      }
    });
  }

  /** The kernel has spoken; meanwhile the owner may have withdrawn the device, or made it another key. */
  #placed(
    request: RadiusRequest,
    question: AddressQuestion,
    placement: Placement,
    failure: HostFailure | null,
  ): void {
    const { mac, medium } = question;
    const record = this.#recordOf(question);
    if (failure !== null) {
      const why = `the firewall took no change (${failure.message})`;
      return this.#stop(request, record, mac, why);
    }
    const now = this.#house.host.mono();
    const decision = this.#decisionOn(question, record, now);
    if (record === null || decision.kind !== "quarantine") {
      this.#placing.undo(placement, now);
      return this.#reject(request);
    }
    const attributes = enter(this.#house, { request, decision, record, placement }, now);
    const { wifiKey } = record;
    const key = medium === "wireless" && wifiKey !== null ? { tunnelPassword: utf8(wifiKey) } : {};
    this.#answer({ request, code: ACCESS_ACCEPT, attributes, ...key });
  }

  #recordOf({ mac, medium }: AddressQuestion): DeviceRecord | null {
    return deviceByAddress(this.#house.registry, mac, medium);
  }

  #decisionOn({ mac, medium }: AddressQuestion, record: DeviceRecord | null, now: Mono): Decision {
    const { rules, clock } = this.#house;
    const decision = decide(
      { kind: "address", mac, medium },
      record,
      rules,
      { mono: now, unix: clock.now() },
      STANDING,
    );
    if (decision.kind === "reject" && decision.fault !== null) {
      this.#house.fault("a decision", decision.fault);
    }
    return decision;
  }

  #stop(request: RadiusRequest, record: DeviceRecord | null, mac: string, why: string): void {
    const who = visible(record === null ? mac : titleOf(record), 64);
    this.#house.log.limited("enforcement", "error", `Refused ${who}: ${why}.`);
    this.#reject(request);
  }

  #reject(request: RadiusRequest): void {
    this.#answer({ request, code: ACCESS_REJECT, attributes: [] });
  }
}
