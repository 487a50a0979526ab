/** The home as the device API sees it, and what its notes become in the owner's log. */
import { hex, toBase64Url, utf8 } from "../../base/bytes.ts";
import { visible } from "../../base/text.ts";
import { decide } from "../../policy/admission/decide.ts";
import { sentence } from "../../policy/admission/reasons.ts";
import { matchFirstContact } from "../../policy/admission/match.ts";
import { serve } from "../../policy/devices/index.ts";
import type { Answer, Caller, Home, Met, Note, Periods } from "../../policy/devices/resource.ts";
import type { Claim, DeviceRecord } from "../../policy/registry/record.ts";
import { devicesIn } from "../../policy/registry/registry.ts";
import type { CoapRequest } from "../../proto/coap/request.ts";
import type { SelfSignedPeer } from "../../proto/x509/self-signed.ts";
import { spkiHash } from "../../proto/x509/certificate.ts";
import { shown } from "../answers.ts";
import { EstDesk } from "../est.ts";
import type { House } from "../house.ts";
import type { PublishedList } from "../list.ts";
import { recordAfter } from "../proof.ts";
import { subjectOf } from "../subject.ts";

/** Whom first contacts over CoAPs are counted by, beside the access points. */
const COUNTED_AS = "coaps";

export class Reception {
  readonly #house: House;
  readonly #list: PublishedList;
  readonly #enrolment: EstDesk;
  /** What a device was last told of its periods: one that reports is told in the same answer. */
  #told: Periods | null = null;

  constructor(house: House, list: PublishedList) {
    this.#house = house;
    this.#list = list;
    this.#enrolment = new EstDesk(house);
  }

  answer(request: CoapRequest, caller: Caller): Answer {
    return serve(request, caller, this.#home());
  }

  /** The caller's record as it is now. */
  recordOf({ asker }: Pick<Caller, "asker">): DeviceRecord | null {
    return this.#enrolment.standing(asker).record;
  }

  /** The device is out: what it had agreed on goes with it. */
  forget(device: string): void {
    this.#house.keyUpdates.forget(device);
    this.#house.releases.forget(device);
  }

  note(note: Note, caller: Caller): void {
    const record = this.recordOf(caller);
    const who = record === null ? "A device" : shown(record);
    this.#house.counters.add(`device ${note.kind}`);
    const text =
      note.kind === "asked-for-adoption"
        ? asked(note, record)
        : sentenceOf(note, who, record?.id ?? "ID");
    if (text !== null && !this.#isTold(record, text)) {
      this.#house.event("device", record?.id ?? null, null, text);
    }
    if (note.kind === "key-updated" && record !== null) {
      this.#house.codes.set(record.id, note.code);
      this.#house.touch();
    }
    if (record !== null) this.#noteSeen(note, caller, record);
  }

  /** Whoever comes with its certificate lives; with its first key others may come as well. */
  #noteSeen({ kind }: Note, { asker }: Caller, { id, theftLock }: DeviceRecord): void {
    const { presences, sightings, clock } = this.#house;
    const now = clock.now();
    if (asker.kind === "certificate") presences.contact(id, now);
    else if (now !== null) sightings.note(id, now);
    const isReport = kind === "lived" || kind === "returned";
    if (isReport && this.#told !== null) presences.told(id, this.#told, theftLock);
  }

  /** What was told last is not told again: who repeats itself must not push all else out of the log. */
  #isTold(record: DeviceRecord | null, text: string): boolean {
    const about = record === null ? {} : { device: record.id };
    return this.#house.events.select({ ...about, limit: 1 })[0]?.text === text;
  }

