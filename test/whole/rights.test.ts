/** Devices of one home ask each other: what their rights allow, and nothing else. */
import { assert, providers, seeded, test } from "#kit";
import { fromBase32, fromUtf8, hex, toHex, utf8 } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import { firstCredential, judgeHome, memberCredential } from "../../src/device/credentials.ts";
import { askFellow, openFellow } from "../../src/device/asking.ts";
import { mayServe, ownId } from "../../src/device/fellow.ts";
import { programResource } from "../../src/device/resources.ts";
import type { Serve } from "../../src/device/resources.ts";
import {
  DEVICE_PORT,
  DeviceServer,
  MAX_PER_DEVICE,
  MAX_RUNNING_PER_DEVICE,
} from "../../src/device/server.ts";
import type { Asked } from "../../src/device/server.ts";
import { HomeSession, SessionFailure } from "../../src/device/session.ts";
import { credentialOf } from "../../src/device/state.ts";
import type { MemberKey } from "../../src/device/state.ts";
import { parseAif } from "../../src/policy/rights/aif.ts";
import { HARD_AGE_SECONDS } from "../../src/policy/rights/list-freshness.ts";
import { rightsIn } from "../../src/policy/rights/certified.ts";
import { Code, codeText, ContentFormat } from "../../src/proto/coap/codes.ts";
import type { Method } from "../../src/proto/coap/codes.ts";
import { coapRequest } from "../../src/proto/coap/request.ts";
import { coapResponse } from "../../src/proto/coap/response.ts";
import type { CoapResponse } from "../../src/proto/coap/response.ts";
import type { Credential } from "../../src/proto/tls/connection.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { takeIn } from "../kit/adopting.ts";
import { HOME_ADDRESS, HOME_UCI, MemoryDevice, pass } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const SENSOR_ADDRESS = { address: "192.0.2.31", port: DEVICE_PORT };
type Rights = { readonly status: number; readonly words: readonly string[] };

/** A home with a sensor that serves, and a lamp that asks; each knows the other's id. */
class Scene {
  readonly home: MemoryHome;
  readonly asked: Asked[] = [];
  /** Requests that reached a function. */
  readonly served: string[] = [];
  lamp!: MemoryDevice;
  sensor!: MemoryDevice;
  server!: DeviceServer;
  /** What `/slow` waits for. */
  readonly waiting: (() => void)[] = [];

  constructor(seed = "home") {
    this.home = new MemoryHome(crypto, { uci: HOME_UCI, random: seeded(seed) });
  }

  /** @param listen - where the sensor is reached */
  static async begin(seed?: string, listen = [SENSOR_ADDRESS]): Promise<Scene> {
    const scene = new Scene(seed);
    scene.sensor = await scene.adopted("Sensor", true);
    scene.lamp = await scene.adopted("Lamp", false);
    const { host, file, agent } = scene.sensor;
    const read: Serve = ({ device }) => {
      scene.served.push(device);
      return coapResponse(Code.CONTENT, { payload: utf8("21.5") });
    };
    const slow: Serve = () =>
      new Promise((done) => scene.waiting.push(() => done(coapResponse(Code.CONTENT))));
    scene.server = new DeviceServer(host, {
      file,
      listed: agent.revocations,
      resources: new Map([
        ["/temperature", { GET: read, POST: read, PUT: read }],
        ["/secret", { GET: read }],
        ["/slow", { GET: slow }],
        ["/broken", { GET: () => Promise.reject(new Error("broken")) }],
      ]),
      listen,
      tell: (asked) => void scene.asked.push(asked),
    });
    scene.server.refresh();
    return scene;
  }

  async adopted(name: string, serves: boolean): Promise<MemoryDevice> {
    const device = new MemoryDevice(this.home, crypto, { name, serves });
    await takeIn(this.home, device);
    return device;
  }

  idOf(device: MemoryDevice): string {
    return ownId(device.state.owner!)!;
  }

