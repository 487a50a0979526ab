/** Certificates with rights, before OpenSSL and GnuTLS: read, verified, and taken in a handshake. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { assert, providers, skip, test } from "#kit";
import { hex } from "../../src/base/bytes.ts";
import * as der from "../../src/base/der-write.ts";
import { unix } from "../../src/base/machine.ts";
import { ACL_OID } from "../../src/policy/ca/acl.ts";
import { aclOf } from "../../src/policy/rights/rights.ts";
import { signCertificate } from "../../src/proto/x509/certificate.ts";
import { encodeExtension } from "../../src/proto/x509/extensions.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import { encodePem } from "../../src/proto/x509/pem.ts";
import { encodePrivateKey } from "../../src/proto/x509/pkcs8.ts";
import { firstLine, freePort, Program } from "../interop/program.ts";
import { makeHome } from "../policy/ca/home.ts";
import { commonName } from "../proto/x509/pki.ts";

const crypto = providers[providers.length - 1]!;
const ID = "abcdefghijklmnop";
const HOST = `${ID}.dev.home.arpa`;
const HOME_CA = /Chain verification output: Verified\. The certificate is trusted/;

const isJudged =
  firstLine("openssl", "version") !== null && firstLine("certtool", "--version") !== null;

if (isJudged) withJudges();
else skip("certificates with rights before OpenSSL and GnuTLS", "needs openssl and gnutls-bin");

function withJudges(): void {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-acl-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string): string => path.join(folder, name);

  const run = (program: string, ...words: readonly string[]): string => {
    const { stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: "utf8" });
    return stdout + stderr;
  };

  // GnuTLS knows no time but the machine's.
  const time = { clock: unix(Math.floor(Date.now() / 1000)), floor: unix(0) };
  const home = makeHome(crypto, "acl", time);
  const acl = aclOf([
    {
      target: { kind: "device", id: "qrstuvwxyz234567" },
      allow: [{ path: "/temperature", methods: ["GET"], created: [] }],
    },
    {
      target: { kind: "group", name: "Küche" },
      allow: [{ path: "/lamp", methods: ["GET", "PUT"], created: [] }],
    },
  ]);
  const grant = { deviceId: ID, hostName: HOST, acl };
  const { issued, key } = home.issuing.issueDeviceWithKey(grant, time);
  const pem = (...encoded: readonly Uint8Array[]): string =>
    encoded.map((one) => encodePem("CERTIFICATE", one)).join("");
  writeFileSync(at("root.pem"), pem(home.root.certificate.der));
  writeFileSync(at("issuing.pem"), pem(home.issuing.certificate.der));
  writeFileSync(at("leaf.pem"), pem(issued.der));
  writeFileSync(at("chain.pem"), pem(issued.der, home.issuing.certificate.der));
  writeFileSync(at("leaf.key"), encodePem("PRIVATE KEY", encodePrivateKey(key, crypto)));

  test("OpenSSL reads the extension by its number, and verifies the path", () => {
    assert.ok(run("openssl", "x509", "-in", "leaf.pem", "-noout", "-text").includes(ACL_OID));
    const verify = ["verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuing.pem"];
    assert.match(run("openssl", ...verify, "leaf.pem"), /leaf\.pem: OK/);
  });

  test("GnuTLS reads the extension by its number, and verifies the path", () => {
    const shown = run("certtool", "--certificate-info", "--infile=leaf.pem");
    assert.ok(shown.includes(`Unknown extension ${ACL_OID} (not critical)`), shown);
    const verify = ["--verify", "--verify-profile=medium", "--load-ca-certificate=root.pem"];
    assert.match(run("certtool", ...verify, "--infile=chain.pem"), HOME_CA);
  });

  test("the same below the arc 2.25, which is why it is not there: GnuTLS cannot read it", () => {
    const name = commonName("device");
    const encoded = signCertificate(
      {
        serial: Uint8Array.of(1),
        issuer: name,
        subject: name,
        notBefore: time.clock,
        notAfter: unix(time.clock + 86_400),
        spki: encodePublicKey(home.rootKey.publicKey),
        extensions: [
          encodeExtension(
            "2.25.21390443644702796902754724991999849624.1",
            false,
            der.octetString(hex("00")),
          ),
        ],
      },
      home.rootKey,
      null,
    );
    writeFileSync(at("uuid.pem"), pem(encoded));
    const listed = run("openssl", "x509", "-in", "uuid.pem", "-noout", "-text");
    assert.match(listed, /2\.25\.21390443644702796902754724991999849624\.1/);
    const read = run("certtool", "--certificate-info", "--infile=uuid.pem");
    // Releases behind 3.7 may have learnt it; then this reason has gone, and nothing else has.
    if (run("certtool", "--version").includes(" 3.7.")) assert.match(read, /error|ASN1/i);
  });

  for (const version of ["TLS1.2", "TLS1.3"]) {
    test(`gnutls-cli takes a chain with rights in a handshake of ${version}, and shows one`, async () => {
      const port = await freePort(false);
      const server = new Program(
        "openssl",
        [
          ...["s_server", "-accept", `127.0.0.1:${port}`, "-cert", "leaf.pem", "-key", "leaf.key"],
          ...["-cert_chain", "issuing.pem", "-CAfile", "root.pem", "-Verify", "3"],
          "-verify_return_error",
        ],
        folder,
      );
      await server.until(/ACCEPT/);
      const client = new Program(
        "gnutls-cli",
        [
          ...["--x509cafile=root.pem", `--verify-hostname=${HOST}`, "--disable-sni"],
          ...["--x509certfile=chain.pem", "--x509keyfile=leaf.key"],
          ...[`--priority=NORMAL:-VERS-ALL:+VERS-${version}`, "-p", `${port}`, "127.0.0.1"],
        ],
        folder,
      );
      try {
        await client.until(/Handshake was completed/);
        assert.match(client.text, /Status: The certificate is trusted/);
        await server.until(/CIPHER is/);
      } finally {
        await client.stop();
        await server.stop();
      }
    });
  }
}
