/**
 * The access point of the demo: it carries devices' packets to HomeCA, asks by
 * address for those that cannot speak EAP, and does as it is told when a device
 * must go. Everything a real one does but the radio.
 */
import type { Socket } from "node:dgram";
import { performance } from "node:perf_hooks";
import { utf8 } from "../../src/base/bytes.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import {
  attribute,
  CallingStationId,
  NasIdentifier,
  read,
  UserName,
} from "../../src/proto/radius/attributes.ts";
import { requestHolds, sealResponse } from "../../src/proto/radius/authenticator.ts";
import { splitEapMessage } from "../../src/proto/radius/eap-message.ts";
import {
  ACCESS_REQUEST,
  DISCONNECT_ACK,
  DISCONNECT_REQUEST,
  encodePacket,
  parsePacket,
} from "../../src/proto/radius/packet.ts";
import { askByAddress } from "../kit/address-question.ts";
import type { AddressAnswer, AddressQuestionOptions } from "../kit/address-question.ts";
import type { EapPeer } from "../kit/eap-peer.ts";
import { exchange, type Join, Nas, open } from "../kit/nas.ts";
import { random } from "./things.ts";

/** How long silence must last to count as such. */
const SILENCE_MS = 500;

/** A device that had to go, and when the access point was told. */
interface Departure {
  readonly mac: string;
  readonly at: number;
}

export class AccessPoint {
  readonly secret: string;
  readonly #socket: Socket;
  readonly #departures: Departure[] = [];
  #server = 0;

  private constructor(socket: Socket, secret: string) {
    this.#socket = socket;
    this.secret = secret;
    socket.on("message", (bytes, from) => {
      const request = parsePacket(new Uint8Array(bytes));
      const key = utf8(secret);
      if (request.code !== DISCONNECT_REQUEST || !requestHolds(nodeCrypto, key, request)) return;
      const mac = read(request.attributes, CallingStationId) ?? "";
      this.#departures.push({ mac, at: performance.now() });
      const answer = { ...request, code: DISCONNECT_ACK, attributes: [] };
      socket.send(
        sealResponse(nodeCrypto, key, answer, "message-authenticator"),
        from.port,
        from.address,
      );
    });
  }

  static async switchedOn(secret: string): Promise<AccessPoint> {
    return new AccessPoint(await open(), secret);
  }

  /** Where it is told that a device must go: RFC 5176. */
  get disconnectPort(): number {
    return this.#socket.address().port;
  }

  /** Points it at a RADIUS server on this machine. */
  ask(port: number): void {
    this.#server = port;
  }

  switchOff(): void {
    this.#socket.close();
  }

  join(mac: string, identity: string, peer: EapPeer): Promise<Join> {
    return new Nas(this.#server, this.secret).join({ mac, identity }, peer);
  }

  /** Asks for a device without EAP; null for silence. */
  async joinByAddress(question: AddressQuestionOptions): Promise<AddressAnswer | null> {
    const asked = askByAddress(nodeCrypto, random, utf8(this.secret), question);
    const reply = await this.#exchange(asked.datagram);
    return reply === null ? null : asked.open(reply);
  }

  /** When it was told to put the device out, on the clock of `performance`; null for not in time. */
  async departureOf(mac: string, limitMs = 2000): Promise<number | null> {
    const until = performance.now() + limitMs;
    while (performance.now() < until) {
      const found = this.#departures.find((one) => one.mac === mac);
      if (found !== undefined) return found.at;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return null;
  }

  /** Another access point, which has guessed the secret wrong: what it is told. */
  async strangerWithWrongSecret(mac: string, identity: string, peer: EapPeer): Promise<Join> {
    return new Nas(this.#server, "guessed-by-a-stranger", SILENCE_MS).join({ mac, identity }, peer);
  }

  /** A request without Message-Authenticator, as a forger would send it (CVE-2024-3596): what comes back. */
  strangerWithoutSeal(mac: string, identity: string): Promise<Uint8Array | null> {
    const eap = Uint8Array.of(2, 1, 0, 5 + identity.length, 1, ...utf8(identity));
    const packet = {
      code: ACCESS_REQUEST,
      identifier: 1,
      authenticator: random(16),
      attributes: [
        attribute(UserName, identity),
        attribute(NasIdentifier, "accesspoint"),
        attribute(CallingStationId, mac),
        ...splitEapMessage(eap),
      ],
    };
    return this.#exchange(encodePacket(packet), SILENCE_MS);
  }

  async #exchange(datagram: Uint8Array, patienceMs = 3000): Promise<Uint8Array | null> {
    const socket = await open();
    try {
      return await exchange(socket, this.#server, datagram, patienceMs);
    } finally {
      socket.close();
    }
  }
}
