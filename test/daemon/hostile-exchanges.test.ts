/**
 * Ten thousand spoilt datagrams against a running HomeCA: real exchanges of
 * OpenSSL's supplicant, mutated, repeated, crossed, and sealed anew so that the
 * deep code meets them too. An Accept is an admission unless both ends hold the
 * same keys, it is the stored answer to a repeat, or it answers Status-Server.
 *
 * A failure names its seed and case: `HOMECA_FUZZ_SEED=SEED HOMECA_FUZZ_CASE=NAME`
 * runs that case alone.
 */
import { createHmac, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import { assert, test } from "#kit";
import { concat, sameBytes, toHex, utf8 } from "../../src/base/bytes.ts";
import { nodeCrypto } from "../../src/host/node/crypto.ts";
import {
  attribute,
  CallingStationId,
  EapMessage,
  NasPortType,
  State,
  UserName,
  read,
} from "../../src/proto/radius/attributes.ts";
import { responseHolds, sealAccessRequest } from "../../src/proto/radius/authenticator.ts";
import { eapMessage, splitEapMessage } from "../../src/proto/radius/eap-message.ts";
import { openSessionKeys } from "../../src/proto/radius/hidden.ts";
import {
  ACCESS_ACCEPT,
  ACCESS_CHALLENGE,
  ACCESS_REQUEST,
  ACCOUNTING_REQUEST,
  type Attribute,
  parsePacket,
  STATUS_SERVER,
} from "../../src/proto/radius/packet.ts";
import { encodePem } from "../../src/proto/x509/pem.ts";
import { encodePrivateKey } from "../../src/proto/x509/pkcs8.ts";
import { Die, spoilAttributes, spoilBytes, spoilEap } from "../fuzz/mutate.ts";
import { avp, pap, Station } from "../fuzz/station.ts";
import { EapPeer, type EapPeerOptions } from "../kit/eap-peer.ts";
import { Home } from "../kit/home.ts";
import { chainOf, lampIdentity, requestPem, selfSigned } from "../kit/memory-home.ts";
import { Nas } from "../kit/nas.ts";

const SEED = process.env["HOMECA_FUZZ_SEED"] ?? "homeca 1";
const ONLY = process.env["HOMECA_FUZZ_CASE"] ?? null;

const RAW = 5000;
const SEALED = 2000;
const CONVERSATIONS = 2000;
const LIVE = 1000;
/** One in so many cases goes ahead of the rest, so that memory is warm before it is measured. */
const WARM = 4;
const MAX_GROWTH_KIB = 48 * 1024;

const MAX_LINES = 400;
const POSTS = 8;
/** Datagrams on their way at once, each at most 4096 octets: a socket's buffer holds them. */
const VOLLEY = 16;
const PROBE = 255;
const PROBE_MS = 2000;
const PROBES = 5;
const QUARANTINE_SECONDS = 120;
const LAMP = "02-00-00-00-00-11";

/** The key of every scripted station. */
const KEY_PEM = encodePem(
  "PRIVATE KEY",
  encodePrivateKey({ curve: "P-256", scalar: new Uint8Array(32).fill(0xc1) }, nodeCrypto),
);

/** An access point: its address is its name among HomeCA's clients. */
class Post {
  readonly #socket: Socket;
  readonly #port: number;
  readonly secret: Uint8Array;
  #replies: Uint8Array[] = [];
  #probe: Uint8Array | null = null;
  #answered: (() => void) | null = null;
  /** Datagrams that HomeCA got from here, probes left out. */
  fired = 0;

  private constructor(socket: Socket, port: number, secret: string) {
    this.#socket = socket;
    this.#port = port;
    this.secret = utf8(secret);
    socket.on("message", (bytes) => this.#take(new Uint8Array(bytes)));
  }

  static open(address: string, port: number, secret: string): Promise<Post> {
    const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 20 });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(0, address, () => resolve(new Post(socket, port, secret)));
    });
  }

  close(): void {
    this.#socket.close();
  }

  /** Fires and gives all replies: the Status-Server behind is answered after whatever came before it. */
  async volley(datagrams: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    this.#replies = [];
    this.fired += datagrams.length;
    for (const datagram of datagrams) this.#socket.send(datagram, this.#port, "127.0.0.1");
    for (let attempt = 0; attempt < PROBES; attempt++) {
      this.#probe = sealAccessRequest(nodeCrypto, this.secret, {
        code: STATUS_SERVER,
        identifier: PROBE,
        authenticator: new Uint8Array(randomBytes(16)),
        attributes: [],
      });
      const answered = new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), PROBE_MS);
        this.#answered = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      this.#socket.send(this.#probe, this.#port, "127.0.0.1");
      if (await answered) return this.#replies;
    }
    throw new Error("HomeCA does not answer Status-Server any more");
  }

  #take(reply: Uint8Array): void {
    if (reply[1] === PROBE && this.#probe !== null && answers(reply, this.#probe, this.secret)) {
      this.#probe = null;
      this.#answered?.();
    } else this.#replies.push(reply);
  }
}

