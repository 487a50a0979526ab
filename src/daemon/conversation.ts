/**
 * The EAP conversations under way. Each is found by its State; there are at
 * most `authentications_max`, and at that bound the oldest which has proved
 * nothing gives way.
 */
import { toHex } from "../base/bytes.ts";
import { earliest } from "../base/machine.ts";
import type { Mono } from "../base/machine.ts";
import { visible } from "../base/text.ts";
import type { Decision } from "../policy/admission/proof.ts";
import { sentence } from "../policy/admission/reasons.ts";
import { SETUP_REALM } from "../policy/admission/setup.ts";
import type { Placement } from "../policy/firewall/render.ts";
import type { DeviceRecord } from "../policy/registry/record.ts";
import { titleOf } from "../policy/registry/record.ts";
import { EapServer } from "../proto/eap/server.ts";
import type { RadiusRequest } from "../proto/radius/request.ts";
import type { House } from "./house.ts";
import type { Peer, Verdict } from "./peer.ts";
import { macOf } from "./sessions.ts";
import { subjectOf } from "./subject.ts";

/** Octets of our State attribute. */
const STATE_LENGTH = 16;

/** One EAP conversation, and what has come to light in it. */
export interface Conversation {
  readonly state: Uint8Array;
  readonly eap: EapServer;
  readonly nas: string;
  readonly mac: string | null;
  /** Whether a stranger may be let in here, see {@link mayOnboard}; null until it is asked. */
  mayBegin: boolean | null;
  peer: Peer | null;
  rejected: (Verdict & { readonly kind: "rejected" }) | null;
  /** What was decided; without it there is no Accept. */
  decision: Decision | null;
  record: DeviceRecord | null;
  /** What the kernel was told on that decision; null before, and where the NAS names no address. */
  placement: Placement | null;
}

export class Conversations {
  readonly #house: House;
  /** The oldest first. */
  readonly #byState = new Map<string, Conversation>();

  constructor(house: House) {
    this.#house = house;
  }

  get size(): number {
    return this.#byState.size;
  }

  get wakeAt(): Mono | null {
    return earliest(Array.from(this.#byState.values(), ({ eap }) => eap.wakeAt));
  }

  /** A new conversation for a request without State, the one that State names, or null where there is none. */
  of(request: RadiusRequest): Conversation | null {
    const { state, client } = request;
    return state === null ? this.#begin(request) : this.#find(state, client.name);
  }

  /** Whether it has not ended. */
  has({ state }: Conversation): boolean {
    return this.#byState.has(toHex(state));
  }

  end({ state }: Conversation): void {
    this.#byState.delete(toHex(state));
  }

  /** Ends every conversation in which the device is known to take part. */
  endOf(device: string): void {
    for (const conversation of this.#byState.values()) {
      if (conversation.record?.id === device) this.end(conversation);
    }
  }

  /** Ends what has taken too long; nobody waits for an answer then. */
  timeout(now: Mono): void {
    for (const conversation of this.#byState.values()) {
      const outputs = conversation.eap.handle({ kind: "timeout" }, now);
      if (outputs.some(({ kind }) => kind === "failure")) this.end(conversation);
    }
  }

  #find(state: Uint8Array, nas: string): Conversation | null {
    const known = this.#byState.get(toHex(state));
    // State is unguessable, and still belongs to the NAS it was given to.
    if (known !== undefined && known.nas === nas) return known;
    this.#house.counters.add("unknown-state");
    return null;
  }

  #begin(request: RadiusRequest): Conversation | null {
    const house = this.#house;
    const now = house.host.mono();
    const mac = macOf(request.callingStationId);
    const mayBegin = isOnboarding(request) ? this.#mayOnboard(request.client.name, mac, now) : null;
    if (mayBegin === false) {
      const text = sentence("too-many-conversations", subjectOf(null, mac));
      house.event("refused", null, mac, text);
      return null;
    }
    if (!this.#makeRoom()) {
      this.#turnAway(mac);
      return null;
    }
    const conversation: Conversation = {
      state: house.host.random(STATE_LENGTH),
      eap: new EapServer(house.eapConfig()),
      nas: request.client.name,
      mac,
      mayBegin,
      peer: null,
      rejected: null,
      decision: null,
      record: null,
      placement: null,
    };
    this.#byState.set(toHex(conversation.state), conversation);
    return conversation;
  }

  #mayOnboard(nas: string, mac: string | null, now: Mono): boolean {
    const { limits } = this.#house;
    if (mac !== null && limits.backoffSeconds(mac, now) > 0) return false;
    return limits.begin(nas, now);
  }

  /**
   * At the bound the oldest conversation that has proved nothing gives way; one
   * that has never does. A chain proves nothing yet: TLS 1.2 shows it to everybody.
   */
  #makeRoom(): boolean {
    if (this.#byState.size < this.#house.configuration.limits.authenticationsMax) return true;
    for (const conversation of this.#byState.values()) {
      if (conversation.eap.hasProvedKey) continue;
      this.end(conversation);
      this.#house.counters.add("conversations-given-up");
      return true;
    }
    return false;
  }

  #turnAway(mac: string | null): void {
    const { counters, configuration, log } = this.#house;
    counters.add("conversations-full");
    log.limited(
      "conversations-full",
      "warning",
      `Turned away ${mac ?? "a device"}: ${configuration.limits.authenticationsMax} authentications wait for their decision; raise authentications_max if your home is that large.`,
    );
  }
}

/** Whether a stranger may be let in here: asked for once, when the conversation shows to be one of onboarding. */
export function mayOnboard(conversation: Conversation, { limits }: House, now: Mono): boolean {
  conversation.mayBegin ??= limits.begin(conversation.nas, now);
  return conversation.mayBegin;
}

/** Whom a sentence about this conversation is about, safe to show. */
export function titleIn({ record, mac }: Conversation): string {
  return visible(record === null ? (mac ?? "a device") : titleOf(record), 64);
}

/** The outer identity of first contact: counted before any mathematics is spent on it. */
function isOnboarding({ userName }: RadiusRequest): boolean {
  return userName?.toLowerCase().endsWith(`@${SETUP_REALM}`) ?? false;
}
