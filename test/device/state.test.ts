// What a device remembers, and what it believes of the home that it belongs to.
import { assert, providers, test } from "#kit";
import { utf8 } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import type { Unix } from "../../src/base/machine.ts";
import { checkEnrolment, judgeHome, mayTell } from "../../src/device/credentials.ts";
import { credentialOf, newDevice, StateFailure, StateFile } from "../../src/device/state.ts";
import type { DeviceState, Ownership } from "../../src/device/state.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import { encodeBundle } from "../../src/proto/x509/cms.ts";
import { DAY, makeHome, NOW, RELEASED } from "../policy/ca/home.ts";

const crypto = providers[0]!;
const PATH = "/device.json";
const home = makeHome(crypto, "a device's home");
const TIME = { clock: NOW, floor: RELEASED };

function serverChain(at: Unix = NOW): readonly Uint8Array[] {
  const key = home.newKey();
  const issued = home.issuing.issueServer(key.publicKey, "homeca.home.arpa", {
    clock: at,
    floor: RELEASED,
  });
  return [issued.der, home.issuing.certificate.der];
}

function ownership(): Ownership {
  const issued = home.issuing.issueDevice(
    home.newKey().publicKey,
    { deviceId: "abcdefghijklmnop" },
    TIME,
  );
  const hash = new Uint8Array(32).fill(5);
  return {
    chain: [issued.der, home.issuing.certificate.der],
    root: home.root.certificate.der,
    homeKeyHash: hash,
    serverName: "homeca.home.arpa",
    discoveryKey: hash,
    sessionKey: null,
    notAfter: issued.notAfter,
    timeFloor: NOW,
    crlNumber: 3,
    groups: [],
    windowSeconds: 1,
    releaseSeconds: 2,
  };
}

const FIRST: DeviceState = newDevice(
  {
    deviceId: new Uint8Array(32).fill(7),
    type: "lamp",
    name: "Küche",
    model: null,
    setupCode: "K7QP2M4X9RTD",
    hasRandomness: true,
  },
  new Uint8Array(32).fill(1),
);

function fileOf(state: DeviceState): { readonly files: MemoryFiles; readonly file: StateFile } {
  const files = new MemoryFiles();
  return { files, file: StateFile.create(files, PATH, state) };
}

test("what is stored is what is read again", () => {
  const owner = ownership();
  const next = { scalar: new Uint8Array(32).fill(2), discoveryKey: null, sessionKey: null };
  const states: readonly DeviceState[] = [
    FIRST,
    { ...FIRST, owner },
    { ...FIRST, next: { ...next, ownership: null } },
    { ...FIRST, owner, next: { ...next, ownership: owner }, passive: true, releases: 9 },
  ];
  for (const state of states) {
    const { files } = fileOf(state);
    assert.deepEqual(StateFile.open(files, PATH).state, state);
  }
});

test("a state that could not be read again is not written, and what was there stays", () => {
  const { files, file } = fileOf(FIRST);
  const owner = ownership();
  const long = Array.from({ length: 5 }, () => owner.chain[0]!);
  const bad: readonly Partial<DeviceState>[] = [
    { scalar: new Uint8Array(32) },
    { scalar: new Uint8Array(32).fill(255) },
    { owner: { ...owner, chain: [] } },
    { owner: { ...owner, chain: long } },
    { owner: { ...owner, root: utf8("no certificate") } },
    { owner: { ...owner, serverName: 'a"\n}' } },
    { owner: { ...owner, windowSeconds: 2 ** 32 } },
  ];
  for (const change of bad) {
    assert.throws(() => file.change(change), StateFailure);
    assert.deepEqual(file.state, FIRST);
    assert.deepEqual(StateFile.open(files, PATH).state, FIRST);
  }
});

test("a device goes with its new key once that is certified, and with the old one until then", () => {
  const [owner, certified] = [ownership(), ownership()];
  const next = { scalar: new Uint8Array(32).fill(2), discoveryKey: null, sessionKey: null };
  assert.equal(credentialOf(FIRST), null);
  assert.equal(credentialOf({ ...FIRST, next: { ...next, ownership: null } }), null);
  assert.deepEqual(credentialOf({ ...FIRST, owner }), { owner, scalar: FIRST.scalar });
  const both = { ...FIRST, owner, next: { ...next, ownership: certified } };
  assert.deepEqual(credentialOf(both), { owner: certified, scalar: next.scalar });
});

test("a home whose certificate began after the device heard the time last is still its home", () => {
  const owner = { root: home.root.certificate.der };
  const chain = serverChain(unix(NOW + 100 * DAY));
  assert.ok(judgeHome(crypto, chain, owner, NOW) !== null);
  // One that had ended by then is not.
  const old = serverChain();
  assert.ok(judgeHome(crypto, old, owner, NOW) !== null);
  assert.equal(judgeHome(crypto, old, owner, unix(NOW + 4000 * DAY)), null);
});

test("a home of another root, or one that shows a device's certificate, is no home of the device", () => {
  const owner = { root: home.root.certificate.der };
  const other = makeHome(crypto, "another home");
  assert.equal(judgeHome(crypto, serverChain(), { root: other.root.certificate.der }, NOW), null);
  assert.equal(judgeHome(crypto, ownership().chain, owner, NOW), null);
  assert.equal(judgeHome(crypto, [], owner, NOW), null);
  assert.equal(judgeHome(crypto, [utf8("garbage")], owner, NOW), null);
});

test("a home may tell no time at which its own certificate does not hold", () => {
  const owner = { root: home.root.certificate.der };
  const chain = serverChain();
  assert.equal(mayTell(crypto, chain, owner, NOW), true);
  for (const days of [-4000, 4000, 20_000]) {
    assert.equal(mayTell(crypto, chain, owner, unix(NOW + days * DAY)), false, `${days}`);
  }
});

test("of what a home hands out at enrolment the device keeps the path alone", () => {
  const key = home.newKey();
  const { publicKey } = key;
  assert.ok(publicKey.kind === "ec");
  const leaf = home.issuing.issueDevice(publicKey, { deviceId: "abcdefghijklmnop" }, TIME).der;
  const others = ["x", "y", "z"].map((seed) => makeHome(crypto, seed).issuing.certificate.der);
  const above = [home.issuing.certificate.der, home.root.certificate.der];
  const check = (
    authorities: readonly Uint8Array[],
    issued: readonly Uint8Array[],
    point: Uint8Array,
  ) =>
    checkEnrolment(
      crypto,
      point,
      encodeBundle(authorities),
      encodeBundle(issued),
      serverChain(),
      NOW,
    );
  const enrolled = check(above, [leaf], publicKey.point);
  assert.deepEqual(enrolled?.chain, [leaf, above[0]!]);
  assert.deepEqual(check([...above, others[0]!], [leaf], publicKey.point)?.chain, [
    leaf,
    above[0]!,
  ]);
  // More than a path may have is no answer of a home's.
  assert.equal(check([...above, ...others], [leaf], publicKey.point), null);
  const stranger = home.newKey().publicKey;
  assert.ok(stranger.kind === "ec");
  assert.equal(check(above, [leaf], stranger.point), null);
  assert.equal(check(above, [leaf, above[0]!], publicKey.point), null);
  assert.equal(check(others, [leaf], publicKey.point), null);
});
