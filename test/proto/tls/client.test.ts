import { assert, providers, test } from "#kit";
import { utf8 } from "../../../src/base/bytes.ts";
import type { EcdhGroup } from "../../../src/base/crypto/crypto.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server.ts";
import { SUITES, SUITES_13 } from "../../../src/proto/tls/suites.ts";
import {
  CLIENT_CERTIFICATE,
  clientKey,
  SERVER_CERTIFICATE,
  serverConfig,
} from "../../kit/tls-client.ts";
import { clientConfig, Pair } from "../../kit/tls-pair.ts";

const GROUPS: readonly EcdhGroup[] = ["P-256", "P-384", "X25519"];

/** Data goes both ways, and both ends have the same keys for others. */
function talk(pair: Pair): void {
  pair.tell("client", { kind: "send", bytes: utf8("up") });
  pair.tell("server", { kind: "send", bytes: utf8("down") });
  assert.deepEqual(pair.server.data, utf8("up"));
  assert.deepEqual(pair.client.data, utf8("down"));
  const [client, server] = pair.sessions;
  const exported = client.exportKey("EXPORTER-test", utf8("context"), 40);
  assert.deepEqual(exported, server.exportKey("EXPORTER-test", utf8("context"), 40));
  assert.deepEqual(client.channelBinding, server.channelBinding);
}

for (const crypto of providers) {
  const rows = [...Object.values(SUITES), ...Object.values(SUITES_13)];
  for (const suite of rows) {
    if (suite.keyExchange !== null && suite.keyExchange !== "ecdhe-ecdsa") continue;
    for (const group of GROUPS) {
      for (const clientCertificate of ["none", "required"] as const) {
        test(`${crypto.name}: ${suite.name} over ${group}, client certificate ${clientCertificate}`, () => {
          const suites = suite.keyExchange === null ? { suites13: [suite] } : { suites: [suite] };
          const versions = [suite.keyExchange === null ? "TLS 1.3" : "TLS 1.2"] as const;
          const credential = { certificates: [CLIENT_CERTIFICATE], key: clientKey(crypto) };
          // The certificate's curve is P-256, and in TLS 1.2 the list is for it too.
          const groups = [...new Set([group, "P-256" as const])];
          const server: Partial<TlsServerConfig> = {
            ...suites,
            clientCertificate,
            groups: [group],
          };
          const pair = new Pair(
            clientConfig(crypto, { ...suites, versions, groups, credential }),
            serverConfig(crypto, server),
          ).establish();
          const [session, theirs] = pair.sessions;
          assert.equal(session.suite, suite);
          assert.equal(session.group, group);
          assert.equal(session.version, versions[0]);
          assert.equal(session.resumed, false);
          assert.deepEqual(session.peerChain, [SERVER_CERTIFICATE]);
          assert.equal(theirs.serverName, "home.example");
          const sent = clientCertificate === "none" ? [] : [CLIENT_CERTIFICATE];
          assert.deepEqual(theirs.peerChain, sent);
          talk(pair);
        });
      }
    }
  }

  test(`${crypto.name}: whoever speaks both versions gets TLS 1.3`, () => {
    const pair = new Pair(clientConfig(crypto), serverConfig(crypto)).establish();
    assert.equal(pair.client.session?.version, "TLS 1.3");
    talk(pair);
  });

  for (const versions of [["TLS 1.2"], ["TLS 1.3"]] as const) {
    test(`${crypto.name}: one offer serves a server of ${versions[0]} alone`, () => {
      const server = serverConfig(crypto, { versions });
      const pair = new Pair(clientConfig(crypto), server).establish();
      assert.equal(pair.client.session?.version, versions[0]);
      talk(pair);
    });
  }

  test(`${crypto.name}: a HelloRetryRequest is followed with a share of the group it asks for`, () => {
    const groups = ["P-384", "X25519"] as const;
    const client = clientConfig(crypto, { groups });
    const pair = new Pair(client, serverConfig(crypto, { groups: ["X25519"] })).establish();
    assert.equal(pair.client.session?.group, "X25519");
    talk(pair);
  });
}
