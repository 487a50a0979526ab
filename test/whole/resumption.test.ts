/** Devices that come back to a TLS session: let in again by the record as it is then, never by the ticket. */
import { assert, providers, test } from "#kit";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import type { ClientTicket, TlsVersion } from "../../src/proto/tls/client.ts";
import { SESSION_SECONDS } from "../../src/daemon/tickets.ts";
import type { Joined, StationOptions } from "../kit/memory-home.ts";
import {
  chainOf,
  join,
  lampIdentity,
  MemoryHome,
  requestPem,
  selfSigned,
} from "../kit/memory-home.ts";

const [noble] = providers;
const ACCEPT = 2;
const REJECT = 3;
const MAC = "02-00-00-00-00-11";
const UCI = `config homeca 'main'
	option enforce 'nft'
	list interface 'lan1'
config radius 'radius'
	list listen '127.0.0.1'
	option tls_versions '1.2 1.3'
config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret 'memory-secret-of-a-test'
	option das_address '127.0.0.1'
`;

interface Home {
  readonly home: MemoryHome;
  readonly id: string;
  /** The lamp with its certificate. */
  readonly lamp: StationOptions;
}

/** A home whose lamp has just got its certificate. */
async function homeWithLamp(crypto: Crypto, versions: readonly TlsVersion[]): Promise<Home> {
  const home = new MemoryHome(crypto, { uci: UCI });
  const identity = "@setup.home.arpa";
  const inner = { name: lampIdentity(), password: "none" };
  join(home, { mac: MAC, method: "ttls", identity, chain: [selfSigned(crypto)], inner });
  const { devices } = await home.call("devices");
  // The method's result has an id and a chain.
  const [{ id }] = devices as [{ id: string }];
  await home.call("approve", { id });
  const { chainPem } = await home.call("sign", { id, request: requestPem(crypto) });
  const chain = chainOf(chainPem as string);
  return { home, id, lamp: { mac: MAC, method: "tls", chain, versions } };
}

/** A whole handshake that leaves a ticket. */
function firstTicket({ home, lamp }: Home): ClientTicket {
  const joined = join(home, lamp);
  assert.equal(joined.code, ACCEPT, home.lines.at(-1));
  assert.equal(joined.session?.resumed, false);
  assert.ok(joined.ticket !== null, "no ticket");
  return joined.ticket;
}

const comeBack = ({ home, lamp }: Home, resume: ClientTicket): Joined =>
  join(home, { ...lamp, resume });

for (const version of ["TLS 1.2", "TLS 1.3"] as const) {
  for (const crypto of providers) {
    const name = `${crypto.name}: over ${version}`;

    test(`${name} a device comes back to its session, again and again, with new keys each time`, async () => {
      const at = await homeWithLamp(crypto, [version]);
      let ticket = firstTicket(at);
      const keys = new Set<string>();
      for (let turn = 0; turn < 3; turn++) {
        const joined = comeBack(at, ticket);
        assert.equal(joined.code, ACCEPT, at.home.lines.at(-1));
        assert.equal(joined.session?.resumed, true);
        assert.ok(joined.answer.keys !== null, "no keys");
        keys.add(joined.answer.keys.recv.join());
        assert.ok(joined.ticket !== null, "no ticket for the next time");
        ticket = joined.ticket;
      }
      assert.equal(keys.size, 3);
      assert.equal((await at.home.call("status")).status, 0);
    });

    test(`${name} a ticket serves once`, async () => {
      const at = await homeWithLamp(crypto, [version]);
      const ticket = firstTicket(at);
      assert.equal(comeBack(at, ticket).session?.resumed, true);
      const again = comeBack(at, ticket);
      assert.equal(again.code, ACCEPT);
      assert.equal(again.session?.resumed, false);
    });

    test(`${name} a revoked device's ticket is worthless`, async () => {
      const at = await homeWithLamp(crypto, [version]);
      const ticket = firstTicket(at);
      await at.home.call("revoke", { id: at.id });
      const joined = comeBack(at, ticket);
      assert.equal(joined.code, REJECT);
      assert.notEqual(joined.session?.resumed, true);
    });

    test(`${name} a ticket of EAP-TLS is none in EAP-TTLS`, async () => {
      const at = await homeWithLamp(crypto, [version]);
      const resume = firstTicket(at);
      const inner = { name: lampIdentity(), password: "none" };
      const joined = join(at.home, { ...at.lamp, method: "ttls", resume, inner });
      assert.equal(joined.code, ACCEPT, at.home.lines.at(-1));
      assert.equal(joined.session?.resumed, false);
    });
  }

  test(`over ${version} EAP-TTLS with a certificate comes back without its inner method`, async () => {
    const at = await homeWithLamp(noble!, [version]);
    const inner = { name: lampIdentity(), password: "none" };
    const lamp: StationOptions = { ...at.lamp, method: "ttls", inner };
    const first = join(at.home, lamp);
    assert.equal(first.code, ACCEPT, at.home.lines.at(-1));
    assert.ok(first.ticket !== null, "no ticket");
    const again = join(at.home, { ...lamp, resume: first.ticket });
    assert.equal(again.code, ACCEPT, at.home.lines.at(-1));
    assert.equal(again.session?.resumed, true);
  });

  test(`over ${version} a device that is denied, released or doubted gets no further by its ticket`, async () => {
    for (const method of ["release", "revoke"]) {
      const at = await homeWithLamp(noble!, [version]);
      const ticket = firstTicket(at);
      await at.home.call(method, { id: at.id });
      await at.home.call("readmit", { id: at.id });
      // It is a stranger again, and its certificate is on the list.
      assert.notEqual(comeBack(at, ticket).session?.resumed, true, method);
    }
  });

  test(`over ${version} a stranger's session is no way in`, async () => {
    const home = new MemoryHome(noble!, { uci: UCI });
    const inner = { name: lampIdentity(), password: "none" };
    const stranger: StationOptions = {
      ...{ mac: MAC, method: "ttls", identity: "@setup.home.arpa", inner, versions: [version] },
      chain: [selfSigned(noble!)],
    };
    const first = join(home, stranger);
    assert.equal(first.code, ACCEPT, "quarantine");
    if (first.ticket === null) return;
    const again = join(home, { ...stranger, resume: first.ticket });
    assert.notEqual(again.session?.resumed, true);
  });

  test(`over ${version} the session ends ${SESSION_SECONDS / 3600} hours after the key was proved, however often it was resumed`, async () => {
    const at = await homeWithLamp(noble!, [version]);
    let ticket = firstTicket(at);
    for (let hours = 0; hours < 6; hours += 3) {
      at.home.host.clock.advance(3 * 3_600_000);
      const joined = comeBack(at, ticket);
      assert.equal(joined.session?.resumed, true, `after ${hours + 3} hours`);
      ticket = joined.ticket!;
    }
    at.home.host.clock.advance(2 * 3_600_000);
    const late = comeBack(at, ticket);
    assert.equal(late.code, ACCEPT);
    assert.equal(late.session?.resumed, false);
  });

  test(`over ${version} nobody comes back after a restart but by a whole handshake`, async () => {
    const at = await homeWithLamp(noble!, [version]);
    const resume = firstTicket(at);
    const home = new MemoryHome(noble!, { uci: UCI, files: at.home.stop() });
    const joined = join(home, { ...at.lamp, resume });
    assert.equal(joined.code, ACCEPT, home.lines.at(-1));
    assert.equal(joined.session?.resumed, false);
  });
}