  #home(): Home {
    const house = this.#house;
    const { crypto, random } = house.host;
    return {
      crypto,
      random,
      now: { mono: house.host.mono(), unix: house.clock.now() },
      registry: house.registry,
      root: house.keys.root,
      // Asked by few requests; this object is made for each, and for each look at what is observed.
      get serverKeyHash() {
        return hex(spkiHash(house.keys.server.certificate.spki, crypto));
      },
      nameKey: house.keys.pseudonymKey,
      est: this.#enrolment,
      keyUpdates: house.keyUpdates,
      releases: house.releases,
      leavesFreely: house.configuration.homeca.releaseOnRequest,
      crl: () => this.#list.current,
      periods: (record) => (this.#told = house.presences.periods(record)),
      meet: (peer, claim, proof) => this.#meet(peer, claim, proof),
    };
  }

  /** As in EAP, without an address: whoever comes by this door has one already. */
  #meet(peer: SelfSignedPeer, inner: Claim, proof: Uint8Array | null): Met {
    const house = this.#house;
    const { registry, limits, host } = house;
    const now = host.mono();
    const { spkiHash: key } = peer;
    const password = proof === null ? null : utf8(toBase64Url(proof));
    const { record, ...match } = matchFirstContact(registry, host.crypto, {
      peer,
      inner,
      password,
    });
    const standing = {
      mayBegin: record !== null || limits.begin(COUNTED_AS, now),
      backoffSeconds: limits.backoffSeconds(key, now),
      refusals: limits.refusals(key, now),
      pending: devicesIn(registry, "pending").length,
    };
    const time = { mono: now, unix: house.clock.now() };
    const contact = { kind: "first-contact", peer, inner, ...match, mac: null } as const;
    const decision = decide(contact, record, house.rules, time, standing);
    if (decision.kind === "reject") {
      if (decision.fault !== null) house.fault("a decision", decision.fault);
      limits.refuse(key, now);
    }
    return {
      decision,
      record: recordAfter(decision, record),
      setupProofValid: match.setupProofValid,
    };
  }
}

/** What the owner should know of a device that asks; null for nothing. */
function asked(
  { reason, isNews, codeUnknown }: Note & { readonly kind: "asked-for-adoption" },
  record: DeviceRecord | null,
): string | null {
  if (!isNews) return null;
  const text = sentence(record?.alarm ?? reason, subjectOf(record, null));
  return codeUnknown
    ? `${text} It has a code on its label and wants this home to know it: import the list that has it first, as homeca help import tells.`
    : text;
}

/** Null for what is counted alone. */
function sentenceOf(
  note: Exclude<Note, { readonly kind: "asked-for-adoption" }>,
  who: string,
  id: string,
): string | null {
  switch (note.kind) {
    case "lived":
      return null;
    case "key-updated":
      return `${who} has a new key: if it shows a number, it must be ${note.code}; if it is another one, run \`homeca revoke ${id}\`.${note.shared ? "" : " It has no random source of its own, so the key is only as secret as its first one and this network."}`;
    case "key-update-refused":
      return `The key update of ${who} was refused (${visible(note.reason)}): let it try again, and look at the device if it stays so.`;
    case "key-update-held":
      return `${who} broke off its key update so often that it has to wait for a day: run \`homeca approve ${id}\` to let it try again now, and look at the network if it stays so.`;
    case "enrolment-refused":
      return `Refused ${who} a certificate (${note.reason}): if it stays so, look at the device.`;
    case "returned":
      return `${who} came back after long and proved its key: it gets a new certificate.`;
    case "gave-itself-up":
      return `${who} asked to be released, and is: its certificates are withdrawn.`;
    case "asked-to-leave":
      return note.locked
        ? `${who} asked to be released, but is locked against theft: run \`homeca unlock ${id}\` and \`homeca release ${id}\` if you want it so.`
        : `${who} asked to be released: run \`homeca release ${id}\` if you want it so.`;
    case "confirmed-release":
      return `${who} has confirmed its release: it erased what it had of this home, and can be given away.`;
    case "receipt-refused":
      return `The receipt of ${who} for its release was refused (${visible(note.reason)}): do not count on it having forgotten this home.`;
  }
}
