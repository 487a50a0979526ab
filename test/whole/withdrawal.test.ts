/** The owner's no, where the disk or the firewall does not follow: it stands on record, and the answer says the rest. */
import { assert, providers, seeded, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { HostFailure } from "../../src/host/host.ts";
import type { MemoryFiles } from "../../src/host/memory/files.ts";
import { askByAddress } from "../kit/address-question.ts";
import { join, lampIdentity, MemoryHome, selfSigned } from "../kit/memory-home.ts";

const SECRET = "memory-secret-of-a-test";
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
    assert.match(
      home.lines.join("\n"),
      /The access point was not asked to put Garage door out \(udp bind 127\.0\.0\.1 port 0: EMFILE\)/u,
    );
  });

  test(`${crypto.name}: a disk that refuses the record itself has changed nothing`, async () => {
    const { home, id, disk } = await caged(crypto);
    disk.failNext("appendDurably", "ENOSPC");
    assert.equal((await home.call("revoke", { id }))["reason"], "host-failed");
    const device = await home.call("device", { id });
    assert.deepEqual([device["state"], device["place"]], ["active", "quarantine"]);
  });
}