  /** The owner's word, and time for it to arrive. */
  async says(method: string, args: object): Promise<Rights> {
    const answer = await this.home.call(method, { id: this.idOf(this.lamp), ...args });
    await pass(this.home, 6000);
    // The method's result has these.
    return answer as unknown as Rights;
  }

  grants(to: string, path = "/temperature", methods = "GET"): Promise<Rights> {
    return this.says("grant", { to, path, methods });
  }

  keyOf(device: MemoryDevice): MemberKey {
    return credentialOf(device.state)!;
  }

  /** The code, or the reason of a session that came to nothing. */
  async asks(path: string, method: Method = "GET", by: MemoryDevice = this.lamp): Promise<string> {
    const asking = {
      key: this.keyOf(by),
      listed: by.agent.revocations,
      to: SENSOR_ADDRESS,
      device: this.idOf(this.sensor),
    };
    const request = coapRequest(method, path.slice(1).split("/"));
    return this.outcome(askFellow(by.host, asking, request));
  }

  async outcome(answer: Promise<CoapResponse>): Promise<string> {
    const said: string[] = [];
    answer.then(
      ({ code, payload }) => said.push(`${codeText(code)} ${fromUtf8(payload)}`.trim()),
      (failure: unknown) => {
        assert.ok(failure instanceof SessionFailure, String(failure));
        said.push(failure.reason);
      },
    );
    // Longer than anybody waits.
    for (let tries = 0; said.length === 0 && tries < 400; tries++) await pass(this.home, 500);
    return said[0] ?? "silence";
  }

  /** A stranger that shows this credential and believes whoever answers. */
  shows(credential: Credential, by: MemoryDevice): Promise<string> {
    const home = SENSOR_ADDRESS;
    const judge = (
      chain: readonly Uint8Array[],
    ): ReturnType<typeof parseCertificate>["publicKey"] => parseCertificate(chain[0]!).publicKey;
    const asked = async (): Promise<CoapResponse> => {
      const session = await HomeSession.open(by.host, { home, credential, judge });
      const response = await session.request(coapRequest("GET", ["temperature"]));
      session.close();
      return response;
    };
    return this.outcome(asked());
  }

  end(): void {
    this.lamp.agent.stop();
    this.sensor.agent.stop();
    this.server.stop();
    this.home.stop();
  }
}

test("a device that cannot have one of its addresses is reached at the others", async () => {
  const taken = { address: HOME_ADDRESS, port: DEVICE_PORT };
  const scene = await Scene.begin("home", [taken, SENSOR_ADDRESS]);
  assert.deepEqual(scene.server.addresses, [SENSOR_ADDRESS]);
  assert.equal(await scene.asks("/temperature"), "4.03");
  scene.end();
});

test("a right to read the temperature of one device is that, and nothing more", async () => {
  const scene = await Scene.begin();
  const sensor = scene.idOf(scene.sensor);
  assert.equal(await scene.asks("/temperature"), "4.03");
  assert.deepEqual(rightsIn(parseCertificate(scene.keyOf(scene.lamp).owner.chain[0]!)), []);

  const { words } = await scene.grants(sensor);
  assert.deepEqual(words, ["may read /temperature of Sensor"]);
  assert.equal(await scene.asks("/temperature"), "2.05 21.5");
  assert.deepEqual(scene.served, [scene.idOf(scene.lamp)]);
  for (const [path, method] of [
    ["/temperature", "POST"],
    ["/temperature", "PUT"],
    ["/temperature", "DELETE"],
    ["/secret", "GET"],
    ["/nothing", "GET"],
    ["/temperature/", "GET"],
    ["/Temperature", "GET"],
    ["/temperature/x", "GET"],
  ] as const) {
    assert.equal(await scene.asks(path, method), "4.03", `${method} ${path}`);
  }
  const asking = {
    key: scene.keyOf(scene.lamp),
    listed: scene.lamp.agent.revocations,
    to: SENSOR_ADDRESS,
    device: null,
  };
  const queried = coapRequest("GET", ["temperature"], { query: ["unit=F"] });
  assert.equal(await scene.outcome(askFellow(scene.lamp.host, asking, queried)), "4.03");
  assert.equal(scene.served.length, 1);
  assert.deepEqual(scene.asked.at(-1), {
    kind: "asked",
    device: scene.idOf(scene.lamp),
    method: "GET",
    path: "/temperature?unit=F",
    answer: "4.03",
  });
  scene.end();
});

