/**
 * What a handshake of ours has under it where it is to lie: the messages that it
 * means go into its own transcript, and what the input makes of them goes out,
 * under the right keys.
 */
import { concat } from "../../src/base/bytes.ts";
import type { Edits } from "./edits.ts";
import { ContentType, handshakeMessageOf, HandshakeType, transcriptForm13 } from "./tls.ts";
import type { Channel, HandshakeMessage } from "./tls.ts";

export class EditedChannel {
  /** For the handshake: all but what is edited is the plain channel's. */
  readonly channel: Channel;
  readonly #plain: Channel;
  readonly #edits: Edits;
  #meant: Uint8Array = new Uint8Array();
  #sent: Uint8Array = new Uint8Array();
  /** message_seq of the next message that is meant; null before the first. */
  #sequence: number | null = null;

  constructor(plain: Channel, edits: Edits) {
    this.#plain = plain;
    this.#edits = edits;
    const own: Pick<Channel, "send" | "changeCipherSpec"> = {
      send: (message) => this.#send(message),
      changeCipherSpec: () => this.#changeCipherSpec(),
    };
    this.channel = new Proxy(plain, {
      get: (target, name) => {
        const value: unknown = Reflect.get(name in own ? own : target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  /**
   * Whether the peer has got what is meant, and in front of the end of that
   * nothing else; a HelloRequest is in no transcript (RFC 5246 §7.4.1.1).
   */
  get honest(): boolean {
    const sent = withoutHelloRequests(this.#sent);
    return this.#meant.every((octet, at) => octet === sent[at]);
  }

  #send(message: Uint8Array): HandshakeMessage {
    const { transport } = this.#plain;
    this.#meant = concat(this.#meant, message);
    let first: HandshakeMessage | null = null;
    for (const { type, content } of this.#edits.pieces(ContentType.handshake, message)) {
      if (type === ContentType.changeCipherSpec) this.#plain.changeCipherSpec();
      if (type === ContentType.alert) this.#plain.warn("no_renegotiation");
      if (type !== ContentType.handshake || content.length === 0) continue;
      const sent = this.#plain.send(content);
      // Datagrams have a length of their own in the place of the header's.
      const octets = transport === "stream" ? content : transcriptForm13(sent);
      this.#sent = concat(this.#sent, octets);
      first ??= sent;
    }
    this.#sequence ??= first?.sequence ?? 0;
    return handshakeMessageOf(message, transport === "stream" ? 0 : this.#sequence++);
  }

  #changeCipherSpec(): void {
    const { changeCipherSpec } = ContentType;
    for (const { type, content } of this.#edits.pieces(changeCipherSpec, Uint8Array.of(1))) {
      if (type === changeCipherSpec && content[0] === 1) this.#plain.changeCipherSpec();
    }
  }
}

const HEADER_LENGTH = 4;

function withoutHelloRequests(octets: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  for (let at = 0; at < octets.length;) {
    const [type, a = 0, b = 0, c = 0] = octets.subarray(at, at + HEADER_LENGTH);
    const length = HEADER_LENGTH + (a << 16) + (b << 8) + c;
    const empty = type === HandshakeType.helloRequest && length === HEADER_LENGTH;
    if (!empty) kept.push(octets.subarray(at, at + length));
    at += length;
  }
  return concat(...kept);
}
