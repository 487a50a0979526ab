/** A device changes hands: two homes on one network, one device, and everybody who would like to be in between. */
import { assert, providers, seeded, test } from "#kit";
import { hex, sameBytes, toHex } from "../../src/base/bytes.ts";
import type { SigningKey } from "../../src/base/crypto/crypto.ts";
import { judgeStranger, memberCredential, selfSigned } from "../../src/device/credentials.ts";
import { takeToken } from "../../src/device/release.ts";
import { HomeSession, SessionFailure } from "../../src/device/session.ts";
import { StateFile } from "../../src/device/state.ts";
import type { DeviceState } from "../../src/device/state.ts";
import { PowerCut } from "../../src/host/memory/files.ts";
import { encodeLiveReport, encodeReleaseRequest } from "../../src/policy/devices/messages.ts";
import { adopt } from "../../src/policy/ownership/device.ts";
import { newSearch, pairing, searched } from "../../src/policy/window/passive-release.ts";
import { OwnershipFailure } from "../../src/policy/ownership/failure.ts";
import { signReceipt, signToken } from "../../src/policy/ownership/objects.ts";
import { codeText, ContentFormat } from "../../src/proto/coap/codes.ts";
import { coapRequest } from "../../src/proto/coap/request.ts";
import type { CoapRequest } from "../../src/proto/coap/request.ts";
import type { CoapResponse } from "../../src/proto/coap/response.ts";
import { decodePem } from "../../src/proto/x509/pem.ts";
import { parsePrivateKey } from "../../src/proto/x509/pkcs8.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import type { Credential } from "../../src/proto/tls/connection.ts";
import { HOME_ADDRESS, MemoryDevice, pass, passDays } from "../kit/memory-device.ts";
import type { MemoryDeviceOptions } from "../kit/memory-device.ts";
import { join, lampIdentity, MemoryHome } from "../kit/memory-home.ts";
import type { StationOptions } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const OTHER_ADDRESS = "192.0.2.2";
const DAY = 86_400_000;
const ACCEPT = 2;
const REJECT = 3;
const LAMP = "Kitchen lamp";

function uciOf(radius: string, coaps: string, more = "", sections = ""): string {
  return `config homeca 'main'
	option enforce 'off'
${more}config radius 'radius'
	list listen '${radius}'
config coaps 'coaps'
	list listen '${coaps}'
${sections}`;
}

function homeA(more = "", sections = ""): MemoryHome {
  return new MemoryHome(crypto, { uci: uciOf("127.0.0.1", HOME_ADDRESS, more, sections) });
}

/** A second home on the same network. */
function homeB(beside: MemoryHome): MemoryHome {
  const uci = uciOf("127.0.0.2", OTHER_ADDRESS);
  return new MemoryHome(crypto, { uci, beside, random: seeded("home B") });
}

type Answer = Readonly<Record<string, unknown>>;

/** What the owner is told of a release, while the clock goes on. */
async function released(home: MemoryHome, id: string, milliseconds: number): Promise<Answer> {
  let answer: Answer | null = null;
  void home.call("release", { id }, 100_000).then((given) => (answer = given));
  await pass(home, milliseconds);
  assert.ok(answer !== null, "no answer in time");
  return answer;
}

async function idIn(home: MemoryHome, state: string): Promise<string> {
  const { devices } = (await home.call("devices", { state })) as { devices: { id: string }[] };
  const [first] = devices;
  assert.ok(first !== undefined, `nobody is ${state}; ${home.lines.slice(-3).join(" | ")}`);
  return first.id;
}

/** The device joins this home, from whatever key it has. */
async function joined(
  home: MemoryHome,
  options: MemoryDeviceOptions,
): Promise<{ device: MemoryDevice; id: string }> {
  const device = new MemoryDevice(home, crypto, options);
  device.agent.start();
  await pass(home, 2000);
  const id = await idIn(home, "pending");
  assert.equal((await home.call("approve", { id }))["status"], 0);
  await pass(home, 3000);
  assert.equal(device.story.at(-1), "lives", JSON.stringify(device.events.slice(-3)));
  return { device, id };
}

function keyOf({ scalar }: Pick<DeviceState, "scalar">): SigningKey {
  return crypto.signingKey("P-256", scalar);
}

function bare(state: DeviceState): Credential {
  const key = keyOf(state);
  return { certificates: [selfSigned(state.identity, key)], key };
}

