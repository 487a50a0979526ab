/** Enrolment over HTTPS in the whole daemon: how long anyone may take, how many may come, and what a withdrawal ends. */
import { assert, providers, seeded, test } from "#kit";
import { fromBase64, toBase64, utf8 } from "../../src/base/bytes.ts";
import type { Crypto, SigningKey } from "../../src/base/crypto/crypto.ts";
import {
  CONNECTION_MS,
  HANDSHAKE_MS,
  LINGER_MS,
  MAX_CONNECTIONS,
  MAX_PER_ADDRESS,
} from "../../src/daemon/est-https.ts";
import { bindingsOf } from "../../src/daemon/est.ts";
import type { TcpListener } from "../../src/host/host.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import type { Credential } from "../../src/proto/tls/connection.ts";
import { parseBundle } from "../../src/proto/x509/cms.ts";
import { nameAttribute } from "../../src/proto/x509/name.ts";
import { OID } from "../../src/proto/x509/oids.ts";
import { signRequest } from "../../src/proto/x509/request.ts";
import { EstClient, neighbour } from "../kit/est-client.ts";
import type { EstClientOptions } from "../kit/est-client.ts";
import { join, lampIdentity, MemoryHome, selfSigned, stationKey } from "../kit/memory-home.ts";
import { commonName } from "../proto/x509/pki.ts";

const crypto = providers[0]!;
const HOUSE = `config homeca 'main'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
config client 'ap'
	option prefix '127.0.0.1'
	option secret 'memory-secret-of-a-test'
`;
const WITH_EST = `${HOUSE}config est 'est'
	option enabled '1'
	list listen '127.0.0.1'
`;
const CACERTS = "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: h\r\n\r\n";
const MAC = "02-00-00-00-00-31";

const home = (): MemoryHome => new MemoryHome(crypto, { uci: WITH_EST });
const connect = ({ host }: MemoryHome, options?: EstClientOptions): EstClient =>
  new EstClient(crypto, host, options);

/** The key of first contact, as every scripted station has it. */
const firstCredential = (): Credential => {
  const key = stationKey(crypto);
  return { certificates: [selfSigned(crypto, key)], key };
};

function newKey(name: string, provider: Crypto = crypto): SigningKey {
  return provider.signingKey("P-256", provider.generateScalar("P-256", seeded(`est key ${name}`)));
}

