// What a device may reach in each of its three states, asked with real traffic from both sides.
import { DEVICES, HOSTS, ROUTED, sleep, until } from "./lab.mjs";
import { expect } from "./steps.mjs";

/** HomeCA's own ports, and one of another service on the router. */
export const COAPS = 5684;
export const ENROLMENT = 8443;
export const OTHER = 2222;
export const STREAM = 7777;

/**
 * Servers everywhere. Where HomeCA itself holds one of its ports on the router, its answers are no
 * echoes: `isQuarantined` and `isAdmitted` then leave that port to the steps that use it.
 */
export async function startServers(lab) {
  const ports = [COAPS, ENROLMENT, OTHER];
  const hosts = ["lan", "wan", ...DEVICES];
  await Promise.all([
    ...hosts.flatMap((host) => ports.map((port) => lab.ask(host, "echo", { port }))),
    lab.ask("router", "echo", { port: OTHER }),
    ...[COAPS, ENROLMENT].map((port) =>
      lab.ask("router", "echo", { port }).catch(() => heldByHomeca.add(port)),
    ),
    ...["router", "lan", "wan"].map((host) => lab.ask(host, "streamServer", { port: STREAM })),
    lab.ask("router", "mdnsServer", { device: "br-lan", address: HOSTS.router.ip4 }),
    lab.ask("lan", "mdnsServer", { device: "eth0", address: HOSTS.lan.ip4 }),
  ]);
  const dhcp = [
    "interface br-lan",
    "start 192.0.2.100",
    "end 192.0.2.120",
    `lease_file ${lab.file("leases")}`,
    `pidfile ${lab.file("udhcpd.pid")}`,
    "option subnet 255.255.255.0",
    "option router 192.0.2.1",
  ];
  lab.file("leases", "");
  const config = lab.file("udhcpd.conf", dhcp.join("\n") + "\n");
  lab.start("router", "udhcpd", ["busybox", "udhcpd", "-f", config]);
  await sleep(100);
}

const heldByHomeca = new Set();

const routerOf = (device) => (device === "dev4" ? ROUTED : HOSTS.router);

/** Named questions; each resolves to whether it got through. */
function questions(lab, device) {
  const tcp = (from, host, port) => lab.ask(from, "tcp", { host, port }).then(({ ok }) => ok);
  const udp = (from, host, port) => lab.ask(from, "udp", { host, port }).then(({ ok }) => ok);
  const posing = (from, host) =>
    lab.ask(from, "udpFrom", { host, port: OTHER, from: COAPS }).then(({ ok }) => ok);
  const mdns = (family) =>
    lab
      .ask(device, "mdns", { family, device: "eth0", address: HOSTS[device].ip4 })
      .then(({ ok }) => ok);
  const router = routerOf(device);
  const bridged = device !== "dev4";
  const both = (name, host, ask) => ({
    [`${name} IPv4`]: () => ask(host.ip4),
    [`${name} IPv6`]: () => ask(host.ip6),
  });
  const open = {
    ...(heldByHomeca.has(COAPS)
      ? {}
      : both("CoAPs of the router", router, (address) => udp(device, address, COAPS))),
    ...(heldByHomeca.has(ENROLMENT)
      ? {}
      : both("enrolment at the router", router, (address) => tcp(device, address, ENROLMENT))),
    ...(bridged
      ? { DHCP: () => lab.leases(device), "mDNS IPv4": () => mdns(4), "mDNS IPv6": () => mdns(6) }
      : {}),
  };
  const closed = {
    ...both("ping of the router", router, (address) => lab.pings(device, address)),
    ...both("another service of the router", router, (address) => tcp(device, address, OTHER)),
    ...both("a datagram to the router", router, (address) => udp(device, address, OTHER)),
    // The router's own ports elsewhere: neither a neighbour nor the Internet may pose as HomeCA.
    ...both("the LAN at HomeCA's TCP port", HOSTS.lan, (address) =>
      tcp(device, address, ENROLMENT),
    ),
    ...both("the LAN at HomeCA's UDP port", HOSTS.lan, (address) => udp(device, address, COAPS)),
    ...both("the WAN at HomeCA's TCP port", HOSTS.wan, (address) =>
      tcp(device, address, ENROLMENT),
    ),
    ...both("the WAN at HomeCA's UDP port", HOSTS.wan, (address) => udp(device, address, COAPS)),
    ...both("ping of the LAN", HOSTS.lan, (address) => lab.pings(device, address)),
    ...both("ping of the WAN", HOSTS.wan, (address) => lab.pings(device, address)),
    ...both("LAN to device, TCP", HOSTS[device], (address) => tcp("lan", address, OTHER)),
    ...both("LAN to device, UDP from HomeCA's port", HOSTS[device], (address) =>
      posing("lan", address),
    ),
    ...both("WAN to device, TCP", HOSTS[device], (address) => tcp("wan", address, OTHER)),
    ...both("WAN to device, UDP from HomeCA's port", HOSTS[device], (address) =>
      posing("wan", address),
    ),
    ...both("router to device, UDP", HOSTS[device], (address) => udp("router", address, OTHER)),
  };
  return { open, closed };
}

