/** s_client and gnutls-cli come back by tickets, and prove themselves by other means than certificates. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { after } from "node:test";
import { assert, providers, skip, test } from "#kit";
import { fromBase64, hex, utf8 } from "../../src/base/bytes.ts";
import type { TlsServerConfig, TlsVersion } from "../../src/proto/tls/server.ts";
import { RecordedSessions } from "../kit/tls-sessions.ts";
import { OpensslBench } from "../interop/openssl-client.ts";
import { has, Loopback, publicKeyOfInfo, run, signingKey } from "../interop/tls-loopback.ts";
import type { Line, Ran, Seen } from "../interop/tls-loopback.ts";

const [, native] = providers;
const KEY = hex("000102030405060708090a0b0c0d0e0f");

/** gnutls-cli leaves at the end of its input. */
const GNUTLS_TALK: readonly Line[] = [
  { after: "hello\n", text: "talk\n" },
  { after: "TALK\n", text: "" },
];

const VERSIONS: readonly (readonly [TlsVersion, option: string, gnutls: string])[] = [
  ["TLS 1.2", "-tls1_2", "VERS-TLS1.2"],
  ["TLS 1.3", "-tls1_3", "VERS-TLS1.3"],
];

if (has("openssl", "version")) withOpenssl(new OpensslBench(native!));
else skip("s_client and gnutls-cli coming back", "needs openssl");

