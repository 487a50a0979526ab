/** s_client and gnutls-cli against our TLS 1.3, and against both versions of one server. */
import { readFileSync } from "node:fs";
import { after } from "node:test";
import { assert, providers, skip, test } from "#kit";
import { toHex } from "../../src/base/bytes.ts";
import { SUITES_13 } from "../../src/proto/tls/suites.ts";
import type { TlsInput, TlsServerConfig } from "../../src/proto/tls/server.ts";
import { OpensslBench } from "../interop/openssl-client.ts";
import { has, Loopback, publicKeyOf, run } from "../interop/tls-loopback.ts";
import type { Seen } from "../interop/tls-loopback.ts";

const [noble, native] = providers;

if (has("openssl", "version")) withOpenssl();
else skip("TLS 1.3 against s_client and gnutls-cli", "needs openssl");

function withOpenssl(): void {
  const bench = new OpensslBench(native!);
  const { pki } = bench;
  after(() => pki.remove());
  const config = (changes: Partial<TlsServerConfig> = {}): TlsServerConfig => bench.config(changes);
  const sClient = bench.sClient.bind(bench);
  const identity = bench.identity.bind(bench);

  const reasons = ({ failures }: Seen): string[] => failures.map(({ reason }) => reason);

  for (const suite of Object.values(SUITES_13)) {
    for (const group of ["P-256", "P-384", "X25519"] as const) {
      for (const clientCertificate of ["none", "asked", "required"] as const) {
        test(`s_client: ${suite.name} over ${group}, certificate ${clientCertificate}`, async () => {
          const server = config({ suites13: [suite], groups: [group], clientCertificate });
          const words = ["-tls1_3", "-ciphersuites", suite.name, "-groups", group];
          const own = clientCertificate === "required" ? identity("client") : [];
          const exported = ["-keymatexport", "EXPORTER-test", "-keymatexportlen", "40"];
          const { text, sessions, closed } = await sClient(server, [...words, ...own, ...exported]);
          assert.match(text, /TALK\n/);
          const session = sessions[0]!;
          assert.equal(session.version, "TLS 1.3");
          assert.equal(session.suite, suite);
          assert.equal(session.group, group);
          const sent = clientCertificate === "required" ? [pki.der("client"), pki.der("ca")] : [];
          assert.deepEqual(session.peerChain, sent);
          const material = /Keying material: ([0-9A-F]+)/.exec(text)?.[1]?.toLowerCase();
          assert.equal(toHex(session.exportKey("EXPORTER-test", null, 40)), material);
          assert.ok(closed, "close_notify came");
        });
      }
    }

    test(`s_client: noble alone carries ${suite.name}`, async () => {
      const words = ["-tls1_3", "-ciphersuites", suite.name, ...identity("client")];
      const server = config({ crypto: noble!, suites13: [suite], clientCertificate: "required" });
      const { text, sessions } = await sClient(server, words);
      assert.match(text, /TALK\n/);
      assert.deepEqual(sessions[0]?.peerChain[0], pki.der("client"));
    });
  }

  test("s_client at its defaults gets TLS 1.3, and with -tls1_2 TLS 1.2 with the downgrade sentinel", async () => {
    const newer = await sClient(config(), []);
    assert.match(newer.text, /New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256/);
    const older = await sClient(config(), ["-tls1_2"]);
    assert.match(older.text, /TALK\n/);
    assert.equal(older.sessions[0]!.version, "TLS 1.2");
    assert.equal(toHex(older.sessions[0]!.serverRandom.subarray(24)), "444f574e47524401");
  });

  test("s_client -tls1_2 gets no sentinel from a server of TLS 1.2 alone", async () => {
    const { sessions } = await sClient(config({ versions: ["TLS 1.2"] }), ["-tls1_2"]);
    assert.notEqual(toHex(sessions[0]!.serverRandom.subarray(24)), "444f574e47524401");
  });

  test("s_client -tls1_2 is refused by a server of TLS 1.3 alone", async () => {
    const seen = await sClient(config({ versions: ["TLS 1.3"] }), ["-tls1_2"], []);
    assert.match(seen.text, /alert protocol version/);
    assert.deepEqual(reasons(seen), ["version-unsupported"]);
  });

  for (const [group, offered] of [
    ["P-256", "P-384:P-256"],
    ["P-256", "P-521:X25519:P-256"],
    ["X25519", "P-256:X25519"],
  ] as const) {
    for (const more of [[], ["-no_middlebox"]]) {
      const name = `-groups ${offered} ${more.join(" ")}`.trim();
      test(`s_client ${name}: a HelloRetryRequest asks for ${group}`, async () => {
        const server = config({ groups: [group], clientCertificate: "required" });
        const words = ["-tls1_3", "-groups", offered, "-msg", ...more, ...identity("client")];
        const { text, sessions } = await sClient(server, words);
        assert.match(text, /TALK\n/);
        assert.equal(text.match(/>>> .*ClientHello/g)?.length, 2);
        assert.equal(sessions[0]?.group, group);
      });
    }
  }

  for (const name of ["client384", "clientRsa"]) {
    for (const crypto of providers) {
      test(`s_client: the signature of ${name}'s key is verified by ${crypto.name}`, async () => {
        const server = config({ crypto, clientCertificate: "required" });
        const { sessions } = await sClient(server, ["-tls1_3", ...identity(name)]);
        assert.deepEqual(sessions[0]?.peerChain[0], pki.der(name));
      });
    }
  }

  test("s_client without a certificate is refused with certificate_required", async () => {
    const server = config({ clientCertificate: "required" });
    const seen = await sClient(server, ["-tls1_3"], [{ after: "never", text: "" }]);
    assert.match(seen.text, /alert certificate required|alert number 116/);
    assert.deepEqual(reasons(seen), ["certificate-required"]);
  });

  test("s_client sees the alert that its certificate was rejected with", async () => {
    const words = ["-tls1_3", ...identity("client")];
    const server = config({ clientCertificate: "required" });
    const answer = (): TlsInput => ({
      kind: "peer-rejected",
      alert: "certificate_revoked",
      reason: "test",
    });
    const seen = await sClient(server, words, [{ after: "never", text: "" }], answer);
    assert.match(seen.text, /alert certificate revoked/);
    assert.equal(seen.sessions.length, 0);
  });

  test("s_client with a key that is not its certificate's is refused", async () => {
    const words = ["-tls1_3", ...identity("client")];
    const server = config({ clientCertificate: "required" });
    const answer = (): TlsInput => ({
      kind: "peer-accepted",
      publicKey: publicKeyOf(pki.der("server")),
    });
    const seen = await sClient(server, words, [{ after: "never", text: "" }], answer);
    assert.match(seen.text, /alert decrypt error/);
    assert.deepEqual(reasons(seen), ["bad-signature"]);
  });

  test("s_client that does not trust the server is heard, though it says so in the clear", async () => {
    const seen = await sClient(config(), ["-tls1_3", "-CAfile", pki.file("client.pem")], []);
    assert.deepEqual(reasons(seen), ["peer-alert"]);
  });

  test("s_client shows the authorities and schemes that are asked for", async () => {
    const server = config({ clientCertificate: "asked", authorities: [pki.subject("ca")] });
    const { text } = await sClient(server, ["-tls1_3"]);
    assert.match(text, /Acceptable client certificate CA names\nCN = ca.test\n/);
    assert.match(text, /Requested Signature Algorithms: ECDSA\+SHA256:ECDSA\+SHA384:RSA-PSS/);
  });

  for (const octets of [512, 1024, 2048, 4096]) {
    test(`s_client -maxfraglen ${octets} is granted`, async () => {
      const server = config({ certificates: [pki.der("server"), pki.der("ca")] });
      const { text } = await sClient(server, ["-tls1_3", "-maxfraglen", `${octets}`]);
      assert.match(text, /TALK\n/);
    });
  }

  test("s_client: its padding is taken off", async () => {
    const { text } = await sClient(config(), ["-tls1_3", "-record_padding", "512"]);
    assert.match(text, /TALK\n/);
  });

  test("s_client: server name and application protocol reach the session", async () => {
    const words = ["-tls1_3", "-servername", "Home.Example", "-alpn", "h2,coap"];
    const { text, sessions } = await sClient(config({ applicationProtocols: ["coap"] }), words);
    assert.match(text, /ALPN protocol: coap/);
    assert.equal(sessions[0]!.serverName, "home.example");
    assert.equal(sessions[0]!.alpn, "coap");
  });

  test("s_client: KeyUpdates with and without an answer", async () => {
    const { text, sessions, closed } = await sClient(
      config(),
      ["-tls1_3"],
      [
        { after: "hello\n", text: "K\n" },
        { after: "KEYUPDATE", text: "talk\n" },
        { after: "TALK\n", text: "k\n" },
        { after: "KEYUPDATE\n", text: "more\n" },
        { after: "MORE\n", text: "Q\n" },
      ],
    );
    assert.match(text, /MORE\n/);
    assert.equal(sessions.length, 1);
    assert.ok(closed, "close_notify came");
  });

  for (const [words, reason] of [
    [["-ciphersuites", "TLS_AES_128_CCM_8_SHA256"], "no-common-suite"],
    [["-groups", "P-521"], "no-common-group"],
    [["-sigalgs", "RSA-PSS+SHA256:ECDSA+SHA384"], "no-common-signature-scheme"],
  ] as const) {
    test(`s_client -tls1_3 ${words.join(" ")} is refused: ${reason}`, async () => {
      const seen = await sClient(config(), ["-tls1_3", ...words], []);
      assert.deepEqual(reasons(seen), [reason]);
    });
  }

  test("the key log's lines are s_client's own", async () => {
    const lines: string[] = [];
    const file = pki.file("keys13.log");
    const server = config({ keyLog: (line) => void lines.push(line.toLowerCase()) });
    await sClient(server, ["-tls1_3", "-keylogfile", file]);
    const theirs = readFileSync(file, "utf8").toLowerCase();
    assert.equal(lines.length, 5);
    for (const line of lines) assert.ok(theirs.includes(line), line.split(" ")[0]);
  });

  const gnutls = has("gnutls-cli", "--version");
  for (const [suite, cipher] of [
    [SUITES_13.TLS_AES_128_GCM_SHA256, "+AES-128-GCM"],
    [SUITES_13.TLS_AES_256_GCM_SHA384, "+AES-256-GCM"],
    [SUITES_13.TLS_CHACHA20_POLY1305_SHA256, "+CHACHA20-POLY1305"],
    [SUITES_13.TLS_AES_128_CCM_SHA256, "+AES-128-CCM"],
  ] as const) {
    const name = `gnutls-cli: ${suite.name} with a client certificate`;
    if (!gnutls) {
      skip(name, "needs gnutls-cli");
      continue;
    }
    test(name, async () => {
      const loopback = new Loopback(config({ clientCertificate: "required" }));
      const port = await loopback.listen();
      const own = ["--x509certfile", pki.file("client.pem")];
      const key = ["--x509keyfile", pki.file("client.key"), "--no-ca-verification"];
      const priority = `NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:${cipher}`;
      const { text } = await run(
        "gnutls-cli",
        ["--port", `${port}`, "--priority", priority, ...own, ...key, "127.0.0.1"],
        [
          { after: "hello\n", text: "talk\n" },
          { after: "TALK\n", text: "" },
        ],
      );
      await loopback.stop();
      assert.match(text, /TALK\n/);
      assert.equal(loopback.seen.sessions[0]!.suite, suite);
      // GnuTLS limits our records (RFC 8449) and sends two key shares of its own accord.
      assert.deepEqual(loopback.seen.sessions[0]!.peerChain[0], pki.der("client"));
    });
  }
}
