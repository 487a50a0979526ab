/**
 * How client and server of TLS 1.3 come to keys: from the server's hello, or
 * from its second one after a HelloRetryRequest.
 */
import { concat, sameBytes } from "../../../base/bytes.ts";
import type { EcdhGroup } from "../../../base/crypto/crypto.ts";
import { hearConnectionId } from "../datagram/connection-id.ts";
import { checkAnswers } from "../extensions.ts";
import { TlsFailure } from "../failure.ts";
import type { Channel } from "../handshake.ts";
import { handshakeMessageOf } from "../handshake-joiner.ts";
import type { HandshakeMessage } from "../handshake-joiner.ts";
import { logSecrets } from "../key-log.ts";
import { randomsOf } from "../key-schedule.ts";
import type { Randoms } from "../key-schedule.ts";
import { earlySecret, handshakeSecrets, kdf13, trafficKeys } from "../key-schedule13.ts";
import type { HandshakeSecrets, Kdf13 } from "../key-schedule13.ts";
import { encodeMessageHash } from "../messages13.ts";
import type { EpochKeys } from "../record.ts";
import {
  isRetryRequest,
  parseServerHello,
  retryWish,
  selectedIdentity,
  serverShare,
} from "../server-hello.ts";
import type { ServerHello } from "../server-hello.ts";
import { groupCode } from "../suites.ts";
import type { Suite } from "../suites.ts";
import { Transcript } from "../transcript.ts";
import { ExtensionType, NULL_COMPRESSION, versionCodes } from "../wire.ts";
import { greet } from "./greeting.ts";
import type { Connection, Greeting } from "./greeting.ts";
import { FIRST } from "./hello.ts";
import type { Offer, OfferedPsk } from "./offer.ts";

/** @see RFC 9147 §6.1 */
const HANDSHAKE_EPOCH = 2;

/** What the hellos settled; it holds until the handshake is over. */
export interface Agreed {
  readonly greeting: Greeting;
  readonly suite: Suite;
  readonly kdf: Kdf13;
  readonly group: EcdhGroup;
  readonly randoms: Randoms;
  readonly transcript: Transcript;
  readonly secrets: HandshakeSecrets;
  /** The pre-shared key that the server took. */
  readonly psk: OfferedPsk | null;
}

export interface AwaitServerHello {
  readonly kind: "AwaitServerHello";
  readonly greeting: Greeting;
  readonly suite: Suite;
  readonly transcript: Transcript;
}

export interface AwaitEncryptedExtensions {
  readonly kind: "AwaitEncryptedExtensions";
  readonly agreed: Agreed;
}

/**
 * Reads the server's first hello: it retries or agrees.
 *
 * @throws {@link TlsFailure}
 */
export function onFirstServerHello(
  greeting: Greeting,
  hello: ServerHello,
  message: HandshakeMessage,
  connection: Connection,
): AwaitServerHello | AwaitEncryptedExtensions {
  const suite = chosenSuite(hello, greeting, connection.channel);
  if (isRetryRequest(hello)) return onRetryRequest(greeting, suite, hello, message, connection);
  return onServerHello(firstTranscript(greeting, suite, connection), hello, message, connection);
}

/** What both hellos of a server must keep to. @see RFC 8446 §4.1.3 */
function chosenSuite(hello: ServerHello, { offer }: Greeting, { transport }: Channel): Suite {
  const echo = transport === "stream" ? offer.sessionId : new Uint8Array();
  if (!sameBytes(hello.sessionId, echo)) throw TlsFailure.because("bad-session-id");
  if (hello.compression !== NULL_COMPRESSION) throw TlsFailure.because("bad-compression");
  const suite = offer.suites13.find(({ code }) => code === hello.suite);
  if (suite === undefined) throw TlsFailure.because("suite-not-offered");
  return suite;
}

/** What a ServerHello is read with. */
interface Begun {
  readonly greeting: Greeting;
  readonly suite: Suite;
  readonly transcript: Transcript;
  /** Whether a HelloRetryRequest went before. */
  readonly retried: boolean;
}

/** Signatures here are over the hash, so no message is kept. */
function newTranscript({ config }: Connection, { hash }: Suite): Transcript {
  const transcript = new Transcript(config.crypto, hash);
  transcript.dropMessages();
  return transcript;
}

function firstTranscript(greeting: Greeting, suite: Suite, connection: Connection): Begun {
  const transcript = newTranscript(connection, suite);
  transcript.add(greeting.message);
  return { greeting, suite, transcript, retried: false };
}

/** Extensions of a HelloRetryRequest; the cookie alone comes without having been offered (RFC 8446 §4.2.2). */
const PLACES_RETRY: readonly number[] = [
  ExtensionType.supportedVersions,
  ExtensionType.keyShare,
  ExtensionType.cookie,
];

