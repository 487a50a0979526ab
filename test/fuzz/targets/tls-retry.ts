/**
 * HelloRetryRequest: a client whose key shares the server does not take, and one
 * of the two lies, or an attacker does on the wire: see `duel.ts`. What a server
 * without memory puts into a cookie is read as it was written, or not at all.
 */
import { sameBytes } from "../../../src/base/bytes.ts";
import { Choices } from "../choices.ts";
import { Duel, termsFrom } from "../duel.ts";
import { Edits } from "../edits.ts";
import { hold, valueOf } from "../expect.ts";
import {
  cookieOf,
  encodeRetry,
  ExtensionType,
  parseRetry,
  parseServerHello,
  retryWish,
  TlsFailure,
} from "../tls.ts";

const LIARS = ["server", "client", "wire"] as const;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const mode = choices.below(8);
  if (mode === 7) return forms(choices);
  const terms = { ...termsFrom(choices), retry: true, resume: false };
  const versions = terms.versions === 2 ? 2 : 0;
  new Duel({ ...terms, versions }, LIARS[mode % 3]!, new Edits(choices)).run();
}

function forms(choices: Choices): void {
  const state = choices.stretch();
  const retry = parseRetry(state, {});
  hold(retry === null || sameBytes(encodeRetry(retry), state), "a cookie's state has one form");
  const extension = choices.stretch();
  const extensions = new Map([[ExtensionType.cookie as number, extension]]);
  const cookie = valueOf(() => cookieOf({ extensions }), [TlsFailure]);
  hold(cookie === null || cookie.length + 2 === extension.length, "a cookie is not empty");
  const hello = valueOf(() => parseServerHello(choices.rest()), [TlsFailure]);
  if (hello !== null) valueOf(() => retryWish(hello), [TlsFailure]);
}
