/** Sessions that are taken up again over datagrams, with loss and without, and keys given beforehand. */
import { assert, providers, test } from "#kit";
import { utf8 } from "../../../../src/base/bytes.ts";
import { SUITES } from "../../../../src/proto/tls/suites.ts";
import { RecordedSessions } from "../../../kit/tls-sessions.ts";
import { Ends } from "./ends.ts";

const VERSIONS = ["TLS 1.2", "TLS 1.3"] as const;
const PSK = { identity: utf8("kettle"), key: new Uint8Array(32).fill(0x6b) };
const BAD_LINK = { loss: 0.3, duplication: 0.1, jitterMs: 150 };

for (const crypto of providers) {
  for (const version of VERSIONS) {
    const name = `${crypto.name}: D${version}`;

    for (const [kind, link] of [
      ["a good", {}],
      ["a bad", BAD_LINK],
    ] as const) {
      test(`${name} comes back to its session over ${kind} link, twice`, () => {
        const sessions = new RecordedSessions();
        const server = { versions: [version], sessions, clientCertificate: "required" } as const;
        const first = new Ends({ crypto, seed: `first ${kind}`, link, server });
        assert.ok(first.establish(), first.client.failure?.message);
        first.settle(10_000);
        let ticket = first.client.tickets[0];
        for (const seed of ["second", "third"]) {
          assert.ok(ticket !== undefined, "no ticket");
          const client = { versions: [version], resume: { ticket, ageMs: 10 } };
          const ends = new Ends({ crypto, seed: `${seed} ${kind}`, link, server, client });
          assert.ok(ends.establish(), ends.client.failure?.message);
          assert.equal(ends.client.session?.resumed, true);
          assert.equal(ends.server.session?.resumed, true);
          assert.equal(ends.server.session?.peerChain.length, 1);
          const label = "EXPORTER-test";
          const exported = ends.client.session!.exportKey(label, null, 32);
          assert.deepEqual(exported, ends.server.session!.exportKey(label, null, 32));
          if (kind === "a good") assert.deepEqual(ends.talk("hello"), ["hello", "HELLO"]);
          ends.settle(10_000);
          ticket = ends.client.tickets[0];
        }
        assert.equal(sessions.spent.length, 2);
      });
    }

    test(`${name} with a key given beforehand, and none with another`, () => {
      const server = { versions: [version], preSharedKey: () => PSK.key.slice() };
      // In DTLS 1.2 the suite says that it is to be the key; offered both, a server takes certificates.
      const suites = [SUITES.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256];
      const client = { versions: [version], suites, preSharedKey: PSK };
      const ends = new Ends({ crypto, seed: "psk", server, client });
      assert.ok(ends.establish(), ends.server.failure?.message);
      assert.deepEqual(ends.server.session?.pskIdentity, PSK.identity);
      assert.deepEqual(ends.talk("hello"), ["hello", "HELLO"]);

      const wrong = { ...PSK, key: new Uint8Array(32).fill(0x6c) };
      const other = new Ends({
        crypto,
        seed: "psk",
        server,
        client: { ...client, preSharedKey: wrong },
      });
      assert.ok(!other.establish(600_000), "established under another key");
    });
  }
}
