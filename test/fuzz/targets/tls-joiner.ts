/**
 * Handshake messages joined from fragments: the same messages however they are
 * cut, each of the octets it was sent as, none above the bound.
 */
import { concat } from "../../../src/base/bytes.ts";
import { Choices } from "../choices.ts";
import { hold, holdSame, outcome } from "../expect.ts";
import { HandshakeJoiner, TlsFailure } from "../tls.ts";

const MAX_BODY = 300;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const cut = 1 + choices.below(255);
  const stream = choices.rest();
  const [whole, wholeEnd] = join(stream, stream.length);
  const [pieces, piecesEnd] = join(stream, cut);
  holdSame(pieces, whole, "messages do not depend on how they are cut");
  hold(wholeEnd === piecesEnd, `${piecesEnd} in pieces, ${wholeEnd} at once`);
  holdSame(stream.subarray(0, whole.length), whole, "messages are what was sent");
}

function join(stream: Uint8Array, cut: number): [messages: Uint8Array, end: string] {
  const joiner = new HandshakeJoiner(MAX_BODY);
  const messages: Uint8Array[] = [];
  const result = outcome(() => {
    for (let at = 0; at < stream.length; at += cut) {
      joiner.push(stream.subarray(at, at + cut));
      for (let message = joiner.next(); message !== null; message = joiner.next()) {
        hold(message.body.length <= MAX_BODY, "the bound");
        messages.push(message.whole);
      }
    }
  }, [TlsFailure]);
  const end = "failure" in result ? result.failure.message : joiner.pending ? "waits" : "whole";
  return [concat(...messages), end];
}
