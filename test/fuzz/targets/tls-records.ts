/**
 * Records of both versions cut out of a stream, in the clear and protected.
 * They come out the same however the stream is chunked; never more octets come
 * out than went in; what is wrong is a TlsFailure.
 */
import { concat } from "../../../src/base/bytes.ts";
import { Choices } from "../choices.ts";
import { hold, holdSame, outcome } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";
import { Reading12, Reading13, RecordReader, SUITES, SUITES_13, TlsFailure } from "../tls.ts";

type Setup = (option: number) => RecordReader;

const SUITES_12 = [
  SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
] as const;

const SETUPS: readonly [Setup, ...Setup[]] = [
  () => new RecordReader(),
  (option) => {
    const suite = SUITES_12[option & 1]!;
    const keys = { key: new Uint8Array(suite.keyLength), iv: new Uint8Array(suite.fixedIvLength) };
    const rules = new Reading12();
    if ((option & 2) !== 0) rules.limitPlaintext(64);
    rules.protect(openCrypto, { version: "TLS 1.2", epoch: 1, suite, keys });
    return following(rules);
  },
  (option) => following(new Reading13((option & 1) === 0)),
  (option) => {
    const suite = SUITES_13.TLS_AES_128_GCM_SHA256;
    const keys = { key: new Uint8Array(suite.keyLength), iv: new Uint8Array(12) };
    const rules = new Reading13((option & 1) === 0);
    if ((option & 2) !== 0) rules.skipEarlyData();
    if ((option & 4) !== 0) rules.limitPlaintext(64);
    rules.protect(openCrypto, { version: "TLS 1.3", epoch: 1, suite, keys });
    return following(rules);
  },
];

function following(rules: Reading12 | Reading13): RecordReader {
  const reader = new RecordReader();
  reader.follow(rules);
  return reader;
}

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const setup = choices.pick(SETUPS);
  const option = choices.octet();
  const stream = choices.rest();
  const whole = read(setup(option), stream, stream.length);
  const pieces = read(setup(option), stream, 1);
  holdSame(pieces.content, whole.content, "octets do not depend on chunking");
  hold(pieces.end === whole.end, `${pieces.end} byte by byte, ${whole.end} at once`);
  hold(whole.content.length <= stream.length, "no more comes out than went in");
}

/** What came out, with types and lengths so that no two sequences look alike, and how it ended. */
function read(
  reader: RecordReader,
  stream: Uint8Array,
  chunk: number,
): { content: Uint8Array; end: string } {
  const records: Uint8Array[] = [];
  const result = outcome(() => {
    for (let at = 0; at < stream.length; at += chunk) {
      reader.push(stream.subarray(at, at + chunk));
      for (let record = reader.next(); record !== null; record = reader.next()) {
        const { type, fragment } = record;
        records.push(Uint8Array.of(type, fragment.length >> 8, fragment.length & 0xff), fragment);
      }
    }
    hold(reader.buffered <= stream.length, "no more is kept than came");
  }, [TlsFailure]);
  return {
    content: concat(...records),
    end: "failure" in result ? result.failure.message : "waits",
  };
}
