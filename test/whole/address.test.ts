/** Devices without EAP, whole, on both engines: caged by their address, over the air with a key of their own. */
import { assert, providers, seeded, test } from "#kit";
import { toHex, utf8 } from "../../src/base/bytes.ts";
import { MAX_STATIONS } from "../../src/policy/firewall/render.ts";
import {
  attribute,
  read,
  ServiceType,
  SessionTimeout,
  TunnelPrivateGroupId,
} from "../../src/proto/radius/attributes.ts";
import { askByAddress, ETHERNET } from "../kit/address-question.ts";
import type { AddressAnswer, AddressQuestionOptions } from "../kit/address-question.ts";
import { AssertionFailure } from "../kit/assert.ts";
import { join, lampIdentity, MemoryHome, selfSigned } from "../kit/memory-home.ts";
import type { MemoryHomeOptions, StationOptions } from "../kit/memory-home.ts";

const SECRET = "memory-secret-of-a-test";
const GARAGE = "02-00-00-00-00-21";
const GARAGE_MAC = "02:00:00:00:00:21";
const TV = "02-00-00-00-00-22";
const ACCEPT = 2;
const REJECT = 3;
const CALL_CHECK = 10;
const DISCONNECT_REQUEST = 40;

const UCI_WITH_VLAN = `config homeca 'main'
	option enforce 'nft'
	list interface 'lan1'
config radius 'radius'
	list listen '127.0.0.1'
	option quarantine_vlan '30'
	option session_seconds '7200'
config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret '${SECRET}'
	option das_address '127.0.0.1'
`;

/** Asks and gives what came back at once; null for silence. */
function asked(home: MemoryHome, options: AddressQuestionOptions): AddressAnswer | null {
  const random = seeded(`question ${home.nextJoin()}`);
  const question = askByAddress(home.host.crypto, random, utf8(SECRET), options);
  const reply = home.ask(question.datagram);
  return reply === null ? null : question.open(reply);
}

function answered(home: MemoryHome, options: AddressQuestionOptions): AddressAnswer {
  const answer = asked(home, options);
  assert.ok(answer !== null, `silence; log: ${home.lines.at(-1)}`);
  return answer;
}

interface Cage {
  readonly status: number;
  readonly id: string;
  readonly wifiKey: string | null;
  readonly wpaSupplicant: string | null;
  readonly message?: string;
}

async function cage(home: MemoryHome, args: object): Promise<Cage> {
  // What the reference says of the method, or a refusal's message.
  return (await home.call("cage", args)) as unknown as Cage;
}

async function garageAt(home: MemoryHome): Promise<Cage & { readonly wifiKey: string }> {
  const made = await cage(home, { name: "Garage door", class: "legacy", mac: GARAGE_MAC });
  assert.equal(made.status, 0);
  assert.ok(made.wifiKey !== null);
  return { ...made, wifiKey: made.wifiKey };
}

async function shownOf(home: MemoryHome, id: string): Promise<{ state: string; place: string }> {
  // The fields the reference names.
  return (await home.call("device", { id })) as { state: string; place: string };
}

/** A kernel's listing with so many admitted stations. */
function kernelWith(stations: number): string {
  const elem = Array.from({ length: stations }, (_, n) => {
    const mac = `02:00:00:00:${toHex(Uint8Array.of(128 + (n >> 8)))}:${toHex(Uint8Array.of(n & 255))}`;
    return { elem: { val: { concat: ["lan1", mac] }, timeout: 9000, expires: 9000 } };
  });
  const set = { family: "bridge", table: "homeca", name: "admitted", elem };
  return JSON.stringify({ nftables: [{ set }] });
}

