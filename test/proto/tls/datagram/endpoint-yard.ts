/** Clients of ours around one DTLS server, on a network that a test can bend and a clock that it turns. */
import { assert, seeded } from "#kit";
import { concat, utf8 } from "../../../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../../../src/base/crypto/crypto.ts";
import { noble } from "../../../../src/base/crypto/noble.ts";
import { mono } from "../../../../src/base/machine.ts";
import type { Mono } from "../../../../src/base/machine.ts";
import { ClientHandshake } from "../../../../src/proto/tls/client/handshake.ts";
import type {
  TlsClientConfig,
  TlsServerConfig,
  TlsSession,
} from "../../../../src/proto/tls/connection.ts";
import { Association } from "../../../../src/proto/tls/datagram/association.ts";
import type { DtlsInput, DtlsOutput } from "../../../../src/proto/tls/datagram/association.ts";
import { DtlsServer } from "../../../../src/proto/tls/datagram/server.ts";
import type {
  AssociationId,
  EndpointConfig,
  EndpointInput,
  EndpointOutput,
} from "../../../../src/proto/tls/datagram/server.ts";
import type { TlsFailure } from "../../../../src/proto/tls/failure.ts";
import { CLIENT_CERTIFICATE, clientKey, serverConfig, serverKey } from "../../../kit/tls-client.ts";

/** Where the clock stands at first: in the middle of a cookie's period. */
export const START = 330_000;

/**
 * noble with keys that cost nothing and protect nothing, for tests that need
 * hundreds of handshakes: what is agreed on is the hash of both public keys,
 * and a signature is a MAC under the public one.
 */
export const CHEAP: Crypto = {
  ...noble,
  ecdhKey(_group, random) {
    const publicKey = random(32);
    const agree = (peer: Uint8Array): Uint8Array => {
      const both = [publicKey, peer].toSorted((a, b) => (a.join() < b.join() ? -1 : 1));
      return noble.digest("sha256", concat(...both));
    };
    return { publicKey, agree };
  },
  signingKey(curve, scalar) {
    const { publicKey } = noble.signingKey(curve, scalar);
    return { publicKey, sign: (_hash, message) => cheapSignature(publicKey.point, message) };
  },
  verify(_scheme, key, message, signature) {
    if (key.kind !== "ec") return false;
    return cheapSignature(key.point, message).join() === signature.join();
  },
};

function cheapSignature(point: Uint8Array, message: Uint8Array): Uint8Array {
  return noble.hmac("sha256", point, message);
}

/** Made once: what they cost is the point behind them. */
const KEYS: Readonly<Record<"server" | "client", SigningKey>> = {
  server: serverKey(CHEAP),
  client: clientKey(CHEAP),
};

export interface Passing {
  readonly from: "client" | "server";
  /** The client's. */
  readonly address: string;
  readonly bytes: Uint8Array;
}

/** A client, and where it is. */
export class Station {
  readonly association: Association;
  address: string;
  session: TlsSession | null = null;
  failure: TlsFailure | null = null;
  closed = false;
  readonly heard: string[] = [];
  readonly #outbox: (bytes: Uint8Array) => void;

  constructor(address: string, association: Association, outbox: (bytes: Uint8Array) => void) {
    this.address = address;
    this.association = association;
    this.#outbox = outbox;
  }

  tell(input: DtlsInput, now: Mono): void {
    for (const output of this.association.handle(input, now)) this.#perform(output, now);
  }

  #perform(output: DtlsOutput, now: Mono): void {
    switch (output.kind) {
      case "datagram":
        return this.#outbox(output.bytes);
      case "verify-peer":
        return this.tell({ kind: "peer-accepted", publicKey: KEYS.server.publicKey }, now);
      case "established":
        this.session = output.session;
        return;
      case "data":
        this.heard.push(String.fromCharCode(...output.bytes));
        return;
      case "failed":
        this.failure = output.failure;
        return;
      case "closed":
        this.closed = true;
        return;
      case "ticket":
        return;
    }
  }
}

type YardChanges = Partial<Omit<EndpointConfig, "tls">> & {
  readonly tls?: Partial<TlsServerConfig>;
};

export class Yard {
  readonly server: DtlsServer;
  /** All but datagrams, in order. */
  readonly outputs: EndpointOutput[] = [];
  /** Everything that was sent, lost or not. */
  readonly passed: Passing[] = [];
  /** False loses it. */
  network: (passing: Passing) => boolean = () => true;
  /** Answers `verify-peer` at once; a test that will not takes it out. */
  accepts = true;
  #now = START;
  #stations: Station[] = [];
  #waiting: Passing[] = [];
  #made = 0;