function withOpenssl(bench: OpensslBench): void {
  const { pki } = bench;
  after(() => pki.remove());

  for (const [version, option] of VERSIONS) {
    for (const clientCertificate of ["none", "required"] as const) {
      test(`s_client resumes ${version}, certificate ${clientCertificate}`, async () => {
        const sessions = new RecordedSessions();
        const server = bench.config({ sessions, clientCertificate });
        const own = clientCertificate === "required" ? bench.identity("client") : [];
        const file = pki.file(`${version} ${clientCertificate}.session`);
        const first = await bench.sClient(server, [option, ...own, "-sess_out", file]);
        assert.equal(first.sessions[0]?.resumed, false);
        // A session of s_client holds no chain of its own: what it shows comes from the ticket.
        const second = await bench.sClient(server, [option, "-sess_in", file]);
        assert.match(second.text, /Reused, TLSv1\.[23]/);
        assert.match(second.text, /TALK\n/);
        assert.equal(second.sessions[0]?.resumed, true);
        assert.deepEqual(second.sessions[0]?.peerChain, first.sessions[0]?.peerChain);
        const third = await bench.sClient(server, [option, ...own, "-sess_in", file]);
        assert.match(third.text, /New, TLSv1\.[23]/);
        assert.equal(third.sessions[0]?.resumed, false);
      });
    }

    test(`s_client shows the OCSP response of ${version}`, async () => {
      const response = ocspResponse();
      const server = bench.config({ ocspResponse: () => response });
      const asked = await bench.sClient(server, [option, "-status"]);
      assert.match(asked.text, /OCSP Response Status: successful/);
      assert.match(asked.text, /TALK\n/);
      const silent = await bench.sClient(server, [option]);
      assert.match(silent.text, /TALK\n/);
    });

    test(`s_client checks the signature of a P-384 key in ${version}`, async () => {
      const server = bench.config({
        certificates: [pki.der("client384")],
        key: signingKey(native!, pki.file("client384.key")),
        groups: ["P-384"],
      });
      const { text, sessions } = await bench.sClient(server, [option]);
      assert.match(text, /TALK\n/);
      assert.equal(sessions[0]?.group, "P-384");
    });
  }

  test("s_client resumes TLS 1.3 after a HelloRetryRequest", async () => {
    const sessions = new RecordedSessions();
    const file = pki.file("retry.session");
    const server = bench.config({ sessions, groups: ["P-384"] });
    const words = ["-tls1_3", "-groups", "P-256:P-384"];
    await bench.sClient(server, [...words, "-sess_out", file]);
    const second = await bench.sClient(server, [...words, "-sess_in", file]);
    assert.match(second.text, /Reused, TLSv1\.3/);
    assert.equal(second.sessions[0]?.group, "P-384");
  });

  test("s_client with a pre-shared key of TLS 1.2 needs no certificate", async () => {
    const server = bench.config({ preSharedKey: () => KEY });
    const key = ["-psk", "000102030405060708090a0b0c0d0e0f", "-psk_identity", "kettle"];
    const words = ["-tls1_2", "-cipher", "ECDHE-PSK-CHACHA20-POLY1305", ...key];
    const { text, sessions } = await bench.sClient(server, words);
    assert.match(text, /TALK\n/);
    assert.deepEqual(sessions[0]?.pskIdentity, utf8("kettle"));
  });

  test("s_client with a wrong or unknown pre-shared key of TLS 1.2 hears the same", async () => {
    const known = (identity: Uint8Array): Uint8Array | null => (identity.length === 6 ? KEY : null);
    const server = bench.config({ preSharedKey: known });
    for (const key of [
      ["-psk", "00", "-psk_identity", "kettle"],
      ["-psk", "000102030405060708090a0b0c0d0e0f", "-psk_identity", "toaster"],
    ]) {
      const words = ["-tls1_2", "-cipher", "ECDHE-PSK-CHACHA20-POLY1305", ...key];
      const { text, failures } = await bench.sClient(server, words, []);
      assert.match(text, /alert bad record mac/);
      assert.equal(failures[0]?.reason, "record-not-authentic");
    }
  });

  // OpenSSL 3.0 imports no key (RFC 9258): it offers the bare identity, which TLS 1.3 passes over here.
  test("s_client with a pre-shared key that is not imported gets certificates in TLS 1.3", async () => {
    const server = bench.config({ preSharedKey: () => KEY });
    const key = ["-psk", "000102030405060708090a0b0c0d0e0f", "-psk_identity", "kettle"];
    const { text, sessions } = await bench.sClient(server, ["-tls1_3", ...key]);
    assert.match(text, /TALK\n/);
    assert.equal(sessions[0]?.pskIdentity, null);
  });

  /** One for the server's certificate, made by openssl itself. */
  function ocspResponse(): Uint8Array {
    const [ca, own, key] = ["ca.pem", "server.pem", "ca.key"].map((name) => pki.file(name));
    const [request, response, index] = ["ocsp.req", "ocsp.resp", "index.txt"].map((name) =>
      pki.file(name),
    );
    writeFileSync(index!, "");
    openssl("ocsp", "-issuer", ca!, "-cert", own!, "-reqout", request!);
    const signer = ["-index", index!, "-CA", ca!, "-rsigner", ca!, "-rkey", key!];
    openssl("ocsp", ...signer, "-reqin", request!, "-respout", response!);
    return new Uint8Array(readFileSync(response!));
  }

  if (!has("gnutls-cli", "--version")) {
    skip("gnutls-cli coming back, and with bare and pre-shared keys", "needs gnutls-cli");
    return;
  }

  function gnutls(
    server: TlsServerConfig,
    priority: string,
    words: readonly string[],
    lines: readonly Line[] = GNUTLS_TALK,
  ): Promise<Ran & Seen> {
    const answer = ([own]: readonly Uint8Array[]) =>
      ({ kind: "peer-accepted", publicKey: publicKeyOfInfo(own!) }) as const;
    return bench.serving(new Loopback(server, answer), (port) => {
      const place = ["--port", `${port}`, "--no-ca-verification", "--priority", priority];
      return run("gnutls-cli", [...place, ...words, "127.0.0.1"], lines);
    });
  }

  for (const [version, , option] of VERSIONS) {
    const only = `NORMAL:-VERS-ALL:+${option}`;

    test(`gnutls-cli resumes ${version}`, async () => {
      const sessions = new RecordedSessions();
      const server = bench.config({ sessions });
      const { text, sessions: seen } = await gnutls(server, only, ["--resume", "--waitresumption"]);
      assert.match(text, /This is a resumed session/);
      assert.deepEqual(
        seen.map(({ resumed }) => resumed),
        [false, true],
      );
    });

    test(`gnutls-cli and bare keys of both sides in ${version}`, async () => {
      const [own, client] = ["server", "client"].map(bareKey);
      const server = bench.config({
        publicKeyInfo: own!.der,
        clientCertificate: "required",
        clientCertificateTypes: ["raw-public-key"],
      });
      const types = "-CTYPE-ALL:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK";
      const words = ["--rawpkkeyfile", pki.file("client.key"), "--rawpkfile", client!.file];
      const { text, sessions } = await gnutls(server, `${only}:${types}`, words);
      assert.match(text, /TALK\n/);
      assert.deepEqual(sessions[0]?.peerChain, [client!.der]);
    });

    test(`gnutls-cli takes the OCSP response of ${version}`, async () => {
      const response = ocspResponse();
      const { text } = await gnutls(bench.config({ ocspResponse: () => response }), only, []);
      assert.match(text, /TALK\n/);
      assert.match(text, /OCSP status request/);
    });
  }

  test("gnutls-cli with a pre-shared key of TLS 1.2 needs no certificate", async () => {
    const server = bench.config({ preSharedKey: () => KEY });
    const key = ["--pskusername", "kettle", "--pskkey", "000102030405060708090a0b0c0d0e0f"];
    const priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK";
    // 3.7 dies of the empty hint when it describes the session, s_server's too: its Finished has to do.
    const { sessions } = await gnutls(server, priority, key, []);
    assert.deepEqual(sessions[0]?.pskIdentity, utf8("kettle"));
  });

  /** A key without its certificate, as a file and as DER. */
  function bareKey(name: string): { readonly file: string; readonly der: Uint8Array } {
    const file = pki.file(`${name}.pub`);
    openssl("pkey", "-in", pki.file(`${name}.key`), "-pubout", "-out", file);
    const text = readFileSync(file, "utf8").replaceAll(/-----[A-Z ]+-----|\s/g, "");
    return { file, der: fromBase64(text)! };
  }
}

function openssl(...words: readonly string[]): void {
  const { status, stderr } = spawnSync("openssl", words, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}
