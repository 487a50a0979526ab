import { assert, providers, test } from "#kit";
import fc from "fast-check";
import { hex, utf8 } from "../../../../src/base/bytes.ts";
import { mono } from "../../../../src/base/machine.ts";
import { encodeAlert } from "../../../../src/proto/tls/alert.ts";
import type { AlertName } from "../../../../src/proto/tls/alert.ts";
import { plainRecord } from "../../../../src/proto/tls/datagram/epoch.ts";
import { MAX_WARNINGS } from "../../../../src/proto/tls/datagram/receiving.ts";
import { DTLS_1_2 } from "../../../../src/proto/tls/datagram/wire.ts";
import { Ends } from "./ends.ts";
import type { EndsOptions } from "./ends.ts";

const crypto = providers.at(-1)!;

const VERSIONS = ["TLS 1.2", "TLS 1.3"] as const;

for (const provider of providers) {
  for (const version of VERSIONS) {
    for (const clientCertificate of ["none", "required"] as const) {
      test(`${provider.name}: D${version}, certificate ${clientCertificate}: both ends meet, and talk`, () => {
        const server = { versions: [version], clientCertificate };
        const ends = new Ends({ crypto: provider, seed: `meet ${version}`, server });
        assert.ok(ends.establish(900), `${ends.client.failure ?? ""} ${ends.server.failure ?? ""}`);
        assert.equal(ends.client.session?.version, version);
        assert.deepEqual(ends.talk("over datagrams"), ["over datagrams", "OVER DATAGRAMS"]);
        const key = ends.client.session!.exportKey("EXPORTER-test", null, 32);
        assert.deepEqual(ends.server.session!.exportKey("EXPORTER-test", null, 32), key);
        ends.fromClient({ kind: "close" });
        ends.settle(100);
        assert.ok(ends.client.closed && ends.server.closed);
        assert.deepEqual(ends.server.association.discards, {});
        assert.deepEqual(ends.client.association.discards, {});
      });
    }
  }
}

/** Until both have a session and everything is acknowledged. */
function met(version: (typeof VERSIONS)[number], options: Partial<EndsOptions> = {}): Ends {
  const ends = new Ends({
    crypto,
    seed: `met ${version}`,
    ...options,
    server: { versions: [version], ...options.server },
  });
  assert.ok(ends.establish(), `${ends.client.failure ?? ""} ${ends.server.failure ?? ""}`);
  ends.settle(5000);
  return ends;
}

const START = mono(0);

