import { assert, providers, test } from "#kit";
import { unix } from "../../src/base/machine.ts";
import type { HomeKeys } from "../../src/daemon/keys.ts";
import { Stapling } from "../../src/daemon/stapling.ts";
import { parseOcspResponse } from "../../src/proto/x509/ocsp.ts";
import { makeHome, NOW } from "../policy/ca/home.ts";

const DAY = 86_400;

/** The parts of the keys that a status needs. */
function keysWith(serial: string): HomeKeys {
  const { issuing } = makeHome(providers[0]!);
  // Only the serial of the server's certificate is looked at.
  return { issuing, server: { certificate: { serial } } } as unknown as HomeKeys;
}

test("a status is signed once and served until half its life is over", () => {
  const stapling = new Stapling();
  const keys = keysWith("1234");
  const first = stapling.response(keys, NOW, NOW);
  assert.ok(first !== null);
  assert.equal(stapling.response(keys, unix(NOW + DAY), NOW), first);
  assert.notEqual(stapling.response(keys, unix(NOW + 2 * DAY), NOW), first);
});

test("another certificate has another status", () => {
  const stapling = new Stapling();
  const first = stapling.response(keysWith("1234"), NOW, NOW);
  const second = stapling.response(keysWith("1235"), NOW, NOW);
  assert.equal(parseOcspResponse(first!).certificateId.serial, "1234");
  assert.equal(parseOcspResponse(second!).certificateId.serial, "1235");
});

test("while the time is not known there is no status, and afterwards there is", () => {
  const stapling = new Stapling();
  const keys = keysWith("1234");
  assert.equal(stapling.response(keys, null, NOW), null);
  assert.ok(stapling.response(keys, NOW, NOW) !== null);
});