function answers(reply: Uint8Array, request: Uint8Array, secret: Uint8Array): boolean {
  if (request.length < 20 || reply[1] !== request[1]) return false;
  return responseHolds(nodeCrypto, secret, parsePacket(reply), request.subarray(4, 20));
}

/** Puts the right Message-Authenticator over whatever stands there; it was the first attribute. */
function sealAgain(bytes: Uint8Array, secret: Uint8Array): Uint8Array {
  const sealed = bytes.slice();
  if (sealed.length < 38) return sealed;
  sealed[2] = sealed.length >> 8;
  sealed[3] = sealed.length & 0xff;
  sealed.set([80, 18], 20);
  sealed.fill(0, 22, 38);
  sealed.set(createHmac("md5", secret).update(sealed).digest(), 22);
  return sealed;
}

/** A real conversation as it went over the wire. */
interface Exchange {
  readonly name: string;
  readonly sent: readonly Uint8Array[];
  /** The EAP packets in it. */
  readonly said: readonly Uint8Array[];
}

/** One HomeCA and all that was recorded of it. */
class Range {
  readonly home: Home;
  readonly posts: readonly Post[];
  readonly exchanges: readonly Exchange[];
  /** The lamp's own chain, DER. */
  readonly chain: readonly Uint8Array[];
  readonly chainPem: string;
  /** Answers that a repeat may get again, by the request's address, Identifier and authenticator. */
  readonly stored = new Map<string, Uint8Array>();
  /** Admissions with an honest proof among the mutants: a fault in octets that nothing protects is none. */
  proofs = 0;

  constructor(
    home: Home,
    posts: readonly Post[],
    exchanges: readonly Exchange[],
    chainPem: string,
  ) {
    this.home = home;
    this.posts = posts;
    this.exchanges = exchanges;
    this.chainPem = chainPem;
    this.chain = chainOf(chainPem);
  }

  /** @param msk - the keys of a peer that has the private key, where one takes part */
  judge(
    name: string,
    post: Post,
    replies: readonly Uint8Array[],
    sent: readonly Uint8Array[],
    msk: Uint8Array | null = null,
  ): void {
    for (const reply of replies) {
      // Several may have one Identifier and authenticator: then any of them may be the one that is answered.
      const asked = sent.filter((datagram) => answers(reply, datagram, post.secret));
      const [request] = asked;
      if (request === undefined) fail(name, "a reply that answers nothing", [reply, ...sent]);
      if (reply[0] !== ACCESS_ACCEPT) continue;
      const { attributes } = parsePacket(reply);
      const sealing = {
        crypto: nodeCrypto,
        secret: post.secret,
        requestAuthenticator: request.subarray(4, 20),
      };
      const keys = openSessionKeys(sealing, attributes);
      const bare = keys === null && read(attributes, EapMessage) === null;
      if (bare && asked.some(([code]) => code === STATUS_SERVER)) continue;
      const stored = this.stored.get(nameOf(post, request));
      if (stored !== undefined && sameBytes(stored, reply)) continue;
      const proved = keys !== null && msk !== null && sameBytes(concat(keys.recv, keys.send), msk);
      if (!proved) fail(name, "an Access-Accept without a proof", [request, reply]);
      this.proofs++;
    }
  }
}

