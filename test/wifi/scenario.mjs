// A home's day over simulated radio: HomeCA as the router runs it, unmodified hostapd (nl80211) and wpa_supplicant.
// Runs inside the virtual machine; see README.md. Every "reaches" is traffic.
//
//     node test/wifi/scenario.mjs OUT CROWD [STEPS]
//
// OUT is the folder for logs, CROWD how many stations take part in the storm; with STEPS only so many are run.
import { spawnSync } from "node:child_process";
import dgram from "node:dgram";
import { chmodSync, mkdirSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { Homeca, PROGRAM } from "../netns/homeca.mjs";
import { monotonic, sleep, until } from "../netns/house.mjs";
import { withBundle, withCertificate, WITH_TLS13 } from "../netns/networks.mjs";
import { Broken, expect, runSteps } from "../netns/steps.mjs";
import {
  Air,
  HOME,
  missingOnAir,
  OTHER_PORT,
  QUARANTINE,
  SECTIONS,
  SSID,
  stationAddress,
} from "./air.mjs";

/** Stations: the lamp that speaks HomeCA, a phone, a laptop, a stranger; the rest are the crowd. */
const LAMP = 1;
const PHONE = 2;
const LAPTOP = 3;
const STRANGER = 4;
const [, , out, crowd, last = ""] = process.argv;
const CROWD = Array.from({ length: Number(crowd) }, (_, at) => STRANGER + 1 + at);

const STREAM_PORT = 9000;
/** Between the packets of a stream. */
const STREAM_MS = 5;
/** What revoking may take until nothing comes any more. */
const BOUND_MS = 1000;

let home;
const ids = {};
/** Sessions that HomeCA has resumed, before it revoked. */
let resumedBefore = 0;
let agent = null;

const named = (name) => home.device((device) => device.name === name);

const resumed = async () => (await home.status()).counters.resumed ?? 0;

/** What the lamp's agent has told so far, oldest first. */
const told = (air) =>
  air
    .log("lamp-agent")
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));

const tells = (air, kind, seconds = 120) =>
  until(`the lamp tells "${kind}"`, () => told(air).find((event) => event.kind === kind), seconds);

/** Switches the lamp's agent on. */
function startAgent(air) {
  const run = ["device", "run", "--json", "--state", air.file("lamp.json"), "--ssid", SSID];
  const network = ["--supplicant", air.file("lamp"), "--control", air.control(LAMP)];
  const words = [...PROGRAM, ...run, ...network, "--hook", air.file("lamp.hook")];
  agent = air.start(`sta${LAMP}`, "lamp-agent", words);
}

async function isAtHome(air, number) {
  await air.joined(number);
  const place = await air.place(number);
  expect(place === "home", `its place is ${place}`);
  expect(await air.isElement(number, "admitted"), "nft does not have it as admitted");
  expect(await air.pings(number, HOME.ip4), "it does not reach the router over IPv4");
  expect(await air.pings(number, HOME.ip6), "it does not reach the router over IPv6");
  expect(await air.connects(number, HOME.ip4), "it does not reach the router's own server");
}

/** That it does reach HomeCA there shows in what it tells. */
async function isQuarantined(air, number) {
  await air.joined(number);
  const place = await air.place(number);
  expect(place === "quarantine", `its place is ${place}`);
  expect(!(await air.isElement(number, "admitted")), "nft has it as admitted");
  for (const network of [QUARANTINE, HOME]) {
    for (const address of Object.values(network)) {
      expect(!(await air.pings(number, address)), `${address} answers its ping`);
      expect(!(await air.connects(number, address)), `it reaches the server at ${address}`);
    }
  }
}

