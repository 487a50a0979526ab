// A home in network namespaces: a router with a bridge, a host on its LAN, a host on its WAN and four
// devices, each on a port that hostapd and nft control. Everything has this process' id in its name
// and is gone when the process ends, however it ends.
//
//   dev1 ─ port1 ┐                       192.0.2.0/24     fd00:2::/64     bridge br-lan
//   dev2 ─ port2 ┤ router ─ wan0 ─ wan   198.51.100.0/24  fd00:51::/64    wan0
//   dev3 ─ port3 ┤ br-lan
//   lan  ─ lan0  ┘    └──── port4 ─ dev4 203.0.113.0/24   fd00:113::/64   port4, routed
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";
import { House, missingPrograms, monotonic, must, sleep, until } from "./house.mjs";

export { monotonic, sleep, until };

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const AGENT = path.join(root, "test/netns/agent.mjs");
const FRAME = path.join(root, "test/netns/frame.py");

/** Who is where. Devices 1 to 3 are on the bridge, device 4 is on a port that is routed. */
export const HOSTS = {
  router: { mac: "02:00:00:00:00:fe", ip4: "192.0.2.1", ip6: "fd00:2::1" },
  lan: { mac: "02:00:00:00:00:a1", ip4: "192.0.2.2", ip6: "fd00:2::2" },
  wan: { mac: "02:00:00:00:00:b1", ip4: "198.51.100.2", ip6: "fd00:51::2" },
  dev1: { mac: "02:00:00:00:00:01", ip4: "192.0.2.11", ip6: "fd00:2::11", port: "port1" },
  dev2: { mac: "02:00:00:00:00:02", ip4: "192.0.2.12", ip6: "fd00:2::12", port: "port2" },
  dev3: { mac: "02:00:00:00:00:03", ip4: "192.0.2.13", ip6: "fd00:2::13", port: "port3" },
  dev4: { mac: "02:00:00:00:00:04", ip4: "203.0.113.14", ip6: "fd00:113::14", port: "port4" },
};
export const DEVICES = ["dev1", "dev2", "dev3", "dev4"];
/** The router as device 4 sees it. */
export const ROUTED = { ip4: "203.0.113.1", ip6: "fd00:113::1" };
export const CONFIG = {
  interfaces: ["port1", "port2", "port3", "port4"],
  bridges: ["br-lan"],
  udpPorts: [5684],
  tcpPorts: [8443],
};
export const RADIUS_SECRET = "lab-radius-secret";
export const DAS_SECRET = "lab-das-secret";

/** What this machine lacks for the lab, in words; null if it can carry it. */
export function missing(programs = []) {
  if (process.getuid() !== 0) return "root";
  const absent = missingPrograms([
    "ip",
    "nft",
    "hostapd",
    "wpa_supplicant",
    "wpa_cli",
    "openssl",
    "busybox",
    ...programs,
  ]);
  if (absent !== null) return absent;
  const name = `homeca-${process.pid}-try`;
  const made = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (made.status !== 0) return `network namespaces (${made.stderr.trim()})`;
  const table = "table bridge t { chain c { type filter hook prerouting priority -300; }; }\n";
  const judged = spawnSync("ip", ["netns", "exec", name, "nft", "-f", "-"], { input: table });
  spawnSync("ip", ["netns", "delete", name]);
  return judged.status === 0 ? null : "nftables of family bridge in the kernel";
}

/** The firewall's text, from the sources. */
export async function loadFirewall() {
  const contents = ["base", "render", "drift"]
    .map((file) => `export * from "./${file}.ts";`)
    .join("\n");
  const built = await esbuild.build({
    stdin: { contents, resolveDir: path.join(root, "src/policy/firewall") },
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "warning",
  });
  const code = Buffer.from(built.outputFiles[0].contents).toString("base64");
  return await import(`data:text/javascript;base64,${code}`);
}

