import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { TlsClient } from "../../../src/proto/tls/client.ts";
import type { ClientTicket, TlsClientConfig } from "../../../src/proto/tls/client.ts";
import type { TlsServerConfig } from "../../../src/proto/tls/server.ts";
import { MemorySessions } from "../../../src/proto/tls/session-store.ts";
import { DEFAULT_SUITES_CLIENT } from "../../../src/proto/tls/suites.ts";
import type { Suite } from "../../../src/proto/tls/suites.ts";
import { CLIENT_CERTIFICATE, clientKey, serverConfig, serverKey } from "../../kit/tls-client.ts";
import { clientConfig, Pair } from "../../kit/tls-pair.ts";

const PSK = { identity: utf8("device"), key: utf8("sixteen octets and more") };
const OCSP = utf8("stands for an OCSP response");
const SERVER_SPKI = utf8("stands for the server's bare key");
const CLIENT_SPKI = utf8("stands for the client's bare key");

const pskSuites = (): readonly Suite[] =>
  DEFAULT_SUITES_CLIENT.filter(({ keyExchange }) => keyExchange === "ecdhe-psk");

for (const crypto of providers) {
  for (const version of ["TLS 1.2", "TLS 1.3"] as const) {
    const pair = (
      client: Partial<TlsClientConfig>,
      server: Partial<TlsServerConfig> = {},
    ): Pair => {
      const versions = [version];
      const random = seeded(`client ${JSON.stringify(Object.keys(client))}`);
      return new Pair(
        clientConfig(crypto, { versions, random, ...client }),
        serverConfig(crypto, server),
      );
    };
    const name = `${crypto.name}, ${version}`;
    const credential = { certificates: [CLIENT_CERTIFICATE], key: clientKey(crypto) };

    /** A store whose owner stands by every session. */
    const sessions = (): MemorySessions<string> =>
      new MemorySessions({
        ...{ random: seeded("tickets"), now: () => mono(0) },
        ...{ lifetimeSeconds: 100, maxSessions: 10 },
      });
    const came = (store: MemorySessions<string>, one: Pair): ClientTicket => {
      const [, server] = one.establish().sessions;
      assert.ok(server.issuedTicket !== null, "a ticket was issued");
      store.tag(server.issuedTicket, "somebody");
      const [ticket] = one.client.tickets;
      assert.ok(ticket !== undefined, "a ticket came");
      return ticket;
    };

    for (const group of ["P-256", "X25519"] as const) {
      test(`${name}: a session is resumed, and resumed again, by a server of ${group}`, () => {
        const store = sessions();
        const server = { sessions: store, clientCertificate: "required", groups: [group] } as const;
        let ticket = came(store, pair({ credential }, server));
        for (let count = 0; count < 2; count++) {
          const resumed = pair({ credential, resume: { ticket, ageMs: 1234 } }, server);
          ticket = came(store, resumed);
          const [ours, theirs] = resumed.sessions;
          assert.deepEqual([ours.resumed, theirs.resumed], [true, true]);
          assert.deepEqual(ours.peerChain, ticket.session.peerChain);
          assert.deepEqual(theirs.peerChain, [CLIENT_CERTIFICATE]);
          assert.equal(resumed.client.shown, null, "nobody is asked again");
          const key = ours.exportKey("EXPORTER-test", null, 32);
          assert.deepEqual(key, theirs.exportKey("EXPORTER-test", null, 32));
          assert.deepEqual(ours.channelBinding, theirs.channelBinding);
        }
      });
    }

    test(`${name}: a ticket the server does not know leads to a full handshake`, () => {
      const store = sessions();
      const ticket = came(store, pair({}, { sessions: store }));
      store.clear();
      const [ours] = pair({ resume: { ticket, ageMs: 0 } }, { sessions: store }).establish()
        .sessions;
      assert.equal(ours.resumed, false);
    });

    test(`${name}: a ticket whose secret is another's is no way in`, () => {
      const store = sessions();
      const ticket = came(store, pair({}, { sessions: store }));
      const session = {
        ...ticket.session,
        secret: ticket.session.secret.map((octet) => octet ^ 1),
      };
      const forged = pair(
        { resume: { ticket: { ...ticket, session }, ageMs: 0 } },
        { sessions: store },
      );
      forged.start();
      assert.equal(forged.server.session, null);
      assert.equal(forged.client.session, null);
    });

    test(`${name}: a pre-shared key stands in for certificates`, () => {
      const preSharedKey = (identity: Uint8Array): Uint8Array | null =>
        identity.length === PSK.identity.length ? PSK.key : null;
      const suites = version === "TLS 1.2" ? { suites: pskSuites() } : {};
      const one = pair({ preSharedKey: PSK, ...suites }, { preSharedKey }).establish();
      const [ours, theirs] = one.sessions;
      assert.equal(one.client.shown, null);
      assert.deepEqual(ours.pskIdentity, PSK.identity);
      assert.deepEqual(theirs.pskIdentity, PSK.identity);
      assert.deepEqual([ours.resumed, ours.peerChain], [false, []]);
      assert.ok(ours.group !== null, "always with a key agreement");
      assert.deepEqual(one.client.tickets, []);
    });

    test(`${name}: a pre-shared key that is another's fails`, () => {
      const suites = version === "TLS 1.2" ? { suites: pskSuites() } : {};
      const one = pair(
        { preSharedKey: PSK, ...suites },
        { preSharedKey: () => utf8("another key of sixteen octets") },
      );
      one.start();
      assert.equal(one.server.session, null);
      assert.equal(one.client.session, null);
    });

    const bareServer: Partial<TlsServerConfig> = {
      publicKeyInfo: SERVER_SPKI,
      clientCertificate: "required",
      clientCertificateTypes: ["raw-public-key"],
    };
    const bareClient: Partial<TlsClientConfig> = {
      serverCertificateTypes: ["raw-public-key"],
      credential: { certificates: [], key: clientKey(crypto), publicKeyInfo: CLIENT_SPKI },
    };

    test(`${name}: bare keys both ways`, () => {
      const one = pair(bareClient, bareServer).establish();
      assert.equal(one.client.shown?.certificateType, "raw-public-key");
      assert.equal(one.server.shown?.certificateType, "raw-public-key");
      assert.deepEqual(one.client.shown?.chain, [SERVER_SPKI]);
      assert.deepEqual(one.sessions[1].peerChain, [CLIENT_SPKI]);
    });

    test(`${name}: a session of bare keys is resumed by a server that says nothing of them again`, () => {
      const store = sessions();
      const server = { ...bareServer, sessions: store };
      const ticket = came(store, pair(bareClient, server));
      const one = pair({ ...bareClient, resume: { ticket, ageMs: 0 } }, server);
      const again = came(store, one);
      assert.deepEqual([one.sessions[0].resumed, one.sessions[1].resumed], [true, true]);
      assert.equal(again.session.peerCertificateType, "raw-public-key");
      assert.deepEqual(one.sessions[0].peerChain, [SERVER_SPKI]);
    });

    test(`${name}: a client with a bare key alone, of which no certificate is asked`, () => {
      const server = { publicKeyInfo: SERVER_SPKI, clientCertificate: "none" } as const;
      const one = pair(bareClient, server).establish();
      assert.deepEqual(one.client.shown?.chain, [SERVER_SPKI]);
      assert.equal(one.server.shown, null);
    });

    test(`${name}: a client with bare keys alone takes a pre-shared key too`, () => {
      const suites = version === "TLS 1.2" ? { suites: pskSuites() } : {};
      const client = { ...bareClient, ...suites, preSharedKey: PSK };
      const one = pair(client, { preSharedKey: () => PSK.key }).establish();
      assert.deepEqual(one.sessions[0].pskIdentity, PSK.identity);
    });

    test(`${name}: an OCSP response comes where it was asked for`, () => {
      const server = { ocspResponse: () => OCSP };
      assert.deepEqual(
        pair({ asksOcsp: true }, server).establish().client.shown?.ocspResponse,
        OCSP,
      );
      assert.equal(pair({}, server).establish().client.shown?.ocspResponse, null);
    });

    test(`${name}: an application protocol is agreed on, or the server refuses`, () => {
      const server = { applicationProtocols: ["coap", "h2"] };
      const one = pair({ applicationProtocols: ["h2", "coap"] }, server).establish();
      assert.deepEqual(
        one.sessions.map(({ alpn }) => alpn),
        ["coap", "coap"],
      );
      const none = pair({ applicationProtocols: ["h3"] }, server).start();
      assert.equal(none.client.failure?.alert, "no_application_protocol");
    });

    test(`${name}: a chain that is refused ends with the alert it is refused with`, () => {
      const wrong = new Pair(
        clientConfig(crypto, { versions: [version] }),
        serverConfig(crypto),
        clientKey(crypto).publicKey,
      ).start();
      assert.equal(wrong.client.failure?.reason, "bad-signature");
      assert.equal(wrong.server.failure?.alert, "decrypt_error");
    });
  }

  test(`${crypto.name}: KeyUpdates from either side, and data in between`, () => {
    const one = new Pair(clientConfig(crypto), serverConfig(crypto)).establish();
    for (const end of ["client", "server", "client", "client", "server"] as const) {
      one.tell(end, { kind: "update-keys" });
      one.tell("client", { kind: "send", bytes: utf8("a") });
      one.tell("server", { kind: "send", bytes: utf8("b") });
    }
    assert.deepEqual(one.server.data, utf8("aaaaa"));
    assert.deepEqual(one.client.data, utf8("bbbbb"));
  });

  test(`${crypto.name}: a resumption behind a HelloRetryRequest`, () => {
    const store = new MemorySessions<string>({
      ...{ random: seeded("tickets"), now: () => mono(0), lifetimeSeconds: 100, maxSessions: 10 },
    });
    const server = { sessions: store, groups: ["X25519"] } as const;
    const groups = ["P-384", "X25519"] as const;
    const first = new Pair(clientConfig(crypto, { groups }), serverConfig(crypto, server));
    store.tag(first.establish().sessions[1].issuedTicket ?? new Uint8Array(), "somebody");
    const ticket = first.client.tickets[0]!;
    // The imported keys, of both hashes, make it several binders.
    const changes = { groups, resume: { ticket, ageMs: 9 }, preSharedKey: PSK };
    const again = new Pair(clientConfig(crypto, changes), serverConfig(crypto, server)).establish();
    assert.equal(again.sessions[0].resumed, true);
    assert.equal(again.sessions[0].group, "X25519");
  });
}

test("a configuration that no server could be spoken to with is refused", () => {
  const [crypto] = providers;
  const key = serverKey(crypto!);
  for (const change of [
    { versions: [] },
    { suites: [] },
    { suites13: [] },
    { groups: [] },
    { serverCertificateTypes: [] },
    { serverName: "" },
    { serverName: "a name" },
    { credential: { certificates: [], key } },
    { preSharedKey: { ...PSK, identity: new Uint8Array() } },
    { preSharedKey: { ...PSK, key: new Uint8Array(15) } },
  ]) {
    assert.throws(
      () => new TlsClient(clientConfig(crypto!, change)),
      RangeError,
      JSON.stringify(change),
    );
  }
});
