/**
 * Enrolment in this house, whichever transport brings the question: who asks is
 * looked up, what is signed goes on record, and the owner is told.
 */
import type { PublicKey } from "../base/crypto/crypto.ts";
import type { Unix } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import { bindingOf } from "../policy/devices/binding.ts";
import { answerEst } from "../policy/est/enrolment.ts";
import type { EstHome, EstQuestion } from "../policy/est/enrolment.ts";
import { DEVICE_DOMAIN } from "../policy/ca/profiles.ts";
import { explainRefusal } from "../policy/est/outcome.ts";
import type { EstOutcome, EstReason } from "../policy/est/outcome.ts";
import { comeBack } from "../policy/admission/owner.ts";
import { standingIn } from "../policy/est/standing.ts";
import type { Asker, Authenticated, Standing } from "../policy/est/standing.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { certifiedRights } from "../policy/rights/certified.ts";
import type { TlsSession } from "../proto/tls/connection.ts";
import type { Certificate } from "../proto/x509/certificate.ts";
import { HostFailure } from "../host/host.ts";
import { clauseOf, shown } from "./answers.ts";
import type { House } from "./house.ts";
import { issueTimeOf, keepEnrolled, retireOld } from "./issuing.ts";
import type { Peer } from "./peer.ts";
import { StoreFailure } from "./store/failure.ts";

/** Who a peer whose chain was believed is to enrolment. */
export function askerOf(peer: Peer): Authenticated {
  if (peer.kind === "self-signed") return { kind: "own-key", peer: peer.peer };
  return { kind: "certificate", peer: peer.peer, lapsed: peer.kind === "lapsed" };
}

/** What may stand in a request for the connection it was made for: tls-unique in TLS 1.2, and RFC 9266's exporter in both versions. */
export function bindingsOf(session: TlsSession): readonly Uint8Array[] {
  const exported = bindingOf(session);
  const { kind, bytes } = session.channelBinding;
  return kind === "tls-unique" ? [bytes, exported] : [exported];
}

export class EstDesk implements EstHome {
  readonly #house: House;

  constructor(house: House) {
    this.#house = house;
  }

  /**
   * Answers one question; a fault of ours is an answer too.
   * @param from - Whom the log names where no record is known, safe to show.
   */
  answer(question: EstQuestion, from: string): EstOutcome {
    const outcome = this.#attempt(question);
    if (outcome.kind === "refused") this.#refused(question.asker, outcome.reason, from);
    return outcome;
  }

  get crypto(): EstHome["crypto"] {
    return this.#house.host.crypto;
  }

  get now(): Unix | null {
    return this.#house.clock.now();
  }

  authorities(): readonly Uint8Array[] {
    const { root, issuing } = this.#house.keys;
    return [issuing.certificate.der, root.der];
  }

  standing(asker: Authenticated): Standing {
    return standingIn(this.#house.registry, asker);
  }

  holders(spkiHash: string): readonly string[] {
    return this.#house.registry.holders.get(spkiHash) ?? [];
  }

  agreedKey(record: DeviceRecord): Uint8Array | null {
    const { keyUpdates, host } = this.#house;
    return keyUpdates.agreed(record.id, host.mono())?.publicKey ?? null;
  }

  /** The device renews by itself, so its certificate lasts as long as the home's window wants it. */
  issue(record: DeviceRecord, publicKey: PublicKey, serves: boolean): Uint8Array {
    const house = this.#house;
    const name = serves ? { hostName: `${record.id}.${DEVICE_DOMAIN}` } : {};
    const seconds = house.presences.certificateSeconds(record);
    const grant = { deviceId: record.id, ...name, ...certifiedRights(record), seconds };
    const issued = house.keys.issuing.issueDevice(publicKey, grant, issueTimeOf(house));
    keepEnrolled(house, record, issued, publicKey);
    return issued.der;
  }

  renew(record: DeviceRecord, current: Certificate, publicKey: PublicKey): Uint8Array {
    const house = this.#house;
    const issued = house.keys.issuing.renewDevice(
      current.der,
      { publicKey },
      // The handshake has told whether this device may.
      {
        evenEnded: true,
        ...certifiedRights(record),
        seconds: house.presences.certificateSeconds(record),
      },
      issueTimeOf(house),
    );
    const present = record.state === "dormant" ? comeBack(record) : record;
    keepEnrolled(house, present, issued, publicKey);
    retireOld(house, record.id, [current.serial, issued.serial]);
    return issued.der;
  }

  #attempt(question: EstQuestion): EstOutcome {
    try {
      return answerEst(question, this);
    } catch (fault) {
      const isDisk = fault instanceof HostFailure || fault instanceof StoreFailure;
      if (isDisk) this.#house.log.limited("est", "error", `EST: ${visible(fault.message)}`);
      else this.#house.fault("an enrolment", fault);
      return { kind: "refused", reason: "authority-failed" };
    }
  }

  #refused(asker: Asker, reason: EstReason, from: string): void {
    const { counters, log } = this.#house;
    counters.add(`est-refused ${reason}`);
    const record = asker.kind === "nobody" ? null : this.standing(asker).record;
    const who = record === null ? `a device at ${from}` : shown(record);
    const text = `Refused ${who} a certificate (${reason}): ${clauseOf(explainRefusal(reason))}.`;
    // A stranger may ask for ever, and must not push out what the owner wants to read.
    if (record === null) log.limited("est", "info", text);
    else this.#house.event("refused", record.id, null, text);
  }
}
