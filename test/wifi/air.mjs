// A home on the air, inside the virtual machine: the router is the machine itself, with an access point on wlan0, its
// LAN behind br-lan and its quarantine behind brvlan30; station N has the radio phyN in a namespace of its own.
//
//   sta1 ~ wlan1 ┐                    br-lan    10.0.0.1/24   fd00:1::1/64   admitted
//   sta2 ~ wlan2 ┤ ~~~ wlan0 ─ router
//   ...          ┘                    brvlan30  10.0.30.1/24  fd00:30::1/64  quarantined, VLAN 30
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { House, missingPrograms, must, until } from "../netns/house.mjs";
import { root } from "../netns/lab.mjs";

export const SSID = "lab";
export const VLAN = 30;
export const HOME = { ip4: "10.0.0.1", ip6: "fd00:1::1" };
export const QUARANTINE = { ip4: "10.0.30.1", ip6: "fd00:30::1" };
export const RADIUS_SECRET = "lab-radius-secret";
export const DAS_SECRET = "lab-das-secret";
const DAS_PORT = 3799;
/** Something of the router's own that quarantined devices have no business with. */
export const OTHER_PORT = 8080;

/** Addresses of station N in both networks: it takes part in whichever its place lets it. */
export const stationAddress = (number) => `10.0.0.${10 + number}`;
const STATION = (number) => [
  `${stationAddress(number)}/24`,
  `10.0.30.${10 + number}/24`,
  `fd00:1::${10 + number}/64`,
  `fd00:30::${10 + number}/64`,
];

/** UCI text for HomeCA behind this access point. */
export const SECTIONS = [
  // This belongs to the main section.
  "\tlist interface 'wlan0'",
  "config radius 'radius'",
  "\tlist listen '127.0.0.1'",
  `\toption quarantine_vlan '${VLAN}'`,
  "\toption session_seconds '3600'",
  "\toption quarantine_seconds '600'",
  "config limits 'limits'",
  "\toption onboarding_per_minute '60'",
  // Emulated, what takes milliseconds elsewhere takes seconds.
  "\toption turn_seconds '120'",
  "config coaps 'coaps'",
  "\tlist listen '0.0.0.0'",
  "\tlist listen '::'",
  "\tlist discovery 'br-lan'",
  `\tlist discovery 'brvlan${VLAN}'`,
  "config client 'accesspoint'",
  "\toption prefix '127.0.0.1'",
  `\toption secret '${RADIUS_SECRET}'`,
  "\toption das_address '127.0.0.1'",
  `\toption das_port '${DAS_PORT}'`,
  `\toption das_secret '${DAS_SECRET}'`,
];

/** What the guest lacks, in words; null for nothing. */
export function missingOnAir(programs = []) {
  const wanted = ["ip", "iw", "nft", "hostapd", "hostapd_cli", "wpa_supplicant", "wpa_cli"];
  return missingPrograms([...wanted, "openssl", "busybox", ...programs]);
}

/** What the router's firewall makes of the quarantine: DHCP, mDNS, neighbours and CoAPs, and nothing through it. */
const ZONE = `table inet zone {
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "brvlan${VLAN}" jump quarantine
  }
  chain quarantine {
    udp dport { 67, 5353, 5684 } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    drop
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname "brvlan${VLAN}" drop
    oifname "brvlan${VLAN}" drop
  }
}
`;

export class Air extends House {
  static all = [];
  /** All is emulated here. */
  patience = 180;
  /** Stations that have their radio. */
  #stations = new Set();
  #supplicants = new Map();
  #hostapd = null;
  #kept = null;

  static open() {
    const air = new Air();
    Air.all.push(air);
    air.#build();
    return Promise.resolve(air);
  }

  namespace(host) {
    return host === "router" ? null : host;
  }

