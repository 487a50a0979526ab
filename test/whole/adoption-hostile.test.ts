// Who comes to the device API to do harm: many associations, garbage inside DTLS, floods, and codes that are guessed.
import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import { MAX_OF_ONE_KEY, MAX_STRANGERS } from "../../src/daemon/coaps/desk.ts";
import { firstCredential, judgeStranger } from "../../src/device/credentials.ts";
import { HomeSession, SessionFailure } from "../../src/device/session.ts";
import { encodeAdoptionRequest } from "../../src/policy/devices/messages.ts";
import { Code, ContentFormat } from "../../src/proto/coap/codes.ts";
import { parseProblem } from "../../src/proto/coap/problem.ts";
import { coapRequest } from "../../src/proto/coap/request.ts";
import type { CoapRequest } from "../../src/proto/coap/request.ts";
import type { CoapResponse } from "../../src/proto/coap/response.ts";
import { ADOPTING_UCI, approveAll, devicesOf } from "../kit/adopting.ts";
import { HOME_ADDRESS, MemoryDevice, pass, passUntil } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const MINUTE = 60_000;

function newHome(): MemoryHome {
  return new MemoryHome(crypto, { uci: ADOPTING_UCI });
}

/** Settles a promise of the device's side while the clock runs. */
async function settled<T>(home: MemoryHome, promise: Promise<T>, limit = 5000): Promise<T> {
  let over = false;
  const watch = (): void => void (over = true);
  promise.then(watch, watch);
  await passUntil(home, () => over, limit, 10);
  assert.ok(over, "it never came to an end");
  return promise;
}

/** An association with a key of its own. */
function open(home: MemoryHome, device: MemoryDevice): Promise<HomeSession> {
  return settled(
    home,
    HomeSession.open(device.host, {
      home: { address: HOME_ADDRESS, port: 5684 },
      credential: firstCredential(crypto, device.state),
      judge: (chain) => judgeStranger(crypto, chain, null),
    }),
    60_000,
  );
}

function ask(home: MemoryHome, session: HomeSession, request: CoapRequest): Promise<CoapResponse> {
  return settled(home, session.request(request));
}

function adoptionOf({ state }: MemoryDevice, proof: Uint8Array | null = null): CoapRequest {
  const { deviceId, type, name, model } = state.identity;
  const wanted = { deviceId, type, name, model, passive: false, proof };
  return coapRequest("POST", ["h", "adopt"], {
    contentFormat: ContentFormat.CBOR,
    payload: encodeAdoptionRequest({ ...wanted, releaseToken: null, mudUrl: null }),
  });
}

test("300 associations of strangers take no room from a member, nor from who is about to be one", async () => {
  const home = newHome();
  const member = new MemoryDevice(home, crypto, { name: "Member" });
  member.agent.start();
  await pass(home, 2000);
  await approveAll(home);
  await pass(home, 3000);
  assert.ok(member.isMember);
  const flooder = new MemoryDevice(home, crypto, { name: "Flood" });
  const first = await open(home, flooder);
  const sessions: HomeSession[] = [first];
  // A key costs nothing; these few are used in turn, more often than one key may.
  const keys = Array.from(
    { length: 75 },
    (_, at) => new MemoryDevice(home, crypto, { name: `Flood ${at}` }),
  );
  for (let at = 0; at < 300; at++) sessions.push(await open(home, keys[at % keys.length]!));
  const isOpen = sessions.filter((session) => session.isOpen).length;
  assert.ok(isOpen <= MAX_STRANGERS, `${isOpen} are open`);
  assert.equal(first.isOpen, false);
  const again = member.restart(home);
  member.agent.stop();
  again.agent.start();
  await pass(home, 5000);
  assert.ok(again.isMember, again.failures.join());
  for (const session of sessions) session.close();
  again.agent.stop();
  home.stop();
});

test("one key has so many associations and no more: the oldest goes", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  const sessions: HomeSession[] = [];
  for (let at = 0; at <= MAX_OF_ONE_KEY; at++) sessions.push(await open(home, device));
  await pass(home, 100);
  assert.deepEqual(
    sessions.map(({ isOpen }) => isOpen),
    sessions.map((_, at) => at > 0),
  );
  for (const session of sessions) session.close();
  home.stop();
});

