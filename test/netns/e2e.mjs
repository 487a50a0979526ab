// A home from the first contact of a device to its end: HomeCA, unmodified hostapd and
// wpa_supplicant, nft, in network namespaces. Every "reaches" and "does not reach" is traffic.
import { CONFIG, HOSTS, monotonic, RADIUS_SECRET, until } from "./lab.mjs";
import { buildHomeca, Homeca } from "./homeca.mjs";
import {
  isAdmitted,
  isQuarantined,
  isUnknown,
  openStream,
  OTHER,
  startServers,
  streamEnded,
  streamLives,
} from "./probes.mjs";
import { firstContact, ownKey, SERVER_NAME, withBundle, withCertificate } from "./networks.mjs";
import { overTls13 } from "./over-tls13.mjs";
import { accessRequest, codeOf } from "./radius.mjs";
import { expect, runSteps } from "./steps.mjs";

const ACCESS_CHALLENGE = 11;
let home;
/** Ids of the devices on record, by the name of the device in the lab. */
const ids = {};

const LAMP = { type: "lamp", claimed: "abcdefghijklmnop", shown: "Küchenlampe" };
const PLUG = { type: "plug", claimed: "bcdefghijklmnopq", shown: "Steckdose" };

// ---- What the owner sees

const byMac = (device) => home.device(({ macs }) => macs.includes(HOSTS[device].mac));

async function stateOf(device) {
  return (await home.device(({ id }) => id === ids[device]))?.state ?? null;
}

/** The words of the kernel for a device: admitted, quarantined, unknown. */
async function placeOf(lab, device) {
  for (const set of ["admitted", "quarantined"]) {
    const listing = await lab.must("router", ["nft", "list", "set", "bridge", "homeca", set]);
    if (listing.includes(HOSTS[device].mac)) return set;
  }
  return "unknown";
}

/** The device must not get into the network; how far it got is the note. */
async function staysOut(lab, device, outcome) {
  const place = await placeOf(lab, device);
  expect(place !== "admitted", "it was admitted");
  expect(outcome !== "success" || place === "quarantined", "EAP succeeded without quarantine");
  for (const host of [HOSTS.lan, HOSTS.wan]) {
    const [ping, tcp] = await Promise.all([
      lab.pings(device, host.ip4),
      lab.ask(device, "tcp", { host: host.ip6, port: OTHER }),
    ]);
    expect(!ping && !tcp.ok, "it reaches the network");
  }
  return `EAP ${outcome}, ${place}`;
}

/** One try of dev3, each time as a device that nobody has met, that must end in `wanted` and outside. */
async function attempt(lab, network, wanted) {
  await lab.newAddress("dev3");
  const outcome = await lab.authenticate("dev3", network);
  const note = await staysOut(lab, "dev3", outcome);
  expect(outcome === wanted, `EAP ended in ${outcome}, not ${wanted}`);
  return note;
}

/** What RADIUS answers to one request from an address of the router. */
async function radius(lab, bytes, from) {
  const options = { host: "127.0.0.1", port: 1812, from, bytes };
  return codeOf(await lab.ask("router", "exchange", options));
}

