/** The owner's no, where the disk or the firewall does not follow: it stands on record, and the answer says the rest. */
import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import { DISCONNECT_REQUEST } from "../../src/proto/radius/packet.ts";
import { askByAddress } from "../kit/address-question.ts";
import { join, lampIdentity, MemoryHome, selfSigned } from "../kit/memory-home.ts";

const SECRET = "memory-secret-of-a-test";
const SERVER = { address: "127.0.0.1", port: 1812 };
const HOUSE = `config homeca 'main'
	option enforce 'nft'
	list interface 'lan1'
config radius 'radius'
	list listen '127.0.0.1'
`;
const CRL = "/etc/homeca/crl.pem";
const REFUSAL = "Error: Could not process rule\u001b[2J: Device or resource busy\n";
const NOT_CUT =
  "the firewall did not cut it off (nft -f -: Error: Could not process rule\\x1b[2J: Device or resource busy: status 1), which is tried again within a minute";
const NOT_SIGNED = `the revocation list is not signed (replaceDurably ${CRL}: ENOSPC), which is tried again within an hour`;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A home whose nft can be made to refuse, and a garage door in its cage there. */
async function caged(crypto: Crypto): Promise<{
  readonly home: MemoryHome;
  readonly id: string;
  readonly nft: { refuses: boolean };
  readonly disk: MemoryFiles;
}> {
  const nft = { refuses: false };
  const home = new MemoryHome(crypto, {
    script: (command) => (nft.refuses && command[1] === "-f" ? { status: 1, stderr: REFUSAL } : {}),
  });
  const mac = "02:00:00:00:00:21";
  const { id } = await home.call("cage", { name: "Garage door", class: "legacy", mac });
  const question = askByAddress(crypto, seeded("garage"), utf8(SECRET), {
    mac: mac.replaceAll(":", "-").toUpperCase(),
  });
  const reply = home.ask(question.datagram);
  assert.ok(reply !== null && question.open(reply).code === 2);
  // The kit made this disk; the method's result has an id.
  return { home, id: id as string, nft, disk: home.host.files as MemoryFiles };
}

