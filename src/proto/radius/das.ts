/**
 * The client's end of dynamic authorization: tells a NAS to put a session out
 * now (Disconnect-Request), repeats that until it answers, and says what it said.
 *
 * hostapd takes session identification and nothing else in the request, finds
 * the BSS by NAS-Identifier where several share the port, and drops the PMKSA
 * with the session. It cannot move a station by CoA-Request, so there is none here.
 *
 * @see RFC 5176 §2.1, §2.3 (packets), §3 (attributes), §6.3 (replay)
 */
import { toHex } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";
import { earliest, mono, type Machine, type Mono, type Unix } from "../../base/machine.ts";
import { parseAddress } from "../../base/address.ts";
import {
  AcctMultiSessionId,
  AcctSessionId,
  attribute,
  type AttributeRow,
  CallingStationId,
  ChargeableUserIdentity,
  ErrorCause,
  EventTimestamp,
  NasIdentifier,
  NasIpAddress,
  read,
  UserName,
} from "./attributes.ts";
import { responseHolds, sealRequest } from "./authenticator.ts";
import { noDiscards, RadiusDiscard, type RadiusDiscardReason } from "./failure.ts";
import {
  messageAuthenticatorAt,
  messageAuthenticatorHolds,
  ZERO_AUTHENTICATOR,
} from "./message-authenticator.ts";
import {
  type Attribute,
  DISCONNECT_ACK,
  DISCONNECT_NAK,
  DISCONNECT_REQUEST,
  parsePacket,
  type ReceivedPacket,
} from "./packet.ts";
import type { RadiusPeer } from "./request.ts";

/** Milliseconds to wait after each transmission; after the last one the request has failed. */
const WAITS: readonly number[] = [1000, 2000, 4000];
/** Requests without an answer yet: as many as there are Identifiers. */
export const MAX_OUTSTANDING = 256;

/** The NAS that is to act. */
export interface DisconnectTarget extends RadiusPeer {
  readonly secret: Uint8Array;
  /** Ignore answers without Message-Authenticator, which hostapd always sends. Default true. */
  readonly requireMessageAuthenticator?: boolean;
}

/** Which session: at least one of those after the NAS. More than one match makes a NAS refuse. */
export interface DisconnectSession {
  readonly nasIdentifier?: string;
  readonly nasIpAddress?: string;
  /** A MAC address in any usual form; sent as `AA-BB-CC-DD-EE-FF` (RFC 3580 §3.21). */
  readonly callingStationId?: string;
  readonly userName?: string;
  readonly acctSessionId?: string;
  readonly acctMultiSessionId?: string;
  readonly chargeableUserIdentity?: Uint8Array;
}

export type DisconnectInput =
  | {
      readonly kind: "disconnect";
      /** Comes back with the outcome. */
      readonly token: string;
      readonly to: DisconnectTarget;
      readonly session: DisconnectSession;
      /** For Event-Timestamp, which NASes compare with theirs (±300 s); null while our clock is not to be trusted. */
      readonly unixTime: Unix | null;
    }
  | { readonly kind: "datagram"; readonly from: RadiusPeer; readonly bytes: Uint8Array }
  | { readonly kind: "timeout" };

export type DisconnectOutput =
  | { readonly kind: "send"; readonly to: RadiusPeer; readonly bytes: Uint8Array }
  /** The session is gone. */
  | { readonly kind: "acknowledged"; readonly token: string }
  /** The NAS did not: 503 knows no such session, 508 more than one, 403 is another NAS (RFC 5176 §3.5). */
  | { readonly kind: "refused"; readonly token: string; readonly errorCause: number | null }
  | { readonly kind: "timed-out"; readonly token: string }
  /** Nothing was sent: {@link MAX_OUTSTANDING} requests wait already. */
  | { readonly kind: "overloaded"; readonly token: string }
  | {
      readonly kind: "discarded";
      readonly reason: RadiusDiscardReason;
      readonly from: RadiusPeer;
    };

interface Outstanding {
  readonly token: string;
  readonly to: DisconnectTarget;
  readonly address: string;
  /** The request with its authenticator; a repeat is the same octets (RFC 5176 §2.3). */
  readonly bytes: Uint8Array;
  readonly sent: number;
  readonly dueAt: Mono;
}

export class DisconnectClient implements Machine<DisconnectInput, DisconnectOutput> {
  readonly #crypto: Crypto;
  /** By Identifier: one Identifier names one request, whatever its NAS. */
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #discarded = noDiscards();
  #nextIdentifier = 0;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** Answers that were ignored, by reason. */
  get discarded(): Readonly<Record<RadiusDiscardReason, number>> {
    return this.#discarded;
  }