/** Somebody with that credential; the session, or why there is none. */
async function visit(
  home: MemoryHome,
  credential: Credential,
  address = HOME_ADDRESS,
): Promise<HomeSession | string> {
  const judge = (chain: readonly Uint8Array[]): ReturnType<typeof judgeStranger> =>
    judgeStranger(crypto, chain, null);
  // The callbacks fill it; the compiler does not follow them.
  let outcome = "no end" as HomeSession | string;
  const options = { home: { address, port: 5684 }, credential, judge };
  void HomeSession.open(home.host, options).then(
    (session) => (outcome = session),
    (failure: unknown) => (outcome = failure instanceof SessionFailure ? failure.reason : "?"),
  );
  await pass(home, 1000);
  // In TLS 1.3 the device's end stands before the home has judged its certificate.
  if (typeof outcome === "string" || outcome.isOpen) return outcome;
  return "refused-by-home";
}

async function asked(
  home: MemoryHome,
  session: HomeSession | string,
  request: CoapRequest,
): Promise<CoapResponse> {
  assert.ok(typeof session !== "string", `no session: ${session as string}`);
  let answer: CoapResponse | null = null;
  void session.request(request).then((given) => (answer = given));
  await pass(home, 500);
  assert.ok(answer !== null, "no answer");
  return answer;
}

const GET_RELEASE = coapRequest("GET", ["h", "rel"]);
const LIVE = coapRequest("POST", ["h", "live"], {
  contentFormat: ContentFormat.CBOR,
  payload: encodeLiveReport({ uptimeSeconds: 1, firmware: null, crlNumber: 0 }),
});

function nonceRequest(nonce: string, leaves = false): CoapRequest {
  const payload = encodeReleaseRequest({ nonce: hex(nonce), leaves });
  return coapRequest("POST", ["h", "rel"], { contentFormat: ContentFormat.CBOR, payload });
}

function receiptRequest(payload: Uint8Array): CoapRequest {
  return coapRequest("POST", ["h", "rel"], { contentFormat: ContentFormat.COSE_SIGN1, payload });
}

test("factory, home A, home B, home A again: each key and certificate of before opens nothing any more", async () => {
  const a = homeA();
  const b = homeB(a);
  const atA = await joined(a, { name: LAMP });
  const makers = new MemoryDevice(a, crypto, { name: LAMP }).state;
  const duringA = atA.device.state;

  const answer = await released(a, atA.id, 1500);
  assert.deepEqual(answer, { status: 0, id: atA.id, state: "released", confirmed: true });
  assert.ok(atA.device.story.includes("released"), atA.device.story.join(" "));
  assert.equal(atA.device.erasures, 1);
  const free = atA.device.state;
  assert.equal(free.owner, null);
  assert.equal(free.next, null);
  assert.equal(free.receiptFor, null);
  assert.ok(sameBytes(free.scalar, duringA.scalar), "it keeps its key");
  const shown = await a.call("device", { id: atA.id });
  assert.equal((shown["release"] as { confirmed: boolean }).confirmed, true);
  assert.match(shown["why"] as string, /has confirmed its release/u);
  atA.device.agent.stop();

  const files = atA.device.files.restart();
  const atB = await joined(b, { name: LAMP, files, home: OTHER_ADDRESS });
  assert.notEqual(toHex(atB.device.state.scalar), toHex(free.scalar));
  const old = duringA.owner!;
  const oldMember = memberCredential(crypto, duringA.scalar, old);
  assert.equal(await visit(b, oldMember, OTHER_ADDRESS), "refused-by-home");
  assert.equal(await visit(a, oldMember), "refused-by-home");
  for (const state of [makers, free]) {
    for (const [home, address] of [
      [a, HOME_ADDRESS],
      [b, OTHER_ADDRESS],
    ] as const) {
      const session = await visit(home, bare(state), address);
      for (const request of [LIVE, GET_RELEASE, nonceRequest("00".repeat(16), true)]) {
        assert.equal(codeText((await asked(home, session, request)).code), "4.01");
      }
    }
  }
  assert.equal((await b.call("device", { id: atB.id }))["state"], "active");

  assert.equal((await released(b, atB.id, 1500))["confirmed"], true);
  atB.device.agent.stop();
  const back = await joined(a, { name: LAMP, files: atB.device.files.restart() });
  assert.notEqual(back.id, atA.id);
  assert.equal(back.device.state.releases, 2);
  assert.equal((await a.call("device", { id: back.id }))["state"], "active");
  back.device.agent.stop();
});

