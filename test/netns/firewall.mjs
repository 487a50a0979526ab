// The three states of a station, proved with traffic: real hostapd and wpa_supplicant, hostapd's own
// RADIUS server where HomeCA would be, and the nft text of src/policy/firewall. Needs root.
import { CONFIG, DEVICES, HOSTS, loadFirewall, monotonic, sleep, until } from "./lab.mjs";
import {
  isAdmitted,
  isQuarantined,
  isUnknown,
  openStream,
  startServers,
  streamEnded,
  streamLives,
} from "./probes.mjs";
import { expect, runSteps } from "./steps.mjs";

const { renderAll, renderBase, renderChange, parseKernel, findDrift } = await loadFirewall();

const place = (lab, kind, device, seconds = 600, port = HOSTS[device].port) =>
  lab.nft(renderChange({ kind, mac: HOSTS[device].mac, seconds, port }, CONFIG));
const stranger = (lab, device) => place(lab, "cut", device);

async function cutEnds(lab, device, server) {
  await openStream(lab, device, server);
  const start = monotonic();
  await stranger(lab, device);
  const applied = monotonic() - start;
  const last = await streamEnded(lab, device, server, start);
  return `nft done after ${applied.toFixed(0)} ms; last byte at the device ${last.device.toFixed(0)} ms, at the ${server} ${last.server.toFixed(0)} ms`;
}

/** An ICMPv6 message in a frame, with its checksum (RFC 4443 §2.3); addresses are 32 hexadecimal digits. */
function icmpv6(to, from, source, destination, message) {
  const length = message.length / 2;
  const pseudo = Buffer.from(
    `${source}${destination}${length.toString(16).padStart(8, "0")}0000003a${message}`,
    "hex",
  );
  let sum = 0;
  for (let at = 0; at < pseudo.length; at += 2) sum += pseudo.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const checksum = (~sum & 0xffff).toString(16).padStart(4, "0");
  const header = `60000000${length.toString(16).padStart(4, "0")}3aff${source}${destination}`;
  return frame(to, from, "86dd", header + message.slice(0, 4) + checksum + message.slice(8));
}

/** Where EAPOL goes on a wire (IEEE 802.1X-2020 §11.1.1). */
const PAE_GROUP = "01:80:c2:00:00:03";

const octets = (mac) => mac.replaceAll(":", "");

/** An Ethernet frame in hexadecimal, padded to the least length. */
const frame = (to, from, type, body) => (octets(to) + octets(from) + type + body).padEnd(120, "0");