async function ask(group) {
  const answers = await Promise.all(
    Object.entries(group).map(async ([name, run]) => [name, await run()]),
  );
  return {
    passed: answers.filter(([, through]) => through).map(([name]) => name),
    blocked: answers.filter(([, through]) => !through).map(([name]) => name),
  };
}

/** As `ask`, for what should pass: neighbours given up a moment ago take a second to be asked for again. */
async function askAgain(group) {
  let answers = await ask(group);
  for (let round = 0; round < 3 && answers.blocked.length > 0; round++) {
    const again = await ask(
      Object.fromEntries(Object.entries(group).filter(([name]) => answers.blocked.includes(name))),
    );
    answers = { passed: [...answers.passed, ...again.passed], blocked: again.blocked };
  }
  return answers;
}

/** Nothing passes, and neither side hears a frame of the other but EAPOL. */
export async function isUnknown(lab, device) {
  const { open, closed } = questions(lab, device);
  let answers;
  const arrived = await lab.capture(device, "eth0", "not ether proto 0x888e and inbound", () =>
    unheard(lab, device, async () => {
      answers = await ask({ ...open, ...closed });
    }),
  );
  expect(answers.passed.length === 0, `passes: ${answers.passed.join(", ")}`);
  expect(arrived.length === 0, `seen at the device: ${arrived[0]}`);
  return `${answers.blocked.length} ways, all closed; 0 frames either side`;
}

/** HomeCA, DHCP and mDNS pass, to the router only. */
export async function isQuarantined(lab, device) {
  const { open, closed } = questions(lab, device);
  let shut;
  await unheard(lab, device, async () => {
    const reached = await askAgain(open);
    expect(reached.blocked.length === 0, `blocked: ${reached.blocked.join(", ")}`);
    await lab.ask(device, "forget");
    shut = await ask(closed);
  });
  expect(shut.passed.length === 0, `passes: ${shut.passed.join(", ")}`);
  const { udp } = await lab.ask(device, "heard");
  expect(udp === 0, `${udp} datagrams from elsewhere arrived at the device`);
  return `${Object.keys(open).length} ways open, ${shut.blocked.length} closed; 0 frames elsewhere`;
}

/** While `body` runs nothing of the device may arrive on the LAN or the WAN: a way out is one way enough. */
async function unheard(lab, device, body) {
  const { mac, ip4, ip6 } = HOSTS[device];
  const filter = `not ether proto 0x888e and (ether src ${mac} or src host ${ip4} or src host ${ip6})`;
  let onWan = [];
  const onLan = await lab.capture("lan", "eth0", filter, async () => {
    onWan = await lab.capture("wan", "eth0", filter, body);
  });
  expect(onLan.length === 0, `seen on the LAN: ${onLan[0]}`);
  expect(onWan.length === 0, `seen on the WAN: ${onWan[0]}`);
}

/** What its network allows: everything the lab has. */
export async function isAdmitted(lab, device) {
  const { open, closed } = questions(lab, device);
  // On a routed port there is no bridge, so nobody answers mDNS there.
  const answers = await askAgain({ ...open, ...closed });
  expect(answers.blocked.length === 0, `blocked: ${answers.blocked.join(", ")}`);
  return `${answers.passed.length} ways, all open`;
}

/** Opens a connection that both ends keep busy. */
export async function openStream(lab, device, server) {
  const host = server === "router" ? routerOf(device).ip4 : HOSTS[server].ip4;
  await lab.ask(device, "stream", { host, port: STREAM });
  await sleep(300);
  for (const [where, end] of [
    [device, "client"],
    [server, "server"],
  ]) {
    const record = await lab.ask(where, "lastHeard", { end });
    expect(record !== null && record.bytes > 0, `the ${end} hears nothing`);
  }
}

/** Both ends must go on hearing each other; then the connection is closed. */
export async function streamLives(lab, device, server) {
  for (const [where, end] of [
    [device, "client"],
    [server, "server"],
  ]) {
    const { bytes } = await lab.ask(where, "lastHeard", { end });
    const more = async () => (await lab.ask(where, "lastHeard", { end })).bytes > bytes;
    await until(`the ${where} hears more`, more, 3);
  }
  await lab.ask(device, "hangUp", { end: "client" });
}

/** When each end heard the other for the last time, in milliseconds after `start`; it must be over. */
export async function streamEnded(lab, device, server, start) {
  const read = () =>
    Promise.all([
      lab.ask(device, "lastHeard", { end: "client" }),
      lab.ask(server, "lastHeard", { end: "server" }),
    ]);
  await sleep(600);
  const before = await read();
  await sleep(600);
  const after = await read();
  await Promise.all([
    lab.ask(device, "hangUp", { end: "client" }),
    lab.ask(server, "hangUp", { end: "server" }),
  ]);
  for (const [index, side] of ["device", server].entries()) {
    expect(before[index].at === after[index].at, `the ${side} still hears the other end`);
  }
  return { device: Math.max(0, after[0].at - start), server: Math.max(0, after[1].at - start) };
}