for (const version of VERSIONS) {
  test(`D${version}: flights that arrive backwards need no timer`, () => {
    const ends = new Ends({
      crypto,
      seed: `backwards ${version}`,
      server: { versions: [version], clientCertificate: "required" },
      datagrams: { mtu: 300 },
      certificate: new Uint8Array(1500),
    });
    const { client, server } = ends;
    let forServer = client.give({ kind: "start" }, START);
    let forClient: Uint8Array[] = [];
    for (let turns = 0; turns < 20 && forServer.length + forClient.length > 0; turns++) {
      forClient = server.hear(forServer.toReversed(), START);
      forServer = client.hear(forClient.toReversed(), START);
    }
    assert.ok(client.session !== null && server.session !== null);
  });

  test(`D${version}: nobody answers, and after 12 retransmissions the client gives up`, () => {
    const ends = new Ends({ crypto, seed: "silence", server: { versions: [version] } });
    const { client } = ends;
    let sent = client.give({ kind: "start" }, START);
    const waits: number[] = [];
    for (let before = 0; client.association.wakeAt !== null;) {
      const now = client.association.wakeAt;
      waits.push((now - before) / 1000);
      before = now;
      sent = client.give({ kind: "timeout" }, now);
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60]);
    assert.equal(client.failure?.reason, "no-answer");
    assert.equal(sent.length, 1, "an alert goes out");
  });

  test(`D${version}: a flight lost twice goes in datagrams of half the length`, () => {
    const ends = new Ends({
      crypto,
      seed: "narrow",
      server: { versions: [version] },
      certificate: new Uint8Array(2500),
    });
    const { client, server } = ends;
    const longest = (datagrams: readonly Uint8Array[]): number =>
      Math.max(...datagrams.map(({ length }) => length));
    assert.equal(longest(server.hear(client.give({ kind: "start" }, START), START)), 1200);
    assert.equal(longest(server.give({ kind: "timeout" }, server.association.wakeAt!)), 1200);
    assert.equal(longest(server.give({ kind: "timeout" }, server.association.wakeAt!)), 600);
    assert.equal(longest(server.give({ kind: "timeout" }, server.association.wakeAt!)), 600);
    assert.equal(longest(server.give({ kind: "timeout" }, server.association.wakeAt!)), 300);
  });

  test(`D${version}: a fatal alert in the clear ends a handshake`, () => {
    const ends = new Ends({ crypto, seed: "alert", server: { versions: [version] } });
    ends.client.give({ kind: "start" }, START);
    ends.client.hear([clearAlert("handshake_failure")], START);
    assert.equal(ends.client.failure?.reason, "peer-alert");
    assert.equal(ends.client.failure?.alert, "handshake_failure");
  });

  test(`D${version}: once the peer has shown keys nothing in the clear is heard`, () => {
    const ends = met(version);
    for (const end of [ends.client, ends.server]) {
      const { association } = end;
      const before = association.discards["clear-after-keys"] ?? 0;
      assert.deepEqual(end.hear([clearAlert("handshake_failure")], ends.link.now), []);
      assert.equal(end.failure, null);
      assert.equal(association.discards["clear-after-keys"], before + 1);
    }
    assert.deepEqual(ends.talk("still there"), ["still there", "STILL THERE"]);
  });

  test(`D${version}: what is spoiled on the way is dropped, and ends nothing`, () => {
    const ends = met(version);
    const { client, server, link } = ends;
    const spoils = fc.property(
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.nat({ max: 40 }),
      (at, by, cut) => {
        const [good] = client.give({ kind: "send", bytes: utf8("spoiled") }, link.now);
        const bad = good!.slice(0, good!.length - cut);
        bad[at % bad.length]! ^= by;
        assert.deepEqual(server.hear([bad], link.now), []);
      },
    );
    fc.assert(spoils, { numRuns: 300 });
    assert.deepEqual(server.data, []);
    assert.equal(server.failure, null);
    assert.deepEqual(ends.talk("still there"), ["still there", "STILL THERE"]);
  });

  test(`D${version}: a record that comes twice is taken once`, () => {
    const { client, server, link } = met(version);
    const said = client.give({ kind: "send", bytes: utf8("once") }, link.now);
    server.hear([...said, ...said], link.now);
    assert.equal(server.data.length, 1);
    assert.equal(server.association.discards["repeated-record"], 1);
  });

  test(`D${version}: a key that has borne its forgeries ends the association`, () => {
    const ends = met(version, { datagrams: { maxForgeriesPerKey: 5 } });
    const { client, server, link } = ends;
    for (let n = 0; n < 5; n++) {
      assert.equal(server.failure, null);
      const [record] = client.give({ kind: "send", bytes: utf8("forged") }, link.now);
      record![record!.length - 1]! ^= 1;
      server.hear([record!], link.now);
    }
    assert.equal(server.failure?.reason, "too-many-forgeries");
    assert.equal(server.failure?.alert, "bad_record_mac");
  });

  test(`D${version}: one datagram carries what dataRoom says, and a record no more than it may`, () => {
    const { client, link } = met(version, { datagrams: { mtu: 1000 } });
    const { dataRoom } = client.association;
    const [full] = client.give({ kind: "send", bytes: new Uint8Array(dataRoom) }, link.now);
    assert.equal(full!.length, 1000);
    const [long] = client.give({ kind: "send", bytes: new Uint8Array(2 ** 14) }, link.now);
    assert.ok(long!.length > 2 ** 14);
    const tooLong = new Uint8Array(2 ** 14 + 1);
    assert.throws(() => client.give({ kind: "send", bytes: tooLong }, link.now), RangeError);
  });

  for (const [name, type, content, reason] of [
    ["an alert of three octets", 21, "020000", "malformed-alert"],
    ["an alert nobody knows", 21, "02ff", "unknown-alert"],
    ["a handshake record without octets", 22, "", "empty-record"],
    ["a fragment past its message's end", 22, "140000010000000001000001aa", "fragment-mismatch"],
    ["half a fragment's header", 22, "1400", "malformed-message"],
    ["a message that is too long", 22, "14ffffff00ff000000000001aa", "message-too-long"],
    ["a content type nobody knows", 99, "00", "unknown-record-type"],
  ] as const) {
    if (version === "TLS 1.2" && type === 99) continue;
    test(`D${version}: under keys, ${name} is the peer's own fault`, () => {
      const { client, server, link } = met(version);
      server.hear([client.forge(type, hex(content))], link.now);
      assert.equal(server.failure?.reason, reason);
    });
  }

  test(`D${version}: 32 warnings in a row are borne, data between them starts the count anew`, () => {
    const { client, server, link } = met(version);
    const warn = (times: number): void => {
      for (let n = 0; n < times; n++) server.hear([client.forge(21, hex("015a"))], link.now);
    };
    warn(MAX_WARNINGS);
    server.hear(client.give({ kind: "send", bytes: utf8("data") }, link.now), link.now);
    warn(MAX_WARNINGS);
    assert.equal(server.failure, null);
    warn(1);
    assert.equal(server.failure?.reason, "too-many-warnings");
  });

  test(`D${version}: a hello spoiled anywhere ends the handshake at most`, () => {
    const ends = new Ends({ crypto, seed: "hello", server: { versions: [version] } });
    const [hello] = ends.client.give({ kind: "start" }, START);
    const spoils = fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const { server } = new Ends({ crypto, seed: "hello", server: { versions: [version] } });
      const bad = hello!.slice();
      bad[at % bad.length]! ^= by;
      server.hear([bad], START);
      assert.equal(server.session, null);
    });
    fc.assert(spoils, { numRuns: 60 });
  });
}

function clearAlert(name: AlertName): Uint8Array {
  return plainRecord(21, DTLS_1_2, { epoch: 0, sequence: 1000 }, encodeAlert(name));
}
