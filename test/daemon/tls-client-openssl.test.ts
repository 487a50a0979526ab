/** Our TLS client against s_server. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after } from "node:test";
import { assert, providers, skip, test } from "#kit";
import { hex, toHex, utf8 } from "../../src/base/bytes.ts";
import type { EcdhGroup } from "../../src/base/crypto/crypto.ts";
import type { TlsClientConfig } from "../../src/proto/tls/client.ts";
import { SUITES, SUITES_13 } from "../../src/proto/tls/suites.ts";
import type { Suite } from "../../src/proto/tls/suites.ts";
import { freePort, Program } from "../interop/program.ts";
import { dial } from "../interop/tls-dial.ts";
import type { Dialled, Talk } from "../interop/tls-dial.ts";
import { has, Pki, signingKey } from "../interop/tls-loopback.ts";

const [noble, native] = providers;
const GROUPS: readonly EcdhGroup[] = ["P-256", "P-384", "X25519"];

/** What we say, and what s_server answers each time it was said. */
const TALK: Talk = { line: "talk\n", until: /answer\n/ };

const OPENSSL_SUITES: Partial<Record<Suite["name"], string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM: "ECDHE-ECDSA-AES128-CCM",
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: "ECDHE-ECDSA-AES128-CCM8",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
};

if (has("openssl", "version")) withOpenssl(new Pki());
else skip("the TLS client against s_server", "needs openssl");

