/**
 * Multicast of the Node host where nobody else is: run in a network namespace
 * that has two interfaces, it tries everything once and prints what it heard.
 */
import dgram from "node:dgram";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { Files, MulticastLink, SocketAddress } from "../../src/host/host.ts";
import { nodeHost } from "../../src/host/node/index.ts";

/** Who heard what, in the words of the test. */
export interface Trial {
  readonly interfaces: unknown;
  readonly links: readonly MulticastLink[];
  readonly heard: readonly string[];
  readonly failure: string;
  readonly logged: readonly string[];
}

// The groups that RFC 3692 and RFC 4727 leave to experiments.
const GROUP = { ipv4: "224.0.0.254", ipv6: "ff02::114", port: 40_353 };
const logged: string[] = [];
// Files are not asked for here.
const files = {} as unknown as Files;
const host = nodeHost({ files, writeLog: (line) => void logged.push(line) });
const heard: string[] = [];
const hear =
  (who: string) =>
  (bytes: Uint8Array, from: SocketAddress, on?: MulticastLink): void => {
    const port = from.port === GROUP.port ? "group" : "own";
    const where = on === undefined ? "" : ` on ${on.interface} ${on.family}`;
    const address = from.address.startsWith("fe80") ? "link-local" : from.address;
    heard.push(`${who} "${fromUtf8(bytes)}" from ${address} ${port}${where}`);
    // The end of a conversation: what came to the group from an own port is answered there.
    if (who === "group" && port === "own") group.send(utf8("answer"), from, on!);
  };
const pause = (): Promise<void> => new Promise((done) => setTimeout(done, 200));

const names = host.interfaces().map(({ name }) => name);
const group = host.multicast(GROUP, [...names, "absent"], "group", hear("group"));
const beside = host.multicast(GROUP, ["one"], "group", hear("beside"));
const own = host.multicast(GROUP, ["one"], "own", hear("own"));

// Another program's socket, bound to all addresses as avahi's is.
const all = dgram.createSocket({ type: "udp4", reuseAddr: true });
all.on("message", (bytes, from) => hear("all")(new Uint8Array(bytes), from));
await new Promise<void>((done) => all.bind(GROUP.port, done));

const [one4, one6] = [
  { interface: "one", family: "ipv4" },
  { interface: "one", family: "ipv6" },
] as const;
group.send(utf8("to one"), "group", one4);
await pause();
group.send(utf8("to one"), "group", one6);
await pause();
group.send(utf8("to two"), "group", { interface: "two", family: "ipv4" });
await pause();
group.send(utf8("to nowhere"), "group", { interface: "absent", family: "ipv4" });
own.send(utf8("question"), "group", one4);
await pause();
own.send(utf8("question"), "group", one6);
await pause();
group.send(utf8("direct"), { address: "192.0.2.1", port: GROUP.port }, one4);
await pause();
beside.close();
beside.close();
beside.send(utf8("closed"), "group", one4);
await pause();

let failure = "";
try {
  host.multicast({ ...GROUP, ipv4: "192.0.2.77" }, ["one"], "group", () => {});
} catch (thrown) {
  failure = thrown instanceof HostFailure ? thrown.message : String(thrown);
}
const interfaces = host.interfaces().map(({ name, ipv4, ipv6 }) => ({
  name,
  ipv4,
  ipv6: ipv6.filter(({ address }) => !address.startsWith("fe80")),
}));
const trial: Trial = { interfaces, links: group.links, heard, failure, logged };
process.stdout.write(JSON.stringify(trial), () => process.exit(0));
