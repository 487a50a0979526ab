/** The whole daemon, on both engines, against conversations that are out of order, repeated, crossed, left alone or too many. */
import { assert, providers, test } from "#kit";
import { toHex, utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { LIMITED_LINES } from "../../src/daemon/log.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import {
  AcctSessionId,
  AcctStatusType,
  attribute,
  CallingStationId,
  Class,
  ErrorCause,
  read,
  State,
} from "../../src/proto/radius/attributes.ts";
import { sealAccessRequest, sealResponse } from "../../src/proto/radius/authenticator.ts";
import { eapMessage, splitEapMessage } from "../../src/proto/radius/eap-message.ts";
import {
  DISCONNECT_ACK,
  DISCONNECT_NAK,
  DISCONNECT_REQUEST,
  parsePacket,
} from "../../src/proto/radius/packet.ts";
import { eapPacket, pap, Station } from "../fuzz/station.ts";
import {
  chainOf,
  lampIdentity,
  MemoryHome,
  type MemoryHomeOptions,
  requestPem,
  selfSigned,
} from "../kit/memory-home.ts";
import { RadiusTestClient } from "../kit/radius-client.ts";
import { seeded } from "../kit/random.ts";

const SECRET = "hostile-secret-of-a-test";
const OTHER_SECRET = "another-secret-of-a-test";
const CONFIG = "/etc/config/homeca";
const ACCOUNTING = "/var/run/homeca/accounting";
const SOCKET = "/var/run/homeca/homeca.sock";
const AUTH = { address: "127.0.0.1", port: 1812 };
const ACCT = { address: "127.0.0.1", port: 1813 };
const ACCEPT = 2;
const REJECT = 3;
const CHALLENGE = 11;
const START = 1;
const STOP = 2;
const MAC = "02-00-00-00-00-11";

function uci(limits = "", client = ""): string {
  return `config homeca 'main'
	option enforce 'nft'
	list interface 'lan1'
	option log_level 'debug'
config radius 'radius'
	list listen '127.0.0.1'
config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret '${SECRET}'
	option das_address '127.0.0.9'
config client 'attic'
	option prefix '127.0.0.2'
	option secret '${OTHER_SECRET}'
${client}
config limits 'limits'
	option onboarding_per_minute '60'
${limits}`;
}

function homeWith(crypto: Crypto, options: MemoryHomeOptions = {}): MemoryHome {
  return new MemoryHome(crypto, { uci: uci(), ...options });
}

/** A socket at the access point's end. */
class Line {
  readonly #home: MemoryHome;
  readonly #socket: ReturnType<MemoryHome["host"]["udp"]>;
  arrived: Uint8Array[] = [];

  constructor(home: MemoryHome, address = "127.0.0.1") {
    this.#home = home;
    this.#socket = home.host.udp({ address, port: 0 }, (bytes) => void this.arrived.push(bytes));
  }

  /** Sends and leaves the answer for later. */
  send(datagram: Uint8Array, to: typeof AUTH = AUTH): void {
    this.#socket.send(datagram, to);
    this.#home.host.clock.advance(0);
  }

  /** Sends, waits a millisecond, and gives what came, or null for silence. */
  ask(datagram: Uint8Array, to: typeof AUTH = AUTH): Uint8Array | null {
    this.arrived = [];
    this.send(datagram, to);
    this.#home.host.clock.advance(1);
    return this.arrived[0] ?? null;
  }
}

/** A station with an access point's socket of its own. */
class Visitor {
  readonly station: Station;
  readonly line: Line;

  constructor(
    home: MemoryHome,
    chain: readonly Uint8Array[],
    mac = MAC,
    method: "tls" | "ttls" = "tls",
  ) {
    const stranger = { identity: "@setup.home.arpa", inner: pap(lampIdentity(), "none") };
    const options = { secret: SECRET, mac, method, chain, ...(method === "ttls" ? stranger : {}) };
    this.station = new Station(home.host.crypto, options, `${home.nextJoin()}`);
    this.line = new Line(home);
  }

