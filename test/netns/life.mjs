// The life of a device that speaks HomeCA: `homeca device` with unmodified wpa_supplicant, hostapd and nft. It comes
// with its maker's key, is taken in, agrees on a key of its own, and from then on joins with its certificate.
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { absence, lostHome } from "./absence.mjs";
import { Calendar } from "./calendar.mjs";
import { takeInCrowd } from "./crowd.mjs";
import { CONFIG, HOSTS, Lab, monotonic, sleep, until } from "./lab.mjs";
import { Device } from "./device.mjs";
import { buildHomeca, Homeca } from "./homeca.mjs";
import {
  isAdmitted,
  isQuarantined,
  isUnknown,
  openStream,
  startServers,
  streamEnded,
} from "./probes.mjs";
import { expect, runSteps } from "./steps.mjs";
import { twoHomes } from "./two-homes.mjs";

const CODE = "K7QP2M4X9RTDH3VN";
let home;
const ids = {};
const devices = {};

const named = (name) => home.device((device) => device.name === name);

/** What the lamp had of its first home, and the home that it is carried to. */
const old = {};
let elsewhere = null;
let second = null;
let calendar = null;
const story = () => ({ home, second, elsewhere, devices, ids, calendar });

/** The lamp is switched on, its owner says yes, and it is in. */
async function takeIn(at) {
  const from = devices.dev1.events.length;
  const { success } = devices.dev1.eap;
  await devices.dev1.start();
  await devices.dev1.tells("waits-for-owner", { from });
  const lamp = await at.device(({ name, state }) => name === "Kitchen lamp" && state === "pending");
  await at.approve(lamp.id);
  ids.dev1 = lamp.id;
  await devices.dev1.tells("lives", { from });
  await until("it is in by EAP-TLS", () => devices.dev1.eap.success >= success + 2, 30);
}

const SENSOR = HOSTS.dev3.ip4;
/** 5684 is taken on every host of the lab, by what probes whether it can be reached. */
const SERVE_PORT = 5694;

/** What the lamp gets of the sensor. */
const ask = (resource, ...options) =>
  devices.dev1.ask(SENSOR, SERVE_PORT, resource, "--device", ids.dev3, ...options);

function refused(said) {
  expect(said.includes("it answered 4.03"), `it says ${said}`);
  return said;
}

/** What s_client says of a handshake with the sensor. */
async function openssl(lab, words) {
  const connect = ["-dtls1_2", "-connect", `${SENSOR}:${SERVE_PORT}`];
  const line = ["timeout", "10", "openssl", "s_client", ...connect, ...words];
  const { stdout, stderr } = await lab.run("dev1", line);
  return stdout + stderr;
}

async function certificateOf(lab, device) {
  const file = devices[device].credential.certificate;
  const line = ["openssl", "x509", "-in", file, "-noout", "-ext", "subjectAltName"];
  return { san: (await lab.run(device, line)).stdout };
}

async function stateOf(device) {
  return (await home.device(({ id }) => id === ids[device]))?.state ?? null;
}