const steps = [
  // ---- A device joins
  { name: "nobody is in before HomeCA says so", run: (lab) => isUnknown(lab, "dev1") },
  {
    name: "first contact: EAP-TTLS with a certificate of its own succeeds",
    essential: true,
    run: async (lab) => {
      ownKey(lab, "dev1");
      const outcome = await lab.authenticate("dev1", firstContact(lab, "dev1", LAMP));
      expect(outcome === "success", `EAP ${outcome}`);
    },
  },
  {
    name: "the owner sees it pending, by name and type",
    run: async () => {
      const [device, ...more] = await home.devices();
      expect(device !== undefined && more.length === 0, `${more.length + 1} devices`);
      ids.dev1 = device.id;
      const { state, name, type } = device;
      expect(
        state === "pending" && name === LAMP.shown && type === LAMP.type,
        `${state} ${name} ${type}`,
      );
      return `${state}, "${name}", ${type}`;
    },
  },
  {
    name: "quarantined, it reaches HomeCA and nothing else",
    run: (lab) => isQuarantined(lab, "dev1"),
  },
  {
    name: "approved, it is still in quarantine until it has a certificate",
    run: async (lab) => {
      await home.approve(ids.dev1);
      expect((await stateOf("dev1")) === "approved", `state ${await stateOf("dev1")}`);
      return isQuarantined(lab, "dev1");
    },
  },
  {
    name: "HomeCA signs its request; openssl accepts the chain",
    essential: true,
    run: async (lab) => {
      lab.openssl(
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-noenc",
        "-subj",
        "/CN=whatever",
        "-keyout",
        "dev1-home.key",
        "-out",
        "dev1-home.csr",
      );
      await home.sign(ids.dev1, lab.file("dev1-home.csr"), lab.file("dev1-home.pem"));
      await home.authority(lab.file("home-ca.pem"));
      lab.openssl(
        "verify",
        "-x509_strict",
        "-purpose",
        "sslclient",
        "-CAfile",
        "home-ca.pem",
        "-untrusted",
        "dev1-home.pem",
        "dev1-home.pem",
      );
    },
  },
  {
    name: "EAP-TLS with it: the device reaches its network",
    run: async (lab) => {
      const outcome = await lab.authenticate("dev1", withCertificate(lab, "dev1-home"));
      expect(outcome === "success", `EAP ${outcome}`);
      expect((await stateOf("dev1")) === "active", `state ${await stateOf("dev1")}`);
      return isAdmitted(lab, "dev1");
    },
  },
  {
    name: "a PKCS#12 of HomeCA lets a phone in at once",
    run: async (lab) => {
      ids.dev2 = await home.issue("Ada's phone", lab.file("dev2.p12"));
      const outcome = await lab.authenticate("dev2", withBundle(lab, "dev2"));
      expect(outcome === "success", `EAP ${outcome}`);
      return isAdmitted(lab, "dev2");
    },
  },
  {
    name: "the same on a port that is routed",
    run: async (lab) => {
      ids.dev4 = await home.issue("Garage", lab.file("dev4.p12"));
      const outcome = await lab.authenticate("dev4", withBundle(lab, "dev4"));
      expect(outcome === "success", `EAP ${outcome}`);
      return isAdmitted(lab, "dev4");
    },
  },
  {
    name: "it authenticates again: an open connection does not notice",
    run: async (lab) => {
      await openStream(lab, "dev2", "lan");
      lab.mark("dev2");
      await lab.supplicant("dev2", "reauthenticate");
      const outcome = await lab.outcome("dev2");
      expect(outcome === "success", `EAP ${outcome}`);
      await streamLives(lab, "dev2", "lan");
    },
  },

  // ---- It is thrown out
  {
    name: "revoked: its open connection stops in both directions",
    run: async (lab) => {
      await openStream(lab, "dev1", "wan");
      lab.mark("dev1");
      const start = monotonic();
      await home.revoke(ids.dev1);
      const answered = monotonic() - start;
      const last = await streamEnded(lab, "dev1", "wan", start);
      expect((await stateOf("dev1")) === "revoked", `state ${await stateOf("dev1")}`);
      const [command, device, wan] = [answered, last.device, last.server].map((ms) =>
        ms.toFixed(0),
      );
      return `from command to last byte: device ${device} ms, WAN ${wan} ms (command done at ${command} ms)`;
    },
  },
  {
    name: "hostapd took the Disconnect-Request",
    run: (lab) =>
      until(
        "hostapd puts it out",
        () => lab.log("hostapd").includes(`AP-STA-DISCONNECTED ${HOSTS.dev1.mac}`),
        5,
      ).then(() => ""),
  },
  {
    name: "it returns with its certificate: refused",
    run: async (lab) => {
      const outcome = await lab.authenticate("dev1", withCertificate(lab, "dev1-home"), 25);
      expect(outcome === "failure", `EAP ${outcome}`);
      await isUnknown(lab, "dev1");
      return staysOut(lab, "dev1", outcome);
    },
  },
  {
    name: "it returns with the key of its first contact: refused",
    run: async (lab) => {
      await lab.newAddress("dev1");
      const outcome = await lab.authenticate("dev1", firstContact(lab, "dev1", LAMP));
      expect(outcome === "failure", `EAP ${outcome}`);
      return staysOut(lab, "dev1", outcome);
    },
  },
  {
    name: "the others have not noticed",
    run: async (lab) =>
      `${await isAdmitted(lab, "dev2")}; routed: ${await isAdmitted(lab, "dev4")}`,
  },

  // ---- Who must stay out
  {
    name: "a certificate of an unknown authority",
    run: (lab) => {
      lab.certificate("stranger", "strange", "clientAuth");
      return attempt(lab, withCertificate(lab, "strange"), "failure");
    },
  },
  {
    name: "a certificate of another home's HomeCA",
    run: async (lab) => {
      const other = new Homeca(lab, "other", { authPort: 2812, enforce: "off" });
      await other.start();
      await other.issue("Neighbour", lab.file("neighbour.p12"));
      await other.stop("SIGTERM");
      return attempt(lab, withBundle(lab, "neighbour"), "failure");
    },
  },
  {
    name: "an expired certificate of this home",
    run: (lab) => {
      home.forge("expired", "20260101000000Z", "20260201000000Z");
      return attempt(lab, withCertificate(lab, "expired"), "failure");
    },
  },
  {
    name: "a certificate of this home that is on no record: quarantine at most",
    run: (lab) => {
      const day = (offset) =>
        `${new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10).replaceAll("-", "")}000000Z`;
      home.forge("stray", day(-1), day(2));
      return attempt(lab, withCertificate(lab, "stray"), "success");
    },
  },
  {
    name: "the revoked certificate at another port, from another address",
    run: (lab) => attempt(lab, withCertificate(lab, "dev1-home"), "failure"),
  },
  {
    name: "no certificate",
    run: (lab) =>
      attempt(
        lab,
        withCertificate(lab, "none").filter((line) => !/client_cert|private_key/.test(line)),
        "failure",
      ),
  },
  {
    name: "a self-signed certificate in EAP-TLS: quarantine at most",
    run: (lab) => {
      ownKey(lab, "selfmade");
      return attempt(lab, withCertificate(lab, "selfmade"), "success");
    },
  },
  {
    name: "a password that nobody asked for, without a certificate: quarantine at most",
    run: (lab) =>
      attempt(
        lab,
        firstContact(lab, "selfmade", PLUG).filter((line) => !/client_cert|private_key/.test(line)),
        "success",
      ),
  },
  {
    name: "the device refuses a server of an authority it does not know",
    run: async (lab) => {
      const note = await attempt(lab, withCertificate(lab, "dev1-home", "stranger"), "failure");
      expect(
        /TLS-CERT-ERROR|unknown CA/i.test(lab.since("dev3")),
        "the device did not complain of the certificate",
      );
      return note;
    },
  },
  {
    name: "the device refuses a server of another name",
    run: (lab) =>
      attempt(
        lab,
        withCertificate(lab, "dev1-home").map((line) =>
          line.replace(SERVER_NAME, "elsewhere.home.arpa"),
        ),
        "failure",
      ),
  },

  // ---- RADIUS
  {
    name: "RADIUS: a good request is challenged, so the next ones can be compared",
    run: async (lab) => {
      const code = await radius(lab, accessRequest(RADIUS_SECRET), "127.0.0.13");
      expect(code === ACCESS_CHALLENGE, `answered with ${code}`);
    },
  },
  {
    name: "RADIUS: wrong shared secret, silence",
    run: async (lab) =>
      expect((await radius(lab, accessRequest("wrong secret"), "127.0.0.13")) === null, "answered"),
  },
  {
    name: "RADIUS: no Message-Authenticator, silence",
    run: async (lab) =>
      expect((await radius(lab, accessRequest(null), "127.0.0.13")) === null, "answered"),
  },
  {
    name: "RADIUS: a client that is not configured, silence",
    run: async (lab) =>
      expect((await radius(lab, accessRequest(RADIUS_SECRET), "127.0.0.99")) === null, "answered"),
  },

  // ---- Without HomeCA
  {
    name: "a second device waits in quarantine",
    run: async (lab) => {
      ownKey(lab, "dev3");
      await lab.newAddress("dev3");
      const outcome = await lab.authenticate("dev3", firstContact(lab, "dev3", PLUG));
      expect(outcome === "success", `EAP ${outcome}`);
      ids.dev3 =
        (await byMac("dev3"))?.id ?? (await home.device(({ name }) => name === PLUG.shown))?.id;
      return isQuarantined(lab, "dev3");
    },
  },
  {
    name: "HomeCA is killed: nobody new gets in",
    run: async (lab) => {
      await openStream(lab, "dev2", "lan");
      await home.stop("SIGKILL");
      ownKey(lab, "late");
      await lab.newAddress("dev1");
      const outcome = await lab.authenticate("dev1", firstContact(lab, "late", LAMP), 8);
      expect(outcome === "silence", `EAP ${outcome}`);
      return staysOut(lab, "dev1", outcome);
    },
  },
  { name: "HomeCA is killed: quarantine holds", run: (lab) => isQuarantined(lab, "dev3") },
  { name: "HomeCA is killed: who was admitted goes on", run: (lab) => isAdmitted(lab, "dev2") },
  {
    name: "HomeCA starts again: everyone is where they were, a connection has not noticed",
    run: async (lab) => {
      await home.start();
      await streamLives(lab, "dev2", "lan");
      const places = await Promise.all(
        ["dev1", "dev2", "dev3", "dev4"].map((device) => placeOf(lab, device)),
      );
      expect(places.join(" ") === "unknown admitted quarantined admitted", places.join(" "));
      return `dev1 to dev4: ${places.join(", ")}`;
    },
  },
  {
    name: "HomeCA starts again: it remembers, and revokes who came before",
    run: async (lab) => {
      expect(
        (await stateOf("dev1")) === "revoked" && (await stateOf("dev2")) === "active",
        "states are lost",
      );
      await openStream(lab, "dev2", "lan");
      const start = monotonic();
      await home.revoke(ids.dev2);
      const last = await streamEnded(lab, "dev2", "lan", start);
      await isUnknown(lab, "dev2");
      return `from command to last byte: device ${last.device.toFixed(0)} ms, LAN ${last.server.toFixed(0)} ms`;
    },
  },
  {
    name: "denied: a waiting device loses its quarantine and does not come back",
    run: async (lab) => {
      await home.deny(ids.dev3);
      await until("it is cut", async () => (await placeOf(lab, "dev3")) === "unknown", 5);
      const outcome = await attempt(lab, firstContact(lab, "dev3", PLUG), "failure");
      await isUnknown(lab, "dev3");
      return outcome;
    },
  },
  {
    name: "all tables of the router deleted: HomeCA loads its own again, with everyone who was in",
    run: async (lab) => {
      expect(!/firewall did not hold/.test(home.log), "the firewall had drifted by itself");
      await openStream(lab, "dev4", "wan");
      await lab.must("router", ["nft", "flush", "ruleset"]);
      await home.reload();
      await isUnknown(lab, "dev2");
      await streamLives(lab, "dev4", "wan");
    },
  },
  {
    name: "new devices are welcome again",
    run: async (lab) => {
      await lab.newAddress("dev1");
      const outcome = await lab.authenticate("dev1", firstContact(lab, "late", LAMP));
      expect(outcome === "success", `EAP ${outcome}`);
      return `EAP ${outcome}, ${await placeOf(lab, "dev1")}`;
    },
  },

  // ---- TLS 1.3. Behind all that needs the address of dev3 in quarantine: one that a device has used in
  // its network is no stranger's for a quarter of an hour.
  ...overTls13(() => home),

  {
    name: "hostapd has another shared secret: nobody gets in through it",
    run: async (lab) => {
      await lab.stop(lab.hostapd);
      await lab.startAuthenticators({ secret: "not what HomeCA has" });
      return attempt(lab, firstContact(lab, "late", LAMP), "silence");
    },
  },
];

await runSteps("a home from first contact to revocation", {
  build: buildHomeca,
  programs: ["tcpdump"],
  prepare: async (lab) => {
    lab.authority("stranger");
    home = new Homeca(lab, "home");
    await home.start();
    expect((await home.status()).enforce === "nft", "HomeCA does not enforce");
    const tables = await lab.must("router", ["nft", "list", "tables"]);
    expect(
      /bridge homeca/.test(tables) && /inet homeca/.test(tables),
      "the base ruleset is not loaded",
    );
    const controlled = await lab.must("router", [
      "nft",
      "list",
      "set",
      "bridge",
      "homeca",
      "controlled",
    ]);
    for (const port of CONFIG.interfaces)
      expect(controlled.includes(port), `${port} is not controlled`);
    await startServers(lab);
    await lab.startAuthenticators({ accounting: true });
  },
  steps,
});
