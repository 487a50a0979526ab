/**
 * A station one round at a time: an EAP peer over the scripted TLS client, and
 * the NAS it speaks through. A test may keep, repeat, spoil or hold back each
 * packet; left alone, the station is honest.
 */
import { concat, utf8, Writer } from "../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../src/base/crypto/crypto.ts";
import {
  attribute,
  CalledStationId,
  CallingStationId,
  FramedMtu,
  NasIdentifier,
  NasPortType,
  UserName,
} from "../../src/proto/radius/attributes.ts";
import type { Attribute } from "../../src/proto/radius/packet.ts";
import { ContentType } from "../../src/proto/tls/wire.ts";
import { type ClientAnswer, RadiusTestClient } from "../kit/radius-client.ts";
import { seeded } from "../kit/random.ts";
import { ScriptedClient } from "../kit/tls-client.ts";

const METHODS = {
  tls: { type: 13, keyLabel: "client EAP encryption" },
  ttls: { type: 21, keyLabel: "ttls keying material" },
} as const;
const IDENTITY = 1;
const NAK = 3;
const FLAG = { length: 0x80, more: 0x40, start: 0x20 } as const;
const WIRELESS = 19;

export interface StationOptions {
  readonly secret: string;
  /** `02-00-00-00-00-01` */
  readonly mac: string;
  readonly method: keyof typeof METHODS;
  readonly identity?: string;
  /** DER, its own first; empty for a station without. */
  readonly chain: readonly Uint8Array[];
  /** Of the first certificate; the test client's where not given. */
  readonly key?: SigningKey;
  /** What the station says inside of TTLS, AVPs as they go into the tunnel. */
  readonly inner?: Uint8Array;
  /** Changes the octets of its flights before they are sent: 0 is the ClientHello, 1 what follows the server's. */
  readonly spoil?: (flight: Uint8Array, number: number) => Uint8Array;
}

export class Station {
  readonly #options: StationOptions;
  readonly #tls: ScriptedClient;
  readonly #radius: RadiusTestClient;
  readonly attributes: readonly Attribute[];
  #incoming: Uint8Array[] = [];
  #flights = 0;
  #eap: Uint8Array;

  constructor(crypto: Crypto, options: StationOptions, seed: string) {
    this.#options = options;
    this.#tls = new ScriptedClient(crypto);
    this.#tls.trusting = true;
    this.#radius = new RadiusTestClient(crypto, seeded(`nas ${seed}`), utf8(options.secret));
    const identity = options.identity ?? "@homeca.home.arpa";
    this.attributes = [
      attribute(UserName, identity),
      attribute(NasIdentifier, "accesspoint"),
      attribute(CalledStationId, "02-00-00-00-FF-01:Home"),
      attribute(CallingStationId, options.mac),
      attribute(NasPortType, WIRELESS),
      attribute(FramedMtu, 1400),
    ];
    this.#eap = eapPacket(0, IDENTITY, utf8(identity));
  }

  /** What the station says next. */
  get eap(): Uint8Array {
    return this.#eap;
  }

  /** Names of the alerts the server sent. */
  get alerts(): readonly (string | null)[] {
    return this.#tls.alerts.map(({ name }) => name);
  }

  /** 64 octets, and null until the server's Finished held. */
  get msk(): Uint8Array | null {
    if (!this.#tls.finishedHeld) return null;
    return this.#tls.keys.exportKey(METHODS[this.#options.method].keyLabel, null, 128).slice(0, 64);
  }

  /** The next Access-Request, under an Identifier and an authenticator of its own each time. */
  request(eap: Uint8Array = this.#eap): Uint8Array {
    return this.#radius.accessRequest({ eap, attributes: this.attributes });
  }

  /** Opens the answer to the last request; after a Challenge the station knows what to say next. */
  take(reply: Uint8Array): ClientAnswer {
    const answer = this.#radius.open(reply);
    if (answer.eap?.[0] === 1) this.#eap = this.#respond(answer.eap);
    return answer;
  }

  #respond(request: Uint8Array): Uint8Array {
    const [, identifier = 0, , , type = 0, flags = 0] = request;
    const wanted = METHODS[this.#options.method].type;
    if (type !== wanted) return eapPacket(identifier, NAK, Uint8Array.of(wanted));
    if ((flags & FLAG.start) === 0) {
      this.#incoming.push(request.subarray((flags & FLAG.length) === 0 ? 6 : 10));
      if ((flags & FLAG.more) !== 0) return eapPacket(identifier, type, Uint8Array.of(0));
      this.#tls.receive(concat(...this.#incoming.splice(0)));
    }
    const said = this.#next();
    const spoilt = this.#options.spoil?.(said, this.#flights - 1) ?? said;
    return eapPacket(identifier, type, concat(Uint8Array.of(0), spoilt));
  }

  #secondFlight(): Uint8Array {
    const { chain, key } = this.#options;
    if (key === undefined) return this.#tls.secondFlight(chain);
    return concat(
      this.#tls.certificate(chain),
      this.#tls.clientKeyExchange(),
      this.#tls.certificateVerify(0x0403, this.#tls.signature("sha256", key)),
      this.#tls.changeCipherSpec(),
      this.#tls.finished(),
    );
  }

  #next(): Uint8Array {
    if (this.#tls.alerts.length > 0) return new Uint8Array(0);
    switch (this.#flights++) {
      case 0:
        return this.#tls.clientHello();
      case 1:
        return this.#secondFlight();
      default: {
        const { inner } = this.#options;
        if (inner === undefined) return new Uint8Array(0);
        return this.#tls.record(ContentType.applicationData, inner);
      }
    }
  }
}

/** An EAP-Response. */
export function eapPacket(identifier: number, type: number, typeData: Uint8Array): Uint8Array {
  return new Writer()
    .u8(2)
    .u8(identifier)
    .u16(5 + typeData.length)
    .u8(type)
    .raw(typeData)
    .bytes();
}

/** User-Name and User-Password as PAP puts them into the tunnel (RFC 5281 §11.2.5). */
export function pap(name: Uint8Array, password: string): Uint8Array {
  const octets = utf8(password);
  const padded = new Uint8Array(Math.max(16, Math.ceil(octets.length / 16) * 16));
  padded.set(octets);
  return concat(avp(1, name), avp(2, padded));
}

/** An AVP with the M flag and its padding (RFC 5281 §10.1). */
export function avp(code: number, value: Uint8Array): Uint8Array {
  return new Writer()
    .u32(code)
    .u8(0x40)
    .u24(8 + value.length)
    .raw(value)
    .raw(new Uint8Array((4 - (value.length % 4)) % 4))
    .bytes();
}