test("between two reports the device keeps its association, so a release hours later arrives at once", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  await passDays(home, 1 / 6);
  const reports = device.events.filter(({ kind }) => kind === "lives").length;
  assert.ok(reports <= 2, `${reports} reports`);
  assert.equal((await released(home, id, 1500))["confirmed"], true);
  device.agent.stop();
});

test("a released device that is taken in again comes by the key it kept, and its maker's key is a stranger's", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  await released(home, id, 1500);
  device.agent.stop();
  assert.equal((await home.call("readmit", { id }))["state"], "pending");
  const again = await joined(home, { name: LAMP, files: device.files.restart() });
  assert.equal(again.id, id);
  const shown = await home.call("device", { id });
  assert.equal(shown["state"], "active");
  // Whoever had it meanwhile may know that key.
  assert.equal(shown["keyCase"], "good-known");
  assert.equal(shown["release"], null);
  again.device.agent.stop();
});

test("released while it is away, it fetches its release a week later with the certificate that was withdrawn, and nothing else", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  device.agent.stop();
  await pass(home, 1000);
  const answer = await released(home, id, 1000);
  assert.deepEqual(answer, { status: 0, id, state: "released", confirmed: false });
  home.host.clock.advance(7 * DAY);

  const { scalar, owner } = device.state;
  const session = await visit(home, memberCredential(crypto, scalar, owner!));
  const others = [
    coapRequest("GET", ["h"]),
    coapRequest("GET", [".well-known", "core"]),
    coapRequest("GET", [".well-known", "est", "crts"]),
    coapRequest("GET", ["h", "crl"]),
    LIVE,
  ];
  for (const request of others) {
    const { code } = await asked(home, session, request);
    assert.equal(codeText(code), "4.03", request.path.join("/"));
  }
  const standing = await asked(home, session, GET_RELEASE);
  assert.equal(standing.contentFormat, ContentFormat.COSE_SIGN1);

  const later = new MemoryDevice(home, crypto, { name: LAMP, files: device.files.restart() });
  later.agent.start();
  await pass(home, 2000);
  assert.ok(later.story.includes("released"), later.story.join(" "));
  const shown = await home.call("device", { id });
  assert.equal((shown["release"] as { confirmed: boolean }).confirmed, true);
  // The door is shut behind it.
  const shut = await visit(home, memberCredential(crypto, scalar, owner!));
  assert.equal(shut, "refused-by-home");
  later.agent.stop();
});

test("on its way to its release a device gets quarantine in EAP, and once it has confirmed nothing", async () => {
  const client = `config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret 'memory-secret-of-a-test'
`;
  const home = homeA("", client);
  const { device, id } = await joined(home, { name: LAMP });
  device.agent.stop();
  await pass(home, 500);
  await released(home, id, 1000);
  const { state } = device;
  const key = keyOf(state);
  const versions = ["TLS 1.2"] as const;
  const member = { mac: "02-00-00-00-00-51", method: "tls", chain: state.owner!.chain } as const;
  const first: StationOptions = {
    ...{ mac: "02-00-00-00-00-52", method: "ttls", identity: "@setup.home.arpa" },
    chain: [selfSigned(state.identity, key)],
    inner: { name: lampIdentity(), password: "none" },
  };
  const held = join(home, { ...member, key, versions });
  assert.equal(held.code, ACCEPT);
  const shown = await home.call("device", { id });
  assert.equal(shown["place"], "quarantine");
  assert.match(shown["why"] as string, /it fetches its release there/u);
  // The key that will have signed the receipt, after the certificate is gone.
  assert.equal(join(home, { ...first, key, versions }).code, ACCEPT);
  const maker = keyOf(new MemoryDevice(home, crypto, { name: LAMP }).state);
  const makers = { ...first, chain: [selfSigned(state.identity, maker)], key: maker, versions };
  assert.equal(join(home, makers).code, REJECT);

  const later = new MemoryDevice(home, crypto, { name: LAMP, files: device.files.restart() });
  later.agent.start();
  await pass(home, 2000);
  later.agent.stop();
  assert.ok(later.story.includes("released"), later.story.join(" "));
  assert.equal(join(home, { ...member, key, versions }).code, REJECT);
  assert.equal(join(home, { ...first, key, versions }).code, REJECT);
});

