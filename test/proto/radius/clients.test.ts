import fc from "fast-check";
import { assert, test } from "#kit";
import { utf8 } from "../../../src/base/bytes.ts";
import {
  MAX_CLIENTS,
  type RadiusClient,
  RadiusClients,
} from "../../../src/proto/radius/clients.ts";

const client = (name: string, prefix: string): RadiusClient => ({
  name,
  prefix,
  secret: utf8(`secret of ${name}`),
});
const found = (clients: RadiusClients, address: string): string | null =>
  clients.find(address)?.name ?? null;

test("the longest prefix that fits is the client, in both families", () => {
  const clients = new RadiusClients([
    client("any", "0.0.0.0/0"),
    client("house", "192.168.0.0/16"),
    client("attic", "192.168.7.9"),
    client("odd", "192.168.128.0/17"),
    client("six", "fd00::/8"),
    client("six attic", "fd00:1::7"),
  ]);
  assert.equal(found(clients, "192.168.7.9"), "attic");
  assert.equal(found(clients, "192.168.7.8"), "house");
  assert.equal(found(clients, "192.168.200.1"), "odd");
  assert.equal(found(clients, "10.0.0.1"), "any");
  assert.equal(found(clients, "fd00:1::7"), "six attic");
  assert.equal(found(clients, "fdff::1"), "six");
  assert.equal(found(clients, "2001:db8::1"), null);
});

test("a dual-stack socket's ::ffff:a.b.c.d is the IPv4 client", () => {
  const clients = new RadiusClients([client("attic", "192.168.7.9"), client("lan", "10.0.0.0/8")]);
  assert.equal(found(clients, "::ffff:192.168.7.9"), "attic");
  assert.equal(found(clients, "::ffff:a00:1"), "lan");
  const mapped = new RadiusClients([client("lan", "::ffff:10.0.0.0/104")]);
  assert.equal(found(mapped, "10.1.2.3"), "lan");
});

test("0.0.0.0/0 is every IPv4 address and no IPv6 one; ::/0 is every address", () => {
  const v4 = new RadiusClients([client("v4", "0.0.0.0/0")]);
  assert.deepEqual([found(v4, "8.8.8.8"), found(v4, "::1")], ["v4", null]);
  const all = new RadiusClients([client("all", "::/0")]);
  assert.deepEqual([found(all, "8.8.8.8"), found(all, "::1")], ["all", "all"]);
});

test("text that is no address belongs to nobody, not even to ::/0", () => {
  const all = new RadiusClients([client("all", "::/0")]);
  for (const address of ["", "localhost", "1.2.3", "fe80::1%br-lan"]) {
    assert.equal(all.find(address), null, address);
  }
});

test("a table that cannot be meant is refused with the client's name and without its secret", () => {
  const refused = (...clients: readonly RadiusClient[]): string =>
    assert.throws(() => new RadiusClients(clients), RangeError).message;
  for (const prefix of [
    "",
    "nas",
    "1.2.3.4/33",
    "::1/129",
    "1.2.3.4/24",
    "1.2.3.4/",
    "1.2.3.0/-1",
  ]) {
    const message = refused(client("attic", prefix));
    assert.match(message, /"attic"/, prefix);
    assert.ok(!message.includes("secret of"), prefix);
  }
  assert.match(refused({ ...client("attic", "1.2.3.4"), secret: utf8("") }), /set a secret/);
  refused(client("a", "1.2.3.4"), client("a", "1.2.3.5"));
  refused(client("a", "1.2.3.4"), client("b", "::ffff:1.2.3.4/128"));
});

test(`a table holds ${MAX_CLIENTS} clients and no more`, () => {
  const many = Array.from({ length: MAX_CLIENTS }, (_, at) => client(`${at}`, `10.0.${at}.1`));
  const clients = new RadiusClients(many);
  assert.equal(found(clients, "10.0.255.1"), "255");
  assert.throws(() => clients.replace([...many, client("more", "10.1.0.1")]), RangeError);
  assert.equal(found(clients, "10.0.255.1"), "255", "a refused table leaves the old one");
  clients.replace([client("only", "10.1.0.1")]);
  assert.deepEqual([found(clients, "10.0.255.1"), found(clients, "10.1.0.1")], [null, "only"]);
});

test("property: an address is in a prefix exactly when their leading bits are equal", () => {
  const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const number = (address: readonly number[]): number =>
    address.reduce((sum, octet) => sum * 256 + octet, 0);
  fc.assert(
    fc.property(octets, octets, fc.integer({ min: 0, max: 32 }), (network, address, length) => {
      const size = 2 ** (32 - length);
      const first = Math.floor(number(network) / size) * size;
      const base = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256);
      const clients = new RadiusClients([client("x", `${base.join(".")}/${length}`)]);
      const inside = Math.floor(number(address) / size) * size === first;
      assert.equal(found(clients, address.join(".")), inside ? "x" : null);
    }),
  );
});