/** Asks HomeCA over its socket, as LuCI's page does: starting a program takes seconds here. */
function ask(air, method, args) {
  return new Promise((done, failed) => {
    const params = ["0".repeat(32), "homeca", method, args];
    const socket = net.connect(air.file("home.sock"), () =>
      socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "call", params })}\n`),
    );
    let answer = "";
    socket.on("data", (bytes) => (answer += bytes));
    socket.on("error", failed);
    socket.on("data", () => {
      if (!answer.endsWith("\n")) return;
      socket.destroy();
      const [status, result] = JSON.parse(answer).result;
      if (status === 0) done(result);
      else failed(new Broken(`${method}: ${result.message}`));
    });
  });
}

/** How many milliseconds after `act` began the last packet of a station came. */
async function lastPacketAfter(air, number, act) {
  const socket = dgram.createSocket("udp4");
  await new Promise((bound) => socket.bind(STREAM_PORT, HOME.ip4, bound));
  let last = 0;
  let count = 0;
  socket.on("message", (_bytes, from) => {
    if (from.address !== stationAddress(number)) return;
    last = monotonic();
    count++;
  });
  const script = `const s = require("dgram").createSocket("udp4"); s.on("error", () => {});
    setInterval(() => s.send("x", ${STREAM_PORT}, "${HOME.ip4}", () => {}), ${STREAM_MS});`;
  const stream = air.start(`sta${number}`, "stream", [process.execPath, "-e", script]);
  await until("the stream flows", () => count > 20, 60);
  const began = monotonic();
  await act();
  // It is over once nothing has come for as long as the bound is.
  await until("the stream is over", () => monotonic() - last > BOUND_MS, 60);
  await air.stop(stream, "SIGKILL");
  socket.close();
  return Math.round(last - began);
}

/** For so many seconds the station must not be in the home's network. */
async function staysOut(air, number, seconds) {
  const deadline = monotonic() + seconds * 1000;
  while (monotonic() < deadline) {
    expect((await air.place(number)) !== "home", "it is in the home's network");
    await sleep(200);
  }
}

const steps = [
  {
    name: "a lamp comes from the shop: EAP-TTLS over the air, with its maker's key, into the quarantine VLAN",
    essential: true,
    run: async (air) => {
      const state = air.file("lamp.json");
      const folder = air.file("lamp");
      mkdirSync(folder, { mode: 0o700 });
      const reconfigure = `wpa_cli -p ${air.control(LAMP)} -i wlan${LAMP} reconfigure`;
      const hook = air.file(
        "lamp.hook",
        `#!/bin/sh\ncase $1 in\njoined | renewed | released | pairing | found) exec ${reconfigure} ;;\nesac\n`,
      );
      chmodSync(hook, 0o700);
      const host = air.radio(LAMP);
      const init = ["device", "init", "--state", state, "--type", "lamp", "--name", "Kitchen lamp"];
      await air.must(host, [...PROGRAM, ...init]);
      await home.search(600);
      startAgent(air);
      const configuration = path.join(folder, "wpa_supplicant.conf");
      const isThere = () => spawnSync("test", ["-e", configuration]).status === 0;
      await until("the lamp writes what wpa_supplicant reads", isThere, 60);
      await air.supplicate(LAMP, configuration);
      await isQuarantined(air, LAMP);
      return (await air.status(LAMP)).key_mgmt;
    },
  },
  {
    name: "from there it finds the home by multicast DNS, and waits for its owner",
    essential: true,
    run: async (air) => {
      await tells(air, "waits-for-owner");
      const lamp = await named("Kitchen lamp");
      expect(lamp?.state === "pending", `state ${lamp?.state}`);
      ids.lamp = lamp.id;
      return `pending, ${lamp.type}`;
    },
  },
  {
    name: "approved: adopted over CoAPs through the quarantine VLAN, then in the home by EAP-TLS",
    essential: true,
    run: async (air) => {
      await home.approve(ids.lamp);
      await tells(air, "joined");
      const isHome = async () => (await air.place(LAMP)) === "home";
      await until("it is in the home's network", isHome, 90);
      await isAtHome(air, LAMP);
      await tells(air, "lives");
      const { state } = await named("Kitchen lamp");
      expect(state === "active", `state ${state}`);
    },
  },
  {
    name: "a phone with the PKCS#12 that homeca issue wrote is in by WPA2-Enterprise",
    run: async (air) => {
      ids.phone = await home.issue("Ada's phone", air.file("phone.p12"));
      await air.station(PHONE, withBundle(air, "phone"), { akm: "WPA-EAP", pmf: 0 });
      await isAtHome(air, PHONE);
      return (await air.status(PHONE)).key_mgmt;
    },
  },
  {
    name: "a stranger with a certificate of another authority never gets into the home",
    run: async (air) => {
      air.authority("elsewhere");
      air.certificate("elsewhere", "stranger", "clientAuth");
      await air.station(STRANGER, withCertificate(air, "stranger"));
      const outcome = await air.outcome(`sta${STRANGER}`, 60);
      await staysOut(air, STRANGER, 8);
      await air.leave(STRANGER);
      return `EAP ${outcome}`;
    },
  },
  {
    name: "WPA3-Enterprise: hostapd anew with protected management frames required, TLS 1.3",
    run: async (air) => {
      await air.stopAccessPoint();
      await air.startAccessPoint("wpa3");
      ids.laptop = await home.issue("Laptop", air.file("laptop.p12"));
      const lines = [...withBundle(air, "laptop"), WITH_TLS13];
      await air.station(LAPTOP, lines, { akm: "WPA-EAP-SHA256", pmf: 2 });
      await isAtHome(air, LAPTOP);
      const { pmf, key_mgmt: akm, eap_tls_version: version } = await air.status(LAPTOP);
      expect(pmf === "2", `pmf ${pmf}`);
      expect(version === "TLSv1.3", `TLS ${version}`);
      return `${akm}, pmf ${pmf}, ${version}`;
    },
  },
  {
    name: "hostapd restarted underneath: the lamp is back by itself, the phone without such frames is not",
    run: async (air) => {
      await isAtHome(air, LAMP);
      const place = await air.place(PHONE);
      expect(place === null, `the phone's place is ${place}`);
      return (await air.status(LAMP)).key_mgmt;
    },
  },
  {
    name: "HomeCA killed underneath: nobody is thrown out, neither then nor when it is back with all it knew",
    run: async (air) => {
      await home.stop();
      expect(await air.pings(LAPTOP, HOME.ip4), "the laptop lost its way with HomeCA");
      await home.start();
      expect((await named("Kitchen lamp"))?.state === "active", "the lamp is forgotten");
      // Nobody has authenticated meanwhile: the kernel's elements are taken over.
      await isAtHome(air, LAMP);
      air.mark(`sta${LAPTOP}`);
      await air.accessPoint("deauthenticate", (await air.status(LAPTOP)).address);
      const back = () => air.since(`sta${LAPTOP}`).includes("CTRL-EVENT-CONNECTED");
      await until("the laptop is back", back, 60);
      await isAtHome(air, LAPTOP);
    },
  },
  {
    name: `reconnect storm: ${CROWD.length} stations lose the access point and its cached keys at once, all are in again by EAP`,
    run: async (air) => {
      await air.stopAccessPoint();
      await air.startAccessPoint();
      for (const number of CROWD) {
        await home.issue(`Crowd ${number}`, air.file(`crowd${number}.p12`));
        await air.station(number, withBundle(air, `crowd${number}`));
      }
      for (const number of CROWD) await air.joined(number, 120);
      for (const number of CROWD) air.mark(`sta${number}`);
      const began = monotonic();
      // Without the keys that hostapd has cached, each of them has to be authenticated anew.
      await air.accessPoint("pmksa_flush");
      await air.accessPoint("deauthenticate", "ff:ff:ff:ff:ff:ff");
      const back = (number) => air.since(`sta${number}`).includes("CTRL-EVENT-CONNECTED");
      await until("all are in again", () => CROWD.every(back), 180);
      const seconds = ((monotonic() - began) / 1000).toFixed(1);
      for (const number of CROWD) {
        const byEap = air.since(`sta${number}`).includes("CTRL-EVENT-EAP-SUCCESS");
        expect(byEap, `station ${number} is in without EAP`);
        expect(await air.isElement(number, "admitted"), `nft does not have station ${number}`);
      }
      for (const number of CROWD) await air.leave(number);
      return `all after ${seconds} s`;
    },
  },
  {
    name: "revoked, the last packet of the laptop comes within a second",
    run: async (air) => {
      await isAtHome(air, LAPTOP);
      air.mark(`sta${LAPTOP}`);
      resumedBefore = await resumed();
      const milliseconds = await lastPacketAfter(air, LAPTOP, () =>
        ask(air, "revoke", { id: ids.laptop }),
      );
      expect(milliseconds < BOUND_MS, `the last packet came after ${milliseconds} ms`);
      return `after ${milliseconds} ms`;
    },
  },
  {
    name: "it does not come back, neither by a cached key nor by a ticket",
    run: async (air) => {
      const refused = () => air.since(`sta${LAPTOP}`).includes("CTRL-EVENT-EAP-FAILURE");
      await until("it has tried, and was refused by EAP", refused, 60);
      await staysOut(air, LAPTOP, 15);
      const since = air.since(`sta${LAPTOP}`);
      expect(!since.includes("CTRL-EVENT-CONNECTED"), "it was connected again");
      expect((await resumed()) === resumedBefore, "HomeCA resumed a session of it");
      expect(!(await air.isElement(LAPTOP, "admitted")), "nft has it as admitted");
      expect(!(await air.pings(LAPTOP, HOME.ip4)), "it reaches the router");
      await air.leave(LAPTOP);
    },
  },
  {
    name: "the lamp asks to be released: its home lets go, and it leaves the home's network",
    run: async (air) => {
      await isAtHome(air, LAMP);
      await air.stop(agent);
      const where = ["--state", air.file("lamp.json"), "--home", HOME.ip4];
      const written = ["--supplicant", air.file("lamp"), "--hook", air.file("lamp.hook")];
      const words = ["device", "release", "--json", ...where, ...written];
      const said = await air.must(`sta${LAMP}`, [...PROGRAM, ...words]);
      expect(said.includes('"released"'), said.trim());
      await until("it is out of the home", async () => (await air.place(LAMP)) !== "home", 60);
      const { state } = await home.device(({ id }) => id === ids.lamp);
      return state;
    },
  },
];

await runSteps("over the air, emulated", {
  Lab: Air,
  live: true,
  missing: missingOnAir,
  prepare: async (air) => {
    air.keepLogsIn(out);
    const server = net.createServer((socket) => socket.end());
    await new Promise((listens) => server.listen(OTHER_PORT, "::", listens));
    home = new Homeca(air, "home", { enforce: "nft", sections: SECTIONS });
    await home.start();
    await home.authority(air.file("home-ca.pem"));
    await air.startAccessPoint();
  },
  steps: last === "" ? steps : steps.slice(0, Number(last)),
});