const steps = [
  {
    name: "without the tables everything passes, so the probes can see",
    essential: true,
    run: (lab) => isAdmitted(lab, "dev1"),
  },
  {
    name: "the base ruleset loads twice to the same tables",
    essential: true,
    run: async (lab) => {
      const list = () => lab.must("router", ["nft", "list", "ruleset"]);
      await lab.nft(renderBase(CONFIG));
      const once = await list();
      await lab.nft(renderBase(CONFIG));
      expect(once === (await list()), "the second load differs");
    },
  },
  { name: "unknown, on the bridge: nothing passes", run: (lab) => isUnknown(lab, "dev1") },
  { name: "unknown, on a routed port: nothing passes", run: (lab) => isUnknown(lab, "dev4") },
  {
    name: "unknown: EAPOL reaches hostapd, EAP-TLS succeeds on every port",
    run: async (lab) => {
      const network = [
        "eap=TLS",
        'identity="device"',
        `ca_cert="${lab.file("ca.pem")}"`,
        `client_cert="${lab.file("device.pem")}"`,
        `private_key="${lab.file("device.key")}"`,
      ];
      const ends = await Promise.all(DEVICES.map((device) => lab.authenticate(device, network)));
      for (const [index, outcome] of ends.entries())
        expect(outcome === "success", `${DEVICES[index]}: ${outcome}`);
    },
  },
  {
    name: "quarantined, on the bridge: HomeCA, DHCP and mDNS, nothing else",
    run: async (lab) => {
      await place(lab, "quarantine", "dev1");
      return isQuarantined(lab, "dev1");
    },
  },
  {
    name: "quarantined, on a routed port: HomeCA, nothing else",
    run: async (lab) => {
      await place(lab, "quarantine", "dev4");
      return isQuarantined(lab, "dev4");
    },
  },
  {
    name: "two quarantined stations do not see each other",
    run: async (lab) => {
      await place(lab, "quarantine", "dev2");
      const seen = await lab.capture("dev2", "eth0", `ether host ${HOSTS.dev1.mac}`, async () => {
        expect(!(await lab.pings("dev1", HOSTS.dev2.ip4)), "ping IPv4");
        expect(!(await lab.pings("dev1", HOSTS.dev2.ip6)), "ping IPv6");
        await lab.ask("dev1", "mdns", { family: 4, device: "eth0", address: HOSTS.dev1.ip4 });
      });
      expect(seen.length === 0, `seen: ${seen[0]}`);
    },
  },
  {
    name: "quarantined: the LAN's broadcasts and multicasts stay away",
    run: async (lab) => {
      const seen = await lab.capture("dev1", "eth0", `ether src ${HOSTS.lan.mac}`, async () => {
        await lab.ask("lan", "shout", { host: "255.255.255.255", port: 9 });
        await lab.ask("lan", "shout", { host: "192.0.2.255", port: 9 });
        await lab.ask("lan", "mdns", { family: 6, device: "eth0", address: HOSTS.lan.ip4 });
        await lab.pings("lan", "192.0.2.99");
      });
      expect(seen.length === 0, `seen: ${seen[0]}`);
    },
  },
  {
    name: "quarantined: no router advertisement, redirect, DHCP offer, VLAN tag, BPDU or LACP passes",
    run: async (lab) => {
      const { mac } = HOSTS.dev1;
      const all = "33:33:00:00:00:01";
      const source = "fe80000000000000000000fffe000001".padStart(32, "0");
      const ip6 = (next, length, body) =>
        `60000000${length}${next}ff${source}ff020000000000000000000000000001${body}`;
      const ip4 = "4500002400000000401100000000000000000000".padEnd(40, "0");
      const router = HOSTS.router.mac;
      const hostile = [
        frame(all, mac, "86dd", ip6("3a", "0010", "8600000040000708" + "00".repeat(8))),
        frame(all, mac, "86dd", ip6("3a", "0028", "8900000000000000" + "00".repeat(32))),
        frame(
          all,
          mac,
          "86dd",
          ip6("3a", "0018", "88000000e0000000fd000002000000000000000000000001"),
        ),
        frame("ff:ff:ff:ff:ff:ff", mac, "0800", ip4 + "004300440010000002010600"),
        frame(router, mac, "8100", "000a0800" + ip4 + "0044004300100000"),
        frame("01:80:c2:00:00:00", mac, "0026", "424203000000000000"),
        frame("01:80:c2:00:00:02", mac, "8809", "0101"),
      ];
      // A counter behind our chains counts what they let through; the good frame proves that it counts.
      await lab.nft(
        `table bridge lab {\n\tchain prerouting {\n\t\ttype filter hook prerouting priority -299; iifname port1 counter;\n\t}\n\tchain input {\n\t\ttype filter hook input priority -199; iifname port1 counter;\n\t}\n}\n`,
      );
      const passed = async () =>
        [
          ...(await lab.must("router", ["nft", "list", "table", "bridge", "lab"])).matchAll(
            /packets (\d+)/g,
          ),
        ].map(([, packets]) => Number(packets));
      const before = await passed();
      await lab.frames("dev1", ...hostile);
      await sleep(100);
      const after = await passed();
      await lab.frames(
        "dev1",
        frame(
          router,
          mac,
          "0806",
          `0001080006040002${octets(mac)}c000020b${octets(router)}c0000201`,
        ),
      );
      await sleep(100);
      const good = await passed();
      await lab.nft("delete table bridge lab\n");
      expect(
        String(before) === String(after),
        `of ${hostile.length} frames passed: ${before.join(" ")} before, ${after.join(" ")} after`,
      );
      expect(
        good.every((packets, index) => packets === after[index] + 1),
        "the good frame was not counted",
      );
      return `${hostile.length} hostile frames, none passed`;
    },
  },
  {
    name: "unknown: EAPOL goes to the router only",
    run: async (lab) => {
      const { mac } = HOSTS.dev3;
      const start = (to) => frame(to, mac, "888e", "02010000");
      const seen = await lab.capture("lan", "eth0", `ether src ${mac}`, () =>
        lab.frames("dev3", start(HOSTS.lan.mac), start("ff:ff:ff:ff:ff:ff"), start(PAE_GROUP)),
      );
      expect(seen.length === 0, `seen on the LAN: ${seen[0]}`);
    },
  },
  {
    name: "unknown: a copied address does not move in the bridge's table",
    run: async (lab) => {
      await lab.pings("lan", HOSTS.router.ip4);
      const where = async () =>
        (await lab.must("router", ["bridge", "fdb", "show", "br", "br-lan"]))
          .split("\n")
          .find((line) => line.startsWith(HOSTS.lan.mac));
      const before = await where();
      const copied = HOSTS.lan.mac;
      await lab.frames("dev3", frame("ff:ff:ff:ff:ff:ff", copied, "0806", ""));
      await lab.frames("dev3", frame(PAE_GROUP, copied, "888e", "02010000"));
      await lab.frames("dev3", frame("01:80:c2:00:00:0e", copied, "88cc", "0207"));
      await sleep(100);
      expect(before?.includes("lan0"), "the LAN host is not in the table");
      expect((await where()) === before, "it moved");
    },
  },
  {
    name: "quarantined: it cannot take over the LAN host's address at the router",
    run: async (lab) => {
      const { mac: router } = HOSTS.router;
      const { mac: owner } = HOSTS.lan;
      const [lan4, lan6, router6] = [
        "c0000202",
        "fd000002000000000000000000000002",
        "fd000002000000000000000000000001",
      ];
      const claims = (mac) => [
        frame(router, mac, "0806", `0001080006040001${octets(mac)}${lan4}000000000000c0000201`),
        frame(
          router,
          mac,
          "0806",
          `0001080006040002${octets(mac)}${lan4}${octets(router)}c0000201`,
        ),
        icmpv6(router, mac, lan6, router6, `8700000000000000${router6}0101${octets(mac)}`),
        icmpv6(router, mac, lan6, router6, `8800000060000000${lan6}0201${octets(mac)}`),
        icmpv6(
          router,
          mac,
          "fe80000000000000000000000000d1d1",
          router6,
          `8800000060000000${lan6}0201${octets(mac)}`,
        ),
        icmpv6(
          router,
          mac,
          lan6,
          "ff020000000000000000000000000002",
          `85000000000000000101${octets(mac)}`,
        ),
      ];
      const meet = () =>
        Promise.all([lab.pings("lan", HOSTS.router.ip4), lab.pings("lan", HOSTS.router.ip6)]);
      const owners = async () => {
        const lines = (await lab.must("router", ["ip", "neigh", "show", "dev", "br-lan"])).split(
          "\n",
        );
        const of = (address) =>
          lines.find((line) => line.startsWith(`${address} `))?.match(/lladdr (\S+)/)?.[1];
        return `${of(HOSTS.lan.ip4)} ${of(HOSTS.lan.ip6)}`;
      };
      await meet();
      expect((await owners()) === `${owner} ${owner}`, "the router does not know the LAN host");
      await lab.frames("dev1", ...claims(HOSTS.dev1.mac));
      await sleep(200);
      expect((await owners()) === `${owner} ${owner}`, `the router believes ${await owners()}`);
      // The same frames of an admitted station are believed: they are well made.
      await place(lab, "admit", "dev2");
      await lab.frames("dev2", ...claims(HOSTS.dev2.mac));
      await sleep(200);
      const { mac } = HOSTS.dev2;
      expect((await owners()) === `${mac} ${mac}`, `the frames are no claims: ${await owners()}`);
      await place(lab, "quarantine", "dev2");
      await lab.must("router", ["ip", "neigh", "flush", "dev", "br-lan"]);
      await meet();
      return `${claims("").length} claims by ARP and ND, none believed`;
    },
  },
  {
    name: "admitted, on the bridge: everything its network allows",
    run: async (lab) => {
      await place(lab, "admit", "dev1");
      return isAdmitted(lab, "dev1");
    },
  },
  {
    name: "admitted, on a routed port: everything its network allows",
    run: async (lab) => {
      await place(lab, "admit", "dev4");
      return isAdmitted(lab, "dev4");
    },
  },
  {
    name: "admitted and quarantined do not see each other, two admitted do",
    run: async (lab) => {
      expect(!(await lab.pings("dev1", HOSTS.dev2.ip4)), "admitted reaches quarantined");
      expect(!(await lab.pings("dev2", HOSTS.dev1.ip4)), "quarantined reaches admitted");
      await place(lab, "admit", "dev2");
      await until("admitted reaches admitted", () => lab.pings("dev1", HOSTS.dev2.ip4));
      await until("the same by IPv6", () => lab.pings("dev2", HOSTS.dev1.ip6));
    },
  },
  {
    name: "an admitted address copied to another port gets nothing there",
    run: async (lab) => {
      const copy = (mac) => lab.must("dev3", ["ip", "link", "set", "dev", "eth0", "address", mac]);
      await copy(HOSTS.dev1.mac);
      expect(!(await lab.pings("dev3", HOSTS.router.ip4)), "the router answers");
      expect(!(await lab.pings("dev3", HOSTS.lan.ip4)), "the LAN answers");
      expect(await lab.pings("dev1", HOSTS.lan.ip4), "the true owner is cut off");
      await copy(HOSTS.dev3.mac);
    },
  },
  {
    name: "cut, open connection to the LAN: both directions stop",
    run: (lab) => cutEnds(lab, "dev1", "lan"),
  },
  {
    name: "cut, open connection to the WAN: both directions stop",
    run: async (lab) => {
      await place(lab, "admit", "dev1");
      return cutEnds(lab, "dev1", "wan");
    },
  },
  {
    name: "cut, open connection to the router: both directions stop",
    run: async (lab) => {
      await place(lab, "admit", "dev1");
      return cutEnds(lab, "dev1", "router");
    },
  },
  {
    name: "cut, routed port, open connection to the WAN: both directions stop",
    run: (lab) => cutEnds(lab, "dev4", "wan"),
  },
  { name: "cut: nothing passes", run: (lab) => isUnknown(lab, "dev1") },
  {
    name: "back to quarantine with an open connection: it stops, HomeCA stays in reach",
    run: async (lab) => {
      await openStream(lab, "dev2", "lan");
      const start = monotonic();
      await place(lab, "quarantine", "dev2");
      const last = await streamEnded(lab, "dev2", "lan", start);
      await isQuarantined(lab, "dev2");
      return `last byte at the device ${last.device.toFixed(0)} ms, at the lan ${last.server.toFixed(0)} ms`;
    },
  },
  {
    name: "nobody renews: an admission ends by itself",
    run: async (lab) => {
      await place(lab, "admit", "dev1", 2);
      expect(await lab.pings("dev1", HOSTS.lan.ip4), "not admitted");
      await sleep(2100);
      return isUnknown(lab, "dev1");
    },
  },
  {
    name: "renewed in time, a connection does not notice",
    run: async (lab) => {
      await place(lab, "admit", "dev1", 2);
      await openStream(lab, "dev1", "lan");
      for (let round = 0; round < 3; round++) {
        await sleep(1000);
        await place(lab, "admit", "dev1", 2);
      }
      await streamLives(lab, "dev1", "lan");
    },
  },
  {
    name: "everything loaded anew in one transaction: no connection notices, drift is told",
    run: async (lab) => {
      const placements = [{ kind: "admit", mac: HOSTS.dev1.mac, seconds: 600, port: "port1" }];
      const drift = async () =>
        findDrift(
          placements,
          CONFIG,
          parseKernel(await lab.must("router", ["nft", "-j", "list", "ruleset"])),
        ).kind;
      await lab.nft(renderAll(placements, CONFIG));
      expect((await drift()) === "none", "drift right after loading");
      await openStream(lab, "dev1", "lan");
      await lab.must("router", ["nft", "flush", "ruleset"]);
      expect((await drift()) === "reload", "flushed tables go unnoticed");
      await lab.nft(renderAll(placements, CONFIG));
      await streamLives(lab, "dev1", "lan");
      return isUnknown(lab, "dev2");
    },
  },
  {
    name: "all of it holds where bridged packets also pass family inet",
    needs: (lab) => (lab.bridgeNetfilter(true) ? null : "br_netfilter"),
    run: async (lab) => {
      await stranger(lab, "dev1");
      await isUnknown(lab, "dev1");
      await place(lab, "quarantine", "dev1");
      await isQuarantined(lab, "dev1");
      await place(lab, "admit", "dev1");
      await isAdmitted(lab, "dev1");
      const note = await cutEnds(lab, "dev1", "wan");
      lab.bridgeNetfilter(false);
      return note;
    },
  },
];

await runSteps("enforcement in nft, with hostapd's own RADIUS server", {
  programs: ["tcpdump", "bridge", "python3"],
  prepare: async (lab) => {
    lab.authority("ca");
    lab.certificate("ca", "radius", "serverAuth");
    lab.certificate("ca", "device", "clientAuth");
    lab.startStandInRadius();
    await Promise.all([startServers(lab), lab.startAuthenticators()]);
  },
  steps,
});
