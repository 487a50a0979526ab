/**
 * An EAP peer over our own TLS client: both versions, and sessions to come back
 * to. The server's certificate is believed as it comes.
 */
import { concat, utf8, Writer } from "../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../src/base/crypto/crypto.ts";
import { mono } from "../../src/base/machine.ts";
import { TlsClient } from "../../src/proto/tls/client.ts";
import type { ClientTicket, TlsInput, TlsSession, TlsVersion } from "../../src/proto/tls/client.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { seeded } from "./random.ts";

const CODE = { request: 1, response: 2 } as const;
const TYPE = { identity: 1, nak: 3, tls: 13, ttls: 21 } as const;
const FLAG = { length: 0x80, more: 0x40, start: 0x20 } as const;

export interface TlsStationOptions {
  readonly method: "tls" | "ttls";
  readonly identity?: string;
  readonly chain: readonly Uint8Array[];
  readonly key: SigningKey;
  readonly versions: readonly TlsVersion[];
  readonly resume?: ClientTicket;
  /** What is said in the tunnel of EAP-TTLS. */
  readonly inner?: Uint8Array;
  /** Makes the random values of one conversation its own. */
  readonly seed: string;
}

export class TlsStation {
  readonly #options: TlsStationOptions;
  readonly #tls: TlsClient;
  #incoming: Uint8Array[] = [];
  #flight: Uint8Array[] = [];
  session: TlsSession | null = null;
  ticket: ClientTicket | null = null;
  /** What came through the tunnel. */
  heard: Uint8Array = new Uint8Array();
  readonly alerts: string[] = [];

  constructor(crypto: Crypto, options: TlsStationOptions) {
    this.#options = options;
    this.#tls = new TlsClient({
      crypto,
      random: seeded(options.seed),
      versions: options.versions,
      serverName: null,
      credential: { certificates: options.chain, key: options.key },
      ...(options.resume === undefined ? {} : { resume: { ticket: options.resume, ageMs: 1000 } }),
    });
  }

  identity(): Uint8Array {
    return response(0, TYPE.identity, utf8(this.#options.identity ?? "@homeca.home.arpa"));
  }

  /** The answer to one EAP-Request. */
  respond(request: Uint8Array): Uint8Array {
    const [, identifier, , , type, flags] = request;
    const wanted = TYPE[this.#options.method];
    if (type !== wanted) return response(identifier!, TYPE.nak, Uint8Array.of(wanted));
    if ((flags! & FLAG.start) !== 0) this.#tell({ kind: "start" });
    else {
      this.#incoming.push(request.subarray((flags! & FLAG.length) === 0 ? 6 : 10));
      if ((flags! & FLAG.more) === 0) {
        const bytes = concat(...this.#incoming.splice(0));
        if (bytes.length > 0) this.#tell({ kind: "bytes", bytes });
      }
    }
    const flight = concat(...this.#flight.splice(0));
    return response(identifier!, wanted, concat(Uint8Array.of(0), flight));
  }

  #tell(input: TlsInput): void {
    for (const output of this.#tls.handle(input, mono(0))) {
      switch (output.kind) {
        case "send":
          this.#flight.push(output.bytes);
          break;
        case "verify-peer": {
          const { publicKey } = parseCertificate(output.chain[0]!);
          this.#tell({ kind: "peer-accepted", publicKey });
          break;
        }
        case "established":
          this.session = output.session;
          this.#speak();
          break;
        case "data":
          this.heard = concat(this.heard, output.bytes);
          break;
        case "ticket":
          this.ticket = output.ticket;
          break;
        case "failed":
          this.alerts.push(output.failure.alert);
          break;
        case "closed":
          break;
      }
    }
  }

  /** Whoever came back to a session has nothing more to prove. */
  #speak(): void {
    const { inner } = this.#options;
    if (inner === undefined || this.session?.resumed === true) return;
    this.#tell({ kind: "send", bytes: inner });
  }
}

function response(identifier: number, type: number, body: Uint8Array): Uint8Array {
  const packet = new Writer()
    .u8(CODE.response)
    .u8(identifier)
    .u16(5 + body.length);
  return packet.u8(type).raw(body).bytes();
}
