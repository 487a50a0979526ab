// What the home must never hold: the scalar of a key update, and the private keys of its devices, before and after.
import { assert, providers, test } from "#kit";
import { fromUtf8, toBase64, toBase64Url, toHex } from "../../src/base/bytes.ts";
import type { Crypto } from "../../src/base/crypto/crypto.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import { ADOPTING_UCI, approveAll, idOf } from "../kit/adopting.ts";
import { MemoryDevice, pass, passUntil } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const SCALAR_LENGTH = 32;

/** A provider that notes the scalars it multiplies by: in a home, k alone. */
function watched(of: Crypto, seen: Uint8Array[]): Crypto {
  const p256 = {
    ...of.p256,
    multiply(point: Uint8Array, scalar: Uint8Array): Uint8Array | null {
      seen.push(scalar.slice());
      return of.p256.multiply(point, scalar);
    },
  };
  return { ...of, p256 };
}

/** All octets and all text that can be reached from here, whatever holds it. */
function* reachable(from: unknown, seen: Set<object> = new Set()): Iterable<Uint8Array | string> {
  if (typeof from === "string") yield from;
  if (from instanceof Uint8Array) yield from;
  if (typeof from !== "object" || from === null || from instanceof Uint8Array) return;
  if (seen.has(from)) return;
  seen.add(from);
  if (from instanceof Map) yield* reachable([...from], seen);
  if (from instanceof Set) yield* reachable([...from], seen);
  for (const value of Object.values(from)) yield* reachable(value, seen);
}

function diskOf(files: MemoryFiles): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  const walk = (folder: string): void => {
    for (const name of files.list(folder)) {
      const path = folder === "/" ? `/${name}` : `${folder}/${name}`;
      if (files.facts(path)?.kind === "directory") walk(path);
      else found.push(files.read(path) ?? new Uint8Array());
    }
  };
  walk("/");
  return found;
}

/** The forms in which a secret might be written down. */
function formsOf(secret: Uint8Array): readonly string[] {
  const number = BigInt(`0x${toHex(secret)}`);
  return [
    toHex(secret),
    toBase64(secret).slice(0, 42),
    toBase64Url(secret).slice(0, 42),
    `${number}`,
  ];
}

function holds(haystack: Uint8Array | string, secret: Uint8Array): boolean {
  if (typeof haystack === "string") {
    return formsOf(secret).some((form) => haystack.toLowerCase().includes(form.toLowerCase()));
  }
  if (toHex(haystack).includes(toHex(secret))) return true;
  const text = fromUtf8(haystack);
  return text !== null && holds(text, secret);
}

test("a home that has taken a device in holds neither k nor the device's keys, on disk, on the wire, in what it says or in its open fields", async () => {
  const scalars: Uint8Array[] = [];
  const home = new MemoryHome(watched(crypto, scalars), {
    uci: ADOPTING_UCI,
    stationCrypto: crypto,
  });
  const device = new MemoryDevice(home, crypto, { name: "Lamp", setupCode: "K7QP2M4X9RTD" });
  const without = new MemoryDevice(home, crypto, { name: "Plain lamp", hasRandomness: false });
  // Without the code at the home the first one would wait: it is here to be refused, too.
  const third = new MemoryDevice(home, crypto, { name: "Third lamp" });
  const firstKeys = [device, without, third].map(({ state }) => state.scalar.slice());
  for (const each of [device, without, third]) each.agent.start();
  const members = [without, third];
  const come = async (): Promise<boolean> => {
    await approveAll(home);
    return members.every(({ isMember }) => isMember);
  };
  assert.ok(
    await passUntil(home, come, 120_000),
    members.map(({ story }) => story.join(" ")).join(),
  );

  const secrets = [
    ...firstKeys,
    ...members.map(({ state }) => state.scalar),
    ...scalars.filter(({ length }) => length === SCALAR_LENGTH),
  ];
  const nonzero = secrets.filter((secret) => secret.some((octet) => octet !== 0));
  // k is wiped by whoever derived it; what was noted here is a copy.
  assert.ok(nonzero.length >= firstKeys.length + 2 * members.length, `${nonzero.length} secrets`);

  const files = home.host.files;
  assert.ok(files instanceof MemoryFiles);
  const { events } = await home.call("log", { limit: 1000 });
  const answers = await Promise.all(
    members.map(async (member) => home.call("device", { id: await idOf(home, member) })),
  );
  const places: Record<string, readonly (Uint8Array | string)[]> = {
    disk: diskOf(files),
    lines: home.lines,
    events: [JSON.stringify(events)],
    answers: [JSON.stringify(answers)],
    wire: home.host.network.sent.map(({ bytes }) => bytes),
    // What a class keeps private is looked for in the memory of a process: see test/daemon/device-program.test.ts.
    "open fields": [...reachable(home)],
  };
  for (const [where, found] of Object.entries(places)) {
    assert.ok(found.length > 0, where);
    for (const secret of nonzero) {
      const hit = found.find((each) => holds(each, secret));
      assert.equal(hit, undefined, `${where} has ${toHex(secret).slice(0, 8)}…`);
    }
  }
  for (const each of [device, without, third]) each.agent.stop();
  await pass(home, 100);
  // What it would be found by, if it were there: the journal holds what came of the update.
  const disk = diskOf(home.stop());
  const { discoveryKey } = third.state.owner!;
  assert.ok(discoveryKey !== null && disk.some((bytes) => holds(bytes, discoveryKey)));
});
