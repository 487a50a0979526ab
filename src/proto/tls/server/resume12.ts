/**
 * The server's side of a TLS 1.2 handshake that resumes a session. The sessions
 * stay with the server, and a ticket is a random name. So is a session id, by
 * which clients without tickets come back (wpa_supplicant as it is configured
 * by default); beside a ticket it only says whether that was taken.
 *
 *      Client                                      Server
 *
 *      ClientHello             -------->
 *                                                  ServerHello
 *                                                  [NewSessionTicket]
 *                                                  (ChangeCipherSpec)
 *                              <--------           Finished
 *      (ChangeCipherSpec)      -------->           AwaitResumedChangeCipherSpec
 *      Finished                -------->           AwaitResumedFinished
 *      Application data        <------->           Established
 *
 * @see RFC 5077 §3.1, §3.4; RFC 5246 §7.3 (session ids); RFC 7627 §5.3
 */
import { sameBytes } from "../../../base/bytes.ts";
import type { ClientHello } from "../client-hello.ts";
import type { IssuedTicket, ResumableSession, TlsServerConfig } from "../connection.ts";
import { answeredConnectionId } from "../datagram/connection-id.ts";
import { TlsFailure } from "../failure.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { KeySchedule, randomsOf } from "../key-schedule.ts";
import type { Randoms } from "../key-schedule.ts";
import {
  encodeFinished,
  encodeNewSessionTicket,
  encodeServerHello,
  parseFinished,
} from "../messages.ts";
import { wipe } from "../record.ts";
import type { DirectionKeys } from "../record.ts";
import { Session } from "../session.ts";
import { Transcript } from "../transcript.ts";
import { limitRecords, serverRandom } from "./flight12.ts";
import type { Connection } from "./connection.ts";
import { suitesOf, termsOf } from "./negotiate12.ts";
import type { Terms } from "./negotiate12.ts";
import { findSession, keepSession, provenBy } from "./tickets.ts";

/** DTLS 1.2 and TLS 1.2 have one epoch that is protected. */
export const PROTECTED_EPOCH = 1;

/** A session that a client may come back to. */
export interface Resumption {
  /** The name it was found by. */
  readonly ticket: Uint8Array;
  /** Whether that is a session id, which stays the same. */
  readonly byId: boolean;
  readonly session: ResumableSession;
  readonly terms: Terms;
}

interface Resumed extends Resumption {
  readonly randoms: Randoms;
  readonly transcript: Transcript;
  readonly keys: KeySchedule;
  readonly issuedTicket: Uint8Array | null;
  /** Of our Finished, which here is the first (RFC 5929 §3.1). */
  readonly binding: Uint8Array;
}

export interface AwaitResumedChangeCipherSpec {
  readonly kind: "AwaitResumedChangeCipherSpec";
  readonly resumed: Resumed;
  readonly reading: DirectionKeys;
}
export interface AwaitResumedFinished {
  readonly kind: "AwaitResumedFinished";
  readonly resumed: Resumed;
}

/** The session of the hello's ticket where all it was bound to still holds; null for a full handshake. */
export function chooseResumption(
  hello: ClientHello,
  { config, channel }: Connection,
): Resumption | null {
  const { sessionTicket, sessionId, serverName } = hello;
  const byId = sessionTicket === null;
  // The hello is gone once its record is.
  const ticket = (sessionTicket ?? sessionId).slice();
  const session = findSession({ ticket, version: "TLS 1.2", serverName }, config);
  if (session === null) return null;
  const { suite } = session;
  const spoken = suitesOf(config, channel.transport).some(({ code }) => code === suite.code);
  if (!spoken || !hello.suites.includes(suite.code)) return null;
  return { ticket, byId, session, terms: termsOf(hello, suite, config) };
}

