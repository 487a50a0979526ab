/**
 * The forms of DTLS: handshake fragments and their messages, ACKs, connection
 * ids, cookies. Each is read or refused in its own way and encodes back; what is
 * put together in any order is what was cut, and what is kept is bounded.
 */
import { sameBytes } from "../../../src/base/bytes.ts";
import { Choices } from "../choices.ts";
import {
  addCookieField,
  encodeAck,
  encodeConnectionIdExtension,
  encodeFragment,
  encodeHelloVerify,
  encodeNewConnectionId,
  encodeRequestConnectionId,
  MAX_MESSAGES_HELD,
  MAX_OCTETS_AHEAD,
  parseAck,
  parseConnectionIdExtension,
  parseFragments,
  parseHelloVerify,
  parseNewConnectionId,
  parseRequestConnectionId,
  Reassembler,
  splitCookie,
  withCookie,
} from "../dtls.ts";
import { hold, holdSame, valueOf } from "../expect.ts";
import { TlsFailure } from "../tls.ts";

const OWN = [TlsFailure] as const;
const MAX_BODY = 600;
const BACK = "what is parsed encodes back";

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  choices.pick([reassembly, cutAndJoined, fragments, ack, connectionIds, cookies])(choices);
}

/** Any fragments of any epochs. */
function reassembly(choices: Choices): void {
  const reassembler = new Reassembler(MAX_BODY, choices.below(3));
  let epoch = 0;
  while (choices.left > 0) {
    const operation = choices.below(8);
    if (operation === 7) {
      epoch = choices.below(4);
      reassembler.requireEpoch(epoch);
    } else if (operation === 6) {
      const next = reassembler.nextSeq;
      const message = reassembler.next();
      if (message === null) continue;
      hold(message.body.length <= MAX_BODY && message.seq === next, "the next message, bounded");
    } else {
      const { discards, acknowledgeable } = reassembler.push(choices.below(4), choices.stretch());
      hold(acknowledgeable === (discards.length === 0), "what was dropped is not acknowledged");
    }
    hold(reassembler.octetsHeld <= MAX_OCTETS_AHEAD + MAX_BODY, "what is kept is bounded");
  }
}

/** Honest messages, cut and carried as the input says, with as many repeats as it likes. */
function cutAndJoined(choices: Choices): void {
  const count = 1 + choices.below(MAX_MESSAGES_HELD);
  const messages = Array.from({ length: count }, (_, seq) => {
    const body = new Uint8Array(choices.octet()).map((_, at) => at * 7 + seq);
    return { type: 1 + seq, seq, body };
  });
  const reassembler = new Reassembler(MAX_BODY, 0);
  let joined = 0;
  const push = (seq: number, from: number, length: number): void => {
    const message = messages[seq]!;
    const end = Math.min(from + length, message.body.length);
    const { discards } = reassembler.push(0, encodeFragment(message, Math.min(from, end), end));
    hold(discards.length === 0, `an honest fragment is taken: ${discards.join()}`);
    for (let whole = reassembler.next(); whole !== null; whole = reassembler.next()) {
      holdSame(whole.body, messages[joined]!.body, "what is joined is what was cut");
      hold(whole.type === messages[joined]!.type && whole.seq === joined++, "in order");
    }
  };
  while (choices.left > 0) push(choices.below(count), choices.octet(), choices.octet());
  // And once more all of it, so that nothing is missing.
  for (const { seq } of messages) push(seq, 0, MAX_BODY);
  hold(joined === count && !reassembler.pending, "nothing is missing in the end");
}

function fragments(choices: Choices): void {
  const content = choices.rest();
  const list = parseFragments(content);
  if (typeof list === "string") return;
  const again = list.map(({ type, seq, length, offset, bytes }) => {
    const body = new Uint8Array(length);
    body.set(bytes, offset);
    return encodeFragment({ type, seq, body }, offset, offset + bytes.length);
  });
  const octets = again.flatMap((each) => [...each]);
  holdSame(Uint8Array.from(octets), content, BACK);
}

function ack(choices: Choices): void {
  const epoch = choices.octet();
  const content = choices.rest();
  const numbers = parseAck(content, epoch);
  if (typeof numbers === "string") return;
  hold(numbers.length <= content.length / 16, "no more numbers than octets hold");
  hold(
    numbers.every((number) => number.epoch <= epoch),
    "none of a later epoch",
  );
  // Sorted it says the same; numbers above 2^53 are rounded.
  const exact = numbers.every(({ sequence }) => sequence < 2 ** 53);
  if (!exact) return;
  const again = parseAck(encodeAck(numbers), epoch);
  hold(typeof again !== "string" && again.length === numbers.length, BACK);
}

function connectionIds(choices: Choices): void {
  const which = choices.below(3);
  const body = choices.rest();
  const again = valueOf(() => {
    if (which === 0) return encodeConnectionIdExtension(parseConnectionIdExtension(body));
    if (which === 1) return encodeNewConnectionId(parseNewConnectionId(body));
    return encodeRequestConnectionId(parseRequestConnectionId(body));
  }, OWN);
  if (again !== null) holdSame(again, body, BACK);
}

function cookies(choices: Choices): void {
  if (choices.flag()) {
    const body = choices.rest();
    const cookie = valueOf(() => parseHelloVerify(body), OWN);
    // The version is not told apart within DTLS.
    if (cookie !== null) holdSame(encodeHelloVerify(cookie).subarray(2), body.subarray(2), BACK);
    return;
  }
  const other = choices.take(choices.octet());
  const body = choices.rest();
  const split = valueOf(() => splitCookie(body), OWN);
  if (split === null) return;
  const { cookie, withoutCookie, withoutField } = split;
  holdSame(withCookie(withoutCookie, cookie), body, "the cookie put back");
  holdSame(addCookieField(withoutField, cookie), body, "the field put back");
  hold(sameBytes(splitCookie(withCookie(body, other)).cookie, other), "another cookie");
}