test("the home restarts between the token and the receipt: the same token, and the receipt counts", async () => {
  const first = homeA();
  const { device, id } = await joined(first, { name: LAMP });
  device.agent.stop();
  await pass(first, 500);
  await released(first, id, 1000);
  const { scalar, owner } = device.state;
  const credential = memberCredential(crypto, scalar, owner!);
  const nonce = "17".repeat(16);
  const session = await visit(first, credential);
  assert.equal(codeText((await asked(first, session, nonceRequest(nonce))).code), "2.04");
  const token = (await asked(first, session, GET_RELEASE)).payload;

  const home = new MemoryHome(crypto, {
    files: first.stop(),
    random: seeded("restart"),
    beside: first,
  });
  const again = await visit(home, credential);
  assert.equal(codeText((await asked(home, again, nonceRequest(nonce))).code), "2.04");
  const same = await asked(home, again, GET_RELEASE);
  assert.equal(same.contentFormat, ContentFormat.COSE_SIGN1);
  assert.deepEqual(same.payload, token);
  const other = await asked(home, again, nonceRequest("18".repeat(16)));
  assert.equal(codeText(other.code), "2.04");
  const next = (await asked(home, again, GET_RELEASE)).payload;
  assert.equal(sameBytes(next, token), false);
});

test("a lost acknowledgement: the device is free, and hands its receipt in again with nothing but its key", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  const { network } = home.host;
  // From the moment the device is free nothing of the home's arrives.
  network.weather = ({ from }) =>
    from.address === HOME_ADDRESS && device.state.owner === null ? [] : [0];
  const answer = await released(home, id, 12_000);
  assert.equal(answer["confirmed"], true, "the receipt itself has arrived");
  assert.notEqual(device.state.receiptFor, null);
  device.agent.stop();
  network.weather = () => [0];

  const again = new MemoryDevice(home, crypto, { name: LAMP, files: device.files.restart() });
  again.agent.start();
  await pass(home, 2000);
  assert.equal(again.story[0], "released");
  assert.equal(again.erasures, 1);
  assert.equal(again.state.receiptFor, null);
  again.agent.stop();
});

test("a lost receipt: the home puts the device out after ten seconds, and counts the receipt when it comes", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  const { network } = home.host;
  network.weather = ({ to }) =>
    to.address === HOME_ADDRESS && device.state.owner === null ? [] : [0];
  const answer = await released(home, id, 11_000);
  assert.equal(answer["confirmed"], false);
  network.weather = () => [0];
  await pass(home, 60_000, 500);
  assert.ok(device.story.includes("released"), device.story.join(" "));
  const shown = await home.call("device", { id });
  assert.equal((shown["release"] as { confirmed: boolean }).confirmed, true);
  device.agent.stop();
});

test("a forged receipt, or another device's, confirms nothing", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  device.agent.stop();
  await pass(home, 500);
  await released(home, id, 1000);
  const { scalar, owner } = device.state;
  const session = await visit(home, memberCredential(crypto, scalar, owner!));
  await asked(home, session, nonceRequest("17".repeat(16)));
  const { payload: token } = await asked(home, session, GET_RELEASE);
  const tools = { crypto, random: seeded("forger") };
  const stranger = crypto.signingKey("P-256", crypto.generateScalar("P-256", tools.random));
  const tokenHash = crypto.digest("sha256", token);
  const counter = 1;
  const forged = [
    Uint8Array.of(1, 2, 3),
    signReceipt({ deviceId: id, tokenHash, counter }, stranger, tools),
    signReceipt({ deviceId: id, tokenHash, counter }, keyOf(device.state), tools),
    signReceipt(
      { deviceId: id, tokenHash: new Uint8Array(32), counter },
      keyOf(device.state),
      tools,
    ),
  ];
  for (const receipt of forged) {
    const { code } = await asked(home, session, receiptRequest(receipt));
    assert.equal(codeText(code), "4.22");
  }
  const elsewhere = await visit(home, {
    certificates: [selfSigned(device.state.identity, stranger)],
    key: stranger,
  });
  const refused = await asked(home, elsewhere, receiptRequest(forged[1]!));
  assert.equal(codeText(refused.code), "4.01");
  const shown = await home.call("device", { id });
  assert.equal((shown["release"] as { confirmed: boolean }).confirmed, false);
});

