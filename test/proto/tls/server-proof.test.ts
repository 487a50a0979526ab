/** Raw public keys (RFC 7250), OCSP responses (RFC 6066 §8, RFC 8446 §4.4.2.1) and P-384 keys of the server. */
import { assert, providers, test } from "#kit";
import { concat, hex, utf8, Writer } from "../../../src/base/bytes.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server.ts";
import { ExtensionType, HandshakeType } from "../../../src/proto/tls/wire.ts";
import {
  CLIENT_CERTIFICATE,
  clientKey,
  Duplex,
  extension,
  extensionsWith,
  SERVER_CERTIFICATE,
  serverConfig,
} from "../../kit/tls-client.ts";
import type { Extension } from "../../kit/tls-client.ts";
import { honest13, Wire13 } from "../../kit/tls13-client.ts";

const OWN_KEY = utf8("stands for the server's SubjectPublicKeyInfo");
const CLIENT_KEY = utf8("stands for the client's SubjectPublicKeyInfo");
const RESPONSE = utf8("stands for an OCSPResponse");
const EITHER = { clientCertificateTypes: ["raw-public-key", "x509"] } as const;

function config(changes: Partial<TlsServerConfig> = {}): TlsServerConfig {
  return serverConfig(changes.crypto ?? noble, { publicKeyInfo: OWN_KEY, ...changes });
}

function wire12(changes: Partial<TlsServerConfig>, ...more: readonly Extension[]): Duplex {
  return new Duplex(config(changes), { extensions: extensionsWith(...more) });
}

function wire13(changes: Partial<TlsServerConfig>, ...more: readonly Extension[]): Wire13 {
  return new Wire13(config(changes), {}, "X25519", (own) => [...honest13(own), ...more]);
}

/** Vectors as they stand in messages. */
const vector24 = (bytes: Uint8Array): Uint8Array => new Writer().vector24(bytes).bytes();
const entry = (bytes: Uint8Array, extensions: Uint8Array = new Uint8Array()): Uint8Array =>
  new Writer().vector24(bytes).vector16(extensions).bytes();
const list13 = (...entries: readonly Uint8Array[]): Uint8Array =>
  new Writer()
    .u8(0)
    .vector24(concat(...entries))
    .bytes();

/** Extensions of a block, each as type, length and body. */
const encrypted = (wire: Wire13): Uint8Array =>
  wire.bodies.get(HandshakeType.encryptedExtensions)!.subarray(2);

for (const crypto of providers) {
  test(`${crypto.name}: both sides show bare keys where the client asks for them`, () => {
    const asks = [extension.clientCertificateTypes([2]), extension.serverCertificateTypes([2])];
    const changes = { crypto, clientCertificate: "required", ...EITHER } as const;
    const wire = wire12(changes, ...asks).hellos();
    const { extensions } = wire.client.flight;
    assert.deepEqual(extensions.get(ExtensionType.clientCertificateType), hex("02"));
    assert.deepEqual(extensions.get(ExtensionType.serverCertificateType), hex("02"));
    assert.deepEqual(wire.client.heard(HandshakeType.certificate), vector24(OWN_KEY));
    wire.give(
      wire.client.message(HandshakeType.certificate, vector24(CLIENT_KEY)),
      wire.client.clientKeyExchange(),
      wire.client.certificateVerify(),
    );
    const shown = wire.outputs.find(({ kind }) => kind === "verify-peer");
    assert.deepEqual(shown, {
      ...{ kind: "verify-peer", chain: [CLIENT_KEY] },
      ...{ certificateType: "raw-public-key", ocspResponse: null },
    });
    wire.give(wire.client.changeCipherSpec(), wire.client.finished());
    wire.accept();
    assert.deepEqual(wire.session?.peerChain, [CLIENT_KEY]);
  });

  test(`${crypto.name}, TLS 1.3: both sides show bare keys where the client asks for them`, () => {
    const asks = [extension.clientCertificateTypes([2]), extension.serverCertificateTypes([2])];
    const changes = { crypto, clientCertificate: "required", ...EITHER } as const;
    const wire = wire13(changes, ...asks);
    wire.give(wire.helloRecord());
    assert.deepEqual(encrypted(wire), hex("0013 0001 02 0014 0001 02"));
    assert.deepEqual(wire.bodies.get(HandshakeType.certificate), list13(entry(OWN_KEY)));
    wire.give(wire.record(22, wire.certificate([CLIENT_KEY])));
    const shown = wire.outputs.find(({ kind }) => kind === "verify-peer");
    assert.deepEqual(shown, {
      ...{ kind: "verify-peer", chain: [CLIENT_KEY] },
      ...{ certificateType: "raw-public-key", ocspResponse: null },
    });
    wire.tell({ kind: "peer-accepted", publicKey: clientKey(crypto).publicKey });
    wire.give(wire.record(22, wire.certificateVerify()), wire.record(22, wire.finished()));
    assert.deepEqual(wire.session?.peerChain, [CLIENT_KEY]);
  });
}

