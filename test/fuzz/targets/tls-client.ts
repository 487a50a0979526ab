/**
 * The TLS client of both versions against a server of ours that is honest but
 * for what the input makes of its messages, or with an attacker on the wire: see
 * `duel.ts`. Certificates, bare keys, pre-shared keys, OCSP responses and
 * sessions to come back to are among the terms.
 */
import { Choices } from "../choices.ts";
import { Duel, newSessions, termsFrom, ticketUnder } from "../duel.ts";
import { Edits } from "../edits.ts";

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const terms = termsFrom(choices);
  const liar = choices.flag() ? "wire" : "server";
  const sessions = terms.resume ? newSessions() : null;
  const ticket = sessions === null ? null : ticketUnder(terms, sessions);
  new Duel(terms, liar, new Edits(choices), sessions, ticket).run();
}