test("garbage in every resource is refused by its number, and the home goes on", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  const session = await open(home, device);
  const random = seeded("garbage");
  const paths = [
    ["h", "adopt"],
    ["h", "ku", "c"],
    ["h", "ku", "r"],
    ["h", "live"],
    [".well-known", "est", "sen"],
  ];
  for (const path of paths) {
    for (const contentFormat of [ContentFormat.CBOR, ContentFormat.PKCS10, null]) {
      for (const length of [0, 1, 33, 700]) {
        const payload = random(length);
        const response = await ask(
          home,
          session,
          coapRequest("POST", path, { contentFormat, payload }),
        );
        assert.equal(response.code >> 5 === 4, true, `${path.join("/")}: ${response.code}`);
        assert.ok((parseProblem(response.payload)?.code ?? null) !== null, path.join("/"));
      }
    }
  }
  assert.equal((await ask(home, session, coapRequest("GET", ["h"]))).code, Code.CONTENT);
  const { counters } = (await home.call("status")) as { counters: Record<string, number> };
  assert.equal(counters["faults"] ?? 0, 0, home.lines.join("\n"));
  session.close();
  home.stop();
});

test("who asks and asks is one record, and one line in the log", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  const session = await open(home, device);
  for (let at = 0; at < 50; at++) {
    assert.equal((await ask(home, session, adoptionOf(device))).code, Code.CREATED);
  }
  assert.equal((await devicesOf(home)).length, 1);
  const told = home.lines.filter((line) => line.includes("Lamp"));
  assert.equal(told.length, 1, told.join("\n"));
  session.close();
  home.stop();
});

test("a wrong setup proof has to wait longer each time, and coming early counts as well", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  const { claimedId } = await import("../../src/policy/admission/setup.ts");
  const id = claimedId(device.state.identity.deviceId);
  const text = `id,type,name,code\n${id},lamp,Lamp,K7QP2M4X9RTD\n`;
  assert.equal((await home.call("import", { text, format: "csv" }))["status"], 0);
  const session = await open(home, device);
  const wrong = adoptionOf(device, new Uint8Array(16));
  const waits: (number | null)[] = [];
  for (let at = 0; at < 2; at++) {
    const response = await ask(home, session, wrong);
    assert.equal(response.code, Code.TOO_MANY_REQUESTS);
    assert.equal(parseProblem(response.payload)?.code, 11);
    waits.push(response.maxAge);
    await pass(home, (response.maxAge ?? 0) * 1000, 1000);
  }
  assert.deepEqual(waits, [60, 120]);
  session.close();
  home.stop();
});

test("a device whose home stalls in the middle gives up and comes back", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  device.agent.start();
  await pass(home, 2000);
  const { network } = home.host;
  network.weather = (datagram) => (datagram.from.port === 5684 ? [] : [0]);
  await pass(home, 10 * MINUTE, 500);
  assert.ok(device.failures.length > 0, device.story.join());
  network.weather = () => [0];
  const came = await passUntil(
    home,
    async () => {
      await approveAll(home);
      return device.isMember;
    },
    30 * MINUTE,
    1000,
  );
  assert.ok(came, device.failures.join());
  device.agent.stop();
  home.stop();
});

test("datagrams played again, to the home and to the device, change nothing", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  const { network } = home.host;
  device.agent.start();
  await pass(home, 2000);
  await approveAll(home);
  await pass(home, 3000);
  assert.ok(device.isMember);
  const listed = await devicesOf(home);
  const state = device.state;
  for (const { from, to, bytes } of [...network.sent]) network.sendFrom(from, to, bytes);
  await pass(home, 5000);
  assert.deepEqual(await devicesOf(home), listed);
  assert.deepEqual(device.state, state);
  const { counters } = (await home.call("status")) as { counters: Record<string, number> };
  assert.equal(counters["faults"] ?? 0, 0, home.lines.join("\n"));
  device.agent.stop();
  home.stop();
});

test("what speaks no DTLS at the home's port gets no word", async () => {
  const home = newHome();
  const before = home.host.network.sent.length;
  const random = seeded("no DTLS");
  const to = { address: HOME_ADDRESS, port: 5684 };
  for (let at = 0; at < 200; at++) {
    const bytes = at % 2 === 0 ? random(at * 5) : utf8("\u0016\u00fe\u00fd garbage");
    home.host.network.sendFrom({ address: "192.0.2.9", port: 40_000 + at }, to, bytes);
  }
  await pass(home, 1000);
  assert.equal(home.host.network.sent.length - before, 200);
  home.stop();
});

test("a session that nobody answers ends with a reason", async () => {
  const home = newHome();
  const device = new MemoryDevice(home, crypto, { name: "Lamp" });
  home.host.network.weather = () => [];
  const failure = await open(home, device).then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(failure instanceof SessionFailure);
  assert.equal(failure.reason, "no-answer");
  home.stop();
});