function nameOf(post: Post, request: Uint8Array): string {
  return `${post.secret.length} ${toHex(request.subarray(0, 2))} ${toHex(request.subarray(4, 20))}`;
}

function fail(name: string, what: string, datagrams: readonly Uint8Array[]): never {
  const shown = datagrams.map((bytes) => toHex(bytes)).join("\n");
  return assert.fail(
    `${what}; again with HOMECA_FUZZ_SEED='${SEED}' HOMECA_FUZZ_CASE='${name}'\n${shown}`,
  );
}

/** Sections for access points at 127.0.1.1 and up, so that first contacts of a minute are many. */
function moreClients(secret: string): string {
  const sections = Array.from({ length: POSTS + 1 }, (_, n) => {
    return `config client 'post${n + 1}'\n\toption prefix '127.0.1.${n + 1}'\n\toption secret '${secret}'\n`;
  });
  return `${sections.join("")}config limits 'limits'
	option onboarding_per_minute '60'
	option pending_max '200'
`;
}

async function record(
  nas: Nas,
  name: string,
  outcome: string,
  options: EapPeerOptions,
): Promise<Exchange> {
  const station = { mac: LAMP, identity: options.identity };
  const join = await nas.join(station, new EapPeer(options));
  assert.equal(join.outcome, outcome, `${name} was not ${outcome}`);
  const said = join.sent.map((bytes) => eapMessage(parsePacket(bytes).attributes)!);
  return { name, sent: join.sent, said };
}

/** Lets OpenSSL's supplicant come by as visitor, member and intruder. */
async function prepared(): Promise<Range> {
  const home = new Home({ enforce: "off", logLevel: "info", more: moreClients(SECRET) });
  try {
    await home.start();
    const nas = new Nas(home.ports.auth, home.secret);
    const own = encodePem("CERTIFICATE", selfSigned(nodeCrypto));
    const setup = { identity: "@setup.home.arpa", key: KEY_PEM, certificate: own } as const;
    const inner = { innerName: String.fromCharCode(...lampIdentity()), password: "none" };
    const exchanges = [
      await record(nas, "first contact", "accepted", { method: "ttls", ...setup, ...inner }),
    ];
    const { devices } = await home.call<{ devices: { id: string }[] }>("devices");
    const { id } = devices[0]!;
    await home.call("approve", { id });
    const { chainPem } = await home.call<{ chainPem: string }>("sign", {
      id,
      request: requestPem(nodeCrypto),
    });
    const member = {
      method: "tls",
      identity: "@homeca.home.arpa",
      key: KEY_PEM,
      certificate: chainPem,
    } as const;
    const nobody = { method: "ttls", identity: "@homeca.home.arpa" } as const;
    exchanges.push(
      await record(nas, "member", "accepted", member),
      await record(nas, "member in small fragments", "accepted", { ...member, fragmentSize: 200 }),
      await record(nas, "own key in EAP-TLS", "accepted", { ...setup, method: "tls" }),
      await record(nas, "no certificate", "rejected", { ...nobody, method: "tls" }),
      await record(nas, "visitor without a key", "accepted", { ...nobody, ...inner }),
    );
    const posts = await Promise.all(
      Array.from({ length: POSTS }, (_, n) =>
        Post.open(`127.0.1.${n + 1}`, home.ports.auth, SECRET),
      ),
    );
    return new Range(home, posts, exchanges, chainPem);
  } catch (failure) {
    await home.remove();
    throw failure;
  }
}

