import { assert, providers, test } from "#kit";
import { hex, utf8 } from "../../../../src/base/bytes.ts";
import {
  encodeNewConnectionId,
  encodeRequestConnectionId,
} from "../../../../src/proto/tls/datagram/connection-id.ts";
import { connectionIdOf, cutDatagram } from "../../../../src/proto/tls/datagram/cut.ts";
import { encodeFragment } from "../../../../src/proto/tls/datagram/handshake-fragment.ts";
import { Ends } from "./ends.ts";
import type { End, EndsOptions } from "./ends.ts";

const crypto = providers.at(-1)!;
const CLIENT_ID = hex("c1c2c3");
const SERVER_ID = hex("5152535455565758");
const NONE = new Uint8Array();

type Version = "TLS 1.2" | "TLS 1.3";

function met(version: Version, ids: Pick<EndsOptions, "clientId" | "serverId">): Ends {
  const server = { versions: [version], clientCertificate: "required" } as const;
  const ends = new Ends({ crypto, seed: "ids", server, ...ids });
  assert.ok(ends.establish(), `${ends.client.failure ?? ""} ${ends.server.failure ?? ""}`);
  ends.settle(5000);
  return ends;
}

/** The id in front of what `end` says, if ids of that length are looked for. */
function idOf(end: End, ends: Ends, length: number): Uint8Array | null {
  const [datagram] = end.give({ kind: "send", bytes: utf8("x") }, ends.link.now);
  return connectionIdOf(cutDatagram(datagram!, length));
}

for (const version of ["TLS 1.2", "TLS 1.3"] as const) {
  test(`D${version}: each side is called by what it asked for`, () => {
    const ends = met(version, { clientId: CLIENT_ID, serverId: SERVER_ID });
    assert.deepEqual(ends.talk("by name"), ["by name", "BY NAME"]);
    assert.deepEqual(idOf(ends.client, ends, SERVER_ID.length), SERVER_ID);
    assert.deepEqual(idOf(ends.server, ends, CLIENT_ID.length), CLIENT_ID);
  });

  test(`D${version}: a side may use an id without having one`, () => {
    const ends = met(version, { clientId: NONE, serverId: SERVER_ID });
    assert.deepEqual(ends.talk("by name"), ["by name", "BY NAME"]);
    assert.deepEqual(idOf(ends.client, ends, SERVER_ID.length), SERVER_ID);
    assert.equal(idOf(ends.server, ends, 0), null);
  });

  for (const ids of [{ clientId: CLIENT_ID }, { serverId: SERVER_ID }] as const) {
    test(`D${version}: without ${"clientId" in ids ? "a server" : "a client"} that speaks them there are no ids`, () => {
      const ends = met(version, ids);
      assert.deepEqual(ends.talk("by address"), ["by address", "BY ADDRESS"]);
      assert.equal(idOf(ends.client, ends, 8), null);
      assert.equal(idOf(ends.server, ends, 3), null);
    });
  }

  test(`D${version}: the id survives a bad link`, () => {
    const link = { loss: 0.3, duplication: 0.1, jitterMs: 150 };
    const ends = new Ends({
      ...{ crypto, seed: "lossy ids", link, clientId: CLIENT_ID, serverId: SERVER_ID },
      server: { versions: [version] },
    });
    assert.ok(ends.establish());
  });
}

/** The client's third message: hello and Finished went before, and its certificate's two. */
const NEXT_SEQ = 4;

function message(type: number, body: Uint8Array): Uint8Array {
  return encodeFragment({ type, seq: NEXT_SEQ, body }, 0, body.length);
}

test("RFC 9147 §9: a new id is used at once where it must be, after the next KeyUpdate too", () => {
  const ends = met("TLS 1.3", { clientId: CLIENT_ID, serverId: SERVER_ID });
  const { client, server, link } = ends;
  const next = hex("d1d2d3");
  const body = encodeNewConnectionId({ cids: [next], immediate: true });
  const answer = server.hear([client.forge(22, message(10, body))], link.now);
  assert.equal(server.failure, null);
  assert.equal(answer.length, 1, "it is acknowledged");
  assert.deepEqual(idOf(server, ends, 3), next);
  server.give({ kind: "update-keys" }, link.now);
  assert.deepEqual(server.channel.peerConnectionId, next);
});

test("RFC 9147 §9: spare ids, and requests for ours, are acknowledged and passed over", () => {
  for (const [type, body] of [
    [10, encodeNewConnectionId({ cids: [hex("d1d2d3")], immediate: false })],
    [9, encodeRequestConnectionId(2)],
  ] as const) {
    const ends = met("TLS 1.3", { clientId: CLIENT_ID, serverId: SERVER_ID });
    const { client, server, link } = ends;
    assert.equal(server.hear([client.forge(22, message(type, body))], link.now).length, 1);
    assert.equal(server.failure, null);
    assert.deepEqual(idOf(server, ends, 3), CLIENT_ID);
  }
});

for (const [name, ids, type, body] of [
  ["a new id where none were spoken of", {}, 10, hex("000403d1d2d300")],
  [
    "a new id of a side that asked for none",
    { clientId: NONE, serverId: SERVER_ID },
    10,
    hex("000403d1d2d300"),
  ],
  [
    "a request to a side that asked for none",
    { clientId: CLIENT_ID, serverId: NONE },
    9,
    hex("01"),
  ],
] as const) {
  test(`RFC 9147 §9: ${name} is refused`, () => {
    const { client, server, link } = met("TLS 1.3", ids);
    server.hear([client.forge(22, message(type, body))], link.now);
    assert.equal(server.failure?.reason, "unexpected-message");
    assert.equal(server.failure?.alert, "unexpected_message");
  });
}