const steps = [
  {
    name: "a lamp comes from the shop: EAP-TTLS with its maker's key, and it waits for its owner",
    essential: true,
    run: async (lab) => {
      devices.dev1 = new Device(lab, "dev1", calendar);
      await devices.dev1.init("--type", "lamp", "--name", "Kitchen lamp", "--serial", "L-1");
      old.sold = devices.dev1.memory;
      await devices.dev1.start();
      await devices.dev1.tells("waits-for-owner");
      const lamp = await named("Kitchen lamp");
      expect(lamp?.state === "pending", `state ${lamp?.state}`);
      ids.dev1 = lamp.id;
      return `pending, ${lamp.type}`;
    },
  },
  {
    name: "it is in quarantine: HomeCA, and nothing else",
    run: (lab) => isQuarantined(lab, "dev1"),
  },
  {
    name: "approved: a new key, and the number that both ends show is one",
    essential: true,
    run: async () => {
      const first = await devices.dev1.show();
      await home.approve(ids.dev1);
      const { code } = await devices.dev1.tells("key-agreed");
      await devices.dev1.tells("joined");
      const { events } = await home.events(ids.dev1);
      expect(
        events.some(({ text }) => text.includes(code)),
        "the home shows another number",
      );
      await devices.dev1.tells("lives");
      const now = await devices.dev1.show();
      expect(now.keyHash !== first.keyHash, "the key is the maker's still");
      return `number ${code}`;
    },
  },
  {
    name: "nobody typed anything: wpa_supplicant is in by EAP-TLS with the new certificate",
    run: async (lab) => {
      await until("the second EAP conversation", () => devices.dev1.eap.success >= 2, 30);
      expect((await stateOf("dev1")) === "active", `state ${await stateOf("dev1")}`);
      return isAdmitted(lab, "dev1");
    },
  },
  {
    name: "the record says which case its key is: own randomness, first key known to its maker",
    run: async () => {
      const { keyCase, certificates } = await home.show(ids.dev1);
      expect(keyCase === "good-known", `case ${keyCase}`);
      expect(certificates.length === 1, `${certificates.length} certificates`);
      return keyCase;
    },
  },
  {
    name: "a plug with its code on the shop's list is taken in by itself; its maker is gone, and asked by nobody",
    run: async (lab) => {
      devices.dev2 = new Device(lab, "dev2", calendar);
      const label = ["--type", "plug", "--name", "Plug", "--serial", "P-2", "--code", CODE];
      await devices.dev2.init(...label);
      await home.import(
        lab.file("shop.csv", `id,code,name\n${await claimedId("P-2")},${CODE},Plug by the door\n`),
      );
      const outside = await lab.capture("router", "wan0", "ip or (ip6 and not icmp6)", async () => {
        await devices.dev2.start();
        await devices.dev2.tells("lives");
        await until("EAP-TLS", () => devices.dev2.eap.success >= 2, 30);
      });
      expect(outside.length === 0, `left the house: ${outside[0]}`);
      ids.dev2 = (await named("Plug by the door"))?.id;
      expect((await stateOf("dev2")) === "active", `state ${await stateOf("dev2")}`);
      return isAdmitted(lab, "dev2");
    },
  },
  {
    name: "nobody searches: a sensor that looks for a home by itself finds none",
    run: async (lab) => {
      devices.dev3 = new Device(lab, "dev3", calendar);
      await devices.dev3.init("--type", "sensor", "--name", "Sensor", "--serial", "S-3");
      await devices.dev3.start({ home: null });
      const { reason } = await devices.dev3.tells("failed", { seconds: 40 });
      expect(reason === "no-answer", `it says ${reason}`);
      return reason;
    },
  },
  ...twoHomes(story),
  {
    name: "its owner searches for a sensor: it finds the home, and asks to be taken in",
    run: async () => {
      await home.search(120, "--type", "sensor");
      await devices.dev3.tells("waits-for-owner", { seconds: 60 });
      ids.dev3 = (await named("Sensor")).id;
      await home.approve(ids.dev3);
      await devices.dev3.tells("joined", { seconds: 40 });
      return "found by _sensor._sub._homeca._udp";
    },
  },
  {
    name: "the search is over: it finds its home by a label that only the two know",
    run: async (lab) => {
      await home.search(0);
      await devices.dev3.stop();
      // The farewell to the window is said twice, a second apart, and names what was searched for.
      await sleep(2500);
      const from = devices.dev3.events.length;
      let lives = null;
      const listening = async () => {
        await devices.dev3.start({ home: null });
        lives = await devices.dev3.tells("lives", { from, seconds: 60 });
      };
      const heard = await lab.capture("lan", "eth0", "udp port 5353", listening, { whole: true });
      expect(lives !== null, "it does not live");
      const told = heard.join("\n");
      expect(/[a-z2-7]{16}\._homeca/.test(told), "no label was heard");
      for (const secret of ["sensor", ids.dev3, "HomeCA-"]) {
        expect(!told.toLowerCase().includes(secret.toLowerCase()), `multicast tells ${secret}`);
      }
      const labels = new Set(told.match(/[a-z2-7]{16}(?=\._homeca)/g));
      return `${labels.size} labels heard, no name among them`;
    },
  },
  {
    name: "fifty lamps of a list are switched on at once, and all are taken in",
    run: async (lab) => {
      const took = await takeInCrowd(lab, "lan", home, 50, HOSTS.router.ip4);
      const lamps = (await home.devices()).filter(
        ({ state, type }) => state === "active" && type === "lamp",
      );
      // The kitchen's lamp is the fifty-first.
      expect(lamps.length === 51, `${lamps.length} lamps are active`);
      return `${(took / 1000).toFixed(1)} s until the last one lives`;
    },
  },
  {
    name: "switched off and on: it is in at once, with what it remembers",
    run: async (lab) => {
      await devices.dev1.stop();
      const from = devices.dev1.events.length;
      await devices.dev1.start();
      await devices.dev1.tells("lives", { from });
      return isAdmitted(lab, "dev1");
    },
  },
  {
    name: "the sensor serves its temperature: who has no right gets none",
    essential: true,
    run: async (lab) => {
      const program = lab.file("temperature", '#!/bin/sh\necho "$1 21.5 $(cat)"\n');
      chmodSync(program, 0o700);
      await devices.dev3.stop();
      const from = devices.dev3.events.length;
      await devices.dev3.start({
        serve: [`/temperature=${program}`, `/secret=${program}`],
        servePort: SERVE_PORT,
      });
      await devices.dev3.tells("renewed", { from });
      await until("the sensor is in", () => devices.dev3.show().then(({ id }) => id !== null));
      await isAdmitted(lab, "dev3");
      const { san } = await certificateOf(lab, "dev3");
      expect(san.includes(`DNS:${ids.dev3}.dev.home.arpa`), `its certificate names ${san}`);
      return refused(await ask("/temperature"));
    },
  },
  {
    name: "granted while both are connected: the lamp reads the temperature, and that is all",
    run: async () => {
      const from = devices.dev1.events.length;
      await home.grant(ids.dev1, ids.dev3, "/temperature", "GET");
      await devices.dev1.tells("renewed", { from });
      const said = await ask("/temperature");
      expect(said === "GET 21.5", `it says ${said}`);
      refused(await ask("/temperature", "--method", "POST", "--body", "30"));
      refused(await ask("/temperature", "--method", "PUT", "--body", "30"));
      refused(await ask("/secret"));
      refused(await ask("/temperature/x"));
      const other = await devices.dev1.ask(
        SENSOR,
        SERVE_PORT,
        "/temperature",
        "--device",
        ids.dev1,
      );
      expect(other.includes("home-refused"), `asked for another device it says ${other}`);
      return said;
    },
  },
  {
    name: "a group: setting counts once the sensor is in it",
    run: async () => {
      const from = devices.dev1.events.length;
      await home.grant(ids.dev1, "@heating", "/temperature", "PUT");
      await devices.dev1.tells("renewed", { from });
      refused(await ask("/temperature", "--method", "PUT", "--body", "30"));
      await home.group(ids.dev3, "heating");
      const set = () => ask("/temperature", "--method", "PUT", "--body", "30");
      await until("the sensor knows its group", async () => (await set()) === "PUT 21.5 30");
      return "PUT 21.5 30";
    },
  },
  {
    name: "OpenSSL judges the handshake: the sensor's chain holds, and nobody else's key gets in",
    needs: () => (existsSync("/usr/bin/openssl") ? null : "openssl"),
    run: async (lab) => {
      const lamp = devices.dev1.credential;
      const host = `${ids.dev3}.dev.home.arpa`;
      const trust = ["-CAfile", lamp.root, "-verify_return_error", "-verify_hostname", host];
      const own = ["-cert", lamp.certificate, "-cert_chain", lamp.certificate, "-key", lamp.key];
      const good = await openssl(lab, [...trust, ...own]);
      expect(/Verify return code: 0 \(ok\)/.test(good), good.slice(-300));
      expect(!/alert/.test(good), "the lamp is refused");
      const key = lab.file("stranger.key");
      const certificate = lab.file("stranger.pem");
      const make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x";
      await lab.run("dev1", ["openssl", ...make.split(" "), "-keyout", key, "-out", certificate]);
      const bad = await openssl(lab, [...trust, "-cert", certificate, "-key", key]);
      expect(/alert unknown ca/.test(bad), bad.slice(-300));
      const none = await openssl(lab, trust);
      expect(/alert/.test(none), none.slice(-300));
      return "ok, unknown ca, and an alert without a certificate";
    },
  },
  {
    name: "withheld: the lamp asks in vain, and so does whoever kept its old certificate",
    run: async (lab) => {
      const kept = lab.file("kept.pem", readFileSync(devices.dev1.credential.certificate, "utf8"));
      const from = devices.dev1.events.length;
      const start = monotonic();
      await home.withhold(ids.dev1, ids.dev3);
      await until("the sensor refuses the old certificate", async () => {
        const { root, key } = devices.dev1.credential;
        const old = ["-CAfile", root, "-cert", kept, "-cert_chain", kept, "-key", key];
        return /alert certificate revoked/.test(await openssl(lab, old));
      });
      const after = monotonic() - start;
      await devices.dev1.tells("renewed", { from });
      refused(await ask("/temperature"));
      expect((await stateOf("dev1")) === "active", `state ${await stateOf("dev1")}`);
      return `old certificate refused after ${after.toFixed(0)} ms`;
    },
  },
  ...absence(story),
  {
    name: "locked against theft, the lamp may not leave; unlocked and given up, it erases itself and signs for it",
    essential: true,
    run: async (lab) => {
      const { root, key, certificate } = devices.dev1.credential;
      for (const [name, file] of Object.entries({ root, key, certificate })) {
        old[name] = lab.file(`old-${name}.pem`, readFileSync(file, "utf8"));
      }
      old.home = devices.dev1.memory.owner.root;
      await home.lock(ids.dev1);
      const said = await devices.dev1.leave();
      expect(/release-refused/.test(said), `locked, it says ${said}`);
      await home.unlock(ids.dev1);
      const from = devices.dev1.events.length;
      await devices.dev1.stop();
      await devices.dev1.start();
      await devices.dev1.tells("lives", { from });
      const { confirmed } = await home.release(ids.dev1);
      expect(confirmed === true, "no receipt came");
      await devices.dev1.tells("released");
      const { owned, releases, keyHash } = await devices.dev1.show();
      expect(!owned && releases === 1, `owned ${owned}, releases ${releases}`);
      expect(!existsSync(certificate) && !existsSync(key), "its certificate is on its disk still");
      old.keyHash = keyHash;
      const { state, release } = await home.show(ids.dev1);
      expect(state === "released" && release.confirmed, `state ${state}`);
      return "receipt confirmed";
    },
  },
  {
    name: "whoever kept its certificate from before gets nowhere with it",
    needs: () => (existsSync("/usr/bin/openssl") ? null : "openssl"),
    run: async (lab) => {
      const own = ["-cert", old.certificate, "-cert_chain", old.certificate, "-key", old.key];
      const where = ["-dtls1_2", "-connect", `${HOSTS.router.ip4}:5684`, "-CAfile", old.root];
      const line = ["timeout", "10", "openssl", "s_client", ...where, ...own];
      // From the sensor's place, for the lamp has none in this home any more.
      const { stdout, stderr } = await lab.run("dev3", line);
      const alert = /alert certificate (revoked|unknown)/.exec(stdout + stderr);
      expect(alert !== null, (stdout + stderr).slice(-300));
      return alert[0];
    },
  },
  {
    name: "a second home takes it in with the key it had: a new key, another root, and EAP-TLS there",
    essential: true,
    run: async () => {
      elsewhere = await Lab.open("b");
      second = new Homeca(elsewhere, "second", { coaps: 5684, calendar });
      await second.start();
      await startServers(elsewhere);
      await elsewhere.startAuthenticators({ accounting: true, calendar });
      await devices.dev1.carryTo(elsewhere);
      await takeIn(second);
      const { keyHash } = await devices.dev1.show();
      expect(keyHash !== old.keyHash, "the key is the first home's still");
      expect(devices.dev1.memory.owner.root !== old.home, "it trusts the first home");
      return isAdmitted(elsewhere, "dev1");
    },
  },
  {
    name: "who has the key that its maker gave it is a stranger there, and the lamp is left in peace",
    run: async () => {
      const copy = new Device(elsewhere, "dev2", calendar);
      copy.pose(old.sold);
      await copy.start();
      await copy.tells("waits-for-owner");
      const lamps = (await second.devices()).filter(({ name }) => name === "Kitchen lamp");
      const states = lamps.map(
        ({ id, state }) => `${id === ids.dev1 ? "its own" : "other"} ${state}`,
      );
      expect(states.sort().join() === "its own active,other pending", states.join());
      const { alarm } = await second.show(ids.dev1);
      expect(alarm === null, `alarm ${alarm}`);
      await isQuarantined(elsewhere, "dev2");
      const { id } = lamps.find((lamp) => lamp.id !== ids.dev1);
      await second.deny(id);
      await copy.stop();
      const { success } = copy.eap;
      await copy.start();
      await until("it is refused", () => copy.eap.failure > 0, 30);
      await copy.stop();
      expect(copy.eap.success === success, "EAP succeeded");
      return `${states.join(", ")}, and refused once denied`;
    },
  },
  {
    name: "given back, the first home knows it again by that key, and takes it in anew",
    run: async (lab) => {
      const { confirmed } = await second.release(ids.dev1);
      expect(confirmed === true, "no receipt came");
      await devices.dev1.tells("released");
      await devices.dev1.carryTo(lab);
      await takeIn(home);
      expect(devices.dev1.memory.owner.root === old.home, "it is in another home");
      expect((await devices.dev1.show()).releases === 2, "it counts other releases");
      return isAdmitted(lab, "dev1");
    },
  },
  {
    name: "revoked: its connection stops, and neither certificate nor first key opens anything",
    run: async (lab) => {
      await openStream(lab, "dev2", "wan");
      const start = monotonic();
      await home.revoke(ids.dev2);
      const last = await streamEnded(lab, "dev2", "wan", start);
      const before = devices.dev2.eap;
      await devices.dev2.stop();
      await devices.dev2.start();
      await until("it is refused", () => devices.dev2.eap.failure > before.failure, 30);
      expect(devices.dev2.eap.success === before.success, "EAP succeeded");
      await isUnknown(lab, "dev2");
      return `last byte after ${last.device.toFixed(0)} ms`;
    },
  },
  ...lostHome(story),
];

/** The 16 characters that a device with this serial number calls itself by. */
async function claimedId(serial) {
  const text = new TextEncoder().encode(`HomeCA-devid-v1\0serial=${serial}`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  let bits = "";
  for (const octet of digest.subarray(0, 10)) bits += octet.toString(2).padStart(8, "0");
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  return bits
    .match(/.{5}/g)
    .map((five) => letters[Number.parseInt(five, 2)])
    .join("");
}

await runSteps("a device's life", {
  build: buildHomeca,
  programs: ["tcpdump"],
  prepare: async (lab) => {
    calendar = new Calendar(lab);
    home = new Homeca(lab, "home", { coaps: 5684, calendar });
    await home.start();
    expect(CONFIG.udpPorts.includes(5684), "the lab knows no CoAPs");
    await startServers(lab);
    await lab.startAuthenticators({ accounting: true, calendar });
  },
  steps,
});
