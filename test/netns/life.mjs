// The life of a device that speaks HomeCA: `homeca device` with unmodified wpa_supplicant, hostapd and nft. It comes
// with its maker's key, is taken in, agrees on a key of its own, and from then on joins with its certificate.
import { takeInCrowd } from "./crowd.mjs";
import { CONFIG, HOSTS, monotonic, sleep, until } from "./lab.mjs";
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

const CODE = "K7QP2M4X9RTDH3VN";
let home;
const ids = {};
const devices = {};

const named = (name) => home.device((device) => device.name === name);

async function stateOf(device) {
  return (await home.device(({ id }) => id === ids[device]))?.state ?? null;
}

const steps = [
  {
    name: "a lamp comes from the shop: EAP-TTLS with its maker's key, and it waits for its owner",
    essential: true,
    run: async (lab) => {
      devices.dev1 = new Device(lab, "dev1");
      await devices.dev1.init("--type", "lamp", "--name", "Kitchen lamp", "--serial", "L-1");
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
    name: "a plug with its code on the shop's list is taken in by itself",
    run: async (lab) => {
      devices.dev2 = new Device(lab, "dev2");
      const label = ["--type", "plug", "--name", "Plug", "--serial", "P-2", "--code", CODE];
      await devices.dev2.init(...label);
      await home.import(
        lab.file("shop.csv", `id,code,name\n${await claimedId("P-2")},${CODE},Plug by the door\n`),
      );
      await devices.dev2.start();
      await devices.dev2.tells("joined");
      await until("EAP-TLS", () => devices.dev2.eap.success >= 2, 30);
      ids.dev2 = (await named("Plug by the door"))?.id;
      expect((await stateOf("dev2")) === "active", `state ${await stateOf("dev2")}`);
      return isAdmitted(lab, "dev2");
    },
  },
  {
    name: "nobody searches: a sensor that looks for a home by itself finds none",
    run: async (lab) => {
      devices.dev3 = new Device(lab, "dev3");
      await devices.dev3.init("--type", "sensor", "--name", "Sensor", "--serial", "S-3");
      await devices.dev3.start({ home: null });
      const { reason } = await devices.dev3.tells("failed", { seconds: 40 });
      expect(reason === "no-answer", `it says ${reason}`);
      return reason;
    },
  },
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
    home = new Homeca(lab, "home", { coaps: true });
    await home.start();
    expect(CONFIG.udpPorts.includes(5684), "the lab knows no CoAPs");
    await startServers(lab);
    await lab.startAuthenticators({ accounting: true });
  },
  steps,
});
