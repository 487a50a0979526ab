import { assert, test } from "#kit";
import { concat, Writer } from "../../../../src/base/bytes.ts";
import type { TlsVersion } from "../../../../src/proto/tls/connection.ts";
import {
  addCookieField,
  splitCookie,
  withCookie,
} from "../../../../src/proto/tls/datagram/cookie.ts";
import { cutDatagram } from "../../../../src/proto/tls/datagram/cut.ts";
import { plainRecord } from "../../../../src/proto/tls/datagram/epoch.ts";
import {
  encodeFragment,
  parseFragments,
} from "../../../../src/proto/tls/datagram/handshake-fragment.ts";
import type { HandshakeFragment } from "../../../../src/proto/tls/datagram/handshake-fragment.ts";
import {
  MAX_FIRST_HELLO,
  MAX_HELLO_SEQUENCE,
} from "../../../../src/proto/tls/datagram/listener.ts";
import { ContentType, ExtensionType, HandshakeType } from "../../../../src/proto/tls/wire.ts";
import { encodeHello, extension, honestExtensions } from "../../../kit/tls-client.ts";
import { Yard } from "./endpoint-yard.ts";

const DTLS_1_2 = 0xfefd;
/** Of the range for private use. */
const UNKNOWN_EXTENSION = 0xff77;
const ASKS = { "TLS 1.2": "hello-verify", "TLS 1.3": "hello-retry" } as const;

/** A yard whose client has been asked for its cookie, and its second hello, which has been lost. */
function asked(version: TlsVersion): { yard: Yard; body: Uint8Array } {
  const yard = new Yard({ tls: { versions: [version] } });
  const station = yard.client("a:1");
  let hellos = 0;
  yard.network = ({ from }) => from === "server" || ++hellos === 1;
  yard.tell(station, { kind: "start" });
  yard.lose(station);
  yard.network = () => true;
  return { yard, body: helloIn(yard.passed.at(-1)!.bytes).bytes };
}

function helloIn(datagram: Uint8Array): HandshakeFragment {
  const [record] = cutDatagram(datagram, 0).records;
  if (record?.form !== "plain") throw new Error("not in the clear");
  const fragments = parseFragments(record.fragment);
  if (typeof fragments === "string") throw new Error(fragments);
  return fragments[0]!;
}

interface Piece {
  readonly seq?: number;
  readonly from?: number;
  readonly to?: number;
  readonly record?: number;
}

/** A ClientHello, or a piece of it, in a record of its own. */
function hello(body: Uint8Array, { seq = 1, from = 0, to, record = 7 }: Piece = {}): Uint8Array {
  const message = { type: HandshakeType.clientHello, seq, body };
  const content = encodeFragment(message, from, to ?? body.length);
  return plainRecord(ContentType.handshake, DTLS_1_2, { epoch: 0, sequence: record }, content);
}

/** An honest hello of DTLS 1.2 without a cookie, `padding` octets longer than it has to be. */
function plainHello(padding = 0, suite = 0xc02b): Uint8Array {
  const body = encodeHello({
    version: DTLS_1_2,
    random: new Uint8Array(32).fill(0x42),
    sessionId: new Uint8Array(),
    suites: [suite],
    compressions: [0],
    extensions: [...honestExtensions(), [21, new Uint8Array(padding)]],
  });
  return addCookieField(body, new Uint8Array());
}

