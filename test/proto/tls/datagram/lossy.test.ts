import { assert, providers, test } from "#kit";
import { Ends } from "./ends.ts";

/** The host's own cryptography; the pure one where it has none. */
const crypto = providers.at(-1)!;

/** Handshakes per version: a thousand where the host's own cryptography carries them. */
const HANDSHAKES: number = providers.length > 1 ? 1000 : 12;

/** Both ways. What comes later may overtake, and often does. */
const BAD_LINK = { loss: 0.3, duplication: 0.1, latencyMs: 30, jitterMs: 150 } as const;

/**
 * A certificate that fits one datagram, one that takes three, and a path so
 * narrow that everything takes several; with a client's certificate and without.
 */
function handshake(version: "TLS 1.2" | "TLS 1.3", n: number): Ends {
  const ends = new Ends({
    crypto,
    seed: `${version} ${n}`,
    server: { versions: [version], clientCertificate: n % 2 === 0 ? "required" : "none" },
    datagrams: { mtu: n % 3 === 0 ? 300 : null },
    certificate: new Uint8Array(n % 3 === 1 ? 2500 : 600),
    link: BAD_LINK,
  });
  ends.establish();
  return ends;
}

for (const version of ["TLS 1.2", "TLS 1.3"] as const) {
  test(`D${version}: ${HANDSHAKES} handshakes succeed where 30 % of all datagrams are lost`, () => {
    let [sent, lost, slowest] = [0, 0, 0];
    for (let n = 0; n < HANDSHAKES; n++) {
      const { client, server, link } = handshake(version, n);
      const fault = client.failure ?? server.failure;
      assert.equal(fault, null, `handshake ${n}: ${fault?.message}`);
      assert.equal(client.session?.version, version, `handshake ${n}`);
      assert.equal(server.session?.version, version, `handshake ${n}`);
      sent += link.sent;
      lost += link.lost;
      slowest = Math.max(slowest, link.now);
    }
    assert.ok(lost > sent / 4, "the link was bad");
    assert.ok(slowest > 10_000, "some had to wait");
  });
}