  /** One round; the code of the answer, or null for silence. */
  step(): number | null {
    const reply = this.line.ask(this.station.request());
    return reply === null ? null : this.station.take(reply).code;
  }

  /** So many rounds, each of which must end in a Challenge. */
  steps(count: number): this {
    for (let round = 1; round <= count; round++) {
      assert.equal(this.step(), CHALLENGE, `round ${round}`);
    }
    return this;
  }

  /** Until it is decided. */
  finish(): number | null {
    for (let round = 0; round < 40; round++) {
      const code = this.step();
      if (code !== CHALLENGE) return code;
    }
    return assert.fail("no end after 40 rounds");
  }
}

function stranger(home: MemoryHome, mac = MAC): Visitor {
  return new Visitor(home, [selfSigned(home.host.crypto)], mac, "ttls");
}

/** A lamp that was approved and has its certificate. */
async function certified(home: MemoryHome): Promise<{ id: string; chain: readonly Uint8Array[] }> {
  assert.equal(stranger(home).finish(), ACCEPT);
  const { devices } = await home.call("devices");
  const [{ id }] = devices as [{ id: string }];
  assert.equal((await home.call("approve", { id }))["status"], 0);
  const { chainPem } = await home.call("sign", { id, request: requestPem(home.host.crypto) });
  return { id, chain: chainOf(chainPem as string) };
}

/** Rounds of an honest EAP-TLS conversation before the one that decides. */
const TLS_ROUNDS = 3;

async function counters(home: MemoryHome): Promise<Record<string, number>> {
  const { counters } = await home.call("status");
  return counters as Record<string, number>;
}

async function open(home: MemoryHome): Promise<number> {
  const { authenticationsOpen } = await home.call("status");
  return authenticationsOpen as number;
}

function matching(home: MemoryHome, wanted: RegExp): readonly string[] {
  return home.lines.filter((line) => wanted.test(line));
}

/** The disk of a home that the kit made. */
function disk(home: MemoryHome): MemoryFiles {
  return home.host.files as MemoryFiles;
}

