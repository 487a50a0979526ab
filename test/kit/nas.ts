/** An authenticator for tests and the demo: carries an EAP peer's packets to a RADIUS server on loopback, as an access point would. */
import { createSocket, type Socket } from "node:dgram";
import { randomBytes } from "node:crypto";
import { utf8 } from "../../src/base/bytes.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import {
  attribute,
  CalledStationId,
  CallingStationId,
  FramedMtu,
  NasIdentifier,
  NasPortType,
  read,
  SessionTimeout,
  TunnelPrivateGroupId,
  UserName,
} from "../../src/proto/radius/attributes.ts";
import { ACCESS_ACCEPT, ACCESS_REJECT, type Attribute } from "../../src/proto/radius/packet.ts";
import type { SessionKeys } from "../../src/proto/radius/hidden.ts";
import { RadiusTestClient } from "./radius-client.ts";
import type { EapPeer } from "./eap-peer.ts";

const WIRELESS = 19;

export interface Join {
  readonly outcome: "accepted" | "rejected" | "silence";
  readonly keys: SessionKeys | null;
  readonly attributes: readonly Attribute[];
  readonly vlan: string | null;
  readonly sessionSeconds: number | null;
  /** Datagrams sent, in order: a real exchange to mutate and replay. */
  readonly sent: readonly Uint8Array[];
}

export interface Station {
  /** `02-00-00-00-00-01` */
  readonly mac: string;
  readonly identity: string;
  readonly framedMtu?: number;
}

export class Nas {
  readonly #port: number;
  readonly #secret: Uint8Array;
  readonly #patienceMs: number;

  constructor(port: number, secret: string, patienceMs = 3000) {
    this.#port = port;
    this.#secret = utf8(secret);
    this.#patienceMs = patienceMs;
  }

  /** Lets a peer authenticate; ends when the server decides, or when it says nothing. */
  async join(station: Station, peer: EapPeer): Promise<Join> {
    const client = new RadiusTestClient(
      nodeCrypto,
      (length) => new Uint8Array(randomBytes(length)),
      this.#secret,
    );
    const socket = await open();
    const sent: Uint8Array[] = [];
    try {
      // The access point asks for the name itself, as 802.1X has it.
      let eap = await peer.respond(Uint8Array.of(1, 1, 0, 5, 1));
      while (eap !== null) {
        const datagram = client.accessRequest({ eap, attributes: attributesOf(station) });
        sent.push(datagram);
        const reply = await exchange(socket, this.#port, datagram, this.#patienceMs);
        if (reply === null) break;
        const answer = client.open(reply);
        const next = answer.eap === null ? null : await peer.respond(answer.eap);
        if (answer.code === ACCESS_ACCEPT || answer.code === ACCESS_REJECT) {
          return {
            outcome: answer.code === ACCESS_ACCEPT ? "accepted" : "rejected",
            keys: answer.keys,
            attributes: answer.attributes,
            vlan: read(answer.attributes, TunnelPrivateGroupId)?.value ?? null,
            sessionSeconds: read(answer.attributes, SessionTimeout),
            sent,
          };
        }
        eap = next;
      }
      return {
        outcome: "silence",
        keys: null,
        attributes: [],
        vlan: null,
        sessionSeconds: null,
        sent,
      };
    } finally {
      socket.close();
    }
  }
}

function attributesOf({ mac, identity, framedMtu = 1400 }: Station): Attribute[] {
  return [
    attribute(UserName, identity),
    attribute(NasIdentifier, "accesspoint"),
    attribute(CalledStationId, "02-00-00-00-FF-01:Home"),
    attribute(CallingStationId, mac),
    attribute(NasPortType, WIRELESS),
    attribute(FramedMtu, framedMtu),
  ];
}

/** A socket on loopback with a port of its own. */
export function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", () => resolve(socket));
  });
}

/** Sends one datagram and waits for one; null when none comes in time. */
export function exchange(
  socket: Socket,
  port: number,
  datagram: Uint8Array,
  patienceMs: number,
): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      socket.removeAllListeners("message");
      resolve(null);
    }, patienceMs);
    socket.once("message", (bytes) => {
      clearTimeout(timer);
      resolve(new Uint8Array(bytes));
    });
    socket.send(datagram, port, "127.0.0.1");
  });
}
