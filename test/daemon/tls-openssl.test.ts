import { randomBytes } from "node:crypto";
import { after } from "node:test";
import { assert, providers, test } from "#kit";
import { SUITES } from "../../src/proto/tls/suites.ts";
import type { TlsServerConfig } from "../../src/proto/tls/server12.ts";
import { Loopback, Pki, run, signingKey } from "../interop/tls-loopback.ts";
import type { Line, Ran, Seen } from "../interop/tls-loopback.ts";

const pki = new Pki();
after(() => pki.remove());

const noble = providers[0]!;

function config(changes: Partial<TlsServerConfig> = {}): TlsServerConfig {
  const crypto = changes.crypto ?? noble;
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

/** Waits for our greeting, says one thing, waits for its echo, and leaves in order. */
const TALK: readonly Line[] = [
  { after: "hello\n", text: "talk\n" },
  { after: "TALK\n", text: "Q\n" },
];

async function sClient(
  server: TlsServerConfig,
  words: readonly string[],
  lines: readonly Line[] = TALK,
): Promise<Ran & Seen> {
  const loopback = new Loopback(server);
  const port = await loopback.listen();
  const peer = ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", pki.file("ca.pem")];
  const ran = await run("openssl", [...peer, "-verify_return_error", ...words], lines);
  await loopback.stop();
  return { ...ran, ...loopback.seen };
}

for (const crypto of providers) {
  for (const suite of Object.values(SUITES)) {
    test(`${crypto.name}: s_client shakes hands with ${suite.name}`, async () => {
      const { text, sessions } = await sClient(config({ crypto, suites: [suite] }), [
        "-tls1_2",
        "-cipher",
        "ALL:COMPLEMENTOFALL@SECLEVEL=0",
      ]);
      assert.match(text, /TALK\n/);
      assert.equal(sessions[0]?.suite, suite);
    });
  }
}
