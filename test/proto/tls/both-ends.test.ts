/** Our client and our server come back to each other, and prove themselves by every means there is. */
import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { TlsClient } from "../../../src/proto/tls/client.ts";
import type {
  ClientTicket,
  PeerCredential,
  TlsClientConfig,
  TlsOutput,
  TlsServerConfig,
  TlsSession,
} from "../../../src/proto/tls/connection.ts";
import { TlsServer } from "../../../src/proto/tls/server.ts";
import { SUITES } from "../../../src/proto/tls/suites.ts";
import { CLIENT_CERTIFICATE, clientKey, serverConfig, serverKey } from "../../kit/tls-client.ts";
import { RecordedSessions } from "../../kit/tls-sessions.ts";

interface End {
  session: TlsSession | null;
  shown: PeerCredential | null;
  ticket: ClientTicket | null;
}

/** Carries bytes between the two until nobody has any. */
function meet(
  server: TlsServerConfig,
  changes: Partial<TlsClientConfig>,
): Record<"client" | "server", End> {
  const { crypto } = server;
  const random = seeded("tls client");
  const client = new TlsClient({
    crypto,
    random,
    serverName: "home.test",
    credential: null,
    ...changes,
  });
  const machines = { client, server: new TlsServer(server) };
  const end = (): End => ({ session: null, shown: null, ticket: null });
  const ends = { client: end(), server: end() };
  const take = (at: "client" | "server", outputs: readonly TlsOutput[]): void => {
    const other = at === "client" ? "server" : "client";
    for (const output of outputs) {
      switch (output.kind) {
        case "send":
          take(other, machines[other].handle({ kind: "bytes", bytes: output.bytes }, mono(0)));
          break;
        case "verify-peer": {
          ends[at].shown = output;
          const { publicKey } = (at === "client" ? serverKey : clientKey)(crypto);
          take(at, machines[at].handle({ kind: "peer-accepted", publicKey }, mono(0)));
          break;
        }
        case "established":
          ends[at].session = output.session;
          break;
        case "ticket":
          ends[at].ticket = output.ticket;
          break;
        case "failed":
          throw output.failure;
        case "data":
        case "closed":
          break;
      }
    }
  };
  take("client", client.handle({ kind: "start" }, mono(0)));
  assert.ok(ends.client.session !== null && ends.server.session !== null, "not established");
  const [one, other] = [ends.client.session, ends.server.session].map((session) =>
    session.exportKey("EXPORTER-test", null, 32),
  );
  assert.deepEqual(one, other);
  return ends;
}

const PSK = { identity: utf8("kettle"), key: new Uint8Array(32).fill(9) };

for (const crypto of providers) {
  const credential = {
    certificates: [CLIENT_CERTIFICATE],
    key: clientKey(crypto),
    publicKeyInfo: utf8("the client's bare key"),
  };
  for (const version of ["TLS 1.2", "TLS 1.3"] as const) {
    const versions = [version];

    test(`${crypto.name}, ${version}: a client comes back, and back again`, () => {
      const sessions = new RecordedSessions();
      const server = serverConfig(crypto, { sessions, versions, clientCertificate: "required" });
      let { ticket } = meet(server, { credential }).client;
      for (let time = 0; time < 2; time++) {
        assert.ok(ticket !== null, "no ticket came");
        const { client, server: served } = meet(server, { resume: { ticket, ageMs: 1000 } });
        assert.ok(client.session?.resumed === true && served.session?.resumed === true);
        assert.deepEqual(served.session.peerChain, [CLIENT_CERTIFICATE]);
        assert.deepEqual(client.session.peerChain, server.certificates);
        ticket = client.ticket;
      }
    });

    test(`${crypto.name}, ${version}: a pre-shared key proves both`, () => {
      const preSharedKey = (): Uint8Array => PSK.key;
      const server = serverConfig(crypto, { preSharedKey, versions });
      const suites = [SUITES.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256];
      const ends = meet(server, { preSharedKey: PSK, suites });
      assert.deepEqual(ends.server.session?.pskIdentity, PSK.identity);
      assert.equal(ends.client.shown, null);
    });

    test(`${crypto.name}, ${version}: both show bare keys`, () => {
      const publicKeyInfo = utf8("the server's bare key");
      const server = serverConfig(crypto, {
        ...{ versions, publicKeyInfo, clientCertificate: "required" },
        clientCertificateTypes: ["raw-public-key"],
      });
      const serverCertificateTypes = ["raw-public-key"] as const;
      const { publicKeyInfo: bare, key } = credential;
      const own = { certificates: [], publicKeyInfo: bare, key };
      const ends = meet(server, { credential: own, serverCertificateTypes });
      assert.deepEqual(ends.client.shown?.chain, [publicKeyInfo]);
      assert.deepEqual(ends.server.shown?.chain, [bare]);
      assert.equal(ends.server.shown?.certificateType, "raw-public-key");
    });

    test(`${crypto.name}, ${version}: the OCSP response reaches whoever judges the certificate`, () => {
      const response = utf8("stands for an OCSPResponse");
      const server = serverConfig(crypto, { versions, ocspResponse: () => response });
      assert.deepEqual(meet(server, { asksOcsp: true }).client.shown?.ocspResponse, response);
      assert.equal(meet(server, {}).client.shown?.ocspResponse, null);
    });
  }
}
