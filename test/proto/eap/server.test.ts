import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import {
  CONVERSATION_LIMIT,
  MAX_ROUNDS,
  MAX_SHORT_ROUNDS,
  MIN_PACKET_LIMIT,
} from "../../../src/proto/eap/server.ts";
import type { EapInput, EapProof } from "../../../src/proto/eap/server.ts";
import { CLIENT_CERTIFICATE, clientKey } from "../../kit/tls-client.ts";
import { eapResponse, PAP, Script, TYPE } from "./script.ts";

const crypto = providers[0]!;
const NOW = mono(0);
const ADMIT = { kind: "admit" } as const;

for (const crypto of providers) {
  test(`${crypto.name}: RFC 5216 §2.1.1: EAP-TLS from the name to the keys`, () => {
    const script = new Script(crypto).handshake();
    const { proof } = script.expect(script.acknowledge(), "authenticated");
    assert.deepEqual(proof, {
      method: "tls",
      identity: "@home.arpa",
      chain: [CLIENT_CERTIFICATE],
      inner: null,
      session: {
        version: "TLS 1.2",
        suite: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        serverName: null,
      },
    });
    const material = script.client.keys.exportKey("client EAP encryption", null, 128);
    const { packet, keys } = script.expect(script.input(ADMIT), "success");
    assert.deepEqual(packet, concat(hex("03"), script.request.subarray(1, 2), hex("0004")));
    assert.deepEqual(concat(keys.msk, keys.emsk), material);
    const { hello, flight } = script.client;
    assert.deepEqual(keys.sessionId, concat(hex("0d"), hello.random, flight.random));
  });

  test(`${crypto.name}: RFC 5281 §8, §11.2.5: EAP-TTLS carries PAP and has keys of its own`, () => {
    const script = new Script(crypto, { methods: ["ttls"], clientCertificate: "asked" });
    script.handshake([]);
    const { proof } = script.expect(script.say(script.tunnelled(PAP)), "authenticated");
    assert.equal(proof.method, "ttls");
    assert.equal(proof.chain, null);
    assert.deepEqual(proof.inner, { userName: "lamp@setup.home.arpa", password: utf8("secret") });
    const material = script.client.keys.exportKey("ttls keying material", null, 128);
    const { keys } = script.expect(script.input(ADMIT), "success");
    assert.deepEqual(concat(keys.msk, keys.emsk), material);
    const { hello, flight } = script.client;
    assert.deepEqual(keys.sessionId, concat(hex("15"), hello.random, flight.random));
  });
}

test("EAP-TTLS takes a client certificate in phase 1 beside the password", () => {
  const script = new Script(crypto, { methods: ["ttls"], clientCertificate: "asked" });
  script.handshake([CLIENT_CERTIFICATE]);
  const { proof } = script.expect(script.say(script.tunnelled(PAP)), "authenticated");
  assert.deepEqual(proof.chain, [CLIENT_CERTIFICATE]);
  assert.equal(proof.inner?.userName, "lamp@setup.home.arpa");
});

test("a method starts with the S flag alone, and identifiers count on from the Identity's", () => {
  const script = new Script(crypto);
  script.identify("", 254);
  assert.deepEqual(script.request, hex("01 ff 0006 0d 20"));
  script.say(script.client.clientHello());
  assert.equal(script.request[1], 0);
});

test("a start without a packet is answered by an Identity request (RFC 3579 §2.1)", () => {
  const script = new Script(crypto);
  script.expect(script.packet(new Uint8Array(0)), "request");
  const identifier = script.request[1]!;
  assert.deepEqual(script.request.subarray(2), hex("0005 01"));
  script.ignores(script.identify("a", (identifier + 1) & 0xff), "wrong-identifier");
  script.ignores(script.packet(eapResponse(identifier, TYPE.nak, hex("0d"))), "wrong-type");
  script.ignores(script.packet(new Uint8Array(0)), "truncated");
  script.expect(script.identify("a", identifier), "request");
  assert.equal(script.request[4], TYPE.tls);
});

test("a conversation that begins in the middle, or with a hostile name, fails", () => {
  const middle = new Script(crypto);
  const failure = middle.fails(middle.packet(eapResponse(9, TYPE.tls, hex("00"))), "no-identity");
  assert.deepEqual(failure.packet, hex("04 09 0004"));
  const hostile = new Script(crypto);
  hostile.fails(hostile.identify("a\nb"), "bad-identity");
  const long = new Script(crypto);
  long.fails(long.identify("a".repeat(254)), "bad-identity");
});

