/**
 * One association of a member with its home, in memory: DTLS and CoAP without
 * an agent around them, so that the caller says what is asked and which session
 * is come back to. It believes whatever home answers.
 */
import { toBase64 } from "../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../src/base/crypto/crypto.ts";
import type { RandomSource } from "../../src/base/machine.ts";
import type { UdpSocket } from "../../src/host/host.ts";
import { bindingOf } from "../../src/policy/devices/binding.ts";
import { encodeLiveReport, parseLiveAnswer } from "../../src/policy/devices/messages.ts";
import type { LiveAnswer } from "../../src/policy/devices/messages.ts";
import { CoapEndpoint } from "../../src/proto/coap/endpoint.ts";
import { ContentFormat, isSuccess } from "../../src/proto/coap/codes.ts";
import type { CoapInput } from "../../src/proto/coap/events.ts";
import { coapRequest } from "../../src/proto/coap/request.ts";
import type { CoapRequest } from "../../src/proto/coap/request.ts";
import type { CoapResponse } from "../../src/proto/coap/response.ts";
import type { ClientTicket, TlsSession } from "../../src/proto/tls/connection.ts";
import { DtlsClient } from "../../src/proto/tls/datagram/client.ts";
import type { DtlsInput, DtlsOutput } from "../../src/proto/tls/datagram/dtls.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { parseBundle } from "../../src/proto/x509/cms.ts";
import { signRequest } from "../../src/proto/x509/request.ts";
import { HOME_ADDRESS } from "./memory-device.ts";
import type { MemoryHome } from "./memory-home.ts";

const HOME = { address: HOME_ADDRESS, port: 5684 };

/** What a device proves itself by. */
export interface Member {
  readonly scalar: Uint8Array;
  /** DER: its own certificate, then the issuing CA's. */
  chain: readonly Uint8Array[];
}

/** A session to come back to, and when its ticket came. */
export interface Kept {
  readonly ticket: ClientTicket;
  readonly at: number;
}

export class Visit {
  readonly #home: MemoryHome;
  readonly #member: Member;
  readonly #key: SigningKey;
  readonly #random: RandomSource;
  readonly #socket: UdpSocket;
  readonly #dtls: DtlsClient;
  readonly #coap: CoapEndpoint;
  #requests = 0;
  /** Null where the handshake came to nothing; in TLS 1.3 a home refuses a certificate behind it. */
  session: TlsSession | null = null;
  /** Whether the home has ended it. */
  isOver = false;
  #answer: CoapResponse | null = null;
  kept: Kept | null = null;

  /** Shakes hands, over a full handshake or a session kept. */
  constructor(
    home: MemoryHome,
    crypto: Crypto,
    random: RandomSource,
    member: Member,
    kept: Kept | null = null,
  ) {
    const { clock, network } = home.host;
    this.#home = home;
    this.#member = member;
    this.#random = random;
    this.#key = crypto.signingKey("P-256", member.scalar);
    this.#coap = new CoapEndpoint({ random });
    const credential = { certificates: member.chain, key: this.#key };
    const resume = kept && { ticket: kept.ticket, ageMs: clock.mono() - kept.at };
    this.#dtls = new DtlsClient({
      tls: {
        ...{ crypto, random, serverName: null, credential, groups: ["X25519", "P-256"] },
        ...(resume === null ? {} : { resume }),
      },
      ...{ mtu: null, connectionId: new Uint8Array() },
    });
    this.#socket = network.udp({ address: "192.0.2.2", port: 0 }, (bytes) => {
      this.#dtlsTakes({ kind: "datagram", bytes });
    });
    this.#dtlsTakes({ kind: "start" });
    clock.advance(0);
  }

  report(): LiveAnswer {
    const payload = encodeLiveReport({ uptimeSeconds: 0, firmware: null, crlNumber: 0 });
    const contentFormat = ContentFormat.CBOR;
    return parseLiveAnswer(
      this.#ask(coapRequest("POST", ["h", "live"], { contentFormat, payload })).payload,
    );
  }

  /** For the same key, as the agent does it. */
  renew(): void {
    const [own, ...above] = this.#member.chain;
    const { subject } = parseCertificate(own!);
    this.#ask(coapRequest("GET", [".well-known", "est", "crts"]));
    const linked = toBase64(bindingOf(this.session!));
    const payload = signRequest(subject.der, [], this.#key, this.#random, linked);
    const path = [".well-known", "est", "sren"];
    const issued = this.#ask(
      coapRequest("POST", path, { contentFormat: ContentFormat.PKCS10, payload }),
    );
    const [leaf] = parseBundle(issued.payload).certificates;
    this.#member.chain = [leaf!.der, ...above];
  }

  /** Says goodbye. */
  close(): void {
    this.#dtlsTakes({ kind: "close" });
    this.#home.host.clock.advance(0);
    this.#socket.close();
  }

  /** Goes silent, as most devices do: the home finds out by itself. */
  vanish(): void {
    this.#socket.close();
  }

  #ask(request: CoapRequest): CoapResponse {
    this.#answer = null;
    this.#coapTakes({ kind: "request", id: ++this.#requests, request });
    this.#home.host.clock.advance(0);
    // Typed by what stands above, it would be null.
    const answer = this.#answer as CoapResponse | null;
    if (answer === null || !isSuccess(answer.code)) throw this.#stuck(request.path.join("/"));
    return answer;
  }

  #stuck(where: string): Error {
    return new Error(`a member does not get through ${where}: ${this.#home.lines.at(-1)}`);
  }

  #dtlsTakes(input: DtlsInput): void {
    for (const output of this.#dtls.handle(input, this.#home.host.mono())) this.#carryOut(output);
  }

  #carryOut(output: DtlsOutput): void {
    switch (output.kind) {
      case "datagram":
        return this.#socket.send(output.bytes, HOME);
      case "verify-peer": {
        // Whether it is the right home is the device's affair.
        const { publicKey } = parseCertificate(output.chain[0]!);
        return this.#dtlsTakes({ kind: "peer-accepted", publicKey });
      }
      case "established":
        this.session = output.session;
        return;
      case "data":
        return this.#coapTakes({ kind: "datagram", bytes: output.bytes });
      case "ticket":
        this.kept = { ticket: output.ticket, at: this.#home.host.mono() };
        return;
      case "failed":
      case "closed":
        this.isOver = true;
        return;
    }
  }

  #coapTakes(input: CoapInput): void {
    for (const output of this.#coap.handle(input, this.#home.host.mono())) {
      if (output.kind === "send") this.#dtlsTakes({ kind: "send", bytes: output.bytes });
      if (output.kind === "response") this.#answer = output.response;
      if (output.kind === "failed") throw this.#stuck(output.reason);
    }
  }
}
