/** docs/vectors/discovery.json: labels by every provider, and messages as a device reads them. */
import { assert, providers, seeded, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import { mono, unix } from "../../../src/base/machine.ts";
import { encodeMessage, parseMessage } from "../../../src/proto/mdns/message.ts";
import { clocklessLabel, intervalLabel, intervalOf } from "../../../src/proto/mdns/private.ts";
import { PrivateSearch } from "../../../src/proto/mdns/private-search.ts";
import { Querier } from "../../../src/proto/mdns/querier.ts";
import { subtypeName } from "../../../src/proto/mdns/published.ts";
import { MDNS_PORT } from "../../../src/proto/mdns/wire.ts";
import vectors from "../../../docs/vectors/discovery.json" with { type: "json" };

const KEY = hex(vectors.discoveryKey);
const LINK = { interface: "lan0", family: "ipv4" } as const;
const ANSWER = { kind: "datagram", ...LINK, from: "192.0.2.1", port: MDNS_PORT } as const;
const START = mono(1_000_000);
const ADDRESSES = ["192.0.2.1", "2001:db8::1"];

for (const crypto of providers) {
  test(`${crypto.name}: labels of the vectors are made from their key`, () => {
    const { interval, homeLabel, deviceLabel, clockless } = vectors;
    assert.equal(intervalOf(unix(vectors.time)), interval);
    assert.equal(intervalLabel(crypto, KEY, "H", interval), homeLabel);
    assert.equal(intervalLabel(crypto, KEY, "D", interval), deviceLabel);
    assert.equal(clocklessLabel(crypto, KEY, hex(clockless.nonce)), clockless.label);
  });
}

test("a device that looks for its home sends the question of the vectors and takes their answer", () => {
  const crypto = providers[0]!;
  const config = { crypto, random: seeded("search"), key: KEY, links: [LINK], decoys: false };
  const search = new PrivateSearch({ ...config, seeks: "H" });
  search.handle({ kind: "start", time: unix(vectors.time) }, START);
  const [asked] = search.handle({ kind: "timeout" }, mono(START + 1000));
  assert.ok(asked?.kind === "send");
  assert.equal(toHex(asked.bytes), vectors.private.question);
  const bytes = hex(vectors.private.answer);
  const outputs = search.handle({ ...ANSWER, bytes }, mono(START + 1100));
  const [found] = outputs.filter(({ kind }) => kind === "found");
  assert.ok(found?.kind === "found");
  assert.deepEqual([found.port, found.addresses], [5684, ADDRESSES]);
});

test("a device that looks for any home takes the public answer of the vectors", () => {
  const service = subtypeName("lamp", "udp");
  const querier = new Querier({ random: seeded("querier"), service, links: [LINK] });
  querier.handle({ kind: "start" }, START);
  const bytes = hex(vectors.public.answer);
  const outputs = querier.handle({ ...ANSWER, bytes }, mono(START + 1000));
  const [found] = outputs.filter(({ kind }) => kind === "found");
  assert.ok(found?.kind === "found");
  const { port, addresses, txt } = found.instance;
  assert.deepEqual([port, addresses], [5684, ADDRESSES]);
  for (const line of vectors.public.txt) {
    const [key = "", value] = line.split("=");
    assert.equal(txt.get(key), value);
  }
});

test("messages of the vectors are written as they are read", () => {
  const { private: known, public: open } = vectors;
  for (const text of [known.question, known.answer, open.question, open.answer]) {
    assert.equal(toHex(encodeMessage(parseMessage(hex(text)))), text);
  }
});