/** What a client says of our certificate, and which it gets; null ends the connection. */
const OURS: readonly (readonly [
  offer: readonly number[] | null,
  x509: boolean,
  rpk: boolean,
  "x509" | "raw" | null,
])[] = [
  [null, true, true, "x509"],
  [[0, 1], true, true, "x509"],
  [[2], true, true, "raw"],
  [[0, 2], true, true, "x509"],
  [[2, 0], true, true, "raw"],
  [[1, 2], true, true, "raw"],
  [[2, 0], true, false, "x509"],
  [[0, 2], false, true, "raw"],
  [[2], true, false, null],
  [[0, 1], false, true, null],
  [null, false, true, null],
  [[1], true, true, null],
];
for (const [offer, x509, rpk, expected] of OURS) {
  const own = `${x509 ? "a certificate" : "no certificate"} and ${rpk ? "a bare key" : "no bare key"}`;
  test(`a client that takes types ${offer?.join() ?? "unsaid"} of a server with ${own}`, () => {
    const more = offer === null ? [] : [extension.serverCertificateTypes(offer)];
    const { publicKeyInfo: _, ...without } = config();
    const changes = { certificates: x509 ? [SERVER_CERTIFICATE] : [] };
    const whole = { ...(rpk ? config() : without), ...changes };
    const old = new Duplex(whole, { extensions: extensionsWith(...more) }).hellos();
    const now = new Wire13(whole, {}, "X25519", (share) => [...honest13(share), ...more]);
    now.give(now.helloRecord());
    if (expected === null) {
      for (const { failure } of [old, now]) {
        assert.equal(failure?.reason, "no-common-certificate-type");
        assert.equal(failure?.alert, "unsupported_certificate");
      }
      return;
    }
    const shown = expected === "x509" ? SERVER_CERTIFICATE : OWN_KEY;
    const list = expected === "x509" ? vector24(vector24(shown)) : vector24(shown);
    assert.deepEqual(old.client.heard(HandshakeType.certificate), list);
    assert.deepEqual(now.bodies.get(HandshakeType.certificate), list13(entry(shown)));
    const told = old.client.flight.extensions.has(ExtensionType.serverCertificateType);
    assert.equal(told, offer !== null);
    assert.equal(encrypted(now).length > 0, offer !== null);
  });
}

test("a client's types of certificate are chosen in the server's order", () => {
  const both = extension.clientCertificateTypes([0, 2]);
  const wire = wire12({ clientCertificate: "asked", ...EITHER }, both).hellos();
  const { extensions } = wire.client.flight;
  assert.deepEqual(extensions.get(ExtensionType.clientCertificateType), hex("02"));
});

test("a client that is asked for nothing is told of no type (RFC 7250 §4.2)", () => {
  const wire = wire12(EITHER, extension.clientCertificateTypes([2])).hellos();
  assert.ok(!wire.client.flight.extensions.has(ExtensionType.clientCertificateType));
});

for (const [what, own, more] of [
  ["that has bare keys alone", {}, [extension.clientCertificateTypes([2])]],
  ["that has certificates alone", { clientCertificateTypes: ["raw-public-key"] }, []],
] as const) {
  test(`a client ${what} and a server that takes none end at once`, () => {
    const wire = wire12({ clientCertificate: "asked", ...own }, ...more).hellos();
    assert.equal(wire.failure?.reason, "no-common-certificate-type");
  });
}

test("a client without a bare key goes on where one is only asked for", () => {
  const wire = wire12(
    { clientCertificate: "asked", ...EITHER },
    extension.clientCertificateTypes([2]),
  ).hellos();
  const none = wire.client.message(HandshakeType.certificate, hex("000000"));
  wire.give(none, wire.client.secondFlight());
  assert.deepEqual(wire.session?.peerChain, []);
});

test("TLS 1.3: two bare keys in one Certificate are refused (RFC 8446 §4.4.2)", () => {
  const changes = { clientCertificate: "asked", ...EITHER } as const;
  const wire = wire13(changes, extension.clientCertificateTypes([2]));
  wire.give(wire.helloRecord());
  wire.give(wire.record(22, wire.certificate([CLIENT_KEY, CLIENT_CERTIFICATE])));
  assert.equal(wire.failure?.reason, "chain-too-long");
});

