/** Our TLS client against gnutls-serv. */
import { spawnSync } from "node:child_process";
import { createPublicKey, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { after } from "node:test";
import { assert, providers, skip, test } from "#kit";
import { hex, utf8 } from "../../src/base/bytes.ts";
import type { TlsClientConfig } from "../../src/proto/tls/client.ts";
import { firstLine, freePort, Program } from "../interop/program.ts";
import { dial } from "../interop/tls-dial.ts";
import type { Dialled } from "../interop/tls-dial.ts";
import { has, Pki, signingKey } from "../interop/tls-loopback.ts";

const [, native] = providers;
const TALK = { line: "talk\n", until: /talk\n/ };

if (has("openssl", "version") && firstLine("gnutls-serv", "--version") !== null) {
  withGnutls(new Pki());
} else skip("the TLS client against gnutls-serv", "needs gnutls-serv and openssl");

function withGnutls(pki: Pki): void {
  after(() => pki.remove());

  function config(changes: Partial<TlsClientConfig> = {}): TlsClientConfig {
    return {
      crypto: native!,
      random: (length) => new Uint8Array(randomBytes(length)),
      serverName: "server.test",
      credential: null,
      ...changes,
    };
  }

  /** The bare public key of a private one, as DER and as the file GnuTLS wants. */
  function bareKey(name: string): Uint8Array {
    const der = createPublicKey(readFileSync(pki.file(`${name}.key`))).export({
      format: "der",
      type: "spki",
    });
    writeFileSync(pki.file(`${name}.spki`), der);
    const words = ["pkey", "-in", pki.file(`${name}.key`), "-pubout"];
    const { status } = spawnSync("openssl", [...words, "-out", pki.file(`${name}.pub`)]);
    assert.equal(status, 0);
    return new Uint8Array(der);
  }

  const x509 = ["--x509certfile", pki.file("server.pem"), "--x509keyfile", pki.file("server.key")];

  async function serving<T>(
    words: readonly string[],
    connections: (port: number) => Promise<T>,
  ): Promise<T> {
    const port = await freePort(false);
    const server = new Program("gnutls-serv", ["--echo", "--port", `${port}`, ...words]);
    try {
      await server.until(/listening on IPv4 .*done/);
      return await connections(port);
    } finally {
      await server.stop();
    }
  }

  for (const [version, priority] of [
    ["TLS 1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2"],
    ["TLS 1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3"],
  ] as const) {
    for (const [cipher, suite] of [
      ["AES-128-GCM", /AES_128_GCM_SHA256$/],
      ["AES-256-GCM", /AES_256_GCM_SHA384$/],
      ["AES-128-CCM", /AES_128_CCM(_SHA256)?$/],
      ["CHACHA20-POLY1305", /CHACHA20_POLY1305_SHA256$/],
    ] as const) {
      for (const group of ["P-256", "P-384", "X25519"] as const) {
        test(`${version}: ${cipher} over ${group}, with a client certificate`, async () => {
          const name = { "P-256": "SECP256R1", "P-384": "SECP384R1", X25519: "X25519" }[group];
          // In TLS 1.2 the list is for the curves of certificates too.
          const curves = version === "TLS 1.2" && group !== "P-256" ? ":+GROUP-SECP256R1" : "";
          const own = `:-CIPHER-ALL:+${cipher}:-GROUP-ALL:+GROUP-${name}${curves}`;
          const words = ["--priority", priority + own, ...x509, "--require-client-cert"];
          const trust = ["--x509cafile", pki.file("ca.pem")];
          const groups = curves === "" ? [group] : ([group, "P-256"] as const);
          const credential = {
            certificates: [pki.der("client")],
            key: signingKey(native!, pki.file("client.key")),
          };
          const client = config({ groups, credential });
          const { session, heard, failure } = await serving([...words, ...trust], (port) =>
            dial(port, client, TALK),
          );
          assert.equal(heard, "talk\n", failure?.message ?? "");
          assert.equal(session?.version, version);
          assert.match(session?.suite.name ?? "", suite);
          assert.equal(session?.group, group);
        });
      }
    }

    test(`${version}: a session is resumed by its ticket`, async () => {
      const words = ["--priority", priority, ...x509, "--disable-client-cert"];
      const both = await serving(words, async (port): Promise<Dialled[]> => {
        const first = await dial(port, config(), TALK);
        const [ticket] = first.tickets;
        assert.ok(ticket !== undefined, "a ticket came");
        return [first, await dial(port, config({ resume: { ticket, ageMs: 20 } }), TALK)];
      });
      assert.deepEqual(
        both.map(({ session }) => session?.resumed),
        [false, true],
      );
      assert.deepEqual(
        both.map(({ heard }) => heard),
        ["talk\n", "talk\n"],
      );
    });

    test(`${version}: bare keys both ways`, async () => {
      const [theirs, ours] = [bareKey("server"), bareKey("client")];
      const keys = [
        "--rawpkkeyfile",
        pki.file("server.key"),
        "--rawpkfile",
        pki.file("server.pub"),
      ];
      const types = `${priority}:-CTYPE-ALL:+CTYPE-RAWPK`;
      const words = ["--priority", types, ...keys, "--require-client-cert"];
      const key = signingKey(native!, pki.file("client.key"));
      const client = config({
        serverCertificateTypes: ["raw-public-key"],
        credential: { certificates: [], key, publicKeyInfo: ours },
      });
      const { heard, shown, failure } = await serving(words, (port) => dial(port, client, TALK));
      assert.equal(heard, "talk\n", failure?.message ?? "");
      assert.equal(shown?.certificateType, "raw-public-key");
      assert.deepEqual(shown?.chain, [theirs]);
    });
  }

  test("TLS 1.2 by ECDHE-PSK", async () => {
    const passwords = pki.file("psk.txt");
    writeFileSync(passwords, "device:000102030405060708090a0b0c0d0e0f\n");
    const priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK";
    const words = ["--priority", priority, "--pskpasswd", passwords];
    const key = hex("000102030405060708090a0b0c0d0e0f");
    const client = config({ preSharedKey: { identity: utf8("device"), key } });
    const { heard, session, failure } = await serving(words, (port) => dial(port, client, TALK));
    assert.equal(heard, "talk\n", failure?.message ?? "");
    assert.deepEqual(session?.pskIdentity, utf8("device"));
  });
}
