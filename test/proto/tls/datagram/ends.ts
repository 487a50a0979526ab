/** Two ends of ours over a link on a virtual clock: a client that begins, a server that does not ask for cookies. */
import { machineEnd } from "../../../kit/lossy-link.ts";
import { LossyLink } from "../../../kit/lossy-link.ts";
import type { LinkOptions } from "../../../kit/lossy-link.ts";
import {
  SERVER_CERTIFICATE,
  CLIENT_CERTIFICATE,
  clientKey,
  serverConfig,
  serverKey,
} from "../../../kit/tls-client.ts";
import { seeded } from "../../../kit/random.ts";
import { utf8 } from "../../../../src/base/bytes.ts";
import type { Crypto, PublicKey } from "../../../../src/base/crypto/crypto.ts";
import type { Mono } from "../../../../src/base/machine.ts";
import { DatagramChannel } from "../../../../src/proto/tls/datagram/channel.ts";
import type { Channel, Handshake } from "../../../../src/proto/tls/handshake.ts";
import { Association } from "../../../../src/proto/tls/datagram/association.ts";
import type {
  DtlsConfig,
  DtlsInput,
  DtlsOutput,
} from "../../../../src/proto/tls/datagram/association.ts";
import { ClientHandshake } from "../../../../src/proto/tls/client/handshake.ts";
import type {
  ClientTicket,
  TlsClientConfig,
  TlsServerConfig,
  TlsSession,
} from "../../../../src/proto/tls/connection.ts";
import type { TlsFailure } from "../../../../src/proto/tls/failure.ts";
import { ServerHandshake } from "../../../../src/proto/tls/server/handshake.ts";

export interface EndsOptions {
  readonly crypto: Crypto;
  readonly seed: string;
  readonly client?: Partial<TlsClientConfig>;
  readonly server?: Partial<TlsServerConfig>;
  readonly datagrams?: Partial<Omit<DtlsConfig, "tls">>;
  /** What each side asks to be called by. */
  readonly clientId?: Uint8Array;
  readonly serverId?: Uint8Array;
  readonly link?: Partial<LinkOptions>;
  /** Octets to put in place of the server's certificate. */
  readonly certificate?: Uint8Array;
}

/** One side and what it has seen. */
export class End {
  readonly association: Association;
  /** What its handshake works with: tests say through it what no handshake would. */
  readonly channel: DatagramChannel;
  session: TlsSession | null = null;
  establishedAt: Mono | null = null;
  failure: TlsFailure | null = null;
  closed = false;
  readonly data: Uint8Array[] = [];
  readonly tickets: ClientTicket[] = [];
  readonly #peerKey: PublicKey;

  constructor(
    role: "client" | "server",
    config: DtlsConfig,
    begin: (channel: Channel) => Handshake,
    peerKey: PublicKey,
  ) {
    let made: Channel | null = null;
    this.association = new Association(role, config, (channel) => {
      made = channel;
      return begin(channel);
    });
    // The assignment is in a function that the compiler does not see called.
    const channel = made as Channel | null;
    if (!(channel instanceof DatagramChannel)) throw new Error("an association has its channel");
    this.channel = channel;
    this.#peerKey = peerKey;
  }

  /** Gives it datagrams one after another; those that come of them. */
  hear(datagrams: readonly Uint8Array[], now: Mono): Uint8Array[] {
    return datagrams.flatMap((bytes) => this.give({ kind: "datagram", bytes }, now));
  }

  /** A record of whatever content under the keys in use, in a datagram of its own. */
  forge(type: number, content: Uint8Array): Uint8Array {
    this.channel.flights.record(type, content);
    const [datagram] = this.channel.flights.drain();
    return datagram!;
  }

  /** Gives the machine an input; the datagrams that come of it. */
  give(input: DtlsInput, now: Mono): Uint8Array[] {
    return this.association.handle(input, now).flatMap((output) => this.perform(output, now));
  }

  perform(output: DtlsOutput, now: Mono): Uint8Array[] {
    switch (output.kind) {
      case "datagram":
        return [output.bytes];
      case "verify-peer":
        return this.give({ kind: "peer-accepted", publicKey: this.#peerKey }, now);
      case "established":
        this.session = output.session;
        this.establishedAt = now;
        return [];
      case "data":
        this.data.push(output.bytes);
        return [];
      case "ticket":
        this.tickets.push(output.ticket);
        return [];
      case "failed":
        this.failure = output.failure;
        return [];
      case "closed":
        this.closed = true;
        return [];
    }
  }
}

export class Ends {
  readonly client: End;
  readonly server: End;
  readonly link: LossyLink;

  constructor(options: EndsOptions) {
    const { crypto, seed, client, server, datagrams, link, certificate } = options;
    const clientTls: TlsClientConfig = {
      crypto,
      random: seeded(`client ${seed}`),
      serverName: null,
      credential: { certificates: [CLIENT_CERTIFICATE], key: clientKey(crypto) },
      ...client,
    };
    const serverTls = serverConfig(crypto, {
      random: seeded(`server ${seed}`),
      certificates: [certificate ?? SERVER_CERTIFICATE],
      ...server,
    });
    const base = { mtu: null, ...datagrams };
    this.client = new End(
      "client",
      { ...base, ...named(options.clientId), tls: clientTls },
      (channel) => new ClientHandshake(clientTls, channel),
      serverKey(crypto).publicKey,
    );
    this.server = new End(
      "server",
      { ...base, ...named(options.serverId), tls: serverTls },
      (channel) => new ServerHandshake(serverTls, channel),
      clientKey(crypto).publicKey,
    );
    const end = (of: End): ReturnType<typeof machineEnd> =>
      machineEnd<DtlsInput, DtlsOutput>(
        of.association,
        (bytes) => ({ kind: "datagram", bytes }),
        (output, now) => of.perform(output, now),
      );
    this.link = new LossyLink(end(this.client), end(this.server), { seed, ...link });
  }

  start(): this {
    this.fromClient({ kind: "start" });
    return this;
  }

  fromClient(input: DtlsInput): void {
    this.link.send("left", this.client.give(input, this.link.now));
  }

  fromServer(input: DtlsInput): void {
    this.link.send("right", this.server.give(input, this.link.now));
  }

  /** Both have a session; false if they do not within the time, or one of them has failed. */
  establish(limitMs?: number): boolean {
    this.start();
    const { client, server } = this;
    this.link.run(
      () => (client.session !== null && server.session !== null) || this.failed,
      limitMs,
    );
    return client.session !== null && server.session !== null && !this.failed;
  }

  get failed(): boolean {
    return this.client.failure !== null || this.server.failure !== null;
  }

  /** Lets everything on its way arrive and be acknowledged, and timers run out, up to a time. */
  settle(forMs: number): void {
    this.link.run(() => false, this.link.now + forMs);
  }

  /** Text there and back. */
  talk(text: string): [string, string] {
    this.fromClient({ kind: "send", bytes: utf8(text) });
    this.fromServer({ kind: "send", bytes: utf8(text.toUpperCase()) });
    this.settle(1000);
    const last = ({ data }: End): string => String.fromCharCode(...(data.at(-1) ?? []));
    return [last(this.server), last(this.client)];
  }
}

function named(connectionId: Uint8Array | undefined): Pick<DtlsConfig, "connectionId"> {
  return connectionId === undefined ? {} : { connectionId };
}