test("what a right names and is not there is told to who may ask it: 4.04, 4.05; what fails is 5.00", async () => {
  const scene = await Scene.begin();
  await scene.home.call("grant", {
    id: scene.idOf(scene.lamp),
    to: "all",
    path: "/nothing",
    methods: "GET",
  });
  await scene.home.call("grant", {
    id: scene.idOf(scene.lamp),
    to: "all",
    path: "/broken",
    methods: "GET",
  });
  await scene.grants("all", "/secret", "GET,DELETE");
  assert.equal(await scene.asks("/nothing"), "4.04");
  assert.equal(await scene.asks("/secret", "DELETE"), "4.05");
  assert.equal(await scene.asks("/broken"), "5.00");
  assert.equal(await scene.asks("/secret"), "2.05 21.5");
  scene.end();
});

test("rights that change while both are connected count within seconds, either way", async () => {
  const scene = await Scene.begin();
  const sensor = scene.idOf(scene.sensor);
  await scene.grants(sensor, "/temperature", "GET,PUT");
  assert.equal(await scene.asks("/temperature", "PUT"), "2.05 21.5");
  const old = scene.keyOf(scene.lamp);

  const { words } = await scene.says("withhold", { to: sensor, methods: "put" });
  assert.deepEqual(words, ["may read /temperature of Sensor"]);
  assert.equal(await scene.asks("/temperature", "PUT"), "4.03");
  assert.equal(await scene.asks("/temperature"), "2.05 21.5");

  // The certificate that still says more is on the list, and the sensor has that.
  const kept = memberCredential(crypto, old.scalar, old.owner);
  assert.equal(await scene.shows(kept, scene.lamp), "refused-by-home");
  const details = await scene.home.call("device", { id: scene.idOf(scene.lamp) });
  assert.equal(details["state"], "active");
  scene.end();
});

test("a session that stands when a right is withdrawn answers no more", async () => {
  const scene = await Scene.begin();
  const sensor = scene.idOf(scene.sensor);
  await scene.grants(sensor);
  const opened = openFellow(scene.lamp.host, {
    key: scene.keyOf(scene.lamp),
    listed: scene.lamp.agent.revocations,
    to: SENSOR_ADDRESS,
    device: sensor,
  });
  await pass(scene.home, 2000);
  const session = await opened;
  const ask = (): Promise<string> =>
    scene.outcome(session.request(coapRequest("GET", ["temperature"])));
  assert.equal(await ask(), "2.05 21.5");
  await scene.says("withhold", { to: sensor });
  assert.equal(await ask(), "4.03");
  session.close();
  scene.end();
});

test("as often as the owner changes his mind, the device has a certificate, and two at most that are good", async () => {
  const scene = await Scene.begin();
  const sensor = scene.idOf(scene.sensor);
  for (let times = 0; times < 9; times++) {
    await scene.grants(sensor);
    assert.equal(await scene.asks("/temperature"), "2.05 21.5");
    await scene.says("withhold", { to: sensor });
    assert.equal(await scene.asks("/temperature"), "4.03");
  }
  const details = await scene.home.call("device", { id: scene.idOf(scene.lamp) });
  const certificates = details["certificates"] as readonly { revoked: boolean }[];
  assert.ok(certificates.filter(({ revoked }) => !revoked).length <= 2);
  assert.equal(scene.lamp.events.filter(({ kind }) => kind === "failed").length, 0);
  scene.end();
});