export class Lab extends House {
  /** All that this process opened. */
  static all = [];
  #agents = new Map();
  #supplicants = new Map();
  #addresses = 0;
  #label = "";
  #namespaces = [];

  /** @param label - sets a second lab of one process apart: another house, with the same addresses in it */
  static async open(label = "") {
    sweep();
    const lab = new Lab();
    lab.#label = label;
    Lab.all.push(lab);
    lab.#build();
    await Promise.all(Object.keys(HOSTS).map((host) => lab.#startAgent(host)));
    return lab;
  }

  namespace(host) {
    return `homeca-${process.pid}-${this.#label}${host}`;
  }

  dismantle() {
    for (const name of this.#namespaces) removeNamespace(name);
  }

  /** Asks the agent of `host`; see agent.mjs for what it can do. */
  ask(host, operation, options = {}) {
    return this.#agents.get(host)(operation, options);
  }

  nft(text) {
    return this.must("router", ["nft", "-f", "-"], { input: text });
  }

  async pings(host, address) {
    const command = ["busybox", "ping", "-c", "2", "-i", "0.2", "-W", "1", address];
    return (await this.run(host, command)).status === 0;
  }

  /** Whether a DHCPv4 server answers; the lease is not used. */
  async leases(host) {
    const command = [
      "busybox",
      "udhcpc",
      "-n",
      "-q",
      "-f",
      "-i",
      "eth0",
      "-t",
      "3",
      "-T",
      "1",
      "-s",
      "/bin/true",
    ];
    return (await this.run(host, command)).status === 0;
  }

  /** Sends raw frames (hexadecimal, from the destination address on) out of eth0. */
  async frames(host, ...frames) {
    await this.must(host, ["python3", FRAME, "eth0", ...frames]);
  }

  /** What tcpdump sees on a device while `body` runs, one line per frame; with `whole` the text in it too. */
  async capture(host, device, filter, body, { whole = false } = {}) {
    const shown = whole ? ["-A"] : ["-e", "-q"];
    const child = this.spawn(
      host,
      ["tcpdump", "-n", "-l", ...shown, "--immediate-mode", "-i", device, filter],
      ["ignore", "pipe", "pipe"],
    );
    let seen = "";
    child.stdout.on("data", (bytes) => (seen += bytes));
    await new Promise((ready) => {
      let stderr = "";
      child.stderr.on("data", (bytes) => {
        stderr += bytes;
        if (stderr.includes("listening on")) ready();
      });
      child.on("close", ready);
    });
    await body();
    await sleep(200);
    await this.stop(child, "SIGINT");
    return seen.split("\n").filter((line) => line !== "");
  }

  // ---- 802.1X

  /** hostapd's own RADIUS server, where HomeCA would be; needs ca.pem, radius.pem and radius.key. */
  startStandInRadius(users = "* TLS\n") {
    this.file("users", users);
    this.file("clients", `127.0.0.0/8 ${RADIUS_SECRET}\n`);
    const lines = [
      "interface=radius",
      "driver=none",
      "eap_server=1",
      "radius_server_auth_port=1812",
      `eap_user_file=${this.file("users")}`,
      `radius_server_clients=${this.file("clients")}`,
      `ca_cert=${this.file("ca.pem")}`,
      `server_cert=${this.file("radius.pem")}`,
      `private_key=${this.file("radius.key")}`,
    ];
    return this.start("router", "radius", [
      "hostapd",
      "-t",
      this.file("radius.conf", lines.join("\n") + "\n"),
    ]);
  }

  /**
   * hostapd on every controlled port. Each port is a RADIUS client of its own, 127.0.0.1N with
   * NAS-Identifier portN, and takes Disconnect-Requests on UDP 380N. `calendar`: see calendar.mjs.
   */
  async startAuthenticators({ secret = RADIUS_SECRET, accounting = false, calendar = null } = {}) {
    const files = CONFIG.interfaces.map((port, index) => {
      const lines = [
        `interface=${port}`,
        "driver=wired",
        `ctrl_interface=${this.folder}/hostapd`,
        "logger_stdout=-1",
        "logger_stdout_level=2",
        "ieee8021x=1",
        "use_pae_group_addr=1",
        "eap_reauth_period=0",
        `nas_identifier=${port}`,
        `own_ip_addr=127.0.0.1${index + 1}`,
        `radius_client_addr=127.0.0.1${index + 1}`,
        "auth_server_addr=127.0.0.1",
        "auth_server_port=1812",
        `auth_server_shared_secret=${secret}`,
        `radius_das_port=${3801 + index}`,
        `radius_das_client=127.0.0.1 ${DAS_SECRET}`,
      ];
      if (accounting) {
        lines.push(
          "acct_server_addr=127.0.0.1",
          "acct_server_port=1813",
          `acct_server_shared_secret=${secret}`,
        );
      }
      return this.file(`${port}.conf`, lines.join("\n") + "\n");
    });
    const enabled = () => (this.log("hostapd").match(/AP-ENABLED/g) ?? []).length;
    const before = enabled();
    const command = ["hostapd", "-t", ...files];
    this.hostapd =
      calendar === null
        ? this.start("router", "hostapd", command)
        : calendar.start(this, "router", "hostapd", command);
    await until("hostapd", () => enabled() >= before + files.length);
  }

  /** Starts wpa_supplicant on a device; `network` are the lines of its network block. */
  startSupplicant(host, network) {
    const lines = [
      `ctrl_interface=${this.folder}/wpa-${host}`,
      "ap_scan=0",
      "network={",
      "  key_mgmt=IEEE8021X",
      "  eapol_flags=0",
      ...network.map((line) => `  ${line}`),
      "}",
    ];
    const file = this.file(`${host}.conf`, lines.join("\n") + "\n");
    return this.start(host, host, [
      "wpa_supplicant",
      "-t",
      "-D",
      "wired",
      "-i",
      "eth0",
      "-c",
      file,
    ]);
  }

  async supplicant(host, ...command) {
    return (
      await this.run(host, [
        "wpa_cli",
        "-p",
        `${this.folder}/wpa-${host}`,
        "-i",
        "eth0",
        ...command,
      ])
    ).stdout;
  }

  /**
   * How a device's next 802.1X conversation ends: "success", "failure", or "silence" after `seconds`.
   * Its supplicant stays and takes the place of the one before.
   */
  async authenticate(host, network, seconds = 12) {
    await this.leave(host);
    this.mark(host);
    this.#supplicants.set(host, this.startSupplicant(host, network));
    return await this.outcome(host, seconds);
  }

  /** Ends the supplicant of a device. */
  async leave(host) {
    const child = this.#supplicants.get(host);
    if (child !== undefined) await this.stop(child);
    this.#supplicants.delete(host);
  }

  /**
   * Gives a device an address that nobody has met: hostapd turns its back on one that was refused
   * for a minute, and HomeCA for longer.
   */
  async newAddress(host) {
    const number = (++this.#addresses).toString(16).padStart(2, "0");
    await this.leave(host);
    HOSTS[host].mac = `02:00:00:00:ee:${number}`;
    await this.must(host, ["ip", "link", "set", "dev", "eth0", "address", HOSTS[host].mac]);
  }

  async #startAgent(host) {
    const child = this.spawn(host, [process.execPath, AGENT], ["pipe", "pipe", "inherit"]);
    child.stdin.on("error", () => {});
    const waiting = new Map();
    let next = 0;
    readline.createInterface({ input: child.stdout }).on("line", (line) => {
      const { id, value, error } = JSON.parse(line);
      const { done, fail } = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) done(value);
      else fail(new Error(`${host}: ${error}`));
    });
    const ask = (operation, options) =>
      new Promise((done, fail) => {
        waiting.set(++next, { done, fail });
        child.stdin.write(JSON.stringify({ id: next, operation, ...options }) + "\n");
      });
    this.#agents.set(host, ask);
    await ask("ready", {});
  }

  #build() {
    for (const host of Object.keys(HOSTS)) {
      this.#namespaces.push(this.namespace(host));
      ip(["netns", "add", this.namespace(host)]);
      ip(["-n", this.namespace(host), "link", "set", "lo", "up"]);
    }
    const on = (host, ...lines) =>
      ip(["-n", this.namespace(host), "-batch", "-"], lines.join("\n") + "\n");
    const sysctl = (host, ...settings) =>
      must("ip", ["netns", "exec", this.namespace(host), "sysctl", "-q", "-w", ...settings]);
    const cable = (port, host) =>
      on(
        "router",
        `link add name ${port} type veth peer name eth0 netns ${this.namespace(host)}`,
        `link set dev ${port} up`,
      );

    on(
      "router",
      "link add name br-lan type bridge",
      `link set dev br-lan address ${HOSTS.router.mac} up`,
    );
    for (const [host, { port }] of Object.entries(HOSTS)) {
      if (host !== "router") cable(port ?? `${host}0`, host);
    }
    for (const port of ["port1", "port2", "port3", "lan0"])
      on("router", `link set dev ${port} master br-lan`);
    on(
      "router",
      "addr add 192.0.2.1/24 dev br-lan",
      "addr add fd00:2::1/64 dev br-lan nodad",
      "addr add 198.51.100.1/24 dev wan0",
      "addr add fd00:51::1/64 dev wan0 nodad",
      "addr add 203.0.113.1/24 dev port4",
      "addr add fd00:113::1/64 dev port4 nodad",
    );
    const hotplug = `. ${path.join(root, "files/etc/hotplug.d/net/30-homeca")}`;
    const event = ["env", "ACTION=add", "DEVTYPE=bridge", "DEVICENAME=br-lan"];
    const script = [...event, "sh", "-ec", hotplug];
    must("ip", ["netns", "exec", this.namespace("router"), ...script]);
    // As on OpenWrt, bridged packets do not show up in family inet.
    sysctl("router", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    this.bridgeNetfilter(false);
    for (const [host, { mac, ip4, ip6 }] of Object.entries(HOSTS)) {
      if (host === "router") continue;
      const gateway =
        host === "wan"
          ? ["198.51.100.1", "fd00:51::1"]
          : host === "dev4"
            ? [ROUTED.ip4, ROUTED.ip6]
            : ["192.0.2.1", "fd00:2::1"];
      on(
        host,
        `link set dev eth0 address ${mac} up`,
        `addr add ${ip4}/24 dev eth0`,
        `addr add ${ip6}/64 dev eth0 nodad`,
        `route add default via ${gateway[0]}`,
        `route add ::/0 via ${gateway[1]}`,
      );
    }
  }

  /** Whether the kernel also shows bridged packets to family inet (br_netfilter), where it can at all. */
  bridgeNetfilter(on) {
    const folder = "/proc/sys/net/bridge";
    if (!existsSync(folder)) return false;
    const settings = ["ip", "ip6", "arp"].map(
      (kind) => `net.bridge.bridge-nf-call-${kind}tables=${on ? 1 : 0}`,
    );
    must("ip", ["netns", "exec", this.namespace("router"), "sysctl", "-q", "-w", ...settings]);
    return true;
  }
}

const ip = (options, input) => must("ip", options, input);

/** Only ever called for names of ours. */
function removeNamespace(name) {
  const { stdout } = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" });
  for (const pid of (stdout ?? "").split("\n").filter((line) => line !== "")) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself meanwhile.
    }
  }
  spawnSync("ip", ["netns", "delete", name]);
}

/** Namespaces of labs that were killed before they could clean up. */
function sweep() {
  const { stdout } = spawnSync("ip", ["netns", "list"], { encoding: "utf8" });
  for (const [name, pid] of (stdout ?? "").matchAll(/^homeca-(\d+)-\w+/gm)) {
    if (!existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
}