for (const crypto of providers) {
  test(`${crypto.name}: an honest EAP-TLS conversation has ${TLS_ROUNDS} Challenges before it is decided`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    assert.equal(new Visitor(home, chain).steps(TLS_ROUNDS).step(), ACCEPT);
  });

  test(`${crypto.name}: an EAP packet of an earlier round gets the last request again and changes nothing`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    const visitor = new Visitor(home, chain);
    const { station, line } = visitor;
    const said: Uint8Array[] = [];
    for (let round = 0; round < TLS_ROUNDS; round++) {
      said.push(station.eap);
      const answer = station.take(line.ask(station.request())!);
      assert.equal(answer.code, CHALLENGE);
      for (const old of said) {
        const { code, attributes } = parsePacket(line.ask(station.request(old))!);
        assert.equal(code, CHALLENGE);
        assert.equal(read(attributes, ErrorCause), 202);
        assert.deepEqual(eapMessage(attributes), answer.eap);
      }
    }
    assert.equal(await open(home), 1);
    assert.equal(visitor.finish(), ACCEPT);
  });

  test(`${crypto.name}: packets from the future of a conversation are ignored too, and the honest ones go on`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    const visitor = new Visitor(home, chain).steps(2);
    const honest = visitor.station.eap;
    for (const identifier of [0, 1, 128, 255]) {
      if (identifier === honest[1]) continue;
      for (const type of [1, 3, 13, 21, 254]) {
        const packet = eapPacket(identifier, type, Uint8Array.of(0));
        const reply = visitor.line.ask(visitor.station.request(packet));
        assert.equal(parsePacket(reply!).code, CHALLENGE);
      }
    }
    assert.equal(visitor.finish(), ACCEPT);
  });

  test(`${crypto.name}: a whole conversation said again is refused in the round where it needs a key`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    const first = new Visitor(home, chain);
    const said: Uint8Array[] = [];
    for (let code: number | null = CHALLENGE; code === CHALLENGE;) {
      said.push(first.station.eap);
      code = first.step();
      if (code !== CHALLENGE) assert.equal(code, ACCEPT);
    }
    const thief = new RadiusTestClient(crypto, seeded("thief"), utf8(SECRET));
    const line = new Line(home);
    const { attributes } = first.station;
    let identifier = said[0]![1]!;
    const codes: number[] = [];
    for (const packet of said) {
      const eap = packet.slice();
      eap[1] = identifier;
      const answer = thief.open(line.ask(thief.accessRequest({ eap, attributes }))!);
      codes.push(answer.code);
      if (answer.code !== CHALLENGE) break;
      identifier = answer.eap![1]!;
    }
    assert.equal(codes.at(-1), REJECT);
    assert.ok(!codes.includes(ACCEPT));
    assert.equal(await open(home), 0);
  });

  test(`${crypto.name}: the State of another access point is rejected, and its conversation goes on`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    const visitor = new Visitor(home, chain);
    const reply = visitor.line.ask(visitor.station.request());
    const state = read(parsePacket(reply!).attributes, State);
    visitor.station.take(reply!);
    const attic = new Line(home, "127.0.0.2");
    const stolen = {
      code: 1,
      identifier: 7,
      authenticator: new Uint8Array(16).fill(9),
      attributes: [
        ...visitor.station.attributes,
        ...splitEapMessage(visitor.station.eap),
        attribute(State, state!),
      ],
    };
    const answer = attic.ask(sealAccessRequest(crypto, utf8(OTHER_SECRET), stolen));
    assert.equal(parsePacket(answer!).code, REJECT);
    assert.equal((await counters(home))["unknown-state"], 1);
    assert.equal(visitor.finish(), ACCEPT);
  });

  test(`${crypto.name}: a State we never gave, or gave up, is rejected and counted, and nothing is opened for it`, async () => {
    const home = homeWith(crypto);
    const line = new Line(home);
    const lengths = [1, 15, 16, 17, 253];
    for (const [at, length] of lengths.entries()) {
      const request = {
        code: 1,
        identifier: at,
        authenticator: new Uint8Array(16).fill(at + 1),
        attributes: [
          ...splitEapMessage(eapPacket(1, 1, utf8("@homeca.home.arpa"))),
          attribute(State, new Uint8Array(length).fill(0xee)),
        ],
      };
      const reply = line.ask(sealAccessRequest(crypto, utf8(SECRET), request));
      assert.equal(parsePacket(reply!).code, REJECT, `State of ${length} octets`);
    }
    assert.equal((await counters(home))["unknown-state"], lengths.length);
    assert.equal(await open(home), 0);
  });

  test(`${crypto.name}: two conversations interleaved and crossed do not mix`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    const lamp = new Visitor(home, chain);
    const unknown = stranger(home, "02-00-00-00-00-22");
    for (let round = 0; round < TLS_ROUNDS; round++) {
      // The one's packet under the other's State changes nothing for either.
      for (const [one, other] of [
        [lamp, unknown],
        [unknown, lamp],
      ] as const) {
        if (round > 1) {
          const crossed = parsePacket(one.line.ask(one.station.request(other.station.eap))!);
          assert.equal(crossed.code, CHALLENGE);
          assert.equal(read(crossed.attributes, ErrorCause), 202);
        }
        assert.equal(one.step(), CHALLENGE);
      }
    }
    assert.equal(lamp.finish(), ACCEPT);
    assert.equal(unknown.finish(), ACCEPT);
    const kinds = home.nft
      .slice(-2)
      .map(
        (text) => /homeca (admitted|quarantined) \{ "lan1" \. \S+ timeout \d{2,}s/u.exec(text)?.[1],
      );
    assert.deepEqual(kinds, ["admitted", "quarantined"]);
  });

  test(`${crypto.name}: three at a time from one device each have keys of their own`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    const visitors = [1, 2, 3].map(() => new Visitor(home, chain));
    for (let round = 0; round < TLS_ROUNDS; round++) {
      for (const visitor of visitors) assert.equal(visitor.step(), CHALLENGE);
    }
    for (const visitor of visitors.toReversed()) assert.equal(visitor.step(), ACCEPT);
    assert.ok(visitors.every(({ station }) => station.msk !== null));
  });

  test(`${crypto.name}: at the bound the oldest conversation gives way, one with a proved key stays`, async () => {
    const home = homeWith(crypto, { uci: uci("\toption authentications_max '8'\n") });
    const { chain } = await certified(home);
    const proved = new Visitor(home, chain).steps(TLS_ROUNDS);
    const waiting = Array.from({ length: 7 }, () => new Visitor(home, chain).steps(1));
    assert.equal(await open(home), 8);
    const late = new Visitor(home, chain).steps(1);
    assert.equal(await open(home), 8);
    assert.equal(waiting[0]!.step(), REJECT, "the oldest went on");
    assert.equal(waiting[1]!.step(), CHALLENGE);
    assert.equal(late.step(), CHALLENGE);
    assert.equal(proved.step(), ACCEPT);
  });

  test(`${crypto.name}: showing somebody's chain without its key holds no place at the bound`, async () => {
    const home = homeWith(crypto, { uci: uci("\toption authentications_max '8'\n") });
    const { chain } = await certified(home);
    // A flight that ends behind the certificate: the chain is public in TLS 1.2, the key is not.
    const cut = (flight: Uint8Array, number: number): Uint8Array =>
      number === 1 ? flight.subarray(0, 5 + ((flight[3]! << 8) | flight[4]!)) : flight;
    for (let n = 0; n < 8; n++) {
      const options = { secret: SECRET, mac: MAC, method: "tls", chain, spoil: cut } as const;
      const thief = new Station(crypto, options, `thief ${n}`);
      const line = new Line(home);
      for (let round = 0; round < TLS_ROUNDS; round++) {
        const reply = line.ask(thief.request());
        assert.equal(thief.take(reply!).code, CHALLENGE, `thief ${n}, round ${round}`);
      }
    }
    assert.equal(await open(home), 8);
    assert.equal(new Visitor(home, chain).finish(), ACCEPT, "thieves kept the owner's device out");
  });

  test(`${crypto.name}: conversations left alone are freed after two minutes, and not before`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    const left = [1, 2, 3].map((rounds) => new Visitor(home, chain).steps(rounds));
    home.host.clock.advance(119_000);
    assert.equal(await open(home), 3);
    home.host.clock.advance(2000);
    assert.equal(await open(home), 0);
    assert.equal(left[0]!.step(), REJECT);
    assert.equal(new Visitor(home, chain).finish(), ACCEPT);
  });

  test(`${crypto.name}: while nft works a repeat gets silence, then each repeat the same Accept, and nft ran once`, async () => {
    let takes = 0;
    const home = homeWith(crypto, { script: () => ({ takes }) });
    const { chain } = await certified(home);
    takes = 500;
    const { station, line } = new Visitor(home, chain).steps(TLS_ROUNDS);
    const before = home.nft.length;
    const last = station.request();
    assert.equal(line.ask(last), null);
    assert.equal(line.ask(last), null, "a repeat was worked on");
    // The NAS may also ask anew under another Identifier: that is no second admission either.
    assert.equal(line.ask(station.request()), null);
    home.host.clock.advance(600);
    assert.equal(home.nft.length, before + 1);
    assert.deepEqual(
      line.arrived.map((bytes) => parsePacket(bytes).code),
      [ACCEPT],
    );
    const [accept] = line.arrived;
    assert.deepEqual(line.ask(last), accept);
    assert.equal(home.nft.length, before + 1);
  });

  test(`${crypto.name}: a flood from nowhere gets silence, a count, and a handful of lines`, async () => {
    const home = homeWith(crypto);
    const flood = new Line(home, "127.0.0.77");
    const datagram = new Station(
      crypto,
      { secret: SECRET, mac: MAC, method: "tls", chain: [] },
      "flood",
    ).request();
    for (let n = 0; n < 1000; n++)
      flood.send(n % 2 === 0 ? datagram : datagram.subarray(0, n % 40));
    home.host.clock.advance(1);
    assert.deepEqual(flood.arrived, []);
    assert.equal((await counters(home))["discarded unknown-client"], 1000);
    assert.ok(matching(home, /127\.0\.0\.77/u).length <= 5);
    assert.equal(await open(home), 0);
  });

  test(`${crypto.name}: a flood of bad packets from a known address gets silence and a handful of lines of each kind`, async () => {
    const home = homeWith(crypto);
    const line = new Line(home);
    const good = new Station(
      crypto,
      { secret: "not the secret", mac: MAC, method: "tls", chain: [] },
      "bad",
    );
    const before = home.lines.length;
    for (let n = 0; n < 300; n++) {
      const wrong = good.request();
      line.send(
        n % 3 === 0 ? wrong : n % 3 === 1 ? wrong.subarray(0, n % 60) : new Uint8Array(5000),
      );
    }
    home.host.clock.advance(1);
    assert.deepEqual(line.arrived, []);
    const count = await counters(home);
    assert.equal(count["discarded wrong-message-authenticator"], 100);
    assert.equal((count["discarded truncated"] ?? 0) + (count["discarded bad-length"] ?? 0), 200);
    assert.ok(home.lines.length - before <= 15, `${home.lines.length - before} lines`);
    assert.equal(matching(home, /its shared secret is another one/u).length, 5);
  });

  test(`${crypto.name}: a thousand conversations begun at once stay at the bound, and a device gets in among them`, async () => {
    const home = homeWith(crypto, { uci: uci("\toption authentications_max '16'\n") });
    const { chain } = await certified(home);
    const lines = home.lines.length;
    for (let n = 0; n < 1000; n++) {
      new Visitor(
        home,
        [],
        `02-00-00-00-${toHex(Uint8Array.of(n >> 8))}-${toHex(Uint8Array.of(n & 255))}`,
      ).steps(1);
      assert.ok(n % 100 !== 0 || (await open(home)) <= 16);
    }
    assert.equal(await open(home), 16);
    assert.equal(new Visitor(home, chain).finish(), ACCEPT);
    assert.ok(home.lines.length - lines <= 20, `${home.lines.length - lines} lines`);
  });
}