test("a group is who is in it: joining and leaving counts without any new certificate", async () => {
  const scene = await Scene.begin();
  await scene.grants("@Küche");
  assert.equal(await scene.asks("/temperature"), "4.03");
  const [certificate] = scene.keyOf(scene.lamp).owner.chain;
  const sensor = scene.idOf(scene.sensor);
  assert.equal((await scene.home.call("group", { id: sensor, group: "Küche" }))["status"], 0);
  await pass(scene.home, 2000);
  assert.deepEqual(scene.sensor.state.owner?.groups, ["Küche"]);
  assert.equal(await scene.asks("/temperature"), "2.05 21.5");
  await scene.home.call("ungroup", { id: sensor, group: "Küche" });
  await pass(scene.home, 2000);
  assert.equal(await scene.asks("/temperature"), "4.03");
  assert.deepEqual(scene.keyOf(scene.lamp).owner.chain[0], certificate);
  scene.end();
});

test("who is no device of this home is not let in: a stranger, another home's, one that was revoked", async () => {
  const scene = await Scene.begin();
  await scene.grants("all");
  const own = firstCredential(crypto, scene.lamp.state);
  assert.equal(await scene.shows(own, scene.lamp), "refused-by-home");

  const other = await Scene.begin("another home");
  await other.grants("all");
  const { scalar, owner } = other.keyOf(other.lamp);
  const foreign = memberCredential(crypto, scalar, owner);
  assert.equal(await scene.shows(foreign, scene.lamp), "refused-by-home");
  other.end();

  // The home's own server is no device either, though its path holds.
  assert.equal(await scene.asks("/temperature"), "2.05 21.5");
  const key = scene.keyOf(scene.lamp);
  await scene.home.call("revoke", { id: scene.idOf(scene.lamp) });
  await pass(scene.home, 2000);
  const revoked = memberCredential(crypto, key.scalar, key.owner);
  assert.equal(await scene.shows(revoked, scene.lamp), "refused-by-home");
  assert.equal(scene.served.length, 1);
  scene.end();
});

test("with a stale list others read and change nothing; with a useless one they do neither", async () => {
  const scene = await Scene.begin();
  await scene.grants("all", "/temperature", "GET,PUT");
  scene.sensor.agent.stop();
  const list = scene.sensor.agent.revocations.held!;
  const { file } = scene.sensor;
  const at = async (seconds: number): Promise<readonly string[]> => {
    // The newest time that its home has told, as if it had been there.
    file.change({ owner: { ...file.state.owner!, timeFloor: unix(seconds) } });
    return [await scene.asks("/temperature"), await scene.asks("/temperature", "PUT")];
  };
  assert.deepEqual(await at(list.nextUpdate - 600), ["2.05 21.5", "2.05 21.5"]);
  assert.deepEqual(await at(list.nextUpdate + 1), ["2.05 21.5", "4.03"]);
  assert.deepEqual(await at(list.nextUpdate + HARD_AGE_SECONDS + 600), [
    "refused-by-home",
    "refused-by-home",
  ]);
  scene.end();
});

test("who asks goes to the device it means, of its own home, and to nobody on the list", async () => {
  const scene = await Scene.begin();
  await scene.grants("all");
  const asking = {
    key: scene.keyOf(scene.lamp),
    listed: scene.lamp.agent.revocations,
    to: SENSOR_ADDRESS,
    device: scene.idOf(scene.lamp),
  };
  const request = coapRequest("GET", ["temperature"]);
  assert.equal(await scene.outcome(askFellow(scene.lamp.host, asking, request)), "home-refused");
  const home = { ...asking, device: null, to: { address: "192.0.2.1", port: DEVICE_PORT } };
  assert.equal(await scene.outcome(askFellow(scene.lamp.host, home, request)), "home-refused");
  await scene.home.call("revoke", { id: scene.idOf(scene.sensor) });
  await pass(scene.home, 2000);
  assert.equal(await scene.asks("/temperature"), "home-refused");
  scene.end();
});

