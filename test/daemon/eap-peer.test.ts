import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, providers, skip, test } from "#kit";
import { fromBase64Url, toHex, utf8 } from "../../src/base/bytes.ts";
import type { Crypto, PublicKey } from "../../src/base/crypto/crypto.ts";
import type { MethodName, PeerAnswer } from "../../src/proto/eap/methods/method.ts";
import { EapServer } from "../../src/proto/eap/server.ts";
import type { TlsServerConfig } from "../../src/proto/tls/server.ts";
import { EapPeer, runConversation } from "../kit/eap-peer.ts";
import type { Conversation, ConversationOptions, EapPeerOptions } from "../kit/eap-peer.ts";
import { seeded } from "../kit/random.ts";

interface Identity {
  readonly certificate: string;
  readonly key: string;
  readonly der: Uint8Array;
}

/** A self-signed P-256 certificate of OpenSSL's making, or null where there is no openssl. */
function selfSigned(commonName: string): Identity | null {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-eap-"));
  try {
    const certificate = path.join(folder, "certificate.pem");
    const key = path.join(folder, "key.pem");
    const options = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30
      -subj /CN=${commonName} -addext subjectAltName=DNS:${commonName}
      -keyout ${key} -out ${certificate}`;
    const { status } = spawnSync("openssl", options.split(/\s+/));
    if (status !== 0) return null;
    const pem = readFileSync(certificate, "utf8");
    const der = Uint8Array.from(new X509Certificate(pem).raw);
    return { certificate: pem, key: readFileSync(key, "utf8"), der };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const SERVER_NAME = "homeca.home.arpa";
const PASSWORD = "yWpGBZuNiGu40TJr40OHoQ";
const server = selfSigned(SERVER_NAME);
const device = selfSigned("lamp");

function pointOf(certificate: Identity): PublicKey {
  const { x, y } = createPublicKey(certificate.certificate).export({ format: "jwk" });
  const coordinates = [x, y].map((digits) => fromBase64Url(digits!)!);
  return {
    kind: "ec",
    curve: "P-256",
    point: Uint8Array.of(4, ...coordinates.flatMap((c) => [...c])),
  };
}

function tlsConfig(
  crypto: Crypto,
  { der, key }: Identity,
  clientCertificate: TlsServerConfig["clientCertificate"],
): TlsServerConfig {
  const scalar = fromBase64Url(createPrivateKey(key).export({ format: "jwk" }).d!)!;
  return {
    crypto,
    random: seeded("eap-peer"),
    certificates: [der],
    key: crypto.signingKey("P-256", scalar),
    clientCertificate,
    authorities: [],
  };
}

function suite(server: Identity, device: Identity): void {
  const deviceKey = pointOf(device);
  const withCertificate = { certificate: device.certificate, key: device.key };
  const accept = (): PeerAnswer => ({ kind: "peer-accepted", publicKey: deviceKey });
  const TLS: EapPeerOptions = { method: "tls", identity: "@homeca.home.arpa", ...withCertificate };
  const TTLS: EapPeerOptions = {
    method: "ttls",
    identity: "@setup.home.arpa",
    innerName: "lamp@setup.home.arpa",
    password: PASSWORD,
  };

  async function converse(
    crypto: Crypto,
    peer: EapPeer,
    changes: Partial<ConversationOptions> & { readonly methods?: readonly MethodName[] } = {},
  ): Promise<Conversation> {
    const { methods = ["tls", "ttls"] } = changes;
    const eap = new EapServer({
      random: seeded("identifier"),
      methods,
      tls: (method) => tlsConfig(crypto, server, method === "tls" ? "required" : "asked"),
      maxPacket: 1398,
    });
    const decide = () => ({ kind: "admit" as const });
    return runConversation(peer, eap, { maxPacket: 1398, verify: accept, decide, ...changes });
  }

  /** Why the server let the peer fail, its reason and its detail. */
  function failureOf({ end }: Conversation): string {
    return end.kind === "failure" ? `${end.reason} ${end.detail}` : end.kind;
  }

  function assertSameKeys({ end }: Conversation, peer: EapPeer): void {
    if (end.kind !== "success") return assert.fail(`${end.reason} ${end.detail}`);
    assert.equal(peer.result, "success");
    assert.equal(toHex(end.keys.msk), toHex(peer.msk));
    assert.equal(toHex(end.keys.emsk), toHex(peer.emsk));
    assert.equal(toHex(end.keys.sessionId), toHex(peer.sessionId));
    assert.equal(end.keys.msk.length, 64);
    assert.equal(end.keys.emsk.length, 64);
  }

  for (const crypto of providers) {
    for (const options of [TLS, TTLS, { ...TTLS, ...withCertificate }]) {
      const name = `EAP-${options.method.toUpperCase()}${options.certificate && options.method === "ttls" ? " with a certificate" : ""}`;
      test(`${crypto.name}: ${name} over TLS 1.3 gives both ends the same keys`, async () => {
        const peer = new EapPeer({ ...options, version: "TLSv1.3" });
        const conversation = await converse(crypto, peer);
        assertSameKeys(conversation, peer);
        const { proof } = conversation;
        assert.equal(proof?.session.version, "TLS 1.3");
        assert.deepEqual(proof?.chain, options.certificate === undefined ? null : [device.der]);
        const password = options.method === "ttls" ? utf8(PASSWORD) : undefined;
        assert.deepEqual(proof?.inner?.password, password);
      });
    }

    test(`${crypto.name}: over TLS 1.3 who is refused is never promised success`, async () => {
      const peer = new EapPeer({ ...TLS, version: "TLSv1.3" });
      const seen: string[] = [];
      const conversation = await converse(crypto, peer, {
        methods: ["tls"],
        preview: (proof) => {
          seen.push(proof.session.version);
          return { kind: "refuse", reason: "revoked" };
        },
        decide: () => {
          throw new Error("nothing is left to decide");
        },
      });
      assert.deepEqual(seen, ["TLS 1.3"]);
      assert.equal(failureOf(conversation), "refused revoked");
      // Straight to the EAP-Failure, which has four octets.
      assert.equal(conversation.sent.at(-1)!.length, 4);
    });

    test(`${crypto.name}: over TLS 1.3 a rejected certificate is told by its alert before the EAP-Failure`, async () => {
      const peer = new EapPeer({ ...TLS, version: "TLSv1.3" });
      const conversation = await converse(crypto, peer, {
        verify: () => ({
          kind: "peer-rejected",
          alert: "certificate_revoked",
          reason: "withdrawn",
        }),
      });
      assert.equal(peer.tlsError, "ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED");
      assert.equal(peer.result, "failure");
      assert.equal(failureOf(conversation), "tls peer-rejected: withdrawn");
    });

    test(`${crypto.name}: over TLS 1.3 EAP-TLS without a certificate is told so by certificate_required`, async () => {
      const peer = new EapPeer({ method: "tls", identity: "", version: "TLSv1.3" });
      const conversation = await converse(crypto, peer);
      assert.equal(peer.tlsError, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED");
      assert.equal(failureOf(conversation), "tls certificate-required");
    });

    test(`${crypto.name}: EAP-TLS with OpenSSL proves the certificate and gives both ends the same keys`, async () => {
      const peer = new EapPeer({
        ...TLS,
        trustAnchor: server.certificate,
        serverName: SERVER_NAME,
      });
      const conversation = await converse(crypto, peer);
      assertSameKeys(conversation, peer);
      assert.deepEqual(conversation.proof?.chain, [device.der]);
      assert.equal(conversation.proof?.identity, "@homeca.home.arpa");
      assert.equal(conversation.proof?.inner, null);
      assert.equal(conversation.proof?.session.serverName, SERVER_NAME);
    });

    test(`${crypto.name}: EAP-TTLS/PAP with OpenSSL carries the password, after a Nak of EAP-TLS`, async () => {
      const peer = new EapPeer(TTLS);
      const conversation = await converse(crypto, peer);
      assertSameKeys(conversation, peer);
      assert.equal(conversation.proof?.method, "ttls");
      assert.equal(conversation.proof?.chain, null);
      assert.equal(conversation.proof?.inner?.userName, "lamp@setup.home.arpa");
      assert.deepEqual(conversation.proof?.inner?.password, utf8(PASSWORD));
    });

    test(`${crypto.name}: EAP-TTLS takes a client certificate in phase 1 beside the password`, async () => {
      const peer = new EapPeer({ ...TTLS, ...withCertificate });
      const conversation = await converse(crypto, peer);
      assertSameKeys(conversation, peer);
      assert.deepEqual(conversation.proof?.chain, [device.der]);
      assert.deepEqual(conversation.proof?.inner?.password, utf8(PASSWORD));
    });

    test(`${crypto.name}: a rejected certificate is told by its TLS alert before the EAP-Failure`, async () => {
      const peer = new EapPeer(TLS);
      const conversation = await converse(crypto, peer, {
        verify: () => ({
          kind: "peer-rejected",
          alert: "certificate_revoked",
          reason: "withdrawn",
        }),
      });
      assert.equal(peer.tlsError, "ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED");
      assert.equal(peer.result, "failure");
      assert.equal(failureOf(conversation), "tls peer-rejected: withdrawn");
    });

    test(`${crypto.name}: EAP-TLS without a certificate is told so by an alert`, async () => {
      const peer = new EapPeer({ method: "tls", identity: "" });
      const conversation = await converse(crypto, peer);
      assert.equal(peer.tlsError, "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE");
      assert.equal(failureOf(conversation), "tls client-certificate-missing");
    });

    test(`${crypto.name}: a key that is not the certificate's fails the handshake`, async () => {
      const conversation = await converse(crypto, new EapPeer(TLS), {
        verify: () => ({ kind: "peer-accepted", publicKey: pointOf(server) }),
      });
      assert.equal(failureOf(conversation), "tls bad-signature");
    });
  }

  for (const size of [64, 65, 100, 500, 1398]) {
    const sizes: readonly (readonly [number, number])[] = [
      [size, size],
      [size, 1398],
      [1398, size],
    ];
    for (const options of [
      TLS,
      { ...TTLS, ...withCertificate },
      { ...TLS, version: "TLSv1.3" },
      { ...TTLS, ...withCertificate, version: "TLSv1.3" },
    ] as const) {
      const name = `EAP-${options.method.toUpperCase()} over ${"version" in options ? options.version : "TLSv1.2"}`;
      test(`${name} in fragments of ${size} both ways and each way`, async () => {
        for (const [maxPacket, fragmentSize] of sizes) {
          const peer = new EapPeer({ ...options, fragmentSize });
          const conversation = await converse(providers[0]!, peer, {
            maxPacket,
            methods: [options.method],
          });
          assertSameKeys(conversation, peer);
          assert.ok(conversation.sent.every((packet) => packet.length <= maxPacket));
          assert.ok(conversation.received.every((packet) => packet.length <= fragmentSize));
        }
      });
    }
  }

  test("a peer that does not trust the server leaves before it proves anything", async () => {
    for (const options of [TLS, TTLS]) {
      const peer = new EapPeer({ ...options, trustAnchor: device.certificate });
      let proved = false;
      const decide = () => {
        proved = true;
        return { kind: "admit" as const };
      };
      const left = await converse(providers[0]!, peer, { decide }).then(
        () => "stayed",
        (failure: unknown) => String(failure),
      );
      assert.match(left, /the peer has gone: DEPTH_ZERO_SELF_SIGNED_CERT/);
      assert.ok(!proved);
    }
  });

  test("who is refused after the proof gets an EAP-Failure and no keys", async () => {
    const peer = new EapPeer(TTLS);
    const conversation = await converse(providers[0]!, peer, {
      decide: () => ({ kind: "refuse", reason: "wrong setup code" }),
    });
    assert.equal(failureOf(conversation), "refused wrong setup code");
    assert.ok(conversation.proof !== null);
    assert.equal(peer.result, "failure");
  });
}

if (server === null || device === null) skip("EAP with OpenSSL as the peer", "needs openssl");
else suite(server, device);