for (const crypto of providers) {
  for (const [method, state] of [
    ["revoke", "revoked"],
    ["release", "released"],
  ] as const) {
    test(`${crypto.name}: ${state} while nft refuses, it is ${state} on record, and cut off within a minute`, async () => {
      const { home, id, nft } = await caged(crypto);
      nft.refuses = true;
      const answer = await home.call(method, { id });
      assert.deepEqual(answer, {
        status: 9,
        reason: "unfinished",
        message: `Garage door is ${state} on record, but ${NOT_CUT}: switch the device off if it cannot wait`,
      });
      assert.ok(home.lines.includes(`${answer["message"] as string}.`));
      const device = await home.call("device", { id });
      assert.deepEqual([device["state"], device["place"]], [state, "none"]);

      const before = home.nft.length;
      nft.refuses = false;
      home.host.clock.advance(MINUTE);
      assert.ok(home.nft.length > before);
      assert.match(home.nft.at(-1)!, /^table bridge homeca/mu);
      assert.ok(!home.nft.at(-1)!.includes("02:00:00:00:00:21"));
    });
  }

  test(`${crypto.name}: denied while nft refuses, it is denied on record`, async () => {
    const { home, nft } = await caged(crypto);
    join(home, {
      mac: "02-00-00-00-00-41",
      method: "ttls",
      identity: "@setup.home.arpa",
      chain: [selfSigned(crypto)],
      inner: { name: lampIdentity(), password: "none" },
    });
    const { devices } = await home.call("devices", { state: "pending" });
    const [pending] = devices as { id: string }[];
    nft.refuses = true;
    const answer = await home.call("deny", { id: pending!.id });
    assert.equal(
      answer["message"],
      `Kitchen lamp is denied on record, but ${NOT_CUT}: switch the device off if it cannot wait`,
    );
    assert.equal((await home.call("device", { id: pending!.id }))["state"], "denied");
  });

  test(`${crypto.name}: a list that the disk refused is signed at the next upkeep, with what was revoked`, async () => {
    const { home, id, disk } = await caged(crypto);
    const password = "twelve characters";
    const phone = (await home.call("issue", { name: "Phone", password }))["id"];
    const before = await home.call("crl");
    disk.failNext(`replaceDurably ${CRL}`, "ENOSPC");
    const answer = await home.call("revoke", { id: phone });
    assert.equal(answer["reason"], "unfinished");
    assert.equal(
      answer["message"],
      `Phone is revoked on record, but ${NOT_SIGNED}: nothing is left to do but to free space or rights where that is what is missing`,
    );
    const old = disk.read(CRL);
    home.host.clock.advance(HOUR);
    const after = await home.call("crl");
    assert.notEqual(JSON.stringify(disk.read(CRL)), JSON.stringify(old));
    assert.deepEqual(utf8(after["crlPem"] as string), disk.read(CRL));
    assert.ok((after["number"] as number) > (before["number"] as number));
    assert.equal(after["revoked"], 1);
    assert.equal((await home.call("device", { id }))["state"], "active");

    // Signed once, it is not signed again before it is due.
    home.host.clock.advance(HOUR);
    assert.equal((await home.call("crl"))["number"], after["number"]);
  });

  test(`${crypto.name}: firewall and list both refused are told in one sentence`, async () => {
    const { home, id, nft, disk } = await caged(crypto);
    nft.refuses = true;
    disk.failNext(`replaceDurably ${CRL}`, "ENOSPC");
    assert.equal(
      (await home.call("revoke", { id }))["message"],
      `Garage door is revoked on record, but ${NOT_CUT}, and ${NOT_SIGNED}: switch the device off if it cannot wait`,
    );
  });

  test(`${crypto.name}: no socket for the access point keeps nobody in`, async () => {
    const { home, id } = await caged(crypto);
    home.host.udp = () => {
      throw new HostFailure("udp bind 127.0.0.1 port 0", "EMFILE");
    };
    assert.equal((await home.call("revoke", { id }))["status"], 0);
    assert.equal((await home.call("device", { id }))["place"], "none");
    const refused =
      /The access point at 127\.0\.0\.1 could not be asked to put a device out \(udp bind 127\.0\.0\.1 port 0: EMFILE\)/u;
    assert.match(home.lines.join("\n"), refused);
    home.host.clock.advance(10_000);
    assert.match(home.lines.join("\n"), /did not answer when Garage door was to be put out/u);
  });

  test(`${crypto.name}: a socket for the access point that opens late is used for the repeat`, async () => {
    const { home, id } = await caged(crypto);
    const udp = home.host.udp.bind(home.host);
    home.host.udp = () => {
      throw new HostFailure("udp bind 127.0.0.1 port 0", "EMFILE");
    };
    assert.equal((await home.call("revoke", { id }))["status"], 0);
    home.host.udp = udp;
    home.forget();
    home.host.clock.advance(2000);
    const { sent } = home.host.network;
    assert.deepEqual(
      sent.map(({ to, bytes }) => [to.port, bytes[0]]),
      [[3799, DISCONNECT_REQUEST]],
    );
  });

  test(`${crypto.name}: access points on this router and beyond it are asked from sockets that reach them`, async () => {
    const points = [
      ["inside", "127.0.0.1", "127.0.0.1"],
      ["outside", "127.0.0.2", "192.0.2.1"],
    ] as const;
    const clients = points.map(
      ([name, prefix, das]) =>
        `config client '${name}'\n\toption prefix '${prefix}'\n\toption secret '${SECRET}'\n\toption das_address '${das}'\n`,
    );
    const home = new MemoryHome(crypto, { uci: `${HOUSE}${clients.join("")}` });
    for (const [at, [name, address]] of points.entries()) {
      const mac = `02:00:00:00:00:2${at}`;
      const { id } = await home.call("cage", { name, class: "legacy", mac });
      const calling = mac.replaceAll(":", "-").toUpperCase();
      const question = askByAddress(crypto, seeded(name), utf8(SECRET), { mac: calling });
      home.host.udp({ address, port: 0 }, () => {}).send(question.datagram, SERVER);
      home.host.clock.advance(1);
      assert.equal((await home.call("device", { id }))["place"], "quarantine");
      home.forget();
      assert.equal((await home.call("revoke", { id }))["status"], 0);
    }
    const asked = home.host.network.sent.map(({ from, to }) => [from.address, to.address]);
    assert.deepEqual(asked.at(-1), ["0.0.0.0", "192.0.2.1"]);
  });

  test(`${crypto.name}: a disk that refuses the record itself has changed nothing`, async () => {
    const { home, id, disk } = await caged(crypto);
    disk.failNext("appendDurably", "ENOSPC");
    assert.equal((await home.call("revoke", { id }))["reason"], "host-failed");
    const device = await home.call("device", { id });
    assert.deepEqual([device["state"], device["place"]], ["active", "quarantine"]);
  });
}
