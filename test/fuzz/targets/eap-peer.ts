/**
 * A whole EAP-TLS or EAP-TTLS conversation under real cryptography, with a peer
 * that is honest but for what the input makes of its TLS records and the packets
 * it slips in between. The server authenticates it only where every octet of
 * the handshake is the one that the peer means, and never throws.
 */
import { seeded } from "#kit";
import { concat, utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { EapServer } from "../../../src/proto/eap/server.ts";
import type { EapInput } from "../../../src/proto/eap/server.ts";
import { Choices } from "../choices.ts";
import { Edits } from "../edits.ts";
import { hold } from "../expect.ts";
import { MutatingClient, realCrypto } from "../mutating-client.ts";
import { eapPacket, pap } from "../station.ts";
import { CLIENT_CERTIFICATE, clientKey, ContentType, serverConfig } from "../tls.ts";

const LARGE = 1398;
const FLAG = { length: 0x80, more: 0x40, start: 0x20 } as const;
const MOST_ROUNDS = 60;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const method = choices.flag() ? "ttls" : "tls";
  const fragment = 40 + 16 * choices.octet();
  const peer = new Peer(method, fragment, choices);
  peer.say(eapPacket(0, 1, utf8("@home.arpa")));
  for (let round = 0; round < MOST_ROUNDS && !peer.over; round++) peer.answer();
  hold(peer.edits.touched || peer.strayed || peer.succeeded, "an honest peer is let in");
}

class Peer {
  readonly edits: Edits;
  over = false;
  succeeded = false;
  /** Whether packets were slipped in. */
  strayed = false;
  readonly #method: "tls" | "ttls";
  readonly #fragment: number;
  readonly #choices: Choices;
  readonly #client: MutatingClient;
  readonly #server: EapServer;
  #request: Uint8Array = new Uint8Array();
  #incoming: Uint8Array[] = [];
  #outgoing: Uint8Array = new Uint8Array();
  #outgoingTotal = 0;
  #flights = 0;

  constructor(method: "tls" | "ttls", fragment: number, choices: Choices) {
    this.#method = method;
    this.#fragment = fragment;
    this.#choices = choices;
    this.edits = new Edits(choices);
    this.#client = new MutatingClient(this.edits);
    const clientCertificate = method === "tls" ? "required" : "none";
    this.#server = new EapServer({
      random: seeded("identifier"),
      methods: [method],
      tls: () => serverConfig(realCrypto, { clientCertificate, versions: ["TLS 1.2"] }),
      maxPacket: LARGE,
    });
  }

  say(packet: Uint8Array): void {
    this.#tell({ kind: "response", packet, maxPacket: LARGE });
  }

  answer(): void {
    if (this.#choices.below(16) === 15) {
      this.strayed = true;
      this.say(this.#choices.stretch());
    }
    if (this.over) return;
    const type = this.#request[4] ?? 0;
    this.say(eapPacket(this.#request[1] ?? 0, type, this.#typeData()));
  }

  #tell(input: EapInput): void {
    const [output] = this.#server.handle(input, mono(0));
    if (output?.kind === "request") this.#request = output.packet;
    else if (output?.kind === "verify-peer") {
      this.#tell({ kind: "peer-accepted", publicKey: clientKey(realCrypto).publicKey });
    } else if (output?.kind === "authenticated") {
      hold(this.edits.honest, "authenticated over what the peer means alone");
      this.#tell({ kind: "admit" });
    } else if (output?.kind === "success") this.succeeded = true;
    this.over ||= output?.kind === "success" || output?.kind === "failure";
  }

  #typeData(): Uint8Array {
    const flags = this.#request[5] ?? 0;
    if (this.#outgoing.length > 0) return this.#nextFragment();
    if ((flags & FLAG.start) === 0) {
      this.#incoming.push(this.#request.subarray((flags & FLAG.length) === 0 ? 6 : 10));
      if ((flags & FLAG.more) !== 0) return Uint8Array.of(0);
      // A peer that makes nothing of what it heard has nothing to add.
      if (!this.#client.hears(concat(...this.#incoming.splice(0)))) return Uint8Array.of(0);
    }
    this.#outgoing = this.#flight();
    this.#outgoingTotal = this.#outgoing.length;
    return this.#nextFragment();
  }

  #nextFragment(): Uint8Array {
    const whole = this.#outgoing.length === this.#outgoingTotal;
    const bytes = this.#outgoing.subarray(0, this.#fragment);
    this.#outgoing = this.#outgoing.subarray(bytes.length);
    const more = this.#outgoing.length > 0 ? FLAG.more : 0;
    if (!whole || more === 0) return concat(Uint8Array.of(more), bytes);
    const total = this.#outgoingTotal;
    return concat(Uint8Array.of(more | FLAG.length, 0, 0, total >> 8, total & 0xff), bytes);
  }

  #flight(): Uint8Array {
    const client = this.#client;
    if (client.alerts.length > 0) return new Uint8Array();
    switch (this.#flights++) {
      case 0:
        return client.clientHello();
      case 1:
        if (!client.hasFlight) return new Uint8Array();
        return client.secondFlight(this.#method === "tls" ? [CLIENT_CERTIFICATE] : null);
      case 2:
        if (this.#method === "tls" || !client.finishedHeld) return new Uint8Array();
        return client.record(ContentType.applicationData, pap(utf8("lamp"), "secret"));
      default:
        return new Uint8Array();
    }
  }
}