function withOpenssl(pki: Pki): void {
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

  const credential = (
    name: string,
    crypto = native!,
  ): NonNullable<TlsClientConfig["credential"]> => ({
    certificates: [pki.der(name)],
    key: signingKey(crypto, pki.file(`${name}.key`)),
  });

  interface Served {
    readonly dialled: readonly Dialled[];
    /** All that s_server said. */
    readonly text: string;
  }

  /** One s_server for one connection after another. */
  async function serving(
    words: readonly string[],
    connections: (port: number) => Promise<Dialled[]>,
    own = "server",
  ): Promise<Served> {
    const port = await freePort(false);
    const place = ["s_server", "-accept", `127.0.0.1:${port}`];
    const identity = ["-cert", pki.file(`${own}.pem`), "-key", pki.file(`${own}.key`)];
    const server = new Program("openssl", [...place, ...identity, ...words]);
    await server.until(/^ACCEPT/m);
    answering(server).catch(() => {});
    try {
      const dialled = await connections(port);
      return { dialled, text: server.text };
    } finally {
      await server.stop();
    }
  }

  /** Until it ends. */
  async function answering(server: Program): Promise<never> {
    for (let from = 0; ;) {
      const { index, 0: said } = await server.until(/^talk\n/m, from);
      from += index + said.length;
      server.write("answer\n");
    }
  }

  async function once(
    client: TlsClientConfig,
    words: readonly string[],
    talk: Talk = TALK,
    own = "server",
  ): Promise<Dialled & { readonly text: string }> {
    const served = await serving(words, async (port) => [await dial(port, client, talk)], own);
    return { ...served.dialled[0]!, text: served.text };
  }

  const asks = ["-Verify", "1", "-CAfile", pki.file("ca.pem"), "-verify_return_error"];
  const exports = ["-keymatexport", "EXPORTER-test", "-keymatexportlen", "40"];

  function agreed(dialled: Dialled & { readonly text: string }): void {
    assert.match(dialled.heard, /answer\n/);
    const material = /Keying material: ([0-9A-F]+)/.exec(dialled.text)?.[1]?.toLowerCase();
    const { session } = dialled;
    assert.ok(session !== null, "established");
    assert.equal(toHex(session.exportKey("EXPORTER-test", null, 40)), material);
  }

  const SUITES_12 = Object.values(SUITES).filter(({ keyExchange }) => keyExchange !== "ecdhe-psk");
  for (const suite of SUITES_12) {
    const own = suite.keyExchange === "ecdhe-rsa" ? "clientRsa" : "server";
    for (const group of GROUPS) {
      for (const proof of [null, "client", "client384"] as const) {
        test(`TLS 1.2: ${suite.name} over ${group}, ${proof ?? "no"} certificate`, async () => {
          // In TLS 1.2 the list is for the curves of certificates too (RFC 8422 §5.3).
          const curves = proof === "client384" ? GROUPS : (["P-256"] as const);
          const groups = [...new Set([group, ...curves])];
          const client = config({
            ...{ versions: ["TLS 1.2"], suites: [suite], groups },
            credential: proof === null ? null : credential(proof),
          });
          const words = [
            "-tls1_2",
            "-cipher",
            OPENSSL_SUITES[suite.name]!,
            "-groups",
            groups.join(":"),
          ];
          const more = proof === null ? [] : asks;
          const dialled = await once(client, [...words, ...more, ...exports], TALK, own);
          agreed(dialled);
          assert.equal(dialled.session?.suite, suite);
          assert.equal(dialled.session?.group, group);
          assert.deepEqual(dialled.session?.peerChain[0], pki.der(own));
        });
      }
    }
  }

  for (const suite of Object.values(SUITES_13)) {
    for (const group of GROUPS) {
      for (const proof of [null, "client", "client384"] as const) {
        test(`TLS 1.3: ${suite.name} over ${group}, ${proof ?? "no"} certificate`, async () => {
          const client = config({
            ...{ versions: ["TLS 1.3"], suites13: [suite], groups: [group] },
            credential: proof === null ? null : credential(proof),
          });
          const words = ["-tls1_3", "-ciphersuites", suite.name, "-groups", group];
          const more = proof === null ? [] : asks;
          const dialled = await once(client, [...words, ...more, ...exports]);
          agreed(dialled);
          assert.equal(dialled.session?.suite, suite);
          assert.equal(dialled.session?.group, group);
        });
      }
    }
  }

  for (const versions of [["TLS 1.2"], ["TLS 1.3"]] as const) {
    test(`noble alone carries ${versions[0]} with a client certificate`, async () => {
      const client = config({ crypto: noble!, versions, credential: credential("client", noble) });
      agreed(await once(client, [...asks, ...exports]));
    });

    test(`${versions[0]} with a server whose certificate is RSA`, async () => {
      const dialled = await once(config({ versions }), exports, TALK, "clientRsa");
      agreed(dialled);
    });

    test(`${versions[0]}: no certificate where one is required ends with the server's alert`, async () => {
      const { failure, session } = await once(config({ versions }), asks);
      assert.equal(failure?.reason, "peer-alert");
      assert.equal(session === null, versions[0] === "TLS 1.2");
    });

    test(`${versions[0]}: ALPN`, async () => {
      const client = config({ versions, applicationProtocols: ["other", "h2"] });
      const { session } = await once(client, ["-alpn", "h2"]);
      assert.equal(session?.alpn, "h2");
    });

    test(`${versions[0]}: a session is resumed by its ticket, again and again`, async () => {
      const { dialled, text } = await serving(exports, async (port) => {
        const first = await dial(port, config({ versions }), TALK);
        const again: Dialled[] = [first];
        for (let count = 0; count < 2; count++) {
          // s_server gives a new one with each session of TLS 1.3 alone.
          const ticket = again.flatMap(({ tickets }) => tickets).at(-1);
          assert.ok(ticket !== undefined, "a ticket came");
          const resume = { ticket, ageMs: 1000 };
          again.push(await dial(port, config({ versions, resume }), TALK));
        }
        return again;
      });
      assert.deepEqual(
        dialled.map((one) => one.session?.resumed),
        [false, true, true],
      );
      for (const { heard, session, shown } of dialled.slice(1)) {
        assert.match(heard, /answer\n/);
        assert.equal(shown, null);
        assert.deepEqual(session?.peerChain[0], pki.der("server"));
        const material = toHex(session!.exportKey("EXPORTER-test", null, 40));
        assert.ok(text.toLowerCase().includes(material), "both export the same");
      }
    });

    test(`${versions[0]}: a ticket of another server leads to a full handshake`, async () => {
      const { tickets } = await once(config({ versions }), []);
      const resume = { ticket: tickets[0]!, ageMs: 10 };
      const { session, heard } = await once(config({ versions, resume }), []);
      assert.equal(session?.resumed, false);
      assert.match(heard, /answer\n/);
    });
  }

  test("a HelloRetryRequest is followed", async () => {
    const client = config({ groups: ["P-256", "X25519"] });
    const dialled = await once(client, ["-groups", "X25519", ...exports]);
    agreed(dialled);
    assert.equal(dialled.session?.group, "X25519");
  });

  test("a HelloRetryRequest, and then the ticket of the session before", async () => {
    const changes = { groups: ["P-256", "X25519"] } as const;
    const { dialled } = await serving(["-groups", "X25519"], async (port) => {
      const first = await dial(port, config(changes), TALK);
      const resume = { ticket: first.tickets[0]!, ageMs: 5 };
      return [first, await dial(port, config({ ...changes, resume }), TALK)];
    });
    assert.equal(dialled[1]?.session?.resumed, true);
    assert.match(dialled[1]?.heard ?? "", /answer\n/);
  });

  test("TLS 1.2 by ECDHE-PSK, and no certificate is shown", async () => {
    const key = hex("000102030405060708090a0b0c0d0e0f");
    const preSharedKey = { identity: utf8("device"), key };
    const client = config({ versions: ["TLS 1.2"], preSharedKey });
    const words = ["-psk", toHex(key), "-psk_identity", "device", "-nocert", "-tls1_2"];
    const cipher = ["-cipher", "ECDHE-PSK-CHACHA20-POLY1305"];
    const dialled = await once(client, [...words, ...cipher, ...exports]);
    agreed(dialled);
    assert.equal(dialled.shown, null);
    assert.deepEqual(dialled.session?.pskIdentity, utf8("device"));
  });

  test("TLS 1.3: keys change on our word, and data goes on", async () => {
    const talk = { ...TALK, first: [{ kind: "update-keys" }, { kind: "update-keys" }] } as const;
    const { heard } = await once(config({ versions: ["TLS 1.3"] }), [], talk);
    assert.match(heard, /answer\n/);
  });

  for (const versions of [["TLS 1.2"], ["TLS 1.3"]] as const) {
    test(`${versions[0]}: the OCSP response comes with the certificate`, async () => {
      // An OCSPResponse that says tryLater (RFC 6960 §4.2.1): s_server wants DER.
      const response = hex("30030a0103");
      const file = pki.file("ocsp.der");
      writeFileSync(file, response);
      const words = ["-status_file", file];
      const { shown } = await once(config({ versions, asksOcsp: true }), words);
      assert.equal(shown?.certificateType, "x509");
      assert.deepEqual(shown?.ocspResponse, response);
    });
  }
}
