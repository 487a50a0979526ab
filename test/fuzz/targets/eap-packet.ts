/**
 * EAP's small forms: a response, a Nak's list, an identity, fragments and their
 * message, the AVPs of a tunnel. Each is read or fails in EAP's own way, and
 * what is put together is what came.
 */
import { concat, sameBytes, utf8 } from "../../../src/base/bytes.ts";
import { isHostile } from "../../../src/base/text.ts";
import { parseAvps } from "../../../src/proto/eap/avp.ts";
import { EapDiscard, EapFailure } from "../../../src/proto/eap/failure.ts";
import {
  type Fragment,
  IncomingMessage,
  isAcknowledgement,
  MAX_MESSAGE_LENGTH,
  OutgoingMessage,
  parseFragment,
} from "../../../src/proto/eap/fragments.ts";
import { parseIdentity } from "../../../src/proto/eap/identity.ts";
import { MAX_PASSWORD_LENGTH, parsePap } from "../../../src/proto/eap/methods/ttls.ts";
import { parseResponse, typesWanted } from "../../../src/proto/eap/packet.ts";
import { Choices } from "../choices.ts";
import { hold, holdSame, valueOf } from "../expect.ts";

const FAILURES = [EapFailure, EapDiscard] as const;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  choices.pick([response, identity, fragments, avps, outgoing])(choices);
}

function response(choices: Choices): void {
  const packet = choices.rest();
  const parsed = valueOf(() => parseResponse(packet), FAILURES);
  if (parsed === null) return;
  hold(parsed.typeData.length <= packet.length - 5, "type-data is within");
  hold(parsed.type >= 0 && parsed.type <= 255, "a type is an octet");
  const wanted = valueOf(() => typesWanted(parsed), FAILURES);
  hold(wanted === null || wanted.length <= parsed.typeData.length, "a list is bounded");
}

function identity(choices: Choices): void {
  const octets = choices.rest();
  const name = parseIdentity(octets);
  if (name === null) return;
  holdSame(utf8(name), octets, "an identity is what was sent");
  hold(!isHostile(name), "an identity is harmless");
}

function fragments(choices: Choices): void {
  const versionBits = choices.flag() ? 7 : 0;
  const incoming = new IncomingMessage();
  let parts: Uint8Array[] = [];
  const add = (fragment: Fragment): void => {
    isAcknowledgement(fragment);
    parts.push(fragment.bytes.slice());
    const message = incoming.add(fragment);
    if (message === null) return;
    holdSame(message, concat(...parts), "a message is its fragments");
    hold(message.length <= MAX_MESSAGE_LENGTH, "the bound");
    parts = [];
  };
  while (choices.left > 0) {
    const typeData = choices.take(choices.octet());
    if (valueOf(() => (add(parseFragment(typeData, versionBits)), true), FAILURES) === null) return;
  }
}

function avps(choices: Choices): void {
  const octets = choices.rest();
  const list = valueOf(() => parseAvps(octets), FAILURES);
  if (list !== null) {
    const sum = list.reduce((total, { value }) => total + value.length + 8, 0);
    hold(sum <= octets.length, "no more comes out than went in");
  }
  const inner = valueOf(() => parsePap(octets), FAILURES);
  hold(inner === null || inner.password.length <= MAX_PASSWORD_LENGTH, "a password is bounded");
}

/** What we cut, we can put together. */
function outgoing(choices: Choices): void {
  const limit = 6 + choices.octet();
  const message = choices.rest();
  const out = new OutgoingMessage(message);
  const incoming = new IncomingMessage();
  let whole: Uint8Array | null = null;
  for (let count = 0; !out.sent && count <= message.length; count++) {
    const typeData = out.next(limit);
    hold(typeData.length <= limit, "a fragment fits");
    whole = incoming.add(parseFragment(typeData, 0));
  }
  if (message.length === 0) return;
  hold(whole !== null && sameBytes(whole, message), "what is cut can be put together");
}