for (const version of ["TLS 1.2", "TLS 1.3"] as const) {
  test(`D${version}: a first hello in pieces is not kept, and so not answered`, () => {
    const { yard, body } = asked(version);
    const first = version === "TLS 1.2" ? splitCookie(body).withoutCookie : withoutExtension(body);
    yard.inject("b:1", hello(first, { seq: 0, to: 80 }));
    yard.inject("b:1", hello(first, { seq: 0, from: 80 }));
    assert.deepEqual(yard.server.discards, { "hello-in-pieces": 1, "no-association": 1 });
    yard.inject("b:1", hello(first, { seq: 0 }));
    assert.deepEqual(yard.server.answers, { [ASKS[version]]: 2 });
    assert.equal(yard.server.associations, 0);
  });

  test(`D${version}: of a second hello the piece with the cookie begins an association, which waits for the rest`, () => {
    const { yard, body } = asked(version);
    const behind = cookieEnd(body, version);
    const sent = yard.passed.length;
    yard.inject("a:1", hello(body, { from: behind, record: 8 }));
    assert.deepEqual(yard.server.discards, { "no-association": 1 });
    yard.inject("a:1", hello(body, { to: behind }));
    assert.equal(yard.server.handshakes, 1);
    assert.equal(yard.passed.length, sent + 2);
    yard.inject("a:1", hello(body, { from: behind, record: 8 }));
    const flight = yard.passed.slice(sent + 3);
    assert.ok(flight.length > 0, "the server's flight");
    assert.equal(helloIn(flight[0]!.bytes).type, HandshakeType.serverHello);
    assert.equal(yard.server.handshakes, 1);
  });

  test(`D${version}: of a second hello the piece without its cookie begins nothing`, () => {
    const { yard, body } = asked(version);
    yard.inject("a:1", hello(body, { to: cookieEnd(body, version) - 1 }));
    assert.equal(yard.server.associations, 0);
  });

  test(`D${version}: a changed octet of the cookie, the random or the session id makes it none of ours`, () => {
    const { yard, body } = asked(version);
    const end = cookieEnd(body, version);
    const cookie = version === "TLS 1.2" ? 32 : 1 + 36 + 32 + 31;
    for (const at of [2, 33, end - cookie, end - cookie + 1, end - 1]) {
      const changed = body.slice();
      changed[at]! ^= 1;
      yard.inject("a:1", hello(changed));
      assert.equal(yard.server.associations, 0, `octet ${at}`);
    }
    yard.inject("a:1", hello(body));
    assert.equal(yard.server.associations, 1);
  });
}

test("RFC 6347 §4.2.1: HelloVerifyRequest says DTLS 1.0 and has the numbers of the hello it answers", () => {
  const yard = new Yard({ tls: { versions: ["TLS 1.2"] } });
  for (const [seq, record] of [
    [0, 0],
    [0, 5],
    [1, 2 ** 40],
    [MAX_HELLO_SEQUENCE, 9],
  ] as const) {
    yard.inject("b:1", hello(plainHello(), { seq, record }));
    const { bytes } = yard.passed.at(-1)!;
    const [answer] = cutDatagram(bytes, 0).records;
    if (answer?.form !== "plain") throw new Error("not in the clear");
    assert.deepEqual(
      [answer.type, answer.version, answer.epoch, answer.sequence],
      [22, 0xfeff, 0, record],
    );
    const message = helloIn(bytes);
    assert.deepEqual([message.type, message.seq, message.offset], [3, seq, 0]);
    assert.deepEqual([...message.bytes.subarray(0, 3)], [0xfe, 0xff, 32]);
    assert.equal(message.bytes.length, 3 + 32);
  }
});

test("RFC 6347 §4.2.2: the server's first message and record have the numbers of the hello with the cookie", () => {
  const { yard, body } = asked("TLS 1.2");
  yard.inject("a:1", hello(body, { seq: 2, record: 11 }));
  const [first] = cutDatagram(yard.passed.at(-1)!.bytes, 0).records;
  assert.equal(first?.form === "plain" ? first.sequence : null, 11);
  assert.equal(helloIn(yard.passed.at(-1)!.bytes).seq, 2);
});

test("a client's hellos are counted, and so many are answered", () => {
  const yard = new Yard({ tls: { versions: ["TLS 1.2"] } });
  yard.inject("b:1", hello(plainHello(), { seq: MAX_HELLO_SEQUENCE }));
  yard.inject("b:1", hello(plainHello(), { seq: MAX_HELLO_SEQUENCE + 1 }));
  assert.deepEqual(yard.server.answers, { "hello-verify": 1 });
  assert.deepEqual(yard.server.discards, { "bad-hello-sequence": 1 });
});

test("a first hello has an end to its length", () => {
  const yard = new Yard({ tls: { versions: ["TLS 1.2"] } });
  const longest = plainHello(MAX_FIRST_HELLO - plainHello().length);
  yard.inject("b:1", hello(longest));
  assert.deepEqual(yard.server.answers, { "hello-verify": 1 });
  yard.inject("b:1", hello(plainHello(MAX_FIRST_HELLO - plainHello().length + 1)));
  assert.deepEqual(yard.server.discards, { "hello-too-long": 1 });
});