for (const crypto of providers) {
  const named = (name: string, body: () => Promise<void> | void): void =>
    test(`${crypto.name}: ${name}`, body);
  const stranger = (): StationOptions => ({
    mac: "02-00-00-00-00-41",
    method: "ttls",
    identity: "@setup.home.arpa",
    chain: [selfSigned(crypto)],
    inner: { name: lampIdentity(), password: "none" },
  });
  const homeWith = (options: MemoryHomeOptions = {}): MemoryHome =>
    new MemoryHome(crypto, { uci: UCI_WITH_VLAN, ...options });

  named(
    "a garage door gets a key of its own, and the access point that key and a cage",
    async () => {
      const home = homeWith();
      const { id, wifiKey, wpaSupplicant } = await garageAt(home);
      assert.match(wifiKey, /^[a-z2-7]{20}$/u);
      assert.ok(wpaSupplicant?.includes(`\tpsk="${wifiKey}"\n`) === true);
      assert.equal((await shownOf(home, id)).state, "approved");

      const answer = answered(home, { mac: GARAGE });
      assert.equal(answer.code, ACCEPT);
      assert.deepEqual(answer.tunnelPasswords, [utf8(wifiKey)]);
      assert.equal(answer.keys, null);
      assert.equal(read(answer.attributes, SessionTimeout), 7200);
      assert.equal(read(answer.attributes, TunnelPrivateGroupId)?.value, "30");
      assert.match(
        home.nft.at(-1)!,
        /add element bridge homeca quarantined \{ "lan1" \. 02:00:00:00:00:21 timeout 7230s \}/u,
      );
      const { state, place } = await shownOf(home, id);
      assert.equal(`${state} ${place}`, "active quarantine");
    },
  );

  named("a television on a cable is caged without any key, and only on a cable", async () => {
    const home = homeWith();
    const { wifiKey, wpaSupplicant } = await cage(home, { name: "TV", class: "wired", mac: TV });
    assert.equal(wifiKey, null);
    assert.equal(wpaSupplicant, null);
    const answer = answered(home, { mac: TV, portType: ETHERNET });
    assert.equal(answer.code, ACCEPT);
    assert.deepEqual(answer.tunnelPasswords, []);
    assert.equal(answered(home, { mac: TV }).code, REJECT);
  });

  named("an unknown address is refused, changes nothing and leaves no record", async () => {
    const home = homeWith();
    const before = home.nft.length;
    for (const mac of ["02-00-00-00-00-31", "02-00-00-00-00-32"]) {
      const answer = answered(home, { mac });
      assert.equal(answer.code, REJECT);
      assert.deepEqual(answer.tunnelPasswords, []);
    }
    assert.equal(home.nft.length, before);
    assert.deepEqual((await home.call("devices"))["devices"], []);
    assert.match(home.lines.at(-1)!, /no device of yours comes by this address/u);
  });

  named("what is no question about an address is refused with the sentence about EAP", async () => {
    const home = homeWith();
    await garageAt(home);
    const other = "02000000002f";
    for (const odd of [
      { mac: GARAGE, userName: other, password: other },
      { mac: GARAGE, password: "letmein" },
      { mac: GARAGE, userName: "alice", password: "letmein" },
      { mac: "garage", userName: "020000000021" },
      { mac: GARAGE, userName: GARAGE, password: GARAGE },
    ]) {
      assert.equal(answered(home, odd).code, REJECT);
      assert.match(home.lines.at(-1)!, /came with a password and not with EAP/u);
    }
  });

  named("Call Check without a password and digits in capitals are the same question", async () => {
    const home = homeWith();
    await garageAt(home);
    const more = [attribute(ServiceType, CALL_CHECK)];
    assert.equal(answered(home, { mac: GARAGE, password: null, more }).code, ACCEPT);
    const letters = await cage(home, { name: "Cam", class: "legacy", mac: "02-AB-CD-EF-00-01" });
    assert.equal(letters.status, 0);
    const capitals = { mac: "02-AB-CD-EF-00-01", userName: "02ABCDEF0001" };
    assert.equal(answered(home, capitals).code, ACCEPT);
  });

  named("the key stands in the answer that made it and nowhere else", async () => {
    const home = homeWith();
    const { id, wifiKey } = await garageAt(home);
    answered(home, { mac: GARAGE });
    const told = [
      await home.call("devices"),
      await home.call("device", { id }),
      await home.call("log"),
      await home.call("status"),
      home.lines,
      home.nft,
    ];
    assert.ok(!JSON.stringify(told).includes(wifiKey));
    const other = await cage(home, { name: "Camera", class: "legacy", mac: "020000000023" });
    assert.notEqual(other.wifiKey, wifiKey);
  });

  named("revoked it is cut, disconnected, and refused with the sentence", async () => {
    const home = homeWith();
    const heard: Uint8Array[] = [];
    home.host.udp({ address: "127.0.0.1", port: 3799 }, (bytes) => void heard.push(bytes));
    const { id } = await garageAt(home);
    answered(home, { mac: GARAGE });
    assert.equal((await home.call("revoke", { id }))["status"], 0);
    assert.match(home.nft.at(-1)!, /02:00:00:00:00:21/u);
    assert.ok(!home.nft.at(-1)!.includes("timeout 7"), "its element stayed");
    home.host.clock.advance(1);
    assert.equal(heard[0]?.[0], DISCONNECT_REQUEST);
    assert.ok(toHex(heard[0]!).includes(toHex(utf8(GARAGE))));

    const again = answered(home, { mac: GARAGE });
    assert.equal(again.code, REJECT);
    assert.deepEqual(again.tunnelPasswords, []);
    assert.match(home.lines.at(-1)!, /Refused Garage door: it was revoked/u);
  });

  named(
    "taken in again it waits for the owner, and is refused until then and if denied",
    async () => {
      const home = homeWith();
      const { id, wifiKey } = await garageAt(home);
      await home.call("revoke", { id });
      await home.call("readmit", { id });
      assert.equal(answered(home, { mac: GARAGE }).code, REJECT);
      assert.match(home.lines.at(-1)!, /it still waits for you; run `homeca approve/u);
      await home.call("deny", { id });
      assert.equal(answered(home, { mac: GARAGE }).code, REJECT);
      assert.match(home.lines.at(-1)!, /you denied it/u);
      await home.call("approve", { id });
      assert.deepEqual(answered(home, { mac: GARAGE }).tunnelPasswords, [utf8(wifiKey)]);
    },
  );

  named("nobody is caged when nft refuses: the answer is a Reject without the key", async () => {
    let refuses = false;
    const home = homeWith({
      script: () => (refuses ? { status: 1, stderr: "Error: No such file or directory\n" } : {}),
    });
    const { id } = await garageAt(home);
    refuses = true;
    const answer = answered(home, { mac: GARAGE });
    assert.equal(answer.code, REJECT);
    assert.deepEqual(answer.tunnelPasswords, []);
    assert.equal((await shownOf(home, id)).place, "none");
  });

  for (const door of ["this door", "the other"]) {
    named(`whom nft is letting in by ${door} counts where the network is full`, async () => {
      let takes = 0;
      const stdout = kernelWith(MAX_STATIONS - 1);
      const home = homeWith({
        script: (command) => (command.includes("-j") ? { stdout } : { takes }),
      });
      await garageAt(home);
      await cage(home, { name: "TV", class: "wired", mac: TV });

      takes = 40;
      if (door === "this door") assert.equal(asked(home, { mac: GARAGE }), null);
      else assert.throws(() => join(home, stranger()), AssertionFailure, "nft is not at work");
      assert.equal(answered(home, { mac: TV, portType: ETHERNET }).code, REJECT);
      assert.match(
        home.lines.at(-1)!,
        /Refused TV: too many devices are on the network at once\.$/u,
      );
    });
  }

  named("the last place in the network is one for a device without EAP too", async () => {
    const stdout = kernelWith(MAX_STATIONS - 1);
    const home = homeWith({ script: (command) => (command.includes("-j") ? { stdout } : {}) });
    await garageAt(home);
    await cage(home, { name: "TV", class: "wired", mac: TV });
    assert.equal(answered(home, { mac: GARAGE }).code, ACCEPT);
    assert.equal(answered(home, { mac: TV, portType: ETHERNET }).code, REJECT);
    assert.equal(answered(home, { mac: GARAGE }).code, ACCEPT, "who is in may come again");
  });

  named("a fault behind the firewall is a Reject without a key, and HomeCA goes on", async () => {
    const random = seeded("faulty");
    let faulty = false;
    const home = homeWith({
      random: (length) => {
        if (faulty) throw new Error("no random octets\n\u001b[2J");
        return random(length);
      },
    });
    const { id, wifiKey } = await garageAt(home);
    faulty = true;
    const answer = answered(home, { mac: GARAGE });
    assert.equal(answer.code, REJECT);
    assert.deepEqual(answer.tunnelPasswords, []);
    assert.match(home.nft.at(-1)!, /02:00:00:00:00:21/u, "the fault came behind the firewall");
    assert.match(home.lines.join("\n"), /fault in a cage: Error: no random octets\\x0a\\x1b\[2J/u);
    faulty = false;
    assert.equal((await shownOf(home, id)).place, "none");
    assert.deepEqual(answered(home, { mac: GARAGE }).tunnelPasswords, [utf8(wifiKey)]);
  });

  named("revoked while nft works, it gets no key and keeps no element", async () => {
    let takes = 0;
    const home = homeWith({ script: () => ({ takes }) });
    const { id } = await garageAt(home);
    takes = 40;
    assert.equal(asked(home, { mac: GARAGE }), null);
    const question = askByAddress(crypto, seeded("late"), utf8(SECRET), { mac: GARAGE });
    let reply: Uint8Array | null = null;
    const socket = home.host.udp({ address: "127.0.0.1", port: 0 }, (bytes) => {
      reply = bytes;
    });
    socket.send(question.datagram, { address: "127.0.0.1", port: 1812 });
    home.host.clock.advance(1);
    const revoked = home.call("revoke", { id });
    for (let turn = 0; turn < 10; turn++) {
      home.host.clock.advance(40);
      await Promise.resolve();
    }
    await revoked;
    assert.ok(reply !== null);
    const answer = question.open(reply);
    assert.equal(answer.code, REJECT);
    assert.deepEqual(answer.tunnelPasswords, []);
    assert.ok(!home.nft.at(-1)!.includes("timeout 7"), "the last word is not a cut");
    assert.equal((await shownOf(home, id)).place, "none");
  });

  named("the same address is caged once, and only one device's own address at all", async () => {
    const home = homeWith();
    const { id } = await garageAt(home);
    const again = await cage(home, { name: "Another", class: "wired", mac: GARAGE });
    assert.notEqual(again.status, 0);
    assert.ok(again.message?.includes(`homeca revoke ${id}`) === true, again.message);
    for (const mac of ["", "02:00:00:00:00", "03:00:00:00:00:01", "ff-ff-ff-ff-ff-ff", "garage"]) {
      assert.notEqual((await cage(home, { name: "X", class: "legacy", mac })).status, 0, mac);
    }
    const phone = { name: "X", class: "certificate", mac: TV };
    assert.notEqual((await cage(home, phone)).status, 0);
  });

  named(
    "a stranger who borrows the address brings no record of its own into the cage",
    async () => {
      const home = homeWith();
      join(home, { ...stranger(), mac: GARAGE });
      assert.equal(answered(home, { mac: GARAGE }).code, REJECT);
      const { wifiKey } = await garageAt(home);
      assert.deepEqual(answered(home, { mac: GARAGE }).tunnelPasswords, [utf8(wifiKey)]);
    },
  );

  named("keys and cages are there after a restart", async () => {
    const home = homeWith();
    const { wifiKey } = await garageAt(home);
    const next = homeWith({ files: home.stop() });
    assert.deepEqual(answered(next, { mac: GARAGE }).tunnelPasswords, [utf8(wifiKey)]);
  });

  named("the same question twice is answered once, with the same octets", async () => {
    const home = homeWith();
    await garageAt(home);
    const { datagram } = askByAddress(crypto, seeded("twice"), utf8(SECRET), { mac: GARAGE });
    const first = home.ask(datagram);
    const changes = home.nft.length;
    const second = home.ask(datagram);
    assert.ok(first !== null && second !== null);
    assert.deepEqual(second, first);
    assert.equal(home.nft.length, changes);
  });
}
