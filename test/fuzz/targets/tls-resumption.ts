/**
 * The TLS server of both versions where a client comes back, with a ticket, a
 * session id or a key both were given, and lies as the input says. What is
 * resumed is spent, and shows the chain that was shown in the first place; see
 * `duel.ts` for the rest.
 */
import { Choices } from "../choices.ts";
import { Duel, newSessions, termsFrom, ticketUnder } from "../duel.ts";
import { Edits } from "../edits.ts";
import { hold } from "../expect.ts";
import { CLIENT_CERTIFICATE } from "../tls.ts";

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const terms = termsFrom(choices);
  const liar = choices.flag() ? "wire" : "client";
  const sessions = newSessions();
  const ticket = terms.preSharedKey ? null : ticketUnder(terms, sessions);
  hold(ticket !== null || terms.preSharedKey, "an honest client gets a ticket");
  const edits = new Edits(choices);
  const { server } = new Duel(terms, liar, edits, sessions, ticket).run();
  if (server.session === null || ticket === null) return;
  hold(server.session.resumed || edits.touched, "an honest client may come back");
  if (!server.session.resumed) return;
  hold(sessions.find(ticket.ticket) === null, "what is resumed is spent");
  const [shown] = server.session.peerChain;
  hold((shown !== undefined) === terms.clientCertificate, "the chain of the first handshake");
  hold(terms.rawKeys || shown === undefined || shown[0] === CLIENT_CERTIFICATE[0], "the same one");
}