  get wakeAt(): Mono | null {
    return earliest(Array.from(this.#outstanding.values(), ({ dueAt }) => dueAt));
  }

  /** @throws RangeError for a session that nothing identifies, or a target without IP address or secret. */
  handle(input: DisconnectInput, now: Mono): DisconnectOutput[] {
    switch (input.kind) {
      case "disconnect":
        return this.#disconnect(input, now);
      case "datagram":
        return [this.#datagram(input.from, input.bytes)];
      case "timeout":
        return this.#timeout(now);
    }
  }

  #disconnect(
    { token, to, session, unixTime }: DisconnectInput & { readonly kind: "disconnect" },
    now: Mono,
  ): DisconnectOutput[] {
    if (to.secret.length === 0) throw new RangeError("a Disconnect-Request needs a secret");
    const attributes = requestAttributes(session, unixTime);
    const address = canonical(to.address);
    if (address === null) throw new RangeError(`${to.address} is not an IP address`);
    const identifier = this.#freeIdentifier();
    if (identifier === null) return [{ kind: "overloaded", token }];

    const request = {
      code: DISCONNECT_REQUEST,
      identifier,
      authenticator: ZERO_AUTHENTICATOR,
      attributes,
    };
    const bytes = sealRequest(this.#crypto, to.secret, request, "message-authenticator");
    return [this.#transmit(identifier, { token, to, address, bytes, sent: 0, dueAt: now }, now)];
  }

  #transmit(identifier: number, request: Outstanding, now: Mono): DisconnectOutput {
    const dueAt = mono(now + WAITS[request.sent]!);
    this.#outstanding.set(identifier, { ...request, sent: request.sent + 1, dueAt });
    const { address, port } = request.to;
    return { kind: "send", to: { address, port }, bytes: request.bytes };
  }

  #timeout(now: Mono): DisconnectOutput[] {
    const outputs: DisconnectOutput[] = [];
    for (const [identifier, request] of this.#outstanding) {
      if (request.dueAt > now) continue;
      if (request.sent < WAITS.length) {
        outputs.push(this.#transmit(identifier, request, now));
        continue;
      }
      this.#outstanding.delete(identifier);
      outputs.push({ kind: "timed-out", token: request.token });
    }
    return outputs;
  }

  #datagram(from: RadiusPeer, bytes: Uint8Array): DisconnectOutput {
    try {
      return this.#receive(from, bytes);
    } catch (failure) {
      if (!(failure instanceof RadiusDiscard)) throw failure;
      this.#discarded[failure.reason]++;
      return { kind: "discarded", reason: failure.reason, from };
    }
  }

  #receive(from: RadiusPeer, bytes: Uint8Array): DisconnectOutput {
    const response = parsePacket(bytes);
    if (response.code !== DISCONNECT_ACK && response.code !== DISCONNECT_NAK) {
      throw new RadiusDiscard("unexpected-code", 0);
    }
    const request = this.#outstanding.get(response.identifier);
    if (request === undefined || from.port !== request.to.port) {
      throw new RadiusDiscard("unsolicited", 0);
    }
    if (canonical(from.address) !== request.address) throw new RadiusDiscard("unsolicited", 0);
    this.#authenticate(request, response);

    this.#outstanding.delete(response.identifier);
    const { token } = request;
    if (response.code === DISCONNECT_ACK) return { kind: "acknowledged", token };
    return { kind: "refused", token, errorCause: read(response.attributes, ErrorCause) };
  }

  #authenticate({ to, bytes }: Outstanding, response: ReceivedPacket): void {
    const requestAuthenticator = bytes.subarray(4, 20);
    const at = messageAuthenticatorAt(response);
    if (at === null && (to.requireMessageAuthenticator ?? true)) {
      throw new RadiusDiscard("missing-message-authenticator", 0);
    }
    if (!responseHolds(this.#crypto, to.secret, response, requestAuthenticator)) {
      throw new RadiusDiscard("wrong-authenticator", 4);
    }
    if (at === null) return;
    if (!messageAuthenticatorHolds(this.#crypto, to.secret, response, at, requestAuthenticator)) {
      throw new RadiusDiscard("wrong-message-authenticator", at);
    }
  }

  /** The next free Identifier in turn, so that one comes back as late as possible. */
  #freeIdentifier(): number | null {
    if (this.#outstanding.size >= MAX_OUTSTANDING) return null;
    while (this.#outstanding.has(this.#nextIdentifier)) this.#advance();
    const free = this.#nextIdentifier;
    this.#advance();
    return free;
  }

  #advance(): void {
    this.#nextIdentifier = (this.#nextIdentifier + 1) % 256;
  }
}

function requestAttributes(
  session: DisconnectSession,
  unixTime: Unix | null,
): readonly Attribute[] {
  const station = session.callingStationId;
  const nas = [
    ...optional(NasIdentifier, session.nasIdentifier),
    ...optional(NasIpAddress, session.nasIpAddress),
  ];
  const identification = [
    ...optional(CallingStationId, station === undefined ? undefined : stationId(station)),
    ...optional(UserName, session.userName),
    ...optional(AcctSessionId, session.acctSessionId),
    ...optional(AcctMultiSessionId, session.acctMultiSessionId),
    ...optional(ChargeableUserIdentity, session.chargeableUserIdentity),
  ];
  // A NAS that takes such a request at its word would put everybody out.
  if (identification.length === 0) throw new RangeError("a Disconnect-Request needs a session");
  return [...nas, ...identification, ...optional(EventTimestamp, unixTime ?? undefined)];
}

function optional<T>(row: AttributeRow<T>, value: T | undefined): readonly Attribute[] {
  return value === undefined ? [] : [attribute(row, value)];
}

/**
 * A MAC address as RADIUS writes it: `AA-BB-CC-DD-EE-FF` (RFC 3580 §3.21), from
 * twelve hexadecimal digits however they are grouped. Any other text stays as it is.
 */
export function stationId(text: string): string {
  const digits = text.replaceAll(/[-:.]/g, "").toUpperCase();
  if (!/^[0-9A-F]{12}$/.test(digits)) return text;
  return digits.match(/../g)!.join("-");
}

function canonical(address: string): string | null {
  const parsed = parseAddress(address);
  return parsed === null ? null : toHex(parsed);
}
