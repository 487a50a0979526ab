/**
 * An EAP peer for tests on both engines: one packet at a time over the scripted
 * TLS client, so that a test can spoil any of them.
 */
import { assert, seeded } from "#kit";
import { concat, utf8, Writer } from "../../../src/base/bytes.ts";
import type { Crypto } from "../../../src/base/crypto/crypto.ts";
import { mono } from "../../../src/base/machine.ts";
import type { MethodName } from "../../../src/proto/eap/methods/method.ts";
import { EapServer } from "../../../src/proto/eap/server.ts";
import type { EapInput, EapOutput } from "../../../src/proto/eap/server.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server.ts";
import { ContentType } from "../../../src/proto/tls/wire.ts";
import {
  CLIENT_CERTIFICATE,
  clientKey,
  ScriptedClient,
  serverConfig,
} from "../../kit/tls-client.ts";

export const TYPE = { identity: 1, nak: 3, tls: 13, ttls: 21 } as const;
export const LARGE = 1398;

export function eapResponse(identifier: number, type: number, typeData: Uint8Array): Uint8Array {
  const length = 5 + typeData.length;
  return new Writer().u8(2).u8(identifier).u16(length).u8(type).raw(typeData).bytes();
}

/** A tunnelled AVP, mandatory unless its flags say otherwise. */
export function avp(code: number, value: Uint8Array, flags = 0x40, vendor = 0): Uint8Array {
  const length = (vendor === 0 ? 8 : 12) + value.length;
  const head = new Writer().u32(code);
  head.u8(flags | (vendor === 0 ? 0 : 0x80)).u24(length);
  if (vendor !== 0) head.u32(vendor);
  return head
    .raw(value)
    .raw(new Uint8Array((4 - (length % 4)) % 4))
    .bytes();
}

export const PAP: Uint8Array = concat(
  avp(1, utf8("lamp@setup.home.arpa")),
  avp(2, concat(utf8("secret"), new Uint8Array(10))),
);

export interface ScriptOptions {
  readonly methods?: readonly MethodName[];
  readonly clientCertificate?: TlsServerConfig["clientCertificate"];
  /** The longest packets, in bytes, that the server and the peer send. */
  readonly serverPacket?: number;
  readonly peerPacket?: number;
  /** The server's own ceiling. */
  readonly ceiling?: number;
}

type Output<Kind extends EapOutput["kind"]> = Extract<EapOutput, { kind: Kind }>;

export class Script {
  readonly client: ScriptedClient;
  readonly server: EapServer;
  /** Every request so far. */
  readonly requests: Uint8Array[] = [];
  readonly #serverPacket: number;
  readonly #peerPacket: number;

  constructor(crypto: Crypto, options: ScriptOptions = {}) {
    const { methods = ["tls", "ttls"], clientCertificate = "required" } = options;
    const { serverPacket = LARGE, peerPacket = LARGE, ceiling = LARGE } = options;
    this.client = new ScriptedClient(crypto);
    this.server = new EapServer({
      random: seeded("identifier"),
      methods,
      tls: () => serverConfig(crypto, { clientCertificate }),
      maxPacket: ceiling,
    });
    this.#serverPacket = serverPacket;
    this.#peerPacket = peerPacket;
  }

  /** The last request. */
  get request(): Uint8Array {
    const last = this.requests.at(-1);
    assert.ok(last !== undefined, "the server has not asked");
    return last;
  }

  /** One input; the server answers each of these with one output. */
  input(input: EapInput): EapOutput {
    const outputs = this.server.handle(input, mono(0));
    assert.equal(outputs.length, 1, "outputs");
    const output = outputs[0]!;
    if (output.kind === "request") this.requests.push(output.packet);
    return output;
  }

  packet(packet: Uint8Array): EapOutput {
    return this.input({ kind: "response", packet, maxPacket: this.#serverPacket });
  }

  identify(name = "@home.arpa", identifier = 0): EapOutput {
    return this.packet(eapResponse(identifier, TYPE.identity, utf8(name)));
  }

  /** Answers the last request with type-data of its own type. */
  answer(typeData: Uint8Array): EapOutput {
    return this.packet(eapResponse(this.request[1]!, this.request[4]!, typeData));
  }

  acknowledge(): EapOutput {
    return this.answer(Uint8Array.of(0));
  }

  nak(...types: readonly number[]): EapOutput {
    return this.packet(eapResponse(this.request[1]!, TYPE.nak, Uint8Array.from(types)));
  }

  /** Sends a message of the method's in as many fragments as it needs; the output to the last. */
  say(message: Uint8Array): EapOutput {
    const room = this.#peerPacket - 5;
    if (message.length + 1 <= room) return this.answer(concat(Uint8Array.of(0), message));
    const head = new Writer().u8(0xc0).u32(message.length);
    let at = room - head.length;
    let output = this.answer(concat(head.bytes(), message.subarray(0, at)));
    while (at < message.length) {
      this.expect(output, "request");
      assert.deepEqual(this.request.subarray(5), Uint8Array.of(0), "no acknowledgement");
      const flags = message.length - at > room - 1 ? 0x40 : 0;
      output = this.answer(concat(Uint8Array.of(flags), message.subarray(at, at + room - 1)));
      at += room - 1;
    }
    return output;
  }

  /** Takes the server's message from its last request on, acknowledging its fragments, and gives it to TLS. */
  hear(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let flags = 0x40; (flags & 0x40) !== 0;) {
      if (parts.length > 0) this.expect(this.acknowledge(), "request");
      flags = this.request[5]!;
      assert.equal((flags & 0x80) !== 0, parts.length === 0 && (flags & 0x40) !== 0, "the L flag");
      parts.push(this.request.subarray((flags & 0x80) === 0 ? 6 : 10));
    }
    const message = concat(...parts);
    this.client.receive(message);
    return message;
  }

  /** Identity and hellos: the server's flight has been read afterwards. */
  hellos(name = "@home.arpa"): this {
    this.expect(this.identify(name), "request");
    this.expect(this.say(this.client.clientHello()), "request");
    this.hear();
    return this;
  }

  /** Hellos and the peer's flight; with a chain the server is told to accept it. The server's Finished has been read. */
  handshake(chain: readonly Uint8Array[] | null = [CLIENT_CERTIFICATE]): this {
    this.hellos();
    const output = this.say(this.client.secondFlight(chain));
    this.expect(chain === null || chain.length === 0 ? output : this.accept(output), "request");
    this.hear();
    assert.ok(this.client.finishedHeld, "no Finished from the server");
    return this;
  }

  /** Says yes to the chain that the output asks about. */
  accept(output: EapOutput): EapOutput {
    this.expect(output, "verify-peer");
    const { publicKey } = clientKey(this.client.crypto);
    return this.input({ kind: "peer-accepted", publicKey });
  }

  /** Bytes for the inside of the tunnel, as one record. */
  tunnelled(bytes: Uint8Array): Uint8Array {
    return this.client.record(ContentType.applicationData, bytes);
  }

  expect<Kind extends EapOutput["kind"]>(output: EapOutput, kind: Kind): Output<Kind> {
    assert.equal(output.kind, kind, JSON.stringify(output));
    // Checked the line before.
    return output as Output<Kind>;
  }

  fails(output: EapOutput, reason: Output<"failure">["reason"]): Output<"failure"> {
    const failure = this.expect(output, "failure");
    assert.equal(failure.reason, reason);
    assert.equal(this.server.wakeAt, null);
    return failure;
  }

  ignores(output: EapOutput, reason: Output<"ignored">["reason"]): void {
    assert.equal(this.expect(output, "ignored").reason, reason);
  }
}