test("a hello that cannot be read is dropped without a word", () => {
  const yard = new Yard();
  const body = plainHello();
  yard.inject("b:1", hello(concat(body, Uint8Array.of(0))));
  yard.inject("b:1", hello(body.subarray(0, 60)));
  const twice = addCookieField(
    encodeHello({
      version: DTLS_1_2,
      random: new Uint8Array(32),
      sessionId: new Uint8Array(),
      suites: [0xc02b],
      compressions: [0],
      extensions: [extension.groups([23]), extension.groups([23])],
    }),
    new Uint8Array(),
  );
  yard.inject("b:1", hello(twice));
  assert.deepEqual(yard.server.discards, { "malformed-hello": 3 });
  assert.deepEqual(yard.server.answers, {});
});

test("a cookie of DTLS 1.3 is none of DTLS 1.2, nor the other way round", () => {
  const both = new Yard();
  const [old, anew] = [both.client("a:1", { versions: ["TLS 1.2"] }), both.client("a:2")];
  let hellos = 0;
  both.network = ({ from }) => from === "server" || ++hellos % 2 === 1;
  for (const station of [old, anew]) {
    both.tell(station, { kind: "start" });
    both.lose(station);
  }
  both.network = () => true;
  const sent = both.passed.filter(({ from }) => from === "client").map(({ bytes }) => bytes);
  const [second12, second13] = [helloIn(sent[1]!).bytes, helloIn(sent[3]!).bytes];
  const end = cookieEnd(second13, "TLS 1.3");
  const cookie13 = second13.subarray(end - (1 + 36 + 32 + 31), end);
  const { cookie: cookie12 } = splitCookie(second12);
  both.inject("a:2", hello(withCookie(second12, cookie13)));
  both.inject("a:2", hello(withCookie(second13, cookie13)));
  both.inject("a:1", hello(withExtension(withoutExtension(second13), cookie12)));
  assert.equal(both.server.associations, 0);
  both.inject("a:1", hello(second12));
  both.inject("a:2", hello(second13));
  assert.equal(both.server.associations, 2);
});

test("DTLS 1.3: a second hello that is not the first is refused, though nobody kept the first", () => {
  const { yard, body } = asked("TLS 1.3");
  const added = new Writer().u16(UNKNOWN_EXTENSION).vector16(new Uint8Array()).bytes();
  yard.inject("a:1", hello(resized(concat(body, added), added.length)));
  assert.deepEqual(
    yard.outputsOf("failed").map(({ failure }) => failure.reason),
    ["second-hello-differs"],
  );
  assert.equal(yard.server.associations, 0);
});

interface Found {
  /** Of the extension's type. */
  readonly at: number;
  /** Behind its body. */
  readonly end: number;
}

/** The cookie extension in the body of a ClientHello. */
function cookieExtension(body: Uint8Array): Found {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  let at = 2 + 32;
  at += 1 + view.getUint8(at);
  at += 1 + view.getUint8(at);
  at += 2 + view.getUint16(at);
  at += 1 + view.getUint8(at);
  at += 2;
  for (;;) {
    const end = at + 4 + view.getUint16(at + 2);
    if (view.getUint16(at) === ExtensionType.cookie) return { at, end };
    at = end;
  }
}

/** Octets of the body up to where its cookie ends. */
function cookieEnd(body: Uint8Array, version: TlsVersion): number {
  if (version === "TLS 1.3") return cookieExtension(body).end;
  return body.length - splitCookie(body).withoutField.length + 2 + 32 + 1 + body[34]!;
}

function withoutExtension(body: Uint8Array): Uint8Array {
  const { at, end } = cookieExtension(body);
  return resized(concat(body.subarray(0, at), body.subarray(end)), at - end);
}

function withExtension(body: Uint8Array, cookie: Uint8Array): Uint8Array {
  const value = new Writer().vector16(cookie).bytes();
  const added = new Writer().u16(ExtensionType.cookie).vector16(value).bytes();
  return resized(concat(body, added), added.length);
}

/** Makes the length in front of the extensions right again. */
function resized(body: Uint8Array, by: number): Uint8Array {
  const copy = body.slice();
  const view = new DataView(copy.buffer);
  let at = 2 + 32;
  at += 1 + view.getUint8(at);
  at += 1 + view.getUint8(at);
  at += 2 + view.getUint16(at);
  at += 1 + view.getUint8(at);
  view.setUint16(at, view.getUint16(at) + by);
  return copy;
}
