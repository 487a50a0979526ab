import fc from "fast-check";
import { assert, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { EapFailure } from "../../../src/proto/eap/failure.ts";
import {
  IncomingMessage,
  isAcknowledgement,
  MAX_MESSAGE_LENGTH,
  OutgoingMessage,
  parseFragment,
} from "../../../src/proto/eap/fragments.ts";

const TTLS_VERSION_BITS = 0x07;

/** Reads type-data one after another; the last result counts. */
function join(...parts: readonly string[]): Uint8Array | null {
  const incoming = new IncomingMessage();
  let message: Uint8Array | null = null;
  for (const part of parts) message = incoming.add(parseFragment(hex(part), 0));
  return message;
}

const joinFailure = (...parts: readonly string[]) =>
  assert.throws(() => join(...parts), EapFailure).reason;

test("a message in one piece is taken with and without its length (RFC 9190 §2.1.9)", () => {
  assert.deepEqual(join("00 abcd"), hex("abcd"));
  assert.deepEqual(join("80 00000002 abcd"), hex("abcd"));
});

test("fragments join in order; a repeated total is the same or a fault", () => {
  assert.deepEqual(join("c0 00000003 ab", "40 cd", "00 ef"), hex("abcdef"));
  assert.deepEqual(join("c0 00000003 ab", "c0 00000003 cd", "80 00000003 ef"), hex("abcdef"));
  assert.equal(joinFailure("c0 00000003 ab", "c0 00000004 cd"), "total-length-mismatch");
});

test("the total is what the fragments add up to, no more and no less", () => {
  for (const parts of [
    ["80 00000003 abcd"],
    ["80 00000001 abcd"],
    ["c0 00000002 abcd"],
    ["c0 00000003 ab", "00 cd"],
    ["c0 00000003 ab", "00 cdef00"],
    ["c0 00000003 ab", "40 cdef"],
    ["c0 00000003 ab", "00"],
  ]) {
    assert.equal(joinFailure(...parts), "total-length-mismatch", parts.join());
  }
});

test("the first of several fragments names the total, and every one brings something", () => {
  assert.equal(joinFailure("40 ab"), "total-length-missing");
  assert.equal(joinFailure("c0 00000003"), "empty-fragment");
  assert.equal(joinFailure("c0 00000003 ab", "40"), "empty-fragment");
});

test("a message has at most 65536 bytes", () => {
  assert.equal(MAX_MESSAGE_LENGTH, 65536);
  assert.equal(join("c0 00010000 ab"), null);
  assert.equal(joinFailure("c0 00010001 ab"), "message-too-long");
  assert.equal(joinFailure("c0 ffffffff ab"), "message-too-long");
  const whole = { more: false, total: null, bytes: new Uint8Array(MAX_MESSAGE_LENGTH + 1) };
  const incoming = new IncomingMessage();
  assert.equal(assert.throws(() => incoming.add(whole), EapFailure).reason, "message-too-long");
});

test("a peer may not start, and a TTLS peer speaks version 0; reserved flags are ignored", () => {
  const reasonOf = (typeData: string, versionBits: number) =>
    assert.throws(() => parseFragment(hex(typeData), versionBits), EapFailure).reason;
  assert.equal(reasonOf("20", 0), "start-from-peer");
  assert.equal(reasonOf("01", TTLS_VERSION_BITS), "unsupported-version");
  assert.equal(reasonOf("", 0), "truncated");
  assert.equal(reasonOf("80 000000", 0), "truncated");
  assert.deepEqual(parseFragment(hex("1f ab"), 0).bytes, hex("ab"));
  assert.deepEqual(parseFragment(hex("18 ab"), TTLS_VERSION_BITS).bytes, hex("ab"));
});

test("an acknowledgement has neither bytes nor the promise of more", () => {
  const answers = (typeData: string) => isAcknowledgement(parseFragment(hex(typeData), 0));
  assert.ok(answers("00"));
  assert.ok(answers("80 00000000"));
  assert.ok(!answers("40"));
  assert.ok(!answers("00 ab"));
  assert.ok(!answers("80 00000001"));
});

test("RFC 5216 §2.1.5: L and M open a series, M goes on, nothing ends it", () => {
  const outgoing = new OutgoingMessage(hex("010203040506"));
  assert.deepEqual(outgoing.next(6), hex("c0 00000006 01"));
  assert.deepEqual(outgoing.next(3), hex("40 0203"));
  assert.deepEqual(outgoing.next(3), hex("40 0405"));
  assert.ok(!outgoing.sent);
  assert.deepEqual(outgoing.next(3), hex("00 06"));
  assert.ok(outgoing.sent);
});

test("a message that fits is sent in one piece without its length", () => {
  const outgoing = new OutgoingMessage(hex("0102030405"));
  assert.deepEqual(outgoing.next(6), hex("00 0102030405"));
  assert.ok(outgoing.sent);
});

test("property: what is cut at any sizes joins again, and no piece exceeds its limit", () => {
  const limits = fc.array(fc.integer({ min: 6, max: 90 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 700 }), limits, (message, limits) => {
      const outgoing = new OutgoingMessage(message);
      const incoming = new IncomingMessage();
      for (let round = 0; ; round++) {
        const limit = limits[round % limits.length]!;
        const typeData = outgoing.next(limit);
        assert.ok(typeData.length <= limit);
        const joined = incoming.add(parseFragment(typeData, TTLS_VERSION_BITS));
        assert.equal(joined !== null, outgoing.sent);
        assert.equal(incoming.open, !outgoing.sent);
        if (joined === null) continue;
        assert.deepEqual(joined, message);
        return;
      }
    }),
  );
});

test("property: any type-data is a fragment or a failure", () => {
  const series = fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 6 });
  fc.assert(
    fc.property(series, fc.constantFrom(0, TTLS_VERSION_BITS), (series, versionBits) => {
      const incoming = new IncomingMessage();
      try {
        for (const typeData of series) incoming.add(parseFragment(typeData, versionBits));
      } catch (failure) {
        assert.ok(failure instanceof EapFailure);
      }
    }),
  );
});
