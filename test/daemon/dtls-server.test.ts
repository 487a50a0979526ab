import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { after } from "node:test";
import { assert, providers, skip, test } from "#kit";
import { toHex, utf8 } from "../../src/base/bytes.ts";
import type { EndpointConfig, EndpointInput } from "../../src/proto/tls/datagram/server.ts";
import { DEFAULT_SUITES_DATAGRAM, SUITES } from "../../src/proto/tls/suites.ts";
import type { SuiteName } from "../../src/proto/tls/suites.ts";
import type { TlsServerConfig } from "../../src/proto/tls/server.ts";
import { has, Pki, publicKeyOf, run, signingKey } from "../interop/tls-loopback.ts";
import type { Line, Ran, Seen } from "../interop/tls-loopback.ts";
import { answerCoap } from "../interop/coap.ts";
import { COAP_ANSWER } from "../interop/end.ts";
import { UdpServer } from "../kit/udp.ts";
import type { Performer } from "../kit/udp.ts";

const [noble, native] = providers;

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

interface Observed extends Seen {
  readonly server: UdpServer;
}

if (has("openssl", "version")) withOpenssl(new Pki());
else skip("DTLS against s_client, gnutls-cli and coap-client", "needs openssl");

function withOpenssl(pki: Pki): void {
  after(() => pki.remove());

  function tlsConfig(changes: Partial<TlsServerConfig> = {}): TlsServerConfig {
    const crypto = changes.crypto ?? native!;
    return {
      crypto,
      random: (length) => new Uint8Array(randomBytes(length)),
      certificates: [pki.der("server")],
      key: signingKey(crypto, pki.file("server.key")),
      clientCertificate: "none",
      authorities: [],
      ...changes,
    };
  }

  /** Says `hello`, then echoes in upper case; or answers CoAP. */
  function performing(seen: Seen, speaks: "text" | "coap"): Performer {
    return (output): EndpointInput[] => {
      const { association } = output;
      switch (output.kind) {
        case "verify-peer":
          return [{ kind: "peer-accepted", association, publicKey: publicKeyOf(output.chain[0]!) }];
        case "established":
          seen.sessions.push(output.session);
          return speaks === "coap" ? [] : [{ kind: "send", association, bytes: utf8("hello\n") }];
        case "data": {
          const text = Buffer.from(output.bytes).toString("latin1");
          seen.received += text;
          const bytes =
            speaks === "coap" ? answerCoap(output.bytes, "datagram") : utf8(text.toUpperCase());
          return [{ kind: "send", association, bytes }];
        }
        case "failed":
          seen.failures.push(output.failure);
          return [];
        case "closed":
          seen.closed = true;
          return [];
        case "ticket":
        case "moved":
        case "dropped":
          return [];
      }
    };
  }

  async function against(
    config: Partial<EndpointConfig>,
    speaks: "text" | "coap",
    client: (port: number) => Promise<Ran>,
  ): Promise<Ran & Observed> {
    const seen: Seen = { sessions: [], failures: [], received: "", closed: false };
    const whole = { tls: tlsConfig(), mtu: null, idleMs: null, ...config };
    const server = new UdpServer(whole, performing(seen, speaks));
    const port = await server.listen();
    try {
      const ran = await client(port);
      return { ...ran, ...seen, server };
    } finally {
      await server.stop();
    }
  }

  function sClient(
    config: Partial<EndpointConfig>,
    words: readonly string[],
    lines: readonly Line[] = TALK,
  ): Promise<Ran & Observed> {
    const trust = ["-CAfile", pki.file("ca.pem"), "-verify_return_error"];
    return against(config, "text", (port) =>
      run(
        "openssl",
        ["s_client", "-dtls1_2", "-connect", `127.0.0.1:${port}`, ...trust, ...words],
        lines,
      ),
    );
  }

  const identity = (name: string): string[] => [
    "-cert",
    pki.file(`${name}.pem`),
    "-key",
    pki.file(`${name}.key`),
  ];

  for (const suite of Object.values(SUITES)) {
    const cipher = OPENSSL_SUITES[suite.name];
    if (cipher === undefined) continue;
    for (const clientCertificate of ["none", "required"] as const) {
      test(`s_client over DTLS 1.2: ${suite.name}, certificate ${clientCertificate}`, async () => {
        const tls = tlsConfig({ suites: [suite], clientCertificate });
        const own = clientCertificate === "required" ? identity("client") : [];
        const exported = ["-keymatexport", "EXPORTER-test", "-keymatexportlen", "40"];
        const ran = await sClient({ tls }, ["-cipher", cipher, ...own, ...exported]);
        assert.match(ran.text, /TALK\n/);
        assert.match(ran.text, /Extended master secret: yes/);
        const [session] = ran.sessions;
        assert.equal(session?.suite, suite);
        const sent = clientCertificate === "required" ? [pki.der("client")] : [];
        assert.deepEqual(session?.peerChain.slice(0, 1), sent);
        const material = /Keying material: ([0-9A-F]+)/.exec(ran.text)?.[1]?.toLowerCase();
        assert.equal(toHex(session!.exportKey("EXPORTER-test", null, 40)), material);
        assert.ok(ran.closed, "close_notify came");
        assert.deepEqual(ran.server.machine.answers, { "hello-verify": 1 });
        assert.equal(ran.server.machine.associations, 0);
      });
    }
  }

  test("s_client over DTLS 1.2: our first suite and group, and the application protocol we prefer", async () => {
    const tls = tlsConfig({ applicationProtocols: ["co", "x"] });
    const { text, sessions, failures } = await sClient({ tls }, ["-alpn", "x,co"]);
    assert.match(text, /ALPN protocol: co\n/);
    assert.equal(sessions[0]?.alpn, "co");
    assert.equal(sessions[0]?.version, "TLS 1.2");
    assert.equal(sessions[0]?.suite, SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    assert.deepEqual(failures, []);
  });

  test("s_client over DTLS 1.2: noble alone carries it", async () => {
    const tls = tlsConfig({ crypto: noble!, clientCertificate: "required" });
    const { text, sessions } = await sClient({ tls }, identity("client"));
    assert.match(text, /TALK\n/);
    assert.deepEqual(sessions[0]?.peerChain[0], pki.der("client"));
  });

  test("s_client on a path of 300 octets: no datagram is longer, either way round", async () => {
    const tls = tlsConfig({ clientCertificate: "required" });
    const config = { tls, mtu: 300 };
    const { text, server, received } = await sClient(config, [
      "-mtu",
      "300",
      ...identity("client"),
    ]);
    assert.match(text, /TALK\n/);
    assert.equal(received, "talk\n");
    assert.ok(
      server.longestSent <= 300 && server.longestSent > 200,
      `${server.longestSent} octets`,
    );
  });

  test("s_client whose hello fits its path until the cookie is in it", async () => {
    const long = `${"n".repeat(60)}.example`;
    const words = ["-mtu", "256", "-servername", long, "-sigalgs", "ECDSA+SHA256"];
    const { text, server } = await sClient({ mtu: 256 }, words);
    assert.match(text, /TALK\n/);
    // The first hello came whole; the second in pieces, the first of which had the cookie.
    assert.deepEqual(server.machine.answers, { "hello-verify": 1 });
    assert.ok(server.pieces > 0, "the second hello came in pieces");
  });

  test("s_client that shares no suite is told so, once its address is shown", async () => {
    const tls = tlsConfig({ suites: [SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM] });
    const words = ["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"];
    const { text, failures, server } = await sClient({ tls }, words, []);
    assert.match(text, /alert handshake failure/);
    assert.deepEqual(
      failures.map(({ reason }) => reason),
      ["no-common-suite"],
    );
    assert.equal(server.machine.associations, 0);
  });

  test("s_client and a server of DTLS 1.3 alone: told so at its first word, and nothing is kept", async () => {
    const tls = tlsConfig({ versions: ["TLS 1.3"] });
    const { text, failures, server } = await sClient({ tls }, [], []);
    assert.match(text, /alert protocol version/);
    assert.deepEqual(failures, []);
    assert.deepEqual(server.machine.answers, { alert: 1 });
  });

  for (const [suite, ciphers] of [
    [SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "+AES-128-GCM:+AEAD"],
    [SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "+CHACHA20-POLY1305:+AEAD"],
    [SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, "+AES-128-CCM-8:+AEAD"],
  ] as const) {
    const name = `gnutls-cli over DTLS 1.2: ${suite.name} with a client certificate`;
    if (!has("gnutls-cli", "--version")) {
      skip(name, "needs gnutls-cli");
      continue;
    }
    test(name, async () => {
      const tls = tlsConfig({ suites: Object.values(SUITES), clientCertificate: "required" });
      const own = [
        "--x509certfile",
        pki.file("client.pem"),
        "--x509keyfile",
        pki.file("client.key"),
      ];
      const priority = `NORMAL:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL:-MAC-ALL:${ciphers}`;
      const words = [
        "--udp",
        "--mtu",
        "400",
        "--no-ca-verification",
        "--priority",
        priority,
        ...own,
      ];
      const lines = [
        { after: "hello\n", text: "talk\n" },
        { after: "TALK\n", text: "" },
      ];
      const { text, sessions } = await against({ tls, mtu: 400 }, "text", (port) =>
        run("gnutls-cli", ["--port", `${port}`, ...words, "127.0.0.1"], lines),
      );
      assert.match(text, /TALK\n/);
      assert.equal(sessions[0]?.suite, suite);
      assert.deepEqual(sessions[0]?.peerChain, [pki.der("client")]);
    });
  }

  for (const build of ["openssl", "gnutls"] as const) {
    const program = `coap-client-${build}`;
    const get = (
      config: Partial<EndpointConfig>,
      words: readonly string[],
    ): Promise<Ran & Observed> =>
      against(config, "coap", (port) =>
        run(program, ["-B", "10", ...words, `coaps://127.0.0.1:${port}/`], []),
      );
    const own = [
      "-c",
      pki.file("client.pem"),
      "-j",
      pki.file("client.key"),
      "-C",
      pki.file("ca.pem"),
    ];

    if (!installed(program)) {
      skip(`${program} over DTLS`, `needs ${program}`);
      continue;
    }
    test(`${program}: a GET with a certificate each`, async () => {
      const tls = tlsConfig({ suites: DEFAULT_SUITES_DATAGRAM, clientCertificate: "required" });
      const { text, sessions } = await get({ tls }, own);
      assert.ok(text.includes(COAP_ANSWER), text);
      assert.deepEqual(sessions[0]?.peerChain[0], pki.der("client"));
    });

    test(`${program}: a GET by a pre-shared key with ECDHE`, async () => {
      const preSharedKey = (identity: Uint8Array): Uint8Array | null =>
        toHex(identity) === toHex(utf8("sensor")) ? utf8("sixteen octets 16") : null;
      const tls = tlsConfig({ suites: DEFAULT_SUITES_DATAGRAM, preSharedKey });
      const { text, sessions } = await get({ tls }, ["-u", "sensor", "-k", "sixteen octets 16"]);
      assert.ok(text.includes(COAP_ANSWER), text);
      assert.deepEqual(sessions[0]?.pskIdentity, utf8("sensor"));
      assert.match(sessions[0]?.suite.name ?? "", /^TLS_ECDHE_PSK_/);
    });
  }

  test("coap-client-gnutls: a GET under CCM_8, as RFC 7252 has it", async () => {
    const suites = [SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8];
    const own = [
      "-c",
      pki.file("client.pem"),
      "-j",
      pki.file("client.key"),
      "-C",
      pki.file("ca.pem"),
    ];
    const { text, sessions } = await against({ tls: tlsConfig({ suites }) }, "coap", (port) =>
      run("coap-client-gnutls", ["-B", "10", ...own, `coaps://127.0.0.1:${port}/`], []),
    );
    assert.ok(text.includes(COAP_ANSWER), text);
    assert.equal(sessions[0]?.suite, suites[0]);
  });

  test("eight clients at once, each its own association", async () => {
    const tls = tlsConfig();
    const seen: Seen = { sessions: [], failures: [], received: "", closed: false };
    const server = new UdpServer({ tls, mtu: null, idleMs: null }, performing(seen, "text"));
    const port = await server.listen();
    const words = ["s_client", "-dtls1_2", "-connect", `127.0.0.1:${port}`];
    const all = await Promise.all(Array.from({ length: 8 }, () => run("openssl", words, TALK)));
    await server.stop();
    for (const { text } of all) assert.match(text, /TALK\n/);
    assert.equal(seen.sessions.length, 8);
    assert.equal(server.machine.associations, 0);
  });
}

function installed(program: string): boolean {
  return spawnSync(program, ["-?"]).error === undefined;
}