const SECRET = "secret-of-the-posts";

/** Recorded datagrams with faults no access point's secret is under. */
function rawMutant(range: Range, die: Die): Uint8Array {
  const { sent } = die.pick(range.exchanges);
  const datagram = die.pick(sent);
  // Also as it was: a replay of the recorded, from another socket and of another NAS.
  if (die.chance(5)) return datagram;
  let spoilt = spoilBytes(datagram, die);
  if (die.chance(30)) spoilt = spoilBytes(spoilt, die);
  if (die.chance(50) && spoilt.length >= 4) {
    const claimed = die.pick([spoilt.length, spoilt.length, 0, 19, 20, 4096, 4097, 65535]);
    spoilt[2] = claimed >> 8;
    spoilt[3] = claimed & 0xff;
  }
  return spoilt.slice(0, 8000);
}

/** Recorded datagrams with faults, under the right secret. */
function sealedMutant(range: Range, die: Die, secret: Uint8Array): Uint8Array {
  const { sent } = die.pick(range.exchanges);
  const datagram = die.pick(sent);
  if (die.chance(40)) {
    const spoilt = concat(datagram.subarray(0, 38), spoilBytes(datagram.subarray(38), die));
    if (die.chance(20))
      spoilt[0] = die.pick([ACCESS_REQUEST, ACCOUNTING_REQUEST, STATUS_SERVER, 40, 255]);
    return sealAgain(spoilt.slice(0, 4096), secret);
  }
  const { attributes } = parsePacket(datagram);
  const kept = attributes.filter(
    ({ type }) => type !== 80 && (type !== State.type || die.chance(30)),
  );
  return sealAccessRequest(nodeCrypto, secret, {
    code: ACCESS_REQUEST,
    identifier: die.below(255),
    authenticator: die.bytes(16),
    attributes: spoilAttributes(kept, die),
  });
}

type Case = (range: Range, post: Post, die: Die, name: string) => Promise<void>;

const rawVolley: Case = async (range, post, die, name) => {
  const sent = Array.from({ length: VOLLEY }, () => rawMutant(range, die));
  range.judge(name, post, await post.volley(sent), sent);
};

const sealedVolley: Case = async (range, post, die, name) => {
  const sent = Array.from({ length: VOLLEY }, () => sealedMutant(range, die, post.secret));
  range.judge(name, post, await post.volley(sent), sent);
};

/** What a NAS adds of its own; sometimes not what it should. */
function nasAttributes(die: Die): readonly Attribute[] {
  const identities = ["@homeca.home.arpa", "@setup.home.arpa", "\u001b[2J", "a".repeat(253)];
  const honest = [
    attribute(UserName, die.pick(identities)),
    attribute(CallingStationId, `02-00-00-00-01-${toHex(die.bytes(1))}`),
    attribute(NasPortType, 19),
  ];
  return die.chance(20) ? spoilAttributes(honest, die) : honest;
}