  #build() {
    must(
      "ip",
      ["-batch", "-"],
      `link add name br-lan type bridge
link set dev br-lan up
addr add ${HOME.ip4}/24 dev br-lan
addr add ${HOME.ip6}/64 dev br-lan nodad
link add name brvlan${VLAN} type bridge
link set dev brvlan${VLAN} up
addr add ${QUARANTINE.ip4}/24 dev brvlan${VLAN}
addr add ${QUARANTINE.ip6}/64 dev brvlan${VLAN} nodad
`,
    );
    must("sysctl", ["-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]);
    must("nft", ["-f", "-"], ZONE);
    const event = ["ACTION=add", "DEVTYPE=bridge", "DEVICENAME=br-lan"];
    must("env", [
      ...event,
      "sh",
      "-ec",
      `. ${path.join(root, "files/etc/hotplug.d/net/30-homeca")}`,
    ]);
  }

  /**
   * hostapd on wlan0. `how`: "mixed" takes WPA2- and WPA3-Enterprise stations, "wpa3" those with protected management
   * frames alone.
   */
  async startAccessPoint(how = "mixed") {
    const akm =
      how === "wpa3"
        ? ["wpa_key_mgmt=WPA-EAP-SHA256", "ieee80211w=2"]
        : ["wpa_key_mgmt=WPA-EAP WPA-EAP-SHA256", "ieee80211w=1"];
    const lines = [
      "interface=wlan0",
      "driver=nl80211",
      `ctrl_interface=${this.folder}/hostapd`,
      `ssid=${SSID}`,
      "hw_mode=g",
      "channel=1",
      "wpa=2",
      "rsn_pairwise=CCMP",
      ...akm,
      "ieee8021x=1",
      "bridge=br-lan",
      "dynamic_vlan=1",
      "nas_identifier=accesspoint",
      "own_ip_addr=127.0.0.1",
      "auth_server_addr=127.0.0.1",
      "auth_server_port=1812",
      `auth_server_shared_secret=${RADIUS_SECRET}`,
      "acct_server_addr=127.0.0.1",
      "acct_server_port=1813",
      `acct_server_shared_secret=${RADIUS_SECRET}`,
      `radius_das_port=${DAS_PORT}`,
      `radius_das_client=127.0.0.1 ${DAS_SECRET}`,
    ];
    const file = this.file("accesspoint.conf", `${lines.join("\n")}\n`);
    const enabled = () => this.log("hostapd").split("AP-ENABLED").length;
    const before = enabled();
    this.#hostapd = this.start("router", "hostapd", ["hostapd", "-t", file]);
    await until("the access point is up", () => enabled() > before, 30);
  }

  /** Ends hostapd as a crash would, unless told otherwise. */
  async stopAccessPoint(signal = "SIGKILL") {
    await this.stop(this.#hostapd, signal);
  }

  accessPoint(...words) {
    return this.must("router", [
      "hostapd_cli",
      "-p",
      `${this.folder}/hostapd`,
      "-i",
      "wlan0",
      ...words,
    ]);
  }

  /** Gives station N its namespace, radio and addresses. */
  radio(number) {
    const name = `sta${number}`;
    if (this.#stations.has(name)) return name;
    must("ip", ["netns", "add", name]);
    must("iw", ["phy", `phy${number}`, "set", "netns", "name", name]);
    must("ip", ["-n", name, "link", "set", "lo", "up"]);
    const wlan = `wlan${number}`;
    const addresses = STATION(number).map(
      (each) => `addr add ${each} dev ${wlan}${each.includes(":") ? " nodad" : ""}\n`,
    );
    must("ip", ["-n", name, "-batch", "-"], `link set dev ${wlan} up\n${addresses.join("")}`);
    this.#stations.add(name);
    return name;
  }

  /** Starts wpa_supplicant of station N with a configuration file; takes the place of the one before. */
  async supplicate(number, file) {
    const name = this.radio(number);
    await this.leave(number);
    this.mark(name);
    const words = ["wpa_supplicant", "-t", "-D", "nl80211", "-i", `wlan${number}`, "-c", file];
    this.#supplicants.set(name, this.start(name, name, words));
  }

  /** As `supplicate`, with the lines of a network block. */
  async station(number, lines, { akm = "WPA-EAP WPA-EAP-SHA256", pmf = 1 } = {}) {
    const block = [
      `ssid="${SSID}"`,
      "scan_freq=2412",
      `key_mgmt=${akm}`,
      `ieee80211w=${pmf}`,
      ...lines,
    ];
    const text = [
      `ctrl_interface=${this.control(number)}`,
      "network={",
      ...block.map((line) => `  ${line}`),
      "}",
      "",
    ];
    await this.supplicate(number, this.file(`sta${number}.conf`, text.join("\n")));
  }

  control(number) {
    return this.file(`wpa-sta${number}`);
  }

  async leave(number) {
    const name = `sta${number}`;
    const running = this.#supplicants.get(name);
    if (running !== undefined) await this.stop(running);
    this.#supplicants.delete(name);
  }

  /** `status` of wpa_cli as an object. */
  async status(number) {
    const name = `sta${number}`;
    const words = ["wpa_cli", "-p", this.control(number), "-i", `wlan${number}`, "status"];
    const { stdout } = await this.run(name, words);
    return Object.fromEntries(stdout.split("\n").map((line) => line.split("=", 2)));
  }

  /** Waits until station N has its keys; gives its status. */
  joined(number, seconds = 60) {
    return until(
      `station ${number} gets in`,
      async () => {
        const status = await this.status(number);
        return status.wpa_state === "COMPLETED" ? status : null;
      },
      seconds,
    );
  }

  async pings(number, address) {
    const words = ["busybox", "ping", "-c", "2", "-W", "2", "-I", `wlan${number}`, address];
    return (await this.run(`sta${number}`, words)).status === 0;
  }

  /** Whether station N gets a connection to the router's own server. */
  async connects(number, address) {
    const words = ["busybox", "nc", "-w", "3", address, String(OTHER_PORT)];
    return (await this.run(`sta${number}`, words)).status === 0;
  }

  /** Whether HomeCA's table in the kernel has station N as "admitted" or "quarantined". */
  async isElement(number, set) {
    const listing = await this.must("router", ["nft", "list", "set", "bridge", "homeca", set]);
    return listing.includes((await this.status(number)).address);
  }

  /** Where station N is, by the access point: "home", "quarantine" or null. */
  async place(number) {
    const status = await this.status(number);
    const text = await this.accessPoint("sta", status.address ?? "").catch(() => "");
    if (!text.includes("[AUTHORIZED]")) return null;
    return text.includes(`vlan_id=${VLAN}`) ? "quarantine" : "home";
  }

  /** The logs outlive the machine. */
  keepLogsIn(folder) {
    this.#kept = folder;
  }

  dismantle() {
    for (const file of readdirSync(this.folder).filter((name) => name.endsWith(".log"))) {
      if (this.#kept !== null)
        writeFileSync(path.join(this.#kept, file), readFileSync(this.file(file)));
    }
    // The machine ends with the command: there is nobody left to be kept from these.
    for (const name of this.#stations) spawnSync("ip", ["netns", "delete", name]);
  }
}
