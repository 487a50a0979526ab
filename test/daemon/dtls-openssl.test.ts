import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { after } from "node:test";
import { assert, providers, skip, test } from "#kit";
import { toHex } from "../../src/base/bytes.ts";
import { Association } from "../../src/proto/tls/datagram/association.ts";
import type { DtlsConfig } from "../../src/proto/tls/datagram/association.ts";
import type { Credential } from "../../src/proto/tls/connection.ts";
import { DtlsClient } from "../../src/proto/tls/datagram/client.ts";
import type { TlsClientConfig } from "../../src/proto/tls/client.ts";
import { ServerHandshake } from "../../src/proto/tls/server/handshake.ts";
import type { TlsServerConfig } from "../../src/proto/tls/server.ts";
import { SUITES } from "../../src/proto/tls/suites.ts";
import type { SuiteName } from "../../src/proto/tls/suites.ts";
import { UdpEnd } from "../interop/dtls-loopback.ts";
import { has, Pki, run, signingKey } from "../interop/tls-loopback.ts";
import type { Line, Ran, Seen } from "../interop/tls-loopback.ts";

const native = providers.at(-1)!;

const OPENSSL_SUITES: Partial<Readonly<Record<SuiteName, string>>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM: "ECDHE-ECDSA-AES128-CCM",
  // Its short tag is below OpenSSL's default security level.
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
};

/** Waits for our greeting, says one thing, waits for its echo, and leaves in order. */
const TALK: readonly Line[] = [
  { after: "hello\n", text: "talk\n" },
  { after: "TALK\n", text: "Q\n" },
];

/** A UDP port that nobody had a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
  const { port } = socket.address();
  await new Promise<void>((done) => socket.close(done));
  return port;
}

if (has("openssl", "version")) withOpenssl(new Pki());
else skip("DTLS 1.2 against s_client and s_server", "needs openssl");

function withOpenssl(pki: Pki): void {
  after(() => pki.remove());

  const config = (changes: Partial<TlsServerConfig> = {}): TlsServerConfig => {
    const crypto = changes.crypto ?? native;
    return {
      crypto,
      random: (length) => new Uint8Array(randomBytes(length)),
      certificates: [pki.der("server")],
      key: signingKey(crypto, pki.file("server.key")),
      clientCertificate: "none",
      authorities: [],
      ...changes,
    };
  };

  const identity = (name: string): string[] => [
    ...["-cert", pki.file(`${name}.pem`)],
    ...["-key", pki.file(`${name}.key`)],
  ];

  const credential = (): Credential => ({
    certificates: [pki.der("client"), pki.der("ca")],
    key: signingKey(native, pki.file("client.key")),
  });

  async function sClient(
    server: TlsServerConfig,
    words: readonly string[],
    datagrams: Partial<Omit<DtlsConfig, "tls">> = {},
  ): Promise<Ran & Seen & Pick<UdpEnd, "lengths">> {
    const association = new Association(
      "server",
      { tls: server, mtu: null, ...datagrams },
      (channel) => new ServerHandshake(server, channel),
    );
    const end = new UdpEnd(association, "hello\n", (text) => text.toUpperCase());
    const port = await end.listen();
    const trust = ["-CAfile", pki.file("ca.pem"), "-verify_return_error"];
    const connect = ["-dtls1_2", "-connect", `127.0.0.1:${port}`];
    const ran = await run("openssl", ["s_client", ...connect, ...trust, ...words], TALK);
    end.stop();
    return { ...ran, ...end.seen, lengths: end.lengths };
  }

  for (const suite of Object.values(SUITES)) {
    const cipher = OPENSSL_SUITES[suite.name];
    if (cipher === undefined) continue;
    for (const clientCertificate of ["none", "required"] as const) {
      test(`s_client: ${suite.name}, certificate ${clientCertificate}`, async () => {
        const own = clientCertificate === "required" ? identity("client") : [];
        const exported = ["-keymatexport", "EXPORTER-test", "-keymatexportlen", "40"];
        const server = config({ suites: [suite], clientCertificate });
        const words = ["-cipher", cipher, ...own, ...exported];
        const { text, sessions, closed } = await sClient(server, words);
        assert.match(text, /TALK\n/);
        const [session] = sessions;
        assert.equal(session?.suite, suite);
        assert.equal(session?.peerChain.length, clientCertificate === "required" ? 2 : 0);
        const material = /Keying material: ([0-9A-F]+)/.exec(text)?.[1]?.toLowerCase();
        assert.equal(toHex(session!.exportKey("EXPORTER-test", null, 40)), material);
        assert.ok(closed, "close_notify came");
      });
    }
  }

  test("s_client: a path of 300 octets gets no longer datagram", async () => {
    const server = config({ clientCertificate: "required" });
    const words = [...identity("client"), "-mtu", "300"];
    const { text, lengths } = await sClient(server, words, { mtu: 300 });
    assert.match(text, /TALK\n/);
    assert.ok(Math.max(...lengths) <= 300, `${Math.max(...lengths)} octets`);
  });

  /** Says `talk` to a server that copies its terminal, and leaves once the server has said `hello`. */
  async function sServer(
    client: Partial<TlsClientConfig>,
    words: readonly string[],
    datagrams: Partial<Omit<DtlsConfig, "tls">> = {},
  ): Promise<Ran & Seen & Pick<UdpEnd, "lengths">> {
    const tls: TlsClientConfig = {
      crypto: native,
      random: (length) => new Uint8Array(randomBytes(length)),
      versions: ["TLS 1.2"],
      serverName: null,
      credential: null,
      ...client,
    };
    const end = new UdpEnd(new DtlsClient({ tls, mtu: null, ...datagrams }), "talk\n", (text) =>
      text.includes("hello\n") ? null : "more\n",
    );
    const port = await freePort();
    const running = run(
      "openssl",
      ["s_server", "-dtls1_2", "-accept", `127.0.0.1:${port}`, ...identity("server"), ...words],
      [{ after: "talk\n", text: "hello\n" }],
    );
    // Datagrams sent before it listens are lost, and sent again: no need to know when it does.
    await end.connect(port);
    await end.ended;
    end.stop();
    return { ...(await running), ...end.seen, lengths: end.lengths };
  }

  for (const listen of [[], ["-listen"]]) {
    for (const asks of [[], ["-Verify", "1", "-CAfile", pki.file("ca.pem")]]) {
      test(`s_server ${[...listen, ...asks.slice(0, 1)].join(" ")}: DTLS 1.2`, async () => {
        const client = asks.length > 0 ? { credential: credential() } : {};
        const { text, sessions, received, closed } = await sServer(client, [...listen, ...asks]);
        assert.match(text, /talk\n/);
        assert.equal(received, "hello\n");
        assert.equal(sessions.length, 1);
        assert.ok(closed);
      });
    }
  }
}
