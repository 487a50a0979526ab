/**
 * A whole EAP conversation with all locks open: any packets in any order, raw
 * or with the header that is due. It never throws; each input has at most one
 * output; success comes only after somebody said yes to what was authenticated;
 * rounds and packets are bounded; after the end nothing comes but silence.
 */
import { concat } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { EapServer, MAX_ROUNDS } from "../../../src/proto/eap/server.ts";
import type { EapInput, EapOutput } from "../../../src/proto/eap/server.ts";
import { Choices } from "../choices.ts";
import { hold } from "../expect.ts";
import { OPEN_KEY, openSession, OpenStore, sevens } from "../open-conversation.ts";
import { BAD, openCrypto } from "../open-crypto.ts";
import { CLIENT_CERTIFICATE, serverConfig } from "../tls.ts";

const MAX_PACKET = 300;
const METHODS = [["tls", "ttls"], ["ttls", "tls"], ["ttls"], ["tls"]] as const;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const setup = choices.octet();
  const peer = new Conversation(setup);
  while (choices.left > 0) peer.round(choices);
}

class Conversation {
  readonly #server: EapServer;
  /** Whether what is proven may proceed. */
  readonly #proceeds: boolean;
  #now = 0;
  #requests = 0;
  #last: Uint8Array = new Uint8Array(5);
  #proven = false;
  #authenticated = false;
  #ended = false;

  constructor(setup: number) {
    const clientCertificate = (["required", "asked", "none"] as const)[(setup >> 2) % 3]!;
    const version = (setup & 32) === 0 ? "TLS 1.2" : "TLS 1.3";
    const chain = clientCertificate === "none" ? [] : [CLIENT_CERTIFICATE];
    this.#proceeds = (setup & 64) === 0;
    this.#server = new EapServer({
      random: (length) => new Uint8Array(length).fill(1),
      methods: METHODS[setup & 3]!,
      tls: () =>
        serverConfig(openCrypto, {
          random: sevens,
          clientCertificate,
          versions: [version],
          ...((setup & 128) === 0 ? {} : { sessions: new OpenStore(openSession(version, chain)) }),
        }),
      maxPacket: MAX_PACKET,
    });
  }

  round(choices: Choices): void {
    const operation = choices.below(16);
    switch (operation) {
      case 12:
        return this.#packet(choices.stretch());
      case 13:
        this.#now += choices.octet() * 1000;
        return this.#tell({ kind: "timeout" });
      case 14:
        return this.#tell({ kind: choices.flag() ? "proceed" : "admit" });
      case 15:
        return this.#tell({ kind: "peer-accepted", publicKey: OPEN_KEY });
      default: {
        // The header that is due, and the type: the last request's, or another.
        const type = operation === 0 ? 1 : operation === 1 ? choices.octet() : this.#last[4]!;
        const typeData = operation < 2 ? choices.take(choices.octet()) : choices.stretch();
        const length = 5 + typeData.length;
        const header = [2, this.#last[1]!, length >> 8, length & 0xff, type];
        this.#packet(concat(Uint8Array.from(header), typeData));
      }
    }
  }

  #packet(packet: Uint8Array): void {
    this.#tell({ kind: "response", packet, maxPacket: MAX_PACKET });
  }

  #tell(input: EapInput): void {
    const outputs = this.#server.handle(input, mono(this.#now));
    hold(outputs.length <= 1, "at most one output");
    const [output] = outputs;
    if (output === undefined) return;
    hold(!this.#ended || output.kind === "ignored", `${output.kind} after the end`);
    this.#take(output, input);
    hold((this.#server.wakeAt === null) === this.#ended, "a deadline until the end");
  }

  #take(output: EapOutput, input: EapInput): void {
    if (output.kind === "request") {
      hold(++this.#requests <= MAX_ROUNDS, "rounds are bounded");
      checkPacket(output.packet, 1, MAX_PACKET);
      this.#last = output.packet;
    } else if (output.kind === "verify-peer") this.#verify(output.chain);
    else if (output.kind === "proven") {
      hold(!this.#proven && !this.#authenticated, "proven once");
      this.#proven = true;
      this.#tell(
        this.#proceeds ? { kind: "proceed" } : { kind: "refuse", reason: "the target says so" },
      );
    } else if (output.kind === "authenticated") {
      hold(!this.#authenticated, "authenticated once");
      hold(!this.#proven || this.#proceeds, "whoever was refused is not authenticated");
      this.#authenticated = true;
    } else if (output.kind === "success") {
      hold(this.#authenticated && input.kind === "admit", "success needs a yes to a proof");
      hold(output.keys.msk.length === 64 && output.keys.emsk.length === 64, "keys");
      checkPacket(output.packet, 3, 4);
      this.#ended = true;
    } else if (output.kind === "failure") {
      checkPacket(output.packet, 4, 4);
      this.#ended = true;
    }
  }

  #verify(chain: readonly Uint8Array[]): void {
    const bad = chain[0]?.[0] === BAD;
    this.#tell(
      bad
        ? { kind: "peer-rejected", alert: "bad_certificate", reason: "the target says so" }
        : { kind: "peer-accepted", publicKey: OPEN_KEY },
    );
  }
}

function checkPacket(packet: Uint8Array, code: number, longest: number): void {
  hold(packet[0] === code, `code ${code}`);
  hold(packet.length <= longest, "a packet within the limit");
  hold(packet.length === packet[2]! * 256 + packet[3]!, "its own length");
}
