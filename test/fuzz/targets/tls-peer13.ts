/**
 * The TLS 1.3 server against a client that is honest but for what the input
 * makes of its messages, under true hashes and ciphers: as `tls-peer12`.
 */
import { AssertionFailure } from "../../kit/assert.ts";
import { Choices } from "../choices.ts";
import { Edits } from "../edits.ts";
import { hold, outcome } from "../expect.ts";
import {
  clientKey,
  ContentType,
  encodeHello,
  HandshakeType,
  serverConfig,
  Wire13,
} from "../tls.ts";
import { toyCrypto } from "../toy-crypto.ts";

export function fuzz(bytes: Uint8Array): void {
  // The client may find that the server answers what it did not mean; that is no fault of the server's.
  outcome(() => converse(new Choices(bytes)), [AssertionFailure]);
}

function converse(choices: Choices): void {
  const withCertificate = choices.flag();
  const clientCertificate = withCertificate ? "required" : "none";
  const group = choices.flag() ? "P-256" : "X25519";
  const wire = new Wire13(serverConfig(toyCrypto, { clientCertificate }), {}, group);
  const edits = new Edits(choices);
  const say = (type: number, content: Uint8Array): void => {
    const before = wire.session;
    for (const { type: shown, content: sent, bare } of edits.pieces(type, content)) {
      wire.give(bare ? wire.plain(shown, sent) : wire.record(shown, sent));
      const asked = wire.outputs.splice(0).some(({ kind }) => kind === "verify-peer");
      if (asked) wire.tell({ kind: "peer-accepted", publicKey: clientKey(toyCrypto).publicKey });
    }
    const now = before === null && wire.session !== null;
    hold(!now || edits.honest, "established over the octets that the client means, and no others");
  };
  say(ContentType.handshake, wire.message(HandshakeType.clientHello, encodeHello(wire.hello)));
  // Without the server's flight there is nothing to answer.
  if (wire.failure === null && wire.heard.includes(HandshakeType.finished)) {
    if (withCertificate) {
      say(ContentType.handshake, wire.certificate());
      say(ContentType.handshake, wire.certificateVerify());
    }
    say(ContentType.handshake, wire.finished());
  }
  hold(edits.touched || wire.session !== null, "an honest client is served");
  if (wire.session === null || wire.failure !== null) return;
  wire.switchKeys();
  say(ContentType.applicationData, Uint8Array.of(1, 2, 3));
  say(ContentType.alert, Uint8Array.of(1, 0));
}