test("only a device that wants to serve gets a certificate to serve with, whenever it begins to", async () => {
  const scene = await Scene.begin();
  const { extensions } = parseCertificate(scene.keyOf(scene.sensor).owner.chain[0]!);
  assert.ok(mayServe(scene.keyOf(scene.sensor).owner));
  assert.deepEqual(
    extensions.subjectAltName?.flatMap((name) => (name.kind === "dns" ? [name.name] : [])),
    [`${scene.idOf(scene.sensor)}.dev.home.arpa`],
  );
  assert.ok(!mayServe(scene.keyOf(scene.lamp).owner));

  scene.lamp.agent.stop();
  const files = scene.lamp.files.restart();
  const again = new MemoryDevice(scene.home, crypto, { name: "Lamp", files, serves: true });
  again.agent.start();
  await pass(scene.home, 4000);
  assert.ok(mayServe(credentialOf(again.state)!.owner), again.story.join(" "));
  again.agent.stop();
  scene.end();
});

test("a device of the home that serves cannot play the home to another one", async () => {
  const scene = await Scene.begin();
  const { owner } = scene.keyOf(scene.sensor);
  assert.equal(judgeHome(crypto, owner.chain, owner, owner.timeFloor), null);
  const { scalar, owner: lamps } = scene.keyOf(scene.lamp);
  const opened = HomeSession.open(scene.lamp.host, {
    home: SENSOR_ADDRESS,
    credential: memberCredential(crypto, scalar, lamps),
    judge: (chain) => judgeHome(crypto, chain, lamps, lamps.timeFloor),
  });
  const asked = opened.then((session) => session.request(coapRequest("GET", ["temperature"])));
  assert.equal(await scene.outcome(asked), "home-refused");
  scene.end();
});

test("a device asks its home what it may: all of it in CBOR, and of one device as AIF (RFC 9237)", async () => {
  const scene = await Scene.begin();
  const sensor = scene.idOf(scene.sensor);
  await scene.grants("@lights", "/on", "GET,PUT");
  await scene.grants(sensor);
  await scene.home.call("group", { id: sensor, group: "lights" });
  const { scalar, owner } = scene.keyOf(scene.lamp);
  const opened = HomeSession.open(scene.lamp.host, {
    home: { address: HOME_ADDRESS, port: DEVICE_PORT },
    credential: memberCredential(crypto, scalar, owner),
    judge: (chain) => judgeHome(crypto, chain, owner, owner.timeFloor),
  });
  await pass(scene.home, 2000);
  const session = await opened;
  const get = async (
    path: string,
    query: readonly string[],
    accept: number | null,
  ): Promise<readonly [string, string]> => {
    const asked = session.request(coapRequest("GET", ["h", path], { query, accept }));
    await pass(scene.home, 1000);
    const { code, payload } = await asked;
    return [codeText(code), code === Code.CONTENT ? toHex(payload) : ""];
  };
  const temperature = `826c${toHex(utf8("/temperature"))}01`;
  const on = `82632f6f6e05`;
  const device = `4a${toHex(fromBase32(sensor)!)}`;
  const rules = `828266${toHex(utf8("lights"))}81${on}82${device}81${temperature}`;
  assert.deepEqual(await get("acl", [], null), ["2.05", rules]);
  assert.deepEqual(await get("acl", [], ContentFormat.CBOR), ["2.05", rules]);
  assert.deepEqual(await get("acl", [], ContentFormat.AIF_CBOR), ["4.06", ""]);
  const both = `82${on}${temperature}`;
  assert.deepEqual(await get("acl", [`to=${sensor}`], ContentFormat.AIF_CBOR), ["2.05", both]);
  assert.deepEqual(parseAif(hex(both)), [
    { path: "/on", methods: ["GET", "PUT"], created: [] },
    { path: "/temperature", methods: ["GET"], created: [] },
  ]);
  // A device that is not there looks like one that may not be asked anything.
  assert.deepEqual(await get("acl", ["to=aaaaaaaaaaaaaaaa"], null), ["2.05", "80"]);
  for (const query of [["to=x"], ["to"], ["x=1"], [`to=${sensor}`, "to=x"]]) {
    assert.equal((await get("acl", query, null))[0], "4.22", query.join("&"));
  }
  assert.deepEqual(await get("groups", [], null), ["2.05", "80"]);
  session.close();
  scene.end();
});