test("a first packet that is no response changes nothing", () => {
  const script = new Script(crypto);
  script.ignores(script.packet(hex("01 00 0005 01")), "not-a-response");
  script.ignores(script.packet(hex("02 00 0006 01")), "bad-length");
  assert.equal(script.server.lastRequest, null);
  script.expect(script.identify(), "request");
});

test("RFC 3748 §5.3.1: a Nak of the first request moves on to a method both have", () => {
  const script = new Script(crypto);
  script.identify();
  const before = script.request[1]!;
  script.expect(script.nak(25, TYPE.ttls), "request");
  assert.deepEqual(script.request, concat(hex("01"), Uint8Array.of(before + 1), hex("0006 15 20")));
});

test("an expanded Nak does the same", () => {
  const script = new Script(crypto);
  script.identify();
  const nak = hex("000000 00000003 fe 000000 00000015");
  script.expect(script.packet(eapResponse(script.request[1]!, 254, nak)), "request");
  assert.equal(script.request[4], TYPE.ttls);
});

test("a Nak that leaves no method fails: none wanted, none common, the same again, a second one", () => {
  for (const types of [[0], [25, 43], [TYPE.tls]]) {
    const script = new Script(crypto);
    script.identify();
    script.fails(script.nak(...types), "no-common-method");
  }
  const empty = new Script(crypto);
  empty.identify();
  empty.fails(empty.nak(), "bad-nak");
  const twice = new Script(crypto);
  twice.identify();
  twice.nak(TYPE.ttls);
  twice.fails(twice.nak(TYPE.tls), "no-common-method");
  const nothing = new Script(crypto, { methods: [] });
  nothing.fails(nothing.identify(), "no-common-method");
});

test("a Nak after the method has begun is of the wrong type", () => {
  const script = new Script(crypto).hellos();
  script.ignores(script.nak(TYPE.ttls), "wrong-type");
});

test("packets of another identifier, type or code change nothing; the last request stands", () => {
  const script = new Script(crypto);
  script.identify();
  const { request } = script;
  const hello = concat(hex("00"), script.client.clientHello());
  const identifier = request[1]!;
  const wrong = (packet: Uint8Array, reason: Parameters<Script["ignores"]>[1]) => {
    script.ignores(script.packet(packet), reason);
    assert.deepEqual(script.server.lastRequest, request);
  };
  wrong(eapResponse(identifier + 1, TYPE.tls, hello), "wrong-identifier");
  wrong(eapResponse(identifier - 1, TYPE.tls, hello), "wrong-identifier");
  wrong(eapResponse(identifier, TYPE.ttls, hello), "wrong-type");
  wrong(eapResponse(identifier, TYPE.identity, utf8("a")), "wrong-type");
  wrong(eapResponse(identifier, 254, hex("00372a 00000001 00")), "wrong-type");
  wrong(concat(hex("01"), eapResponse(identifier, TYPE.tls, hello).subarray(1)), "not-a-response");
  wrong(eapResponse(identifier, TYPE.tls, hello).subarray(0, 40), "bad-length");
  script.expect(script.packet(eapResponse(identifier, TYPE.tls, hello)), "request");
});

test("a method's response may be written in the expanded form (RFC 3748 §5.7)", () => {
  const script = new Script(crypto);
  script.identify();
  const expanded = concat(hex("000000 0000000d 00"), script.client.clientHello());
  script.expect(script.packet(eapResponse(script.request[1]!, 254, expanded)), "request");
  assert.ok(script.hear().length > 100);
});

for (const size of [64, 65, 100, 500, 1398]) {
  test(`both methods in packets of ${size} bytes, both ways and each way`, () => {
    for (const [serverPacket, peerPacket] of [
      [size, size],
      [size, 1398],
      [1398, size],
    ] as const) {
      for (const method of ["tls", "ttls"] as const) {
        const sizes = { serverPacket, peerPacket };
        const script = new Script(crypto, { ...sizes, methods: [method] }).handshake();
        const conclusion =
          method === "tls" ? script.acknowledge() : script.say(script.tunnelled(PAP));
        script.expect(conclusion, "authenticated");
        script.expect(script.input(ADMIT), "success");
        const longest = Math.max(...script.requests.map((packet) => packet.length));
        assert.ok(longest <= serverPacket, `${longest} bytes`);
      }
    }
  });
}

