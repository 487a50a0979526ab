import { assert, providers, test } from "#kit";
import { concat, utf8 } from "../../../src/base/bytes.ts";
import { prfTls12 } from "../../../src/base/crypto/kdf.ts";
import { extendedMasterSecret, KeySchedule } from "../../../src/proto/tls/key-schedule.ts";
import { wipe } from "../../../src/proto/tls/record.ts";
import { SUITES } from "../../../src/proto/tls/suites.ts";

const RANDOMS = { client: new Uint8Array(32).fill(1), server: new Uint8Array(32).fill(2) };
const SESSION_HASH = utf8("stands for the transcript's hash");

for (const crypto of providers) {
  const schedule = (premaster: Uint8Array): KeySchedule => {
    const master = extendedMasterSecret(crypto, "sha256", premaster, SESSION_HASH);
    return new KeySchedule(crypto, "sha256", RANDOMS, master);
  };

  test(`${crypto.name}: the premaster secret is overwritten once the master secret is there`, () => {
    const premaster = new Uint8Array(32).fill(3);
    schedule(premaster);
    assert.deepEqual(premaster, new Uint8Array(32));
  });

  test(`${crypto.name}: the key block is cut into client key, server key, client IV, server IV (RFC 5246 §6.3)`, () => {
    const master = prfTls12(
      crypto,
      "sha256",
      new Uint8Array(32).fill(3),
      "extended master secret",
      SESSION_HASH,
      48,
    );
    const seed = concat(RANDOMS.server, RANDOMS.client);
    for (const suite of Object.values(SUITES)) {
      const length = 2 * (suite.keyLength + suite.fixedIvLength);
      const block = prfTls12(crypto, "sha256", master, "key expansion", seed, length);
      const { client, server } = schedule(new Uint8Array(32).fill(3)).recordKeys(suite);
      assert.deepEqual(concat(client.key, server.key, client.iv, server.iv), block);
      assert.equal(client.key.length, suite.keyLength);
      assert.equal(client.iv.length, suite.fixedIvLength);
    }
  });

  test(`${crypto.name}: record keys are overwritten, and a forgotten schedule derives nothing`, () => {
    const keys = schedule(new Uint8Array(32).fill(3));
    const recordKeys = keys.recordKeys(SUITES.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    wipe(recordKeys.client);
    wipe(recordKeys.server);
    assert.deepEqual(recordKeys.client.key, new Uint8Array(16));
    assert.deepEqual(recordKeys.server.iv, new Uint8Array(4));
    keys.forget();
    assert.throws(() => keys.verifyData("client", SESSION_HASH), RangeError);
    assert.match(keys.keyLogLine(), / 0{96}$/);
  });

  test(`${crypto.name}: a schedule that has settled derives the same as before`, () => {
    const keys = schedule(new Uint8Array(32).fill(3));
    const before = keys.verifyData("server", SESSION_HASH);
    keys.settle();
    assert.deepEqual(keys.verifyData("server", SESSION_HASH), before);
    const exported = keys.exportKey("EXPORTER-test", null, 40);
    assert.deepEqual(keys.exportKey("EXPORTER-test", null, 40), exported);
  });
}