test("one device has so many associations and requests at once, and no more", async () => {
  const scene = await Scene.begin();
  await scene.grants("all", "/slow");
  const asking = {
    key: scene.keyOf(scene.lamp),
    listed: scene.lamp.agent.revocations,
    to: SENSOR_ADDRESS,
    device: null,
  };
  const sessions: HomeSession[] = [];
  for (let n = 0; n <= MAX_PER_DEVICE; n++) {
    const opened = openFellow(scene.lamp.host, asking);
    await pass(scene.home, 1000);
    sessions.push(await opened);
  }
  await pass(scene.home, 1000);
  assert.equal(scene.server.holdings.associations, MAX_PER_DEVICE);
  assert.equal(sessions[0]!.isOpen, false);

  const last = sessions.at(-1)!;
  const slow = (): Promise<CoapResponse> => last.request(coapRequest("GET", ["slow"]));
  // NSTART is 1: each is acknowledged before the next one leaves.
  const open = Array.from({ length: MAX_RUNNING_PER_DEVICE }, slow);
  await pass(scene.home, 10_000);
  assert.equal(scene.server.holdings.running, MAX_RUNNING_PER_DEVICE);
  assert.equal(await scene.outcome(slow()), "5.03");
  for (const done of scene.waiting) done();
  for (const answer of open) assert.equal(await scene.outcome(answer), "2.05");
  assert.equal(scene.server.holdings.running, 0);
  for (const session of sessions) session.close();
  scene.end();
});

test("a program is run by its words; its output, its status and what it may not be given", async () => {
  const scene = new Scene();
  const ran: (readonly [readonly string[], string])[] = [];
  let result = { status: 0, stdout: "21.5\n", stderr: "" };
  const program = programResource(
    {
      run: (command, input, done) => {
        ran.push([command, input]);
        done(result);
      },
    },
    "/usr/bin/read temperature; rm -rf /",
  );
  const call = (
    method: Method,
    body: Uint8Array = utf8(""),
  ): CoapResponse | Promise<CoapResponse> =>
    program[method]!({ method, device: "aaaaaaaaaaaaaaaa", body, contentFormat: null });
  const read = await call("GET");
  assert.deepEqual(
    [read.code, fromUtf8(read.payload), read.contentFormat],
    [Code.CONTENT, "21.5\n", ContentFormat.TEXT],
  );
  assert.equal((await call("PUT", utf8("22 $(reboot)"))).code, Code.CHANGED);
  assert.deepEqual(ran, [
    [["/usr/bin/read temperature; rm -rf /", "GET", "aaaaaaaaaaaaaaaa"], ""],
    [["/usr/bin/read temperature; rm -rf /", "PUT", "aaaaaaaaaaaaaaaa"], "22 $(reboot)"],
  ]);
  assert.equal((await call("POST", Uint8Array.of(0xff))).code, Code.BAD_REQUEST);
  assert.equal(program.DELETE, undefined);
  for (const wrong of [
    { status: 1, stdout: "secret", stderr: "" },
    { status: 137, stdout: "", stderr: "" },
    { status: 0, stdout: "x".repeat(16 * 1024 + 1), stderr: "" },
  ]) {
    result = wrong;
    const answer = await call("GET");
    assert.deepEqual([answer.code, answer.payload.length], [Code.INTERNAL_SERVER_ERROR, 0]);
  }
  result = { status: 0, stdout: "x".repeat(16 * 1024), stderr: "" };
  assert.equal((await call("GET")).code, Code.CONTENT);
  scene.home.stop();
});