test("a packet is never longer than our own ceiling, and its limit never below 60", () => {
  const longest = (serverPacket: number, ceiling: number) => {
    const script = new Script(crypto, { serverPacket, ceiling }).hellos();
    return Math.max(...script.requests.map((packet) => packet.length));
  };
  assert.equal(longest(1400, 200), 200);
  assert.equal(longest(20, 1400), MIN_PACKET_LIMIT);
});

test("our fragments want acknowledgements, the peer's turn wants a message", () => {
  const impatient = new Script(crypto, { serverPacket: 100 });
  impatient.identify();
  impatient.say(impatient.client.clientHello());
  impatient.fails(impatient.answer(hex("00 16")), "acknowledgement-missing");
  const silent = new Script(crypto);
  silent.identify();
  silent.fails(silent.acknowledge(), "acknowledgement-unexpected");
});

test("broken framing fails: start flag, TTLS version, missing or wrong total, too long", () => {
  const cases = [
    ["tls", "20", "start-from-peer"],
    ["ttls", "01", "unsupported-version"],
    ["tls", "", "truncated"],
    ["tls", "40 16", "total-length-missing"],
    ["tls", "80 00000002 16", "total-length-mismatch"],
    ["tls", "c0 00010001 16", "message-too-long"],
    ["tls", "c0 00000100", "empty-fragment"],
  ] as const;
  for (const [method, typeData, reason] of cases) {
    const script = new Script(crypto, { methods: [method] });
    script.identify();
    script.fails(script.answer(hex(typeData)), reason);
  }
});

test("fragments without end stop at 100 rounds", () => {
  const script = new Script(crypto);
  script.identify();
  let output = script.answer(concat(hex("c0 00010000"), new Uint8Array(100)));
  while (output.kind === "request") output = script.answer(concat(hex("40"), new Uint8Array(100)));
  script.fails(output, "too-many-rounds");
  assert.equal(script.requests.length, MAX_ROUNDS);
});

test("rounds in which nobody says anything stop at 50 in a row", () => {
  const script = new Script(crypto);
  script.identify("nobody@home.arpa");
  let output = script.answer(hex("c0 00000100 16"));
  while (output.kind === "request") output = script.answer(hex("40 16"));
  script.fails(output, "too-many-short-rounds");
  assert.equal(script.requests.length, MAX_SHORT_ROUNDS + 1);
});

test("a peer's flight may come as several messages; an empty request asks for the rest", () => {
  const script = new Script(crypto);
  script.identify();
  const hello = script.client.clientHello();
  script.expect(script.say(hello.subarray(0, 20)), "request");
  assert.deepEqual(script.request.subarray(5), hex("00"));
  script.expect(script.say(hello.subarray(20)), "request");
  assert.ok(script.hear().length > 100);
});

test("RFC 5216 §2.1.3: our alert goes out in a request, and the peer's answer ends it", () => {
  const script = new Script(crypto).hellos();
  script.expect(script.say(script.client.secondFlight([CLIENT_CERTIFICATE])), "verify-peer");
  const rejected = { kind: "peer-rejected", alert: "unknown_ca", reason: "no path" } as const;
  script.expect(script.input(rejected), "request");
  script.hear();
  assert.deepEqual(
    script.client.alerts.map(({ name }) => name),
    ["unknown_ca"],
  );
  const failure = script.fails(script.acknowledge(), "tls");
  assert.match(failure.detail ?? "", /^peer-rejected/);
  assert.deepEqual(failure.packet, concat(hex("04"), script.request.subarray(1, 2), hex("0004")));
});

test("whatever answers our alert, a new ClientHello too, the conversation is over", () => {
  const script = new Script(crypto);
  script.identify();
  script.expect(script.say(hex("ff 0301 0001 00")), "request");
  script.say(script.client.clientHello());
  script.ignores(script.acknowledge(), "ended");
});

test("a peer's own alert is answered by EAP-Failure at once", () => {
  const script = new Script(crypto).hellos();
  const failure = script.fails(script.say(script.client.alert(2, 48)), "tls");
  assert.equal(failure.detail, "peer-alert: unknown_ca");
});

test("EAP-TLS without a certificate is refused in the handshake", () => {
  const script = new Script(crypto).hellos();
  script.expect(script.say(script.client.secondFlight([])), "request");
  assert.equal(script.fails(script.acknowledge(), "tls").detail, "client-certificate-missing");
});