test("a bare key with an octet behind it is malformed", () => {
  const changes = { clientCertificate: "asked", ...EITHER } as const;
  const wire = wire12(changes, extension.clientCertificateTypes([2])).hellos();
  const body = concat(vector24(CLIENT_KEY), hex("00"));
  wire.give(wire.client.message(HandshakeType.certificate, body));
  assert.equal(wire.failure?.reason, "malformed-message");
});

for (const type of [ExtensionType.clientCertificateType, ExtensionType.serverCertificateType]) {
  for (const body of ["", "00", "0201", "010200"]) {
    test(`extension ${type} with body "${body}" is malformed`, () => {
      const wire = wire12({}, [type, hex(body)]).hellos();
      assert.equal(wire.failure?.reason, "malformed-message");
    });
  }
}

test("an OCSP response follows the certificate of a client that asks", () => {
  const wire = wire12({ ocspResponse: () => RESPONSE }, extension.statusRequest()).establish();
  assert.deepEqual(wire.client.flight.extensions.get(ExtensionType.statusRequest), hex(""));
  const body = concat(hex("01"), vector24(RESPONSE));
  assert.deepEqual(wire.client.heard(HandshakeType.certificateStatus), body);
});

test("TLS 1.3: an OCSP response stands with the first certificate of a client that asks", () => {
  const certificates = [SERVER_CERTIFICATE, utf8("an intermediate")];
  const wire = wire13({ certificates, ocspResponse: () => RESPONSE }, extension.statusRequest());
  wire.establish();
  const status = concat(hex("01"), vector24(RESPONSE));
  const extensions = new Writer().u16(5).vector16(status).bytes();
  const [own, intermediate] = certificates;
  const list = list13(entry(own!, extensions), entry(intermediate!));
  assert.deepEqual(wire.bodies.get(HandshakeType.certificate), list);
  assert.equal(encrypted(wire).length, 0);
});

for (const [what, more, changes] of [
  ["no client that asks", [], { ocspResponse: () => RESPONSE }],
  ["no response", [extension.statusRequest()], { ocspResponse: () => null }],
  ["no source of responses", [extension.statusRequest()], {}],
  [
    "a client that asks for another kind",
    [[ExtensionType.statusRequest, hex("02 00")] as const],
    { ocspResponse: () => RESPONSE },
  ],
  [
    "a bare key",
    [extension.statusRequest(), extension.serverCertificateTypes([2])],
    { ocspResponse: () => RESPONSE },
  ],
] as const) {
  test(`with ${what} no OCSP response is sent, and none promised`, () => {
    const old = wire12(changes, ...more).establish();
    assert.equal(old.client.heard(HandshakeType.certificateStatus), null);
    assert.ok(!old.client.flight.extensions.has(ExtensionType.statusRequest));
    const now = wire13(changes, ...more);
    now.establish();
    const bare = more.length > 1;
    const list = list13(entry(bare ? OWN_KEY : SERVER_CERTIFICATE));
    assert.deepEqual(now.bodies.get(HandshakeType.certificate), list);
  });
}

for (const body of ["", "01", "01 0000", "01 0000 0000 00", "01 0001 0000"]) {
  test(`a status_request of "${body}" is malformed`, () => {
    const wire = wire12({}, [ExtensionType.statusRequest, hex(body)]).hellos();
    assert.equal(wire.failure?.reason, "malformed-message");
  });
}

for (const crypto of providers) {
  test(`${crypto.name}: a server with a P-384 key signs, over either curve`, () => {
    const key = crypto.signingKey("P-384", new Uint8Array(48).fill(0x51));
    for (const group of ["P-256", "P-384"] as const) {
      const offers = [extension.groups([23, 24]), extension.schemes([0x0403, 0x0503])];
      const old = wire12({ crypto, key, groups: [group] }, ...offers);
      old.client.trusting = true;
      assert.equal(old.establish().session?.group, group);
      const now = new Wire13(config({ crypto, key, groups: [group] }), {}, group, (own) => [
        extension.versions([0x0304]),
        ...offers,
        own,
      ]);
      now.trusting = true;
      now.establish();
      assert.equal(now.session?.group, group);
    }
  });
}

test("signature_algorithms_cert binds nothing: there is one chain to send (RFC 8446 §4.2.3)", () => {
  const rsa = [ExtensionType.signatureAlgorithmsCert, hex("0002 0401")] as const;
  assert.ok(wire12({}, rsa).establish().session !== null);
  const wire = wire13({}, rsa);
  wire.establish();
  assert.ok(wire.session !== null);
});
