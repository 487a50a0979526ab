// Avahi, dig and tshark judge the machines of multicast DNS over real sockets: two network namespaces joined by a
// cable, ours in `home`, avahi in `device` and, beside ours, in `home` too.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before } from "node:test";
import esbuild from "esbuild";
import { assert, seeded, skip, test } from "#kit";
import { toBase32 } from "../../src/base/bytes.ts";
import type { StationCommand } from "../kit/mdns-station.ts";

const NAME = "multicast DNS judged by avahi-daemon, dig and tshark in network namespaces";
const PROGRAMS = [
  "ip",
  "avahi-daemon",
  "avahi-browse",
  "avahi-resolve",
  "avahi-publish-service",
  "dbus-daemon",
  "dig",
  "tshark",
];
const KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const HOME = { name: "home", ipv4: "192.0.2.1", ipv6: "fd00:2::1" };
const DEVICE = { name: "device", ipv4: "192.0.2.2", ipv6: "fd00:2::2" };
type Place = typeof HOME;

const PATH = `${process.env["PATH"]}:/usr/sbin:/sbin`;

/** What this machine lacks, in words; null where it can carry all of it. */
function missing(): string | null {
  if (process.getuid?.() !== 0) return "root";
  const has = (program: string): boolean =>
    spawnSync("sh", ["-c", `command -v ${program}`], { env: { PATH } }).status === 0;
  const absent = PROGRAMS.filter((program) => !has(program));
  if (absent.length > 0) return absent.join(", ");
  const tried = spawnSync("unshare", ["--net", "true"]);
  return tried.status === 0 ? null : "network namespaces";
}

const folder = mkdtempSync(path.join(tmpdir(), "homeca-mdns-"));
const file = (name: string): string => path.join(folder, name);
// As test/netns/lab.mjs names its own, which sweeps up what a killed run left behind.
const namespaceOf = ({ name }: Place): string => `homeca-${process.pid}-mdns${name}`;
const children = new Set<ChildProcess>();

function must(command: string, input = ""): void {
  const [program, ...args] = command.split(" ");
  const { status, stderr } = spawnSync(program!, args, { input, encoding: "utf8", env: { PATH } });
  assert.equal(status, 0, `${command}: ${stderr}`);
}

