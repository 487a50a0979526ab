import fc from "fast-check";
import { assert, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import { parseClientHello } from "../../../src/proto/tls/client-hello.ts";
import type { ClientHello } from "../../../src/proto/tls/client-hello.ts";
import { TlsFailure } from "../../../src/proto/tls/failure.ts";
import { negotiate } from "../../../src/proto/tls/server/negotiate12.ts";
import type { Choice, Policy } from "../../../src/proto/tls/server/negotiate12.ts";
import { SUITES } from "../../../src/proto/tls/suites.ts";
import type { SuiteName } from "../../../src/proto/tls/suites.ts";
import {
  encodeHello,
  extension,
  extensionsWith,
  SERVER_CERTIFICATE,
  serverKey,
} from "../../kit/tls-client.ts";
import type { Extension, Hello } from "../../kit/tls-client.ts";
import { CLIENT_HELLOS } from "../../vectors/tls/client-hellos.ts";

const GCM128 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
const GCM256 = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
const CHACHA = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
const CCM = "TLS_ECDHE_ECDSA_WITH_AES_128_CCM";
const CCM8 = "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8";

const POLICY: Policy = {
  certificates: [SERVER_CERTIFICATE],
  key: serverKey(noble),
  clientCertificate: "none",
};
const HELLO: Hello = {
  version: 0x0303,
  random: new Uint8Array(32),
  sessionId: new Uint8Array(),
  suites: [0xc02b, 0xcca9, 0xc02c],
  compressions: [0],
  extensions: extensionsWith(),
};

function hello(changes: Partial<Hello> = {}): ClientHello {
  return parseClientHello(encodeHello({ ...HELLO, ...changes }));
}

function chosen(changes: Partial<Hello>, policy: Partial<Policy> = {}): Choice {
  return negotiate(hello(changes), { ...POLICY, ...policy });
}

/** Client's suites, the server's (none: its default), and the suite chosen or the refusal. */
const SUITE_TABLE: readonly (readonly [string, readonly SuiteName[] | null, string])[] = [
  ["c02b cca9 c02c", null, GCM128],
  ["c02c cca9 c02b", null, GCM128],
  ["c02c cca9", null, CHACHA],
  ["cca9 c02c", null, CHACHA],
  ["c02c", null, GCM256],
  ["1301 1303 c02c", null, GCM256],
  ["c0ac c0ae", null, CCM],
  ["c0ae", null, "no-common-suite"],
  ["c0ae c0ac", [CCM, CCM8], CCM],
  ["c0ae", [CCM, CCM8], CCM8],
  ["c02b c02c", [GCM256, GCM128], GCM256],
  ["c02b", [GCM256], "no-common-suite"],
  // RSA and PSK authentication, CBC, no forward secrecy, no encryption.
  ["c02f cca8 c030", null, "no-common-suite"],
  ["ccac d001", null, "no-common-suite"],
  ["c009 c00a c023 c024", null, "no-common-suite"],
  ["c02d c02e", null, "no-common-suite"],
  ["c006 0000 00ff 5600", null, "no-common-suite"],
];

for (const [offered, own, expected] of SUITE_TABLE) {
  test(`a client with ${offered} and a server with ${own?.join(" ") ?? "its default"}: ${expected}`, () => {
    const suites = offered.split(" ").map((code) => Number.parseInt(code, 16));
    const policy = own === null ? {} : { suites: own.map((name) => SUITES[name]) };
    assert.equal(
      outcome(() => chosen({ suites }, policy).suite.name),
      expected,
    );
  });
}

/** Client's groups (none: no extension), the server's (none: its default), and the group chosen. */
const GROUP_TABLE: readonly (readonly [
  readonly number[] | null,
  readonly Choice["group"][] | null,
  string,
])[] = [
  [[23], null, "P-256"],
  [[29, 23], null, "P-256"],
  [[29, 23], ["X25519", "P-256"], "X25519"],
  [[29, 23], ["X25519"], "X25519"],
  [[24, 23], ["P-384"], "P-384"],
  [[0x0a0a, 23, 24], ["P-384", "P-256"], "P-384"],
  [[23], ["X25519"], "no-common-group"],
  [[29], null, "no-common-group"],
  [null, null, "P-256"],
  [null, ["X25519"], "no-common-group"],
];

for (const [offered, own, expected] of GROUP_TABLE) {
  test(`groups ${offered?.join(" ") ?? "absent"} and a server with ${own?.join(" ") ?? "its default"}: ${expected}`, () => {
    const extensions =
      offered === null
        ? extensionsWith().filter(([type]) => type !== 10)
        : extensionsWith(extension.groups(offered));
    const policy = own === null ? {} : { groups: own };
    assert.equal(
      outcome(() => chosen({ extensions }, policy).group),
      expected,
    );
  });
}

/** The version field, supported_versions (none: no extension), and what becomes of it. */
const VERSION_TABLE: readonly (readonly [number, readonly number[] | null, string])[] = [
  [0x0303, null, "TLS 1.2"],
  [0x0304, null, "TLS 1.2"],
  [0x03ff, null, "TLS 1.2"],
  [0x0302, null, "version-unsupported"],
  [0x0300, null, "version-unsupported"],
  [0x0303, [0x0304, 0x0303], "TLS 1.2"],
  [0x0303, [0x0a0a, 0x0304, 0x0303, 0x0302], "TLS 1.2"],
  [0x0303, [0x0303], "TLS 1.2"],
  [0x0303, [0x0304], "version-unsupported"],
  [0x0303, [0x0302], "version-unsupported"],
];

for (const [version, list, expected] of VERSION_TABLE) {
  const listed = list?.map((code) => code.toString(16)).join(" ") ?? "absent";
  test(`version ${version.toString(16)} with supported_versions ${listed}: ${expected}`, () => {
    const extensions = list === null ? extensionsWith() : extensionsWith(extension.versions(list));
    const found = outcome(() => (chosen({ version, extensions }), "TLS 1.2"));
    assert.equal(found, expected);
  });
}

test("the renegotiation suite value stands for the empty extension (RFC 5746 §3.3)", () => {
  const extensions = extensionsWith().filter(([type]) => type !== 0xff01);
  assert.ok(hello({ extensions, suites: [0xc02b, 0x00ff] }).secureRenegotiation);
  assert.ok(!hello({ extensions }).secureRenegotiation);
});

test("the server's order decides the application protocol, and without a list the offer is ignored", () => {
  const extensions = extensionsWith(extension.protocols(["http/1.1", "coap"]));
  const own = { applicationProtocols: ["coap", "http/1.1"] };
  assert.equal(chosen({ extensions }, own).alpn, "coap");
  assert.equal(chosen({ extensions }).alpn, null);
  assert.equal(chosen({}, own).alpn, null);
});

test("the server name is read in lower case; names of other types are passed over", () => {
  const named = (body: string): ClientHello =>
    hello({ extensions: extensionsWith([0, hex(body)]) });
  assert.equal(
    hello({ extensions: extensionsWith(extension.serverName("Home.Example")) }).serverName,
    "home.example",
  );
  assert.equal(named("0008 01000162 00000161").serverName, "a");
  assert.equal(named("0004 01000162").serverName, null);
  assert.equal(hello().serverName, null);
});

test("record sizes: the codes of RFC 6066 §4, and limits of RFC 8449 §4 up to the protocol's own", () => {
  const size = (...changed: readonly Extension[]): unknown =>
    chosen({ extensions: extensionsWith(...changed) }).recordSize;
  for (const [code, octets] of [
    [1, 512],
    [2, 1024],
    [3, 2048],
    [4, 4096],
  ] as const) {
    assert.deepEqual(size(extension.maxFragmentLength(code)), { kind: "fragment", octets });
  }
  for (const [limit, octets] of [
    [64, 64],
    [16384, 16384],
    [16385, 16384],
    [65535, 16384],
  ] as const) {
    assert.deepEqual(size(extension.recordSizeLimit(limit)), { kind: "limit", octets });
  }
  assert.deepEqual(size(), { kind: "default" });
});

test("a P-384 key signs with SHA-384, and only for clients that know its curve and scheme", () => {
  const p384 = { key: noble.signingKey("P-384", new Uint8Array(48).fill(0x51)) };
  const groups = extension.groups([23, 24]);
  assert.equal(chosen({ extensions: extensionsWith(groups) }, p384).proof?.scheme.code, 0x0503);
  assert.equal(
    outcome(() => chosen({}, p384).suite.name),
    "no-common-group",
  );
  const sha256 = extensionsWith(groups, extension.schemes([0x0403]));
  const refusal = outcome(() => chosen({ extensions: sha256 }, p384).suite.name);
  assert.equal(refusal, "no-common-signature-scheme");
});

test("a session id of up to 32 octets is taken, and means nothing", () => {
  assert.ok(chosen({ sessionId: new Uint8Array(32) }).suite.code === 0xc02b);
});

for (const { source, body, serverName, applicationProtocols } of CLIENT_HELLOS) {
  test(`the ClientHello of ${source} is understood and served`, () => {
    const parsed = parseClientHello(hex(body));
    assert.equal(parsed.serverName, serverName);
    assert.deepEqual(parsed.applicationProtocols, applicationProtocols);
    assert.equal(negotiate(parsed, POLICY).suite, SUITES[GCM128]);
  });

  test(`every strict prefix of the ClientHello of ${source} is refused`, () => {
    const whole = hex(body);
    for (let length = 0; length < whole.length; length++) {
      const prefix = whole.subarray(0, length);
      assert.throws(
        () => negotiate(parseClientHello(prefix), POLICY),
        TlsFailure,
        `prefix of ${length} octets`,
      );
    }
  });
}

test("property: any body is a ClientHello or a TlsFailure, nothing else", () => {
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    // A good hello with some octets changed reaches the extensions.
    fc
      .tuple(
        fc.constantFrom(...CLIENT_HELLOS),
        fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 4 }),
      )
      .map(([{ body }, changes]) => {
        const changed = hex(body);
        for (const [at, octet] of changes) changed[at % changed.length] = octet;
        return changed;
      }),
  );
  fc.assert(
    fc.property(bodies, (body) => {
      try {
        negotiate(parseClientHello(body), POLICY);
      } catch (failure) {
        assert.ok(failure instanceof TlsFailure, String(failure));
      }
    }),
    { numRuns: 500 },
  );
});

/** What `choose` returns, or why it does not. */
function outcome(choose: () => string): string {
  try {
    return choose();
  } catch (failure) {
    if (failure instanceof TlsFailure) return failure.reason;
    throw failure;
  }
}