/** @see RFC 8446 §4.1.2, §4.1.4 */
function onRetryRequest(
  { offer, message: firstHello, types }: Greeting,
  suite: Suite,
  hello: ServerHello,
  message: HandshakeMessage,
  connection: Connection,
): AwaitServerHello {
  const { config, channel } = connection;
  checkAnswers(hello.extensions, new Set([...types, ExtensionType.cookie]), PLACES_RETRY);
  const { group, cookie } = retryWish(hello);
  if (group === null && cookie === null) {
    throw TlsFailure.because("bad-retry-request", "it changes nothing");
  }
  const firstHash = config.crypto.digest(suite.hash, firstHello.whole);
  const standIn = handshakeMessageOf(encodeMessageHash(firstHash));
  const transcript = newTranscript(connection, suite);
  transcript.add(standIn);
  transcript.add(message);

  const second: Offer = {
    ...offer,
    share: group === null ? offer.share : anotherShare(offer, group, connection),
    // The others could never be used with the suite that is chosen now.
    psks: offer.psks.filter(({ hash }) => hash === suite.hash),
  };
  lookResumed(offer, channel);
  const before = concat(standIn.whole, message.whole);
  const greeting = greet(second, connection, { ...FIRST, cookie: cookie?.slice() ?? null, before });
  transcript.add(greeting.message);
  return { kind: "AwaitServerHello", greeting, suite, transcript };
}

/** Once, in front of what follows our first hello. @see RFC 8446 appendix D.4 */
function lookResumed({ sessionId }: Offer, channel: Channel): void {
  if (sessionId.length > 0 && channel.transport === "stream") channel.changeCipherSpec();
}

function anotherShare(
  { groups, share }: Offer,
  wanted: number,
  { config }: Connection,
): Offer["share"] {
  const group = groups.find((candidate) => groupCode(candidate) === wanted);
  if (group === undefined) throw TlsFailure.because("bad-retry-request", "group not offered");
  if (group === share?.group) throw TlsFailure.because("bad-retry-request", "group already shared");
  return { group, key: config.crypto.ecdhKey(group, config.random) };
}

export function onSecondServerHello(
  { greeting, suite, transcript }: AwaitServerHello,
  message: HandshakeMessage,
  connection: Connection,
): AwaitEncryptedExtensions {
  const hello = parseServerHello(message.body);
  const { v12, v13 } = versionCodes(connection.channel.transport);
  if (hello.version !== v12 || hello.selectedVersion !== v13) {
    throw TlsFailure.because("bad-version-choice", "another than in the HelloRetryRequest");
  }
  if (isRetryRequest(hello)) throw TlsFailure.because("unexpected-message", "a second retry");
  if (chosenSuite(hello, greeting, connection.channel) !== suite) {
    throw TlsFailure.because("bad-retry-request", "another suite than in the ServerHello");
  }
  return onServerHello({ greeting, suite, transcript, retried: true }, hello, message, connection);
}

const PLACES_HELLO: readonly number[] = [
  ExtensionType.supportedVersions,
  ExtensionType.keyShare,
  ExtensionType.preSharedKey,
  ExtensionType.connectionId,
];

function onServerHello(
  { greeting, suite, transcript, retried }: Begun,
  hello: ServerHello,
  message: HandshakeMessage,
  connection: Connection,
): AwaitEncryptedExtensions {
  const { config, channel } = connection;
  const { offer } = greeting;
  checkAnswers(hello.extensions, greeting.types, PLACES_HELLO);
  hearConnectionId(hello.extensions, channel);
  const psk = chosenPsk(hello, offer, suite);
  const { group, publicKey } = serverShare(hello);
  const own = offer.share;
  if (own === null || groupCode(own.group) !== group) {
    throw TlsFailure.because("bad-key-share", "group not shared");
  }
  const shared = own.key.agree(publicKey);
  if (shared === null) throw TlsFailure.because("bad-key-share");
  transcript.add(message);

  const kdf = kdf13(config.crypto, suite.hash, channel.transport);
  const early = psk === null ? null : earlySecret(kdf, psk.key);
  const secrets = handshakeSecrets(kdf, early, shared, transcript.hash());
  const randoms = randomsOf(offer.random, hello.random);
  logSecrets(config, randoms, "HANDSHAKE_TRAFFIC_SECRET", secrets);
  channel.readUnder(epochKeys(kdf, suite, secrets.server, HANDSHAKE_EPOCH));
  if (!retried) lookResumed(offer, channel);
  channel.writeUnder(epochKeys(kdf, suite, secrets.client, HANDSHAKE_EPOCH));
  const agreed: Agreed = {
    ...{ greeting, suite, kdf, group: own.group, randoms, transcript, secrets, psk },
  };
  return { kind: "AwaitEncryptedExtensions", agreed };
}

function chosenPsk(hello: ServerHello, { psks }: Offer, suite: Suite): OfferedPsk | null {
  const at = selectedIdentity(hello);
  if (at === null) return null;
  const psk = psks[at];
  if (psk === undefined) throw TlsFailure.because("bad-pre-shared-key-choice", "no such identity");
  if (psk.hash !== suite.hash) {
    throw TlsFailure.because("bad-pre-shared-key-choice", "of another hash than the suite's");
  }
  return psk;
}

export function epochKeys(kdf: Kdf13, suite: Suite, secret: Uint8Array, epoch: number): EpochKeys {
  return { version: "TLS 1.3", suite, keys: trafficKeys(kdf, suite, secret), epoch };
}