test("a device takes no token but its own home's, for itself, over its nonce, and none twice", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  device.agent.stop();
  const { file, host } = device;
  const { tenure } = file.state;
  assert.ok(tenure.state === "owned" && tenure.nonce !== null);
  const ca = issuingKey(home);
  const random = seeded("tokens");
  const stranger = crypto.signingKey("P-256", crypto.generateScalar("P-256", random));
  const spki = encodePublicKey(keyOf(file.state).publicKey);
  const good = {
    deviceId: id,
    spkiHash: crypto.digest("sha256", spki),
    counter: 7,
    time: home.host.clock.wall(),
    reason: "sold" as const,
    nonce: hex(tenure.nonce),
  };
  const reasonOf = (token: Uint8Array): string => refusalOf(device, token);
  const tools = { crypto, random };
  const before = file.state;
  assert.equal(reasonOf(signToken(good, stranger, tools)), "unknown-signer");
  assert.equal(
    reasonOf(signToken({ ...good, deviceId: "a".repeat(16) }, ca, tools)),
    "other-device",
  );
  assert.equal(
    reasonOf(signToken({ ...good, spkiHash: new Uint8Array(32) }, ca, tools)),
    "other-key",
  );
  assert.equal(
    reasonOf(signToken({ ...good, nonce: new Uint8Array(16) }, ca, tools)),
    "other-nonce",
  );
  assert.equal(file.state, before, "nothing was written");
  const token = signToken(good, ca, tools);
  assert.equal(reasonOf(token), "taken");
  const receipt = takeToken(host, file, token);
  assert.deepEqual(takeToken(host, file, token), receipt, "the same token, the same receipt");
  assert.equal(file.state.releases, 1);

  // Owned by that home again, it has another nonce, and the old token is a replay.
  const again = await joinedAgain(home, device);
  const waiting = again.file.state.tenure;
  assert.ok(waiting.state === "owned");
  const replay = refusalOf(again, token);
  assert.ok(
    replay === "other-device" || replay === "other-key" || replay === "other-nonce",
    replay,
  );
  again.agent.stop();
});

async function joinedAgain(home: MemoryHome, device: MemoryDevice): Promise<MemoryDevice> {
  const id = await idIn(home, "active");
  await home.call("revoke", { id });
  await home.call("remove", { id });
  device.file.change({ receiptFor: null });
  const files = device.files.restart();
  return (await joined(home, { name: LAMP, files })).device;
}

/** The home's own, from its disk, as a thief of the router would have it. */
function issuingKey(home: MemoryHome): SigningKey {
  const text = String.fromCharCode(...home.host.files.read("/etc/homeca/ca/issuing.key")!);
  const [der] = decodePem("PRIVATE KEY", text)!;
  return crypto.signingKey("P-256", parsePrivateKey(der!, crypto).scalar);
}

/** Why the device does not take the token; `taken` where it does. */
function refusalOf({ host, file }: MemoryDevice, token: Uint8Array): string {
  try {
    takeToken(host, file, token);
    return "taken";
  } catch (failure) {
    assert.ok(failure instanceof OwnershipFailure);
    return failure.reason;
  }
}

test("a theft-locked device leaves neither by its owner's slip, nor by its wish, nor by a token, nor by time", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  assert.equal((await home.call("lock", { id }))["status"], 0);
  await pass(home, 1000);
  assert.ok(device.state.tenure.state === "owned" && device.state.tenure.theftLock, "it was told");
  const refused = await home.call("release", { id });
  assert.equal(refused["reason"], "wrong-state");
  assert.equal(
    refused["message"],
    `Kitchen lamp is locked against theft: run \`homeca unlock ${id}\` first`,
  );

  device.agent.leave();
  await pass(home, 1500);
  const told = device.events.find(({ kind }) => kind === "release-refused");
  assert.deepEqual(told, { kind: "release-refused", reason: "theft-locked" });
  const { events } = (await home.call("log", { device: id })) as { events: { text: string }[] };
  assert.ok(events.some(({ text }) => text.includes("asked to be released, but is locked")));
  assert.equal((await home.call("device", { id }))["state"], "active");

  // A token of its home's own key, as who has stolen the router could sign it.
  const { tenure } = device.state;
  assert.ok(tenure.state === "owned");
  const tools = { crypto, random: seeded("thief") };
  const token = signToken(
    {
      deviceId: id,
      spkiHash: crypto.digest("sha256", encodePublicKey(keyOf(device.state).publicKey)),
      counter: 9,
      time: home.host.clock.wall(),
      reason: "sold",
      nonce: hex(tenure.nonce!),
    },
    issuingKey(home),
    tools,
  );
  assert.equal(refusalOf(device, token), "theft-locked");

  // However long it has searched, and whoever stands beside it.
  let search = newSearch(true);
  for (let day = 0; day < 365; day++) search = searched(search, 24, true);
  assert.deepEqual(pairing(search, "setup-code"), { kind: "closed", reason: "theft-locked" });
  const pressed = { kind: "open", by: "button" } as const;
  assert.throws(() => adopt(tenure, tenure.owner, pressed), OwnershipFailure);
  // Beside another home that would take it, it asks there for nothing.
  device.agent.stop();
  await pass(home, 500);
  const files = device.files.restart();
  const b = homeB(home);
  const elsewhere = new MemoryDevice(b, crypto, { name: LAMP, files, home: OTHER_ADDRESS });
  elsewhere.agent.start();
  await pass(b, 60_000, 500);
  const { devices } = (await b.call("devices")) as { devices: unknown[] };
  assert.deepEqual(devices, []);
  assert.equal(elsewhere.state.tenure.state, "owned");
  elsewhere.agent.stop();
});