test("a certificate without its key fails, though the chain was accepted", () => {
  const script = new Script(crypto).hellos();
  const { client } = script;
  const flight = concat(
    client.certificate(),
    client.clientKeyExchange(),
    client.certificateVerify(
      0x0403,
      client.signature("sha256", crypto.signingKey("P-256", new Uint8Array(32).fill(7))),
    ),
    client.changeCipherSpec(),
    client.finished(),
  );
  script.expect(script.accept(script.say(flight)), "request");
  assert.equal(script.fails(script.acknowledge(), "tls").detail, "bad-signature");
});

test("what ends the one method is a fault in the other", () => {
  const tls = new Script(crypto).handshake();
  tls.fails(tls.say(tls.tunnelled(PAP)), "tunnel-bytes-unexpected");
  const ttls = new Script(crypto, { methods: ["ttls"] }).handshake();
  ttls.fails(ttls.acknowledge(), "inner-credentials-missing");
});

test("tunnelled bytes before the peer has seen our Finished are refused", () => {
  const script = new Script(crypto, { methods: ["ttls"], clientCertificate: "none" }).hellos();
  const flight = script.client.secondFlight();
  script.fails(script.say(concat(flight, script.tunnelled(PAP))), "tunnel-bytes-unexpected");
});

test("tunnelled bytes may come in several records, and 4096 of them at most", () => {
  const inRecords = new Script(crypto, { methods: ["ttls"] }).handshake();
  const records = concat(
    inRecords.tunnelled(PAP.subarray(0, 30)),
    inRecords.tunnelled(PAP.subarray(30)),
  );
  inRecords.expect(inRecords.say(records), "authenticated");
  const long = new Script(crypto, { methods: ["ttls"] }).handshake();
  long.fails(long.say(long.tunnelled(new Uint8Array(4097))), "avps-too-long");
});

test("a tunnel that is closed, broken or spoken into by TLS alone ends in failure", () => {
  const closed = new Script(crypto, { methods: ["ttls"] }).handshake();
  closed.fails(closed.say(closed.client.alert(1, 0)), "tunnel-closed");
  const broken = new Script(crypto, { methods: ["ttls"] }).handshake();
  const record = broken.tunnelled(PAP);
  record[record.length - 1]! ^= 1;
  broken.expect(broken.say(record), "request");
  assert.equal(broken.fails(broken.acknowledge(), "tls").detail, "record-not-authentic");
  const again = new Script(crypto, { methods: ["ttls"] }).handshake();
  again.fails(again.say(again.client.clientHello()), "inner-credentials-missing");
});

test("refused after the proof: EAP-Failure with our reason in the log alone", () => {
  const script = new Script(crypto).handshake();
  script.expect(script.acknowledge(), "authenticated");
  const failure = script.fails(script.input({ kind: "refuse", reason: "denied" }), "refused");
  assert.equal(failure.detail, "denied");
  assert.equal(failure.packet.length, 4);
  script.ignores(script.input(ADMIT), "ended");
});

test("while the caller decides, packets and wrong answers change nothing", () => {
  const accepted = { kind: "peer-accepted", publicKey: clientKey(crypto).publicKey } as const;
  const refuse = { kind: "refuse", reason: "" } as const;
  const script = new Script(crypto);
  for (const input of [ADMIT, refuse, accepted]) {
    script.ignores(script.input(input), "not-awaited");
  }
  script.hellos();
  const verify = script.say(script.client.secondFlight([CLIENT_CERTIFICATE]));
  script.ignores(script.acknowledge(), "not-awaited");
  script.ignores(script.input(ADMIT), "not-awaited");
  script.expect(script.accept(verify), "request");
  script.hear();
  script.expect(script.acknowledge(), "authenticated");
  script.ignores(script.acknowledge(), "not-awaited");
  script.ignores(script.input(accepted), "not-awaited");
  script.expect(script.input(ADMIT), "success");
  assert.equal(script.server.lastRequest, null);
  assert.equal(script.server.wakeAt, null);
  script.ignores(script.acknowledge(), "ended");
});

test("a conversation ends two minutes after its first packet, wherever it stands", () => {
  const due = mono(CONVERSATION_LIMIT);
  const before = mono(CONVERSATION_LIMIT - 1);
  const waiting = new Script(crypto);
  assert.equal(waiting.server.wakeAt, null);
  waiting.hellos();
  assert.equal(waiting.server.wakeAt, due);
  assert.deepEqual(waiting.server.handle({ kind: "timeout" }, before), []);
  const [end] = waiting.server.handle({ kind: "timeout" }, due);
  waiting.fails(end!, "timeout");
  const deciding = new Script(crypto).handshake();
  deciding.acknowledge();
  deciding.fails(deciding.server.handle({ kind: "timeout" }, due)[0]!, "timeout");
  deciding.ignores(deciding.input(ADMIT), "ended");
});