for (const crypto of providers) {
  test(`${crypto.name}: a session report is answered once it is stored, and by nothing while the disk is full`, () => {
    const home = homeWith(crypto);
    const line = new Line(home);
    const nas = new RadiusTestClient(crypto, seeded("accounting"), utf8(SECRET));
    const report = nas.accountingRequest([
      attribute(AcctStatusType, START),
      attribute(AcctSessionId, "1"),
      attribute(CallingStationId, MAC),
    ]);
    disk(home).limitTo(0);
    assert.equal(line.ask(report, ACCT), null);
    assert.equal(line.ask(report, ACCT), null);
    assert.equal(matching(home, /A session report was not stored .*ENOSPC/u).length, 2);
    disk(home).limitTo(1_000_000);
    const reply = line.ask(report, ACCT);
    assert.ok(reply !== null, "silence with room on the disk");
    assert.equal(nas.open(reply).code, 5);
    const stored = new TextReader(disk(home).read(ACCOUNTING)!).lines;
    assert.equal(stored.length, 1);
    // A repeat is answered from the cache and not stored twice.
    assert.deepEqual(line.ask(report, ACCT), reply);
    assert.equal(new TextReader(disk(home).read(ACCOUNTING)!).lines.length, 1);
  });

  test(`${crypto.name}: the Stop of an earlier session does not end the one that followed`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    const classOf = (): Uint8Array => {
      const visitor = new Visitor(home, chain).steps(TLS_ROUNDS);
      const answer = visitor.station.take(visitor.line.ask(visitor.station.request())!);
      assert.equal(answer.code, ACCEPT);
      return read(answer.attributes, Class)!;
    };
    const [first, second] = [classOf(), classOf()];
    assert.notEqual(toHex(first), toHex(second));
    const line = new Line(home);
    const nas = new RadiusTestClient(crypto, seeded("stops"), utf8(SECRET));
    const stop = (value: Uint8Array | null): void => {
      const request = nas.accountingRequest([
        attribute(AcctStatusType, STOP),
        attribute(AcctSessionId, "1"),
        attribute(CallingStationId, MAC),
        ...(value === null ? [] : [attribute(Class, value)]),
      ]);
      const reply = line.ask(request, ACCT);
      assert.equal(nas.open(reply!).code, 5);
    };
    const place = async (): Promise<string> => {
      const { devices } = await home.call("devices");
      return (devices as { place: string }[])[0]!.place;
    };
    for (const value of [first, null, utf8("0123456789abcdef"), Uint8Array.of(0xff)]) {
      stop(value);
      assert.equal(await place(), "home");
    }
    stop(second);
    assert.equal(await place(), "none");
  });

  test(`${crypto.name}: sessions that end while nft refuses do not fill the log`, async () => {
    let refuses = false;
    const home = homeWith(crypto, {
      script: (command) => (refuses && command[1] === "-f" ? { status: 1, stderr: "busy" } : {}),
    });
    const { chain } = await certified(home);
    const line = new Line(home);
    const nas = new RadiusTestClient(crypto, seeded("many stops"), utf8(SECRET));
    for (let round = 0; round < LIMITED_LINES + 2; round++) {
      refuses = false;
      const visitor = new Visitor(home, chain).steps(TLS_ROUNDS);
      const answer = visitor.station.take(visitor.line.ask(visitor.station.request())!);
      refuses = true;
      const stop = nas.accountingRequest([
        attribute(AcctStatusType, STOP),
        attribute(AcctSessionId, "1"),
        attribute(CallingStationId, MAC),
        attribute(Class, read(answer.attributes, Class)!),
      ]);
      assert.equal(nas.open(line.ask(stop, ACCT)!).code, 5);
    }
    assert.equal(matching(home, /did not close behind/u).length, LIMITED_LINES);
  });
}