/** A recorded conversation said again under the live State, with one packet of it spoilt, crossed or left out. */
const conversation: Case = async (range, post, die, name) => {
  const { said } = die.pick(range.exchanges);
  const spoiltAt = die.below(said.length);
  let state: Uint8Array | null = null;
  let identifier = said[0]![1]!;
  for (let round = 0; round < said.length; round++) {
    let eap: Uint8Array = said[round]!.slice();
    eap[1] = identifier;
    if (round === spoiltAt || (round > spoiltAt && die.chance(30))) {
      const other = die.pick(die.pick(range.exchanges).said).slice();
      other[1] = identifier;
      eap = die.chance(15) ? other : spoilEap(eap, die);
    }
    if (round === spoiltAt && state !== null && die.chance(10))
      state = spoilBytes(state, die).slice(0, 253);
    const attributes = [
      ...nasAttributes(die),
      ...(eap.length === 0 ? [] : splitEapMessage(eap)),
      ...(state === null || state.length === 0 ? [] : [attribute(State, state)]),
    ];
    const datagram = sealAccessRequest(nodeCrypto, post.secret, {
      code: ACCESS_REQUEST,
      identifier: die.below(255),
      authenticator: die.bytes(16),
      attributes,
    });
    // A repeat right behind it must not be worked on twice.
    const sent = die.chance(10) ? [datagram, datagram] : [datagram];
    const replies = await post.volley(sent);
    range.judge(name, post, replies, sent);
    const challenge = replies.find(([code]) => code === ACCESS_CHALLENGE);
    if (challenge === undefined) {
      if (round >= spoiltAt) return;
      state = null;
      continue;
    }
    const { attributes: answered } = parsePacket(challenge);
    state = read(answered, State);
    identifier = eapMessage(answered)?.[1] ?? identifier;
  }
};

/** A live peer with the lamp's key whose certificate, handshake or tunnel is spoilt; or one with the chain and without the key. */
const live: Case = async (range, post, die, name) => {
  const where = die.pick(["thief", "chain", "hello", "flight", "tunnel", "tunnel"] as const);
  const inTunnel = where === "tunnel";
  const spoilChain = (): readonly Uint8Array[] => {
    const chain = range.chain.map((der) => (die.chance(60) ? spoilBytes(der, die) : der));
    if (die.chance(20)) chain.push(die.pick(range.chain));
    if (die.chance(20)) chain.reverse();
    return chain;
  };
  const honestAvps = pap(lampIdentity(), "none");
  const avps = die.chance(20)
    ? concat(honestAvps, avp(die.below(256), die.bytes(die.below(300))))
    : spoilBytes(honestAvps, die);
  const flightNumber = where === "hello" ? 0 : 1;
  const station = new Station(
    nodeCrypto,
    {
      secret: SECRET,
      mac: `02-00-00-00-02-${toHex(die.bytes(1))}`,
      method: inTunnel ? "ttls" : die.pick(["tls", "ttls"] as const),
      chain: inTunnel
        ? die.pick([[], range.chain])
        : where === "chain"
          ? spoilChain()
          : range.chain,
      inner: avps,
      ...(where === "thief" ? { key: nodeCrypto.signingKey("P-256", die.bytes(32)) } : {}),
      ...(where === "hello" || where === "flight"
        ? {
            spoil: (flight: Uint8Array, number: number) =>
              number === flightNumber ? spoilBytes(flight, die) : flight,
          }
        : {}),
    },
    name,
  );
  for (let round = 0; round < 12; round++) {
    const sent = [station.request()];
    const replies = await post.volley(sent);
    range.judge(name, post, replies, sent, where === "thief" ? null : station.msk);
    const [reply] = replies;
    if (reply === undefined || reply[0] !== ACCESS_CHALLENGE) return;
    try {
      station.take(reply);
    } catch {
      // The scripted client takes nothing that does not fit what it said; a spoilt flight ends here.
      return;
    }
  }
};

/** An honest admission whose last request comes again and again, spoilt behind its header: the stored answer or silence. */
const repeats: Case = async (range, post, die, name) => {
  const station = new Station(
    nodeCrypto,
    { secret: SECRET, mac: LAMP, method: "tls", chain: range.chain },
    name,
  );
  for (let round = 0; round < 12; round++) {
    const sent = [station.request()];
    const replies = await post.volley(sent);
    range.judge(name, post, replies, sent, station.msk);
    const [reply] = replies;
    if (reply === undefined) fail(name, "silence for an honest request", sent);
    if (reply[0] === ACCESS_CHALLENGE) {
      station.take(reply);
      continue;
    }
    assert.equal(reply[0], ACCESS_ACCEPT, `${name}: an honest device was refused`);
    range.stored.set(nameOf(post, sent[0]!), reply);
    const again = Array.from({ length: VOLLEY }, (_, n) => {
      if (n === 0) return sent[0]!;
      const spoilt = concat(sent[0]!.subarray(0, 20), spoilBytes(sent[0]!.subarray(20), die));
      return die.chance(50) ? sealAgain(spoilt.slice(0, 4096), post.secret) : spoilt;
    });
    range.judge(name, post, await post.volley(again), again);
    return;
  }
};

