import { readFileSync } from "node:fs";
import { after } from "node:test";
import { connect } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import { assert, providers, skip, test } from "#kit";
import { toHex, utf8 } from "../../src/base/bytes.ts";
import type { SignatureScheme } from "../../src/base/crypto/crypto.ts";
import { SUITES } from "../../src/proto/tls/suites.ts";
import type { SuiteName } from "../../src/proto/tls/suites.ts";
import type { TlsInput, TlsServerConfig } from "../../src/proto/tls/server.ts";
import { OpensslBench } from "../interop/openssl-client.ts";
import { has, Loopback, publicKeyOf, run } from "../interop/tls-loopback.ts";

const [noble, native] = providers;
const GCM = SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
const OPENSSL_SUITES: Partial<Readonly<Record<SuiteName, string>>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM: "ECDHE-ECDSA-AES128-CCM",
  // Its short tag is below OpenSSL's default security level.
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
};

if (has("openssl", "version")) withOpenssl();
else skip("TLS 1.2 against s_client, gnutls-cli and Node", "needs openssl");

function withOpenssl(): void {
  const bench = new OpensslBench(native!);
  const { pki } = bench;
  after(() => pki.remove());
  const config = (changes: Partial<TlsServerConfig> = {}): TlsServerConfig =>
    bench.config({ versions: ["TLS 1.2"], ...changes });
  const sClient = bench.sClient.bind(bench);
  const identity = bench.identity.bind(bench);
  const serving = bench.serving.bind(bench);

  for (const suite of Object.values(SUITES)) {
    if (suite.keyExchange !== "ecdhe-ecdsa") continue;
    for (const group of ["P-256", "P-384", "X25519"] as const) {
      for (const clientCertificate of ["none", "asked", "required"] as const) {
        test(`s_client: ${suite.name} over ${group}, certificate ${clientCertificate}`, async () => {
          const server = config({ suites: [suite], groups: [group], clientCertificate });
          const words = [
            "-tls1_2",
            "-cipher",
            OPENSSL_SUITES[suite.name]!,
            "-groups",
            [...new Set([group, "P-256"])].join(":"),
          ];
          const own = clientCertificate === "required" ? identity("client") : [];
          const exported = ["-keymatexport", "EXPORTER-test", "-keymatexportlen", "40"];
          const { text, sessions, closed } = await sClient(server, [...words, ...own, ...exported]);
          assert.match(text, /TALK\n/);
          assert.match(text, /Secure Renegotiation IS supported/);
          assert.match(text, /Extended master secret: yes/);
          const [session] = sessions;
          assert.equal(session?.suite, suite);
          assert.equal(session?.group, group);
          const sent = clientCertificate === "required" ? [pki.der("client"), pki.der("ca")] : [];
          assert.deepEqual(session?.peerChain, sent);
          const material = /Keying material: ([0-9A-F]+)/.exec(text)?.[1]?.toLowerCase();
          assert.equal(toHex(session!.exportKey("EXPORTER-test", null, 40)), material);
          assert.ok(closed, "close_notify came");
        });
      }
    }

    test(`s_client: noble alone carries ${suite.name}`, async () => {
      const words = ["-tls1_2", "-cipher", OPENSSL_SUITES[suite.name]!, ...identity("client")];
      const server = config({ crypto: noble!, suites: [suite], clientCertificate: "required" });
      const { text, sessions } = await sClient(server, words);
      assert.match(text, /TALK\n/);
      assert.deepEqual(sessions[0]?.peerChain[0], pki.der("client"));
    });
  }

  test("s_client at its defaults, able to speak TLS 1.3, gets TLS 1.2 and the server's first suite", async () => {
    const { text, sessions } = await sClient(config(), []);
    assert.match(text, /New, TLSv1.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256/);
    assert.equal(sessions[0]?.suite, GCM);
  });

  for (const name of ["client384", "clientRsa"]) {
    for (const crypto of providers) {
      test(`s_client: the signature of ${name}'s key is verified by ${crypto.name}`, async () => {
        const server = config({ crypto, clientCertificate: "required" });
        const { sessions } = await sClient(server, ["-tls1_2", ...identity(name)]);
        assert.deepEqual(sessions[0]?.peerChain[0], pki.der(name));
      });
    }
  }

  test("s_client: an RSA key signs with PSS, and with PKCS#1 where it offers nothing else", async () => {
    for (const [wanted, kind] of [
      ["rsa_pss_rsae_sha256", "rsa-pss"],
      ["RSA+SHA256", "rsa-pkcs1"],
    ] as const) {
      const schemes: SignatureScheme[] = [];
      const crypto: typeof native = {
        ...native!,
        verify(scheme, ...rest) {
          schemes.push(scheme);
          return native!.verify(scheme, ...rest);
        },
      };
      const words = ["-tls1_2", ...identity("clientRsa"), "-sigalgs", `ECDSA+SHA256:${wanted}`];
      const { sessions } = await sClient(config({ crypto, clientCertificate: "required" }), words);
      assert.equal(sessions.length, 1);
      assert.deepEqual(schemes, [{ kind, hash: "sha256" }]);
    }
  });

  test("s_client without a certificate is refused where one is required", async () => {
    const { text, failures } = await sClient(
      config({ clientCertificate: "required" }),
      ["-tls1_2"],
      [],
    );
    assert.match(text, /alert handshake failure/);
    assert.deepEqual(
      failures.map(({ reason }) => reason),
      ["client-certificate-missing"],
    );
  });

  test("s_client sees the alert that its certificate was rejected with", async () => {
    const words = ["-tls1_2", ...identity("client")];
    const answer = (): TlsInput => ({
      kind: "peer-rejected",
      alert: "certificate_revoked",
      reason: "test",
    });
    const server = config({ clientCertificate: "required" });
    const { text, sessions } = await sClient(server, words, [], answer);
    assert.match(text, /alert certificate revoked/);
    assert.equal(sessions.length, 0);
  });

  test("s_client with a key that is not its certificate's is refused", async () => {
    const words = ["-tls1_2", ...identity("client")];
    const answer = (): TlsInput => ({
      kind: "peer-accepted",
      publicKey: publicKeyOf(pki.der("server")),
    });
    const server = config({ clientCertificate: "required" });
    const { text, failures } = await sClient(server, words, [], answer);
    assert.match(text, /alert decrypt error/);
    assert.deepEqual(
      failures.map(({ reason }) => reason),
      ["bad-signature"],
    );
  });

  test("s_client shows the authorities, types and schemes that are asked for", async () => {
    const server = config({ clientCertificate: "asked", authorities: [pki.subject("ca")] });
    const { text } = await sClient(server, ["-tls1_2"]);
    assert.match(text, /Acceptable client certificate CA names\nCN = ca.test\n/);
    assert.match(text, /Client Certificate Types: ECDSA sign, RSA sign\n/);
    assert.match(
      text,
      /Requested Signature Algorithms: ECDSA\+SHA256:ECDSA\+SHA384:RSA-PSS\+SHA256:RSA\+SHA256\n/,
    );
  });

  for (const octets of [512, 1024, 2048, 4096]) {
    test(`s_client -maxfraglen ${octets} is granted`, async () => {
      const server = config({ certificates: [pki.der("server"), pki.der("ca")] });
      const { text } = await sClient(server, ["-tls1_2", "-maxfraglen", `${octets}`]);
      assert.match(text, /TALK\n/);
    });
  }

  test("s_client: server name and application protocol reach the session", async () => {
    const words = ["-tls1_2", "-servername", "Home.Example", "-alpn", "h2,coap"];
    const server = config({ applicationProtocols: ["coap"] });
    const { text, sessions } = await sClient(server, words);
    assert.match(text, /ALPN protocol: coap/);
    assert.equal(sessions[0]?.serverName, "home.example");
    assert.equal(sessions[0]?.alpn, "coap");
  });

  test("s_client: no application protocol in common is refused", async () => {
    const server = config({ applicationProtocols: ["coap"] });
    const { text } = await sClient(server, ["-tls1_2", "-alpn", "h2"], []);
    assert.match(text, /alert no application protocol|alert number 120/);
  });

  test("s_client: a renegotiation is refused with no_renegotiation", async () => {
    const { text, sessions } = await sClient(
      config(),
      ["-tls1_2", "-msg"],
      [{ after: "hello\n", text: "R\n" }],
    );
    assert.equal(sessions.length, 1);
    assert.match(text, /<<< TLS 1.2, Alert \[length 0002\], warning no_renegotiation/);
  });

  for (const [words, reason] of [
    [["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "version-unsupported"],
    [["-tls1_3"], "version-unsupported"],
    [["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "no-common-suite"],
    [["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], "no-common-suite"],
    [["-tls1_2", "-curves", "P-521"], "no-common-group"],
    [["-tls1_2", "-sigalgs", "RSA+SHA256:ECDSA+SHA384"], "no-common-signature-scheme"],
  ] as const) {
    test(`s_client ${words.join(" ")} is refused: ${reason}`, async () => {
      const { failures, sessions } = await sClient(config(), words, []);
      assert.deepEqual(
        failures.map((failure) => failure.reason),
        [reason],
      );
      assert.equal(sessions.length, 0);
    });
  }

  test("the key log's line is s_client's own", async () => {
    const lines: string[] = [];
    const file = pki.file("keys.log");
    const server = config({ keyLog: (line) => void lines.push(line) });
    await sClient(server, ["-tls1_2", "-keylogfile", file]);
    assert.match(readFileSync(file, "utf8").toLowerCase(), new RegExp(lines[0]!.toLowerCase()));
  });

  const gnutls = has("gnutls-cli", "--version");
  for (const [suite, ciphers] of [
    [GCM, "+AES-128-GCM:+AEAD"],
    [SUITES.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "+AES-256-GCM:+AEAD"],
    [SUITES.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "+CHACHA20-POLY1305:+AEAD"],
    [SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM, "+AES-128-CCM:+AEAD"],
    [SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, "+AES-128-CCM-8:+AEAD"],
  ] as const) {
    const name = `gnutls-cli: ${suite.name} with a client certificate`;
    if (!gnutls) {
      skip(name, "needs gnutls-cli");
      continue;
    }
    test(name, async () => {
      const server = config({ suites: Object.values(SUITES), clientCertificate: "required" });
      const own = [
        "--x509certfile",
        pki.file("client.pem"),
        "--x509keyfile",
        pki.file("client.key"),
      ];
      const priority = `NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:-MAC-ALL:${ciphers}`;
      const { text, sessions } = await serving(new Loopback(server), (port) =>
        run(
          "gnutls-cli",
          [
            "--port",
            `${port}`,
            "--no-ca-verification",
            "--priority",
            priority,
            ...own,
            "127.0.0.1",
          ],
          [
            { after: "hello\n", text: "talk\n" },
            { after: "TALK\n", text: "" },
          ],
        ),
      );
      assert.match(text, /TALK\n/);
      assert.equal(sessions[0]?.suite, suite);
    });
  }

  interface Talk {
    /** All of the server's application data. */
    readonly heard: string;
    /** Node's own view of the session. */
    readonly exported: Uint8Array;
    readonly contextual: Uint8Array;
    readonly finished: Uint8Array;
    readonly protocol: string | null;
  }

  /** Node's client: says `text` after the greeting, and leaves once as much came back. */
  function nodeClient(port: number, text: string, options: ConnectionOptions): Promise<Talk> {
    return new Promise((done, fail) => {
      const ca = readFileSync(pki.file("ca.pem"));
      const checkServerIdentity = (): undefined => undefined;
      const socket = connect({ port, host: "127.0.0.1", ca, checkServerIdentity, ...options });
      let heard = "";
      socket.on("error", fail);
      socket.on("data", (bytes: Buffer) => {
        if (heard === "") socket.write(text);
        heard += bytes.toString();
        if (heard.length < "hello\n".length + text.length) return;
        const exported = socket.exportKeyingMaterial(40, "EXPORTER-test", Buffer.alloc(0));
        const contextual = socket.exportKeyingMaterial(40, "EXPORTER-test", Buffer.from("context"));
        const finished = socket.getFinished() ?? Buffer.alloc(0);
        const talk = { heard, exported, contextual, finished, protocol: socket.getProtocol() };
        socket.on("close", () => done(talk));
        socket.end();
      });
    });
  }

  for (const crypto of providers) {
    test(`Node's client against ${crypto.name}: exporter, tls-unique and 100 000 octets both ways`, async () => {
      const text = "some text ".repeat(10_000);
      const server = config({ crypto, clientCertificate: "required", applicationProtocols: ["x"] });
      const talk = await serving(new Loopback(server), (port) =>
        nodeClient(port, text, {
          key: readFileSync(pki.file("client.key")),
          cert: readFileSync(pki.file("client.pem")),
          servername: "node.example",
          ALPNProtocols: ["x"],
        }),
      );
      assert.equal(talk.heard, `hello\n${text.toUpperCase()}`);
      assert.equal(talk.protocol, "TLSv1.2");
      const session = talk.sessions[0]!;
      assert.equal(session.serverName, "node.example");
      assert.equal(session.alpn, "x");
      const label = "EXPORTER-test";
      assert.equal(toHex(session.exportKey(label, new Uint8Array(), 40)), toHex(talk.exported));
      assert.equal(toHex(session.exportKey(label, utf8("context"), 40)), toHex(talk.contextual));
      assert.equal(toHex(session.channelBinding.bytes), toHex(talk.finished));
      assert.ok(talk.closed);
    });
  }
}