/** Inputs as a hostile peer and a confused caller would mix them. */
const anyInput: fc.Arbitrary<EapInput> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("response" as const),
      packet: fc
        .tuple(fc.nat(4), fc.constantFrom(1, 3, 13, 21, 254), fc.uint8Array({ maxLength: 30 }))
        .map(([identifier, type, typeData]) => eapResponse(identifier, type, typeData)),
      maxPacket: fc.nat(2000),
    }),
  },
  fc.record({
    kind: fc.constant("response" as const),
    packet: fc.uint8Array({ maxLength: 40 }),
    maxPacket: fc.integer(),
  }),
  fc.constant({ kind: "admit" as const }),
  fc.constant({ kind: "refuse" as const, reason: "no" }),
  fc.constant({ kind: "timeout" as const }),
  fc.constant({ kind: "peer-accepted" as const, publicKey: clientKey(crypto).publicKey }),
  fc.constant({ kind: "peer-rejected" as const, alert: "bad_certificate" as const, reason: "no" }),
);

test("property: no sequence of inputs throws, and without a proof none ends in success", () => {
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 20 }), (inputs) => {
      const { server } = new Script(crypto);
      for (const input of inputs) {
        const outputs = server.handle(input, NOW);
        assert.ok(outputs.length <= 1);
        for (const { kind } of outputs) {
          assert.ok(kind !== "success" && kind !== "authenticated", kind);
        }
      }
    }),
  );
});

/** An honest run but for what `spoil` does to the peer's packets; what was proved, or null where it ends before. */
function converse(
  method: "tls" | "ttls",
  spoil: (packet: Uint8Array, nth: number) => Uint8Array,
): EapProof | null {
  const script = new Script(crypto, { methods: [method] });
  const { client } = script;
  let count = 0;
  const say = (type: number, typeData: Uint8Array) => {
    const honest = eapResponse(script.requests.at(-1)?.[1] ?? 0, type, typeData);
    return script.packet(spoil(honest, count++));
  };
  const type = TYPE[method];
  if (say(TYPE.identity, utf8("a")).kind !== "request") return null;
  say(type, concat(hex("00"), client.clientHello()));
  try {
    script.hear();
    if (client.flight.certificateRequest === null) return null;
  } catch {
    // The client's own checks: an answer to a hello that it did not send so, or no answer at all.
    return null;
  }
  let output = say(type, concat(hex("00"), client.secondFlight([CLIENT_CERTIFICATE])));
  if (output.kind === "verify-peer") output = script.accept(output);
  if (output.kind !== "request") return null;
  script.hear();
  if (!client.finishedHeld) return null;
  const conclusion = method === "tls" ? new Uint8Array(0) : script.tunnelled(PAP);
  output = say(type, concat(hex("00"), conclusion));
  if (output.kind !== "authenticated") return null;
  const label = method === "tls" ? "client EAP encryption" : "ttls keying material";
  const { msk } = script.expect(script.input(ADMIT), "success").keys;
  assert.deepEqual(msk, client.keys.exportKey(label, null, 64));
  return output.proof;
}

test("property: one octet changed in an honest conversation changes nothing that is proved but the outer name", () => {
  const honest = {
    tls: converse("tls", (packet) => packet),
    ttls: converse("ttls", (packet) => packet),
  };
  assert.equal(honest.tls?.method, "tls");
  assert.equal(honest.ttls?.inner?.userName, "lamp@setup.home.arpa");
  const change = fc.record({
    method: fc.constantFrom("tls" as const, "ttls" as const),
    nth: fc.nat(3),
    at: fc.oneof(fc.nat(12), fc.nat(400)),
    mask: fc.integer({ min: 1, max: 255 }),
  });
  fc.assert(
    fc.property(change, ({ method, nth, at, mask }) => {
      const proof = converse(method, (packet, count) => {
        if (count !== nth) return packet;
        const spoilt = packet.slice();
        spoilt[at % packet.length]! ^= mask;
        return spoilt;
      });
      if (proof === null) return;
      assert.deepEqual({ ...proof, identity: "a" }, { ...honest[method], identity: "a" });
    }),
    { numRuns: 40 },
  );
});