/** Starts a program that is listened to, with or without what it says on standard error, or that is not. */
function start(
  place: Place,
  command: readonly string[],
  heard: "all" | "output" | "nothing",
): ChildProcess {
  const child = spawn("ip", ["netns", "exec", namespaceOf(place), ...command], {
    stdio:
      heard === "nothing" ? "ignore" : ["pipe", "pipe", heard === "all" ? "inherit" : "ignore"],
    env: { PATH, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${file(`${place.name}.bus`)}` },
  });
  children.add(child);
  child.on("close", () => children.delete(child));
  return child;
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  child.kill(signal);
  await ended;
}

/** What a program prints in a namespace, run to its end. */
async function output(place: Place, command: string): Promise<string> {
  const child = start(place, command.split(" "), "output");
  child.stdin!.end();
  let text = "";
  child.stdout!.on("data", (bytes: Buffer) => (text += bytes.toString()));
  await new Promise((done) => child.once("close", done));
  return text;
}

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((done) => setTimeout(done, milliseconds));

/** Polls until `holds` gives something; a machine that is busy gets its time. */
async function until<Result>(
  what: string,
  holds: () => Promise<Result | null> | Result | null,
): Promise<Result> {
  for (let tries = 0; tries < 200; tries++) {
    const result = await holds();
    if (result !== null) return result;
    await sleep(100);
  }
  assert.fail(`${what}: not within twenty seconds`);
}

interface Told {
  readonly kind: string;
  readonly label?: string;
  readonly instance?: {
    readonly label: string;
    readonly port: number;
    readonly addresses: string[];
  };
  readonly addresses?: readonly string[];
  readonly by?: string;
}

/** A process with our machines. */
class Ours {
  readonly told: Told[] = [];
  readonly #child: ChildProcess;

  private constructor(place: Place) {
    this.#child = start(place, [process.execPath, file("station.mjs"), "eth0"], "all");
    readline
      .createInterface({ input: this.#child.stdout! })
      .on("line", (line) => this.told.push(JSON.parse(line) as Told));
  }

  static async at(place: Place): Promise<Ours> {
    const ours = new Ours(place);
    await ours.hears("ready");
    return ours;
  }

  say(command: StationCommand): void {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  hears(kind: string, more: (told: Told) => boolean = () => true): Promise<Told> {
    const found = (): Told | null =>
      this.told.find((told) => told.kind === kind && more(told)) ?? null;
    return until(`${kind} from our machines`, found);
  }

  end(): Promise<void> {
    return stop(this.#child, "SIGKILL");
  }
}

function cable(): void {
  for (const place of [HOME, DEVICE]) {
    must(`ip netns add ${namespaceOf(place)}`);
    must(`ip -n ${namespaceOf(place)} link set lo up`);
    // Addresses hold at once: nobody else is on the cable.
    const noDad = ["all", "default"].map((which) => `net.ipv6.conf.${which}.accept_dad=0`);
    must(`ip netns exec ${namespaceOf(place)} sysctl -q -w ${noDad.join(" ")}`);
  }
  must(
    `ip -n ${namespaceOf(HOME)} link add eth0 type veth peer name eth0 netns ${namespaceOf(DEVICE)}`,
  );
  for (const place of [HOME, DEVICE]) {
    const lines = [
      "link set eth0 up",
      `addr add ${place.ipv4}/24 dev eth0`,
      `addr add ${place.ipv6}/64 dev eth0 nodad`,
      "route add 224.0.0.0/4 dev eth0",
    ];
    must(`ip -n ${namespaceOf(place)} -batch -`, `${lines.join("\n")}\n`);
  }
}

/** avahi-daemon with a message bus of its own; its one lock is in /run, so it gets a /run of its own as well. */
async function avahi(place: Place, host: string): Promise<void> {
  const policy = `<allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow user="*"/>`;
  writeFileSync(
    file(`${place.name}.bus.conf`),
    `<busconfig><type>system</type><listen>unix:path=${file(`${place.name}.bus`)}</listen><policy context="default">${policy}</policy></busconfig>\n`,
  );
  writeFileSync(
    file(`${place.name}.avahi.conf`),
    `[server]\nhost-name=${host}\nallow-interfaces=eth0\n[wide-area]\nenable-wide-area=no\n[publish]\npublish-hinfo=no\npublish-workstation=no\n`,
  );
  start(
    place,
    ["dbus-daemon", `--config-file=${file(`${place.name}.bus.conf`)}`, "--nofork"],
    "nothing",
  );
  const daemon = `avahi-daemon -f ${file(`${place.name}.avahi.conf`)} --no-drop-root --no-chroot --no-rlimits --no-proc-title`;
  const script = `mount -t tmpfs none /run && mkdir /run/avahi-daemon && while ! test -S ${file(`${place.name}.bus`)}; do sleep 0.1; done; exec ${daemon}`;
  start(place, ["sh", "-c", script], "nothing");
  await until(`avahi in ${place.name}`, async () =>
    (await output(place, `avahi-resolve -4 -n ${host}.local`)).includes(place.ipv4) ? true : null,
  );
}

/** What avahi-browse has resolved, a line each: `=;eth0;IPv4;LABEL;TYPE;local;HOST;ADDRESS;PORT;TXT`. */
async function browse(place: Place, type = "_homeca._udp"): Promise<string[]> {
  const text = await output(place, `avahi-browse -rtp ${type}`);
  return text.split("\n").filter((line) => line.startsWith("="));
}

/** The label that a responder draws first from this seed. */
const labelOf = (seed: string): string => `HomeCA-${toBase32(seeded(seed)(3)).slice(0, 4)}`;

const lacking = missing();
if (lacking !== null) skip(NAME, `needs ${lacking}`);
else {
  let home: Ours;
  let capture: ChildProcess;

  before(async () => {
    cable();
    esbuild.buildSync({
      entryPoints: ["test/kit/mdns-station.ts"],
      outfile: file("station.mjs"),
      bundle: true,
      format: "esm",
      platform: "node",
    });
    const words = ["tshark", "-q", "-i", "eth0", "-f", "udp", "-w", file("wire.pcapng")];
    capture = start(DEVICE, words, "nothing");
    await avahi(DEVICE, "judge");
    home = await Ours.at(HOME);
  });
  after(() => {
    for (const child of children) child.kill("SIGKILL");
    for (const place of [HOME, DEVICE]) {
      const { stdout } = spawnSync("ip", ["netns", "pids", namespaceOf(place)], {
        encoding: "utf8",
      });
      for (const pid of stdout.split("\n").filter((line) => line !== ""))
        process.kill(Number(pid), "SIGKILL");
      spawnSync("ip", ["netns", "delete", namespaceOf(place)]);
    }
    rmSync(folder, { recursive: true, force: true });
  });

  test("avahi finds nothing while the window is closed", async () => {
    assert.deepEqual(await browse(DEVICE), []);
  });

  test("avahi finds the open window: label, host, port, TXT, in both families", async () => {
    home.say({ kind: "open", seed: "first" });
    const { label } = await home.hears("announced");
    assert.equal(label, labelOf("first"));
    const lines = await browse(DEVICE);
    assert.equal(lines.length, 2);
    for (const family of ["IPv4", "IPv6"]) {
      const fields = lines.find((line) => line.includes(family))!.split(";");
      assert.deepEqual(fields.slice(3, 7), [label, "_homeca._udp", "local", `${label}.local`]);
      assert.equal(fields[8], "5684");
      const txt = fields[9]!.match(/"[^"]*"/g)!.toSorted((one, two) => (one < two ? -1 : 1));
      assert.deepEqual(txt, [`"k=0123456789abcdef"`, `"p=open"`, `"txtvers=1"`, `"v=1"`]);
    }
  });

  test("avahi finds it by subtype, in the list of services, and its second service", async () => {
    assert.equal((await browse(DEVICE, "_heating._sub._homeca._udp")).length, 2);
    assert.equal((await browse(DEVICE, "_lamp._sub._homeca._udp")).length, 0);
    const all = await output(DEVICE, "avahi-browse -atp");
    assert.ok(all.includes("_homeca._udp") && all.includes("_homeca._tcp"));
    const [tcp] = await browse(DEVICE, "_homeca._tcp");
    assert.equal(tcp!.split(";")[8], "8443");
  });

  test("avahi resolves the host to the addresses that it has, and no other name to them", async () => {
    const host = `${labelOf("first")}.local`;
    const resolved = await output(DEVICE, `avahi-resolve -4 -n ${host}`);
    assert.equal(resolved.trim().split(/\s+/)[1], HOME.ipv4);
    const [, ipv6] = (await output(DEVICE, `avahi-resolve -6 -n ${host}`)).trim().split(/\s+/);
    assert.match(ipv6!, /^f(?:d00:2::1$|e80::)/);
  });

  test("a name of ours that avahi probes for is defended: avahi takes another one", async () => {
    const label = labelOf("first");
    const rival = start(
      DEVICE,
      ["avahi-publish-service", label, "_homeca._udp", "1234", "v=1"],
      "nothing",
    );
    home.say({ kind: "browse" });
    const other = await home.hears("found", ({ instance }) => instance!.port === 1234);
    assert.notEqual(other.instance!.label, label);
    assert.ok(other.instance!.addresses.includes(DEVICE.ipv4));
    await home.hears("interference");
    await stop(rival, "SIGTERM");
    await home.hears("lost", (told) => told.label === other.instance!.label);
  });

  test("a name that avahi has already is given up for another one", async () => {
    const label = labelOf("second");
    const owner = start(
      DEVICE,
      ["avahi-publish-service", label, "_homeca._udp", "1234", "v=1"],
      "nothing",
    );
    await until("avahi's own service", async () =>
      (await browse(DEVICE)).some((line) => line.includes(label)) ? true : null,
    );
    const ours = await Ours.at(HOME);
    ours.say({ kind: "open", seed: "second" });
    const { label: other } = await ours.hears("renamed");
    assert.notEqual(other, label);
    await ours.hears("announced");
    assert.ok((await browse(DEVICE)).some((line) => line.includes(other!)));
    ours.say({ kind: "close" });
    await until("its goodbye", async () =>
      (await browse(DEVICE)).some((line) => line.includes(other!)) ? null : true,
    );
    await ours.end();
    await stop(owner, "SIGTERM");
  });

  test("on one host avahi and ours both answer for their own names, and neither takes what is for the other", async () => {
    await avahi(HOME, "router");
    const printer = start(
      HOME,
      ["avahi-publish-service", "Printer", "_ipp._tcp", "631"],
      "nothing",
    );
    const elsewhere = start(
      DEVICE,
      ["avahi-publish-service", "Scanner", "_uscan._tcp", "80"],
      "nothing",
    );
    await until("avahi's service beside ours", async () =>
      (await browse(DEVICE, "_ipp._tcp")).length === 2 ? true : null,
    );
    assert.ok((await browse(DEVICE)).some((line) => line.includes(labelOf("first"))));
    // The answers to avahi's own questions reach it though our socket is there, and the other way round.
    await until("avahi finds another's service", async () =>
      (await browse(HOME, "_uscan._tcp")).length >= 2 ? true : null,
    );
    const lines = await until("avahi finds ours on its own host", async () => {
      const found = await browse(HOME);
      return found.length >= 2 ? found : null;
    });
    assert.ok(
      lines.every((line) => line.includes(labelOf("first"))),
      lines.join("\n"),
    );
    // A question to the host's own address is for avahi alone: it is bound to all addresses, ours to the group.
    const direct = await output(DEVICE, `dig -p 5353 @${HOME.ipv4} router.local A +short +tries=3`);
    assert.equal(direct.trim(), HOME.ipv4);
    const nothing = await output(
      DEVICE,
      `dig -p 5353 @${HOME.ipv4} ${labelOf("first")}.local A +short +tries=1 +time=1`,
    );
    assert.ok(!nothing.split("\n").includes(HOME.ipv4), nothing);
    await stop(printer, "SIGTERM");
    await stop(elsewhere, "SIGTERM");
  });

  test("a device finds its home by the private label from a port of its own, with the time and without", async () => {
    home.say({ kind: "serve", key: KEY });
    for (const time of [Math.floor(Date.now() / 1000), null]) {
      const lamp = await Ours.at(DEVICE);
      lamp.say({ kind: "search", key: KEY, time });
      const { addresses } = await lamp.hears("found");
      assert.ok(addresses!.includes(HOME.ipv4) && addresses!.includes(HOME.ipv6));
      await home.hears("recognised", ({ by }) => by === (time === null ? "nonce" : "interval"));
      await lamp.end();
    }
  });

  test("dig asks the group as a resolver that knows no multicast, and is answered as one", async () => {
    // dig takes no answer from another address than it asked, so the wire has to tell: id, question and port come back.
    await output(DEVICE, "dig -p 5353 @224.0.0.251 _homeca._udp.local PTR +tries=1 +time=1");
    const [query, answer] = await until("the answer to dig", async () => {
      const fields = ["dns.id", "dns.flags.response", "dns.resp.ttl", "dns.ptr.domain_name"];
      const read = `tshark -r ${file("wire.pcapng")} -Y dns.id>0 -T fields`;
      const text = await output(
        DEVICE,
        `${read} ${fields.map((field) => `-e ${field}`).join(" ")}`,
      );
      const lines = text.split("\n").map((line) => line.split("\t"));
      const said = (response: boolean): string[] | undefined =>
        lines.findLast(([, flag]) => flag !== undefined && /1|True/.test(flag) === response);
      const found = [said(false), said(true)] as const;
      return found[1]?.[3]?.includes(labelOf("first")) === true ? found : null;
    });
    assert.equal(answer![0], query![0]);
    const ttls = answer![2]!.split(",").map(Number);
    assert.ok(Math.max(...ttls) <= 10, ttls.join(" "));
  });

  test("the goodbye is heard: avahi finds nothing once the window has closed", async () => {
    const watching = start(DEVICE, ["avahi-browse", "-p", "_homeca._udp"], "output");
    let seen = "";
    watching.stdout!.on("data", (bytes: Buffer) => (seen += bytes.toString()));
    const label = labelOf("first");
    await until("the instance in avahi's view", () =>
      seen.includes(`+;eth0;IPv4;${label}`) ? true : null,
    );
    home.say({ kind: "close" });
    await until("its removal", () =>
      seen.includes(`-;eth0;IPv4;${label}`) && seen.includes(`-;eth0;IPv6;${label}`) ? true : null,
    );
    await stop(watching, "SIGTERM");
    assert.deepEqual(await browse(DEVICE), []);
    await home.end();
  });

  test("tshark finds no malformed message among all that was on the wire", async () => {
    await stop(capture, "SIGINT");
    const read = async (filter: string): Promise<number> => {
      const args = ["-r", file("wire.pcapng"), "-Y", filter, "-T", "fields", "-e", "frame.number"];
      const { status, stdout, stderr } = spawnSync("tshark", args, {
        encoding: "utf8",
        env: { PATH },
      });
      assert.equal(status, 0, stderr);
      return stdout.split("\n").filter((line) => line !== "").length;
    };
    const fromHome = `(ip.src == ${HOME.ipv4} || eth.src == ${macOf(HOME)})`;
    assert.ok((await read(`mdns && ${fromHome}`)) > 50);
    assert.equal(await read("_ws.malformed || _ws.expert.severity == error"), 0);
    // RFC 6762 §11: IP TTL and hop limit of 255 on all that is said to the group.
    assert.equal(await read(`mdns && ip.dst == 224.0.0.251 && ${fromHome} && ip.ttl != 255`), 0);
    assert.equal(await read(`mdns && ipv6.dst == ff02::fb && ${fromHome} && ipv6.hlim != 255`), 0);
  });
}

function macOf(place: Place): string {
  const args = ["netns", "exec", namespaceOf(place), "cat", "/sys/class/net/eth0/address"];
  const { stdout } = spawnSync("ip", args, { encoding: "utf8", env: { PATH } });
  return stdout.trim();
}