  constructor({ tls, ...changes }: YardChanges = {}) {
    const config = serverConfig(CHEAP, { key: KEYS.server, ...tls });
    this.server = new DtlsServer({ mtu: null, idleMs: null, ...changes, tls: config });
  }

  get now(): Mono {
    return mono(this.#now);
  }

  /**
   * A client at an address; it has said nothing yet.
   *
   * @param connectionId - What it asks to be called by; null speaks none.
   */
  client(
    address: string,
    changes: Partial<TlsClientConfig> = {},
    connectionId: Uint8Array | null = null,
  ): Station {
    const tls: TlsClientConfig = {
      crypto: CHEAP,
      random: seeded(`client ${++this.#made}`),
      serverName: null,
      credential: { certificates: [CLIENT_CERTIFICATE], key: KEYS.client },
      ...changes,
    };
    const association = new Association(
      "client",
      { tls, mtu: null, ...(connectionId === null ? {} : { connectionId }) },
      (channel) => new ClientHandshake(tls, channel),
    );
    const station: Station = new Station(address, association, (bytes) => {
      this.#waiting.push({ from: "client", address: station.address, bytes });
    });
    this.#stations.push(station);
    return station;
  }

  /** A client that has a session. */
  joined(
    address: string,
    changes: Partial<TlsClientConfig> = {},
    connectionId: Uint8Array | null = null,
  ): Station {
    const station = this.client(address, changes, connectionId);
    this.tell(station, { kind: "start" });
    assert.equal(station.failure, null);
    assert.ok(station.session !== null, `${address} has a session`);
    return station;
  }

  tell(station: Station, input: DtlsInput): void {
    station.tell(input, this.now);
    this.#carry();
  }

  say(station: Station, text: string): void {
    this.tell(station, { kind: "send", bytes: utf8(text) });
  }

  /** The server's caller says something. */
  order(input: EndpointInput): void {
    this.#serve(input);
    this.#carry();
  }

  /** A datagram from nowhere. */
  inject(address: string, bytes: Uint8Array): void {
    this.#waiting.push({ from: "client", address, bytes });
    this.#carry();
  }

  /** Time passes; whatever falls due in it happens. */
  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const ends = [this.server, ...this.#stations.map(({ association }) => association)];
      const next = Math.min(...ends.map(({ wakeAt }) => wakeAt ?? Infinity));
      if (next > end) break;
      this.#now = Math.max(this.#now, next);
      for (const station of this.#stations) {
        const { wakeAt } = station.association;
        if (wakeAt !== null && wakeAt <= this.#now) station.tell({ kind: "timeout" }, this.now);
      }
      const { wakeAt } = this.server;
      if (wakeAt !== null && wakeAt <= this.#now) this.#serve({ kind: "timeout" });
      this.#carry();
    }
    this.#now = end;
  }

  /** A client is gone without a word. */
  lose(station: Station): void {
    this.#stations = this.#stations.filter((other) => other !== station);
  }

  outputsOf<Kind extends EndpointOutput["kind"]>(
    kind: Kind,
  ): Extract<EndpointOutput, { kind: Kind }>[] {
    return this.outputs.filter(
      (output): output is Extract<EndpointOutput, { kind: Kind }> => output.kind === kind,
    );
  }

  /** The number of the association last established from there. */
  idOf(address: string): AssociationId {
    const found = this.outputsOf("established").findLast(({ from }) => from === address);
    return found?.association ?? -1;
  }

  /** What the client of an association said, in order. */
  saidBy(association: AssociationId): string[] {
    return this.outputsOf("data")
      .filter((output) => output.association === association)
      .map(({ bytes }) => String.fromCharCode(...bytes));
  }

  #carry(): void {
    for (;;) {
      const passing = this.#waiting.shift();
      if (passing === undefined) return;
      this.passed.push(passing);
      if (!this.network(passing)) continue;
      const { from, address } = passing;
      // A copy: an end must not rely on what another one holds.
      const bytes = passing.bytes.slice();
      if (from === "client") this.#serve({ kind: "datagram", from: address, bytes });
      else {
        const there = this.#stations.filter((station) => station.address === address);
        for (const station of there) station.tell({ kind: "datagram", bytes }, this.now);
      }
    }
  }

  #serve(input: EndpointInput): void {
    for (const output of this.server.handle(input, this.now)) {
      if (output.kind === "datagram") {
        this.#waiting.push({ from: "server", address: output.to, bytes: output.bytes });
        continue;
      }
      this.outputs.push(output);
      if (output.kind === "verify-peer" && this.accepts) {
        const { association } = output;
        const { publicKey } = KEYS.client;
        this.#serve({ kind: "peer-accepted", association, publicKey });
      }
    }
  }
}