function enrolment(operation: string, key: SigningKey, client: EstClient, subject = "x"): string {
  const [binding] = bindingsOf(client.session!);
  const der = signRequest(commonName(subject), [], key, null, toBase64(binding!));
  const body = toBase64(der);
  return `POST /.well-known/est/${operation} HTTP/1.1\r\nHost: h\r\nContent-Type: application/pkcs10\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

const statusOf = (response: string): number => Number(response.slice(9, 12));

function certificateIn(response: string): ReturnType<typeof parseBundle>["certificates"][number] {
  assert.equal(statusOf(response), 200, response);
  const body = response.slice(response.indexOf("\r\n\r\n"));
  return parseBundle(fromBase64(body)!).certificates[0]!;
}

/** A lamp that has come once and is approved. */
async function approvedLamp(at: MemoryHome): Promise<string> {
  join(at, {
    mac: MAC,
    method: "ttls",
    identity: "@setup.home.arpa",
    chain: [selfSigned(crypto)],
    inner: { name: lampIdentity(), password: "none" },
  });
  const { devices } = await at.call("devices", { state: "pending" });
  // The method's answer as the reference has it.
  const [{ id }] = devices as [{ id: string }];
  await at.call("approve", { id });
  return id;
}

test("without a section that says so nobody listens", () => {
  const closed = new MemoryHome(crypto, { uci: HOUSE });
  assert.equal(connect(closed).state, "refused");
});

for (const version of ["TLS 1.2", "TLS 1.3"] as const) {
  test(`${version}: a lamp waits, enrols, joins and renews, each request tied to its connection`, async () => {
    const at = home();
    const credential = firstCredential();
    const early = connect(at, { credential, version }).start();
    assert.equal(statusOf(early.ask(enrolment("simpleenroll", newKey("a"), early))), 403);
    const id = await approvedLamp(at);
    const certificate = certificateIn(early.ask(enrolment("simpleenroll", newKey("a"), early)));
    assert.equal(nameAttribute(certificate.subject, OID.commonName), id);

    const issuing = certificateIn(connect(at, { version }).start().ask(CACERTS));
    assert.ok(issuing.extensions.basicConstraints?.ca);
    const own = { certificates: [certificate.der], key: newKey("a") };
    const renewing = connect(at, { credential: own, version }).start();
    const next = certificateIn(
      renewing.ask(enrolment("simplereenroll", newKey("b"), renewing, id)),
    );
    assert.deepEqual(next.subject.der, certificate.subject.der);
    // What was made for one connection is worth nothing in another.
    const other = connect(at, { credential: own, version }).start();
    const stolen = enrolment("simplereenroll", newKey("c"), renewing, id);
    assert.equal(statusOf(other.ask(stolen)), 422);
  });
}

test("a withdrawal ends the device's connections, and its handshakes", async () => {
  const at = home();
  const id = await approvedLamp(at);
  const first = connect(at, { credential: firstCredential() }).start();
  const certificate = certificateIn(first.ask(enrolment("simpleenroll", newKey("a"), first)));
  const own = { certificates: [certificate.der], key: newKey("a") };
  const member = connect(at, { credential: own }).start();
  const visitor = connect(at).start();
  assert.equal(statusOf(member.ask(CACERTS)), 200);
  await at.call("revoke", { id });
  assert.deepEqual([first.state, member.state, visitor.state], ["closed", "closed", "open"]);
  const again = connect(at, { credential: own }).start();
  assert.deepEqual([again.alert, again.state], ["certificate_revoked", "closed"]);
});

test("a certificate that could not be put on record is not handed out", async () => {
  const at = home();
  const id = await approvedLamp(at);
  // The kit made this disk.
  const disk = at.host.files as MemoryFiles;
  const client = connect(at, { credential: firstCredential() }).start();
  disk.failNext("appendDurably /etc/homeca/journal", "ENOSPC");
  const refused = client.ask(enrolment("simpleenroll", newKey("a"), client));
  assert.equal(statusOf(refused), 500);
  assert.deepEqual((await at.call("device", { id }))["certificates"], []);
  assert.ok(at.lines.some((line) => line.includes("ENOSPC")));
  certificateIn(client.ask(enrolment("simpleenroll", newKey("a"), client)));
});

test("who sends much right behind its certificate is answered, not cut off", () => {
  for (const [octets, status] of [
    [40_000, 403],
    [200_000, 413],
  ] as const) {
    const there = home();
    const head = "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: h\r\n";
    const type = "Content-Type: application/pkcs10\r\n";
    const behindFinished = `${head}${type}Content-Length: ${octets}\r\n\r\n${"A".repeat(octets)}`;
    const client = connect(there, { credential: firstCredential(), behindFinished }).start();
    const [line] = client.text.split("\r\n");
    assert.ok(line?.startsWith(`HTTP/1.1 ${status} `), `${line}, ${client.alert}`);
    there.stop();
  }
});

test("a handshake has ten seconds, a request fifteen, a connection two minutes", () => {
  const at = home();
  const { clock } = at.host;
  const silent = connect(at);
  const idle = connect(at).start();
  const slow = connect(at).start().send("GET /.well-known/est/cacerts HTTP/1.1\r\n");
  clock.advance(HANDSHAKE_MS - 1);
  assert.equal(silent.state, "open");
  clock.advance(1);
  assert.equal(silent.state, "closed");
  clock.advance(15_000 - HANDSHAKE_MS);
  assert.equal(idle.state, "closed");
  assert.equal(statusOf(slow.text), 408);
  assert.equal(slow.state, "closed");

  const lasting = connect(at).start();
  for (let second = 10; second < CONNECTION_MS / 1000; second += 10) {
    clock.advance(10_000);
    assert.equal(statusOf(lasting.ask(CACERTS)), 200);
  }
  clock.advance(10_000);
  assert.equal(lasting.state, "closed");
});

test("who does not end its half after us is gone soon after", () => {
  const at = home();
  const rude = connect(at);
  rude.sendRaw(utf8("GET / HTTP/1.1\r\n\r\n"));
  assert.equal(rude.state, "closed");

  // It holds its half open and reads nothing.
  let closed = false;
  at.host.connectTcp(
    { address: "127.0.0.1", port: 8443 },
    (connection) => {
      connection.pause();
      connection.send(utf8("this is not TLS at all"));
      return {
        onBytes: () => {},
        onEnd: () => {},
        onDrained: () => {},
        onClose: () => void (closed = true),
      };
    },
    () => assert.fail("it was refused"),
  );
  at.host.clock.advance(LINGER_MS - 1);
  assert.equal(closed, false);
  at.host.clock.advance(1);
  assert.equal(closed, true);
});

test("who asks and asks and reads nothing is cut off before much waits for it", () => {
  const at = home();
  const client = connect(at).start();
  client.pause();
  for (let asked = 0; asked < 99 && client.state === "open"; asked++) client.send(CACERTS);
  assert.equal(client.state, "closed");
});

test("one address may have eight connections and the house thirty-two; a place that is free is given again", () => {
  const at = home();
  const from = (address: string, count: number): EstClient[] =>
    Array.from({ length: count }, () => new EstClient(crypto, neighbour(at.host, address)));
  const open: EstClient[] = [];
  for (let machine = 1; machine <= MAX_CONNECTIONS / MAX_PER_ADDRESS; machine++) {
    open.push(...from(`192.168.1.${machine}`, MAX_PER_ADDRESS));
    const [over] = from(`192.168.1.${machine}`, 1);
    assert.equal(over!.state, "closed");
  }
  const [late] = from("192.168.1.99", 1);
  assert.equal(late!.state, "closed");
  assert.ok(open.every(({ state }) => state === "open"));
  open[0]!.sendRaw(utf8("no TLS"));
  at.host.clock.advance(LINGER_MS);
  assert.equal(open[0]!.state, "closed");
  const [next] = from("192.168.1.99", 1);
  assert.equal(statusOf(next!.start().ask(CACERTS)), 200);
});

test("strangers' keys are looked at five times a minute, and those on record always", async () => {
  const at = home();
  await approvedLamp(at);
  const stranger = (name: string): Credential => {
    const key = newKey(name);
    return { certificates: [selfSigned(crypto, key)], key };
  };
  for (let count = 0; count < 5; count++) {
    const client = connect(at, { credential: stranger(`stranger ${count}`) }).start();
    assert.equal(statusOf(client.ask(enrolment("simpleenroll", newKey("x"), client))), 403);
  }
  at.host.clock.advance(16_000);
  assert.equal(connect(at, { credential: stranger("sixth") }).start().alert, "access_denied");
  const known = connect(at, { credential: firstCredential() }).start();
  certificateIn(known.ask(enrolment("simpleenroll", newKey("a"), known)));
  at.host.clock.advance(60_000);
  assert.equal(connect(at, { credential: stranger("sixth") }).start().alert, null);
});

test("a port that is taken is tried again within a minute", () => {
  let holder: TcpListener | null = null;
  const at = new MemoryHome(crypto, {
    uci: WITH_EST,
    prepare: (host) => {
      holder = host.listenTcp({ address: "127.0.0.1", port: 8443 }, () => assert.fail("it came"));
    },
  });
  assert.ok(
    at.lines.some((line) =>
      line.startsWith("Nobody can enrol at 127.0.0.1 port 8443 (EADDRINUSE)"),
    ),
  );
  // The callback above ran, which the compiler cannot know.
  (holder as TcpListener | null)!.close();
  assert.equal(connect(at).state, "refused");
  at.host.clock.advance(60_000);
  assert.equal(statusOf(connect(at).start().ask(CACERTS)), 200);
});