test("unlocked, the device is released", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  await home.call("lock", { id });
  await pass(home, 1000);
  await home.call("unlock", { id });
  assert.equal((await released(home, id, 2000))["confirmed"], true);
  assert.ok(device.story.includes("released"));
  device.agent.stop();
});

test("a device that asks to be released is, and its owner is told; unless the owner wants to decide", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  device.agent.leave();
  await pass(home, 2000);
  assert.ok(device.story.includes("released"), device.story.join(" "));
  const shown = await home.call("device", { id });
  assert.equal(shown["state"], "released");
  assert.equal(shown["decidedBy"], "device");
  assert.equal((shown["release"] as { confirmed: boolean }).confirmed, true);
  assert.equal((await home.call("crl"))["revoked"], 1);
  const { events } = (await home.call("log", { device: id })) as { events: { text: string }[] };
  assert.ok(
    events.some(({ text }) => text.startsWith("Kitchen lamp asked to be released, and is")),
  );
  device.agent.stop();

  const careful = homeA("\toption release_on_request '0'\n");
  const kept = await joined(careful, { name: LAMP });
  kept.device.agent.leave();
  await pass(careful, 1500);
  assert.deepEqual(
    kept.device.events.find(({ kind }) => kind === "release-refused"),
    { kind: "release-refused", reason: "owner-decides" },
  );
  assert.equal((await careful.call("device", { id: kept.id }))["state"], "active");
  assert.equal(kept.device.state.tenure.state, "owned");
  kept.device.agent.stop();
});

test("a device that is revoked gets no token, and its certificate no association", async () => {
  const home = homeA();
  const { device, id } = await joined(home, { name: LAMP });
  const { scalar, owner } = device.state;
  await home.call("revoke", { id });
  assert.equal((await home.call("device", { id }))["release"], null);
  assert.equal(await visit(home, memberCredential(crypto, scalar, owner!)), "refused-by-home");
  await pass(home, 30_000, 500);
  assert.ok(!device.story.includes("released"));
  assert.equal(device.state.tenure.state, "owned");
  assert.equal(device.erasures, 0);
  device.agent.stop();
});

test("whenever the power goes while a token is taken, the device is owned or free, and a free one still has its receipt", async () => {
  const home = homeA();
  const { device } = await joined(home, { name: LAMP });
  device.agent.stop();
  const { tenure } = device.state;
  assert.ok(tenure.state === "owned" && tenure.nonce !== null);
  const token = signToken(
    {
      deviceId: tenure.owner.deviceId,
      spkiHash: crypto.digest("sha256", encodePublicKey(keyOf(device.state).publicKey)),
      counter: 3,
      time: home.host.clock.wall(),
      reason: "given-away",
      nonce: hex(tenure.nonce),
    },
    issuingKey(home),
    { crypto, random: seeded("power") },
  );
  const outcomes = new Set<string>();
  for (let units = 0; ; units++) {
    const disk = device.files.restart();
    const file = StateFile.open(disk, "/var/device.json");
    disk.cutPowerAfter(units);
    let isDone = false;
    try {
      takeToken(device.host, file, token);
      isDone = true;
    } catch (failure) {
      assert.ok(failure instanceof PowerCut);
    }
    const after = StateFile.open(disk.restart(), "/var/device.json").state;
    const isFree = after.tenure.state === "free";
    assert.equal(after.owner === null, isFree);
    assert.equal(after.receiptFor !== null, isFree);
    assert.ok(sameBytes(after.scalar, device.state.scalar));
    outcomes.add(after.tenure.state);
    if (isDone) break;
  }
  assert.deepEqual([...outcomes].sort(), ["free", "owned"]);
});