/** Runs a family of cases over all access points at once, each case with a die of its own. */
async function family(range: Range, name: string, count: number, run: Case): Promise<void> {
  let next = 0;
  const worker = async (post: Post): Promise<void> => {
    for (let number = next++; number < count; number = next++) {
      const called = `${name} ${number}`;
      if (ONLY !== null && ONLY !== called) continue;
      await run(range, post, new Die(`${SEED} ${called}`), called);
    }
  };
  await Promise.all(range.posts.map(worker));
}

function residentKib(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match![1]);
}

function fired(range: Range): number {
  return range.posts.reduce((sum, post) => sum + post.fired, 0);
}

test("ten thousand spoilt datagrams leave HomeCA alive, of its size, quiet, and nobody let in", async () => {
  const range = await prepared();
  const { home, posts } = range;
  try {
    const pid = home.pid;
    await family(range, "repeats", 16, repeats);
    const families = [
      ["raw", RAW / VOLLEY, rawVolley],
      ["sealed", SEALED / VOLLEY, sealedVolley],
      ["conversation", CONVERSATIONS, conversation],
      ["live", LIVE, live],
    ] as const;
    for (const [name, count, run] of families)
      await family(range, `warm ${name}`, count / WARM, run);
    const warm = residentKib(pid);
    for (const [name, count, run] of families) await family(range, name, count, run);

    if (ONLY !== null) return;

    assert.ok(fired(range) >= 10_000, `only ${fired(range)} datagrams`);
    assert.equal(home.pid, pid);
    const growth = residentKib(pid) - warm;
    assert.ok(growth < MAX_GROWTH_KIB, `${growth} KiB more than warm`);
    const lines = home.log.split("\n");
    assert.ok(lines.length < MAX_LINES, `${lines.length} lines of log`);
    const bad = lines.filter((line) => /^\s+at |bug:|fault|TypeError|RangeError/u.test(line));
    assert.deepEqual(bad, []);
    assert.ok(
      lines.every((line) => !/\p{Cc}/u.test(line)),
      "a control character in the log",
    );

    // The one that was approved is the only one, and it still gets in; so does a stranger, into quarantine.
    const { devices } = await home.call<{ devices: { state: string }[] }>("devices");
    assert.deepEqual(
      devices.map(({ state }) => state).filter((state) => state !== "pending"),
      ["active"],
    );
    const nas = new Nas(home.ports.auth, home.secret);
    const member = { method: "tls", identity: "@homeca.home.arpa" } as const;
    const join = await nas.join(
      { mac: "02-00-00-00-00-77", identity: member.identity },
      new EapPeer({
        ...member,
        key: KEY_PEM,
        certificate: range.chainPem,
        trustAnchor: home.rootPem,
        serverName: "homeca.home.arpa",
      }),
    );
    assert.equal(join.outcome, "accepted");
    assert.ok(join.sessionSeconds! > QUARANTINE_SECONDS);
    const { counters } = await home.call<{ counters: Record<string, number> }>("status");
    // Both halves came where they were meant to: at the door, and behind it.
    assert.ok((counters["discarded wrong-message-authenticator"] ?? 0) > 100);
    assert.ok((counters["refused"] ?? 0) > 1000);
    assert.ok(range.proofs > 0);
  } finally {
    for (const post of posts) post.close();
    await home.remove();
  }
});