/** The lines of a text file. */
class TextReader {
  readonly lines: readonly string[];

  constructor(bytes: Uint8Array) {
    this.lines = String.fromCharCode(...bytes)
      .split("\n")
      .filter((line) => line !== "");
  }
}

for (const crypto of providers) {
  test(`${crypto.name}: an access point that does not answer a Disconnect, or refuses, is told of in one sentence`, async () => {
    const home = homeWith(crypto);
    const das = { address: "127.0.0.9", port: 3799 };
    const asked: Uint8Array[] = [];
    let answer: ((request: Uint8Array) => Uint8Array | null) | null = null;
    const socket = home.host.udp(das, (bytes, from) => {
      asked.push(bytes);
      const reply = answer?.(bytes) ?? null;
      if (reply !== null) socket.send(reply, from);
    });
    const sealed =
      (code: number, cause: number | null, secret = SECRET) =>
      (bytes: Uint8Array) => {
        const { identifier, authenticator } = parsePacket(bytes);
        const attributes = cause === null ? [] : [attribute(ErrorCause, cause)];
        const response = { code, identifier, authenticator, attributes };
        return sealResponse(crypto, utf8(secret), response, "message-authenticator");
      };
    const evict = async (): Promise<readonly string[]> => {
      const { id, chain } = await certified(home);
      assert.equal(new Visitor(home, chain).finish(), ACCEPT);
      const before = home.lines.length;
      asked.length = 0;
      assert.equal((await home.call("revoke", { id }))["status"], 0);
      home.host.clock.advance(10_000);
      assert.ok(asked.every((bytes) => parsePacket(bytes).code === DISCONNECT_REQUEST));
      const lines = home.lines.slice(before).filter((line) => line.includes("access point"));
      assert.equal((await home.call("readmit", { id }))["status"], 0);
      return lines;
    };

    answer = null;
    const silent = await evict();
    assert.equal(silent.length, 1);
    assert.match(silent[0]!, /did not answer when Kitchen lamp was to be put out.*das_address/u);
    assert.equal(asked.length, 3);
    assert.ok(
      asked.every((bytes) => toHex(bytes) === toHex(asked[0]!)),
      "a repeat is another request",
    );

    answer = sealed(DISCONNECT_NAK, 403);
    const refused = await evict();
    assert.equal(refused.length, 1);
    assert.match(refused[0]!, /did not put Kitchen lamp out \(Error-Cause 403\)/u);

    // 503 says that the session is gone, which is all that was wanted.
    answer = sealed(DISCONNECT_NAK, 503);
    assert.deepEqual(await evict(), []);

    answer = sealed(DISCONNECT_ACK, null);
    assert.match((await evict()).join(), /has put Kitchen lamp out/u);

    // What another secret has signed is as if nothing had come.
    answer = sealed(DISCONNECT_ACK, null, "wrong");
    assert.match((await evict()).join(), /did not answer/u);
    assert.ok(((await counters(home))["disconnect-answers-discarded"] ?? 0) >= 3);
  });

  test(`${crypto.name}: a wrong configuration is refused whole when it is read again, and the old one answers on`, async () => {
    const home = homeWith(crypto);
    const { chain } = await certified(home);
    const wrong: readonly (readonly [text: string, sentence: RegExp])[] = [
      ["config homeca\n\toption enforce 'maybe'\n", /'maybe'.*\(homeca:2\)/u],
      [
        "config client 'x'\n\toption prefix '127.0.0.1'\n",
        /client 'x' has no secret.*\(homeca:1\)/u,
      ],
      [`${uci()}config limits\n`, /second section 'limits'.*\(homeca:\d+\)/u],
      ["config 'homeca\n", /\(homeca:1\)|homeca:1/u],
    ];
    for (const [text, sentence] of wrong) {
      disk(home).plant(CONFIG, utf8(text));
      const { status, message } = await home.call("reload");
      assert.notEqual(status, 0);
      assert.match(message as string, sentence);
      assert.match(message as string, /the old configuration stays in force/u);
      assert.equal(new Visitor(home, chain).finish(), ACCEPT);
    }
    disk(home).remove(CONFIG);
    const { status, message } = await home.call("reload");
    assert.notEqual(status, 0);
    assert.match(message as string, /there is no .*homeca/u);
    disk(home).plant(CONFIG, utf8(uci()), 0o600, "directory");
    const unreadable = await home.call("reload");
    assert.notEqual(unreadable["status"], 0);
    assert.match(unreadable["message"] as string, /EISDIR/u);
    assert.equal(new Visitor(home, chain).finish(), ACCEPT);
  });

  test(`${crypto.name}: the host holds our code to what the configuration says, from the start and after a change`, async () => {
    const home = homeWith(crypto);
    const MIB = 1024 * 1024;
    assert.deepEqual(home.host.limits, {
      memoryBytes: 64 * MIB,
      stackBytes: 512 * 1024,
      turnMilliseconds: 20_000,
    });
    const limits = "\toption memory_mib '32'\n\toption turn_seconds '60'\n";
    disk(home).plant(CONFIG, utf8(uci(limits)));
    assert.equal((await home.call("reload"))["status"], 0);
    const { memoryBytes = 0, turnMilliseconds = 0 } = home.host.limits ?? {};
    assert.deepEqual([memoryBytes, turnMilliseconds], [32 * MIB, 60_000]);
  });

  test(`${crypto.name}: revoked in the middle of a conversation, a device never sees an Accept, whatever the round`, async () => {
    for (let round = 0; round <= TLS_ROUNDS; round++) {
      const home = homeWith(crypto);
      const { id, chain } = await certified(home);
      const visitor = new Visitor(home, chain).steps(round);
      assert.equal((await home.call("revoke", { id }))["status"], 0);
      assert.equal(visitor.finish(), REJECT, `revoked after round ${round}`);
      assert.equal(new Visitor(home, chain).finish(), REJECT);
      assert.equal((await counters(home))["admitted"], undefined);
    }
  });

  test(`${crypto.name}: revoked while nft lets it in, a device gets a Reject and is cut off`, async () => {
    let takes = 0;
    const home = homeWith(crypto, { script: () => ({ takes }) });
    const { id, chain } = await certified(home);
    takes = 300;
    const { station, line } = new Visitor(home, chain).steps(TLS_ROUNDS);
    assert.equal(line.ask(station.request()), null);
    const client = home.host.localClient(SOCKET);
    const call = {
      jsonrpc: "2.0",
      id: 1,
      method: "call",
      params: ["", "homeca", "revoke", { id }],
    };
    client.send(`${JSON.stringify(call)}\n`);
    for (let turn = 0; turn < 100 && client.received === ""; turn++) {
      home.host.clock.advance(100);
      await Promise.resolve();
    }
    assert.match(client.received, /"state":"revoked"/u);
    home.host.clock.advance(1000);
    assert.deepEqual(
      line.arrived.map((bytes) => parsePacket(bytes).code),
      [REJECT],
    );
    assert.ok(!home.nft.at(-1)!.includes("timeout 28"), "its element came after the cut");
    assert.match(home.nft.at(-1)!, /02:00:00:00:00:11/u);
  });

  test(`${crypto.name}: a conversation whose time ran out while nft worked leaves nobody in the firewall`, async () => {
    let takes = 0;
    const home = homeWith(crypto, { script: () => ({ takes }) });
    const { chain } = await certified(home);
    const { station, line } = new Visitor(home, chain).steps(TLS_ROUNDS);
    takes = 125_000;
    line.ask(station.request());
    home.host.clock.advance(124_000);
    takes = 0;
    home.host.clock.advance(10_000);
    assert.ok(!line.arrived.some((bytes) => parsePacket(bytes).code === ACCEPT));
    assert.ok(!home.nft.at(-1)!.includes("timeout 28"), "nothing took it out again");
  });

  test(`${crypto.name}: with the disk full for hours the daemon stays, says so, and admits again once there is room`, async () => {
    const home = homeWith(crypto);
    const { id, chain } = await certified(home);
    const { station, line } = new Visitor(home, chain).steps(TLS_ROUNDS);
    const { attributes } = station.take(line.ask(station.request())!);
    const nas = new RadiusTestClient(crypto, seeded("a sighting"), utf8(SECRET));
    const report = nas.accountingRequest([
      attribute(AcctStatusType, START),
      attribute(CallingStationId, MAC),
      attribute(Class, read(attributes, Class)!),
    ]);
    assert.ok(line.ask(report, ACCT) !== null);
    disk(home).limitTo(0);
    // Upkeep and sightings want to write each hour, a first contact wants a record.
    home.host.clock.advance(3 * 3_600_000);
    assert.equal(stranger(home, "02-00-00-00-00-33").finish(), ACCEPT);
    const complaints = matching(home, /ENOSPC/u);
    assert.ok(complaints.length > 0 && complaints.length <= 10, `${complaints.length} complaints`);
    assert.ok(complaints.some((line) => line.startsWith("When devices were last seen")));
    const warned = async (): Promise<boolean> => {
      const { warnings } = await home.call("status");
      return (warnings as string[]).some((text) =>
        /cannot be stored .*ENOSPC.*free space/u.test(text),
      );
    };
    assert.equal(await warned(), true);
    assert.equal(matching(home, /\bat .*:\d+:\d+|bug:|fault/u).length, 0);
    disk(home).limitTo(Number.POSITIVE_INFINITY);
    assert.equal(new Visitor(home, chain).finish(), ACCEPT);
    assert.equal((await home.call("rename", { id, name: "Lamp" }))["status"], 0);
    assert.equal(await warned(), false);
  });

  test(`${crypto.name}: without nft status says what to install, nobody is admitted, and it ends when nft is there`, async () => {
    let missing = true;
    const home = homeWith(crypto, {
      script: ([program]) =>
        missing && program === "nft" ? { status: 127, stderr: "nft: ENOENT" } : {},
    });
    const warned = async (): Promise<boolean> => {
      const { warnings } = await home.call("status");
      return (warnings as string[]).some((text) => /not loaded .*install nftables/u.test(text));
    };
    assert.equal(await warned(), true);
    assert.equal(stranger(home).finish(), REJECT);
    missing = false;
    home.host.clock.advance(61_000);
    assert.equal(await warned(), false);
    assert.equal(stranger(home).finish(), ACCEPT);
  });
}