/** ServerHello to Finished, under the session's master secret. */
export function sendAbbreviatedFlight(
  resumption: Resumption,
  hello: ClientHello,
  message: HandshakeMessage,
  { config, channel }: Connection,
): AwaitResumedChangeCipherSpec {
  const { session, terms, byId } = resumption;
  const { suite } = terms;
  limitRecords(terms.recordSize, channel);
  const form = channel.transport === "stream" ? "tls" : "dtls12";
  const transcript = new Transcript(config.crypto, suite.hash, form);
  transcript.dropMessages();
  transcript.add(message);
  const say = (flight: Uint8Array): void => transcript.add(channel.send(flight));
  const randoms = randomsOf(hello.random, serverRandom(config));
  const keys = new KeySchedule(config.crypto, suite.hash, randoms, session.secret.slice());
  config.keyLog?.(keys.keyLogLine());

  // The id sent back says that the session was found (RFC 5077 §3.4).
  const { sessionId } = hello;
  const connectionId = answeredConnectionId(channel);
  const answer = {
    ...{ ...terms, proof: null, random: randoms.server, sessionId, givesTicket: !byId },
    connectionId,
  };
  say(encodeServerHello(answer, channel.transport));
  const issued = byId ? null : keepAgain(resumption, config);
  if (!byId) say(encodeNewSessionTicket(issued));
  const { client, server } = keys.recordKeys(suite);
  channel.changeCipherSpec();
  channel.writeUnder({ version: "TLS 1.2", suite, keys: server, epoch: PROTECTED_EPOCH });
  const binding = keys.verifyData("server", transcript.hash());
  say(encodeFinished(binding));
  const issuedTicket = issued?.ticket ?? null;
  const resumed = { ...resumption, randoms, transcript, keys, issuedTicket, binding };
  return { kind: "AwaitResumedChangeCipherSpec", resumed, reading: client };
}

/** Under a new ticket, or under its session id. */
function keepAgain(
  { session, terms, ticket, byId }: Resumption,
  config: TlsServerConfig,
): IssuedTicket | null {
  const kept = { ...session, alpn: terms.alpn, secret: session.secret.slice() };
  return keepSession(kept, provenBy(session), config, byId ? ticket : null);
}

export function onResumedChangeCipherSpec(
  { resumed, reading }: AwaitResumedChangeCipherSpec,
  { channel }: Connection,
): AwaitResumedFinished {
  const { suite } = resumed.terms;
  channel.readUnder({ version: "TLS 1.2", suite, keys: reading, epoch: PROTECTED_EPOCH });
  return { kind: "AwaitResumedFinished", resumed };
}

/**
 * Only here the ticket is spent: whoever merely copied it off the wire cannot
 * get this far, and so cannot take it from its owner either.
 */
export function onResumedFinished(
  { resumed }: AwaitResumedFinished,
  message: HandshakeMessage,
  { config, channel }: Connection,
): void {
  const { ticket, byId, session, terms, randoms, transcript, keys, binding } = resumed;
  const verifyData = parseFinished(message.body);
  if (!sameBytes(verifyData, keys.verifyData("client", transcript.hash()))) {
    throw TlsFailure.because("bad-finished");
  }
  const again = { ...session, secret: session.secret.slice() };
  config.sessions?.spend(ticket);
  const issuedTicket = byId
    ? (keepAgain({ ...resumed, session: again }, config)?.ticket ?? null)
    : resumed.issuedTicket;
  again.secret.fill(0);
  const { suite, alpn } = terms;
  const { serverName, peerChain } = session;
  resumed.keys.settle();
  const outcome = new Session({
    ...{ version: "TLS 1.2", suite, group: null, randoms, serverName, alpn, peerChain, keys },
    resumed: true,
    issuedTicket,
    firstFinished: binding,
  });
  channel.emit({ kind: "established", session: outcome });
}

/** The client never proved itself: what was kept for it goes. */
export function forgetResumed(
  state: AwaitResumedChangeCipherSpec | AwaitResumedFinished,
  { config }: Connection,
): void {
  const { issuedTicket, keys } = state.resumed;
  if (issuedTicket !== null) config.sessions?.spend(issuedTicket);
  keys.forget();
  if (state.kind === "AwaitResumedChangeCipherSpec") wipe(state.reading);
}
