import { assert, providers, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import {
  applicationSecrets,
  binderKey,
  earlySecret,
  Exporter13,
  expandLabel,
  handshakeSecrets,
  kdf13,
  nextSecret,
  ticketKey,
  trafficKeys,
  verifyData13,
} from "../../../src/proto/tls/key-schedule13.ts";
import { SUITES_13 } from "../../../src/proto/tls/suites.ts";

/** RFC 8448 §3, "Simple 1-RTT Handshake". */
const TRACE = {
  shared: "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d",
  hellosHash: "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8",
  finishedHash: "9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13",
  clientHandshake: "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
  serverHandshake: "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
  main: "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919",
  serverKey: "3fce516009c21727d0f2e4e86ee403bc",
  serverIv: "5d313eb2671276ee13000b30",
  finishedKey: "008d3b66f816ea559f96b537e885c31fc068bf492c652f01f288a1d8cdc19fc8",
  clientApplication: "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
  serverApplication: "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
  exporter: "fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50",
} as const;

/** RFC 8448 §3 (the ticket) and §4, "Resumed 0-RTT Handshake". */
const RESUMED = {
  resumption: "7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c",
  key: "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3",
  early: "9b2188e9b2fc6d64d71dc329900e20bb41915000f678aa839cbb797cb7d8332c",
  binderKey: "69fe131a3bbad5d63c64eebcc30e395b9d8107726a13d074e389dbc8a4e47256",
  binderHash: "63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14",
  binder: "3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d",
} as const;

const SUITE = SUITES_13.TLS_AES_128_GCM_SHA256;

for (const crypto of providers) {
  const kdf = kdf13(crypto, "sha256");

  test(`${crypto.name}: the secrets of RFC 8448's handshake`, () => {
    const shared = hex(TRACE.shared);
    const { client, server, main } = handshakeSecrets(
      kdf,
      earlySecret(kdf, null),
      shared,
      hex(TRACE.hellosHash),
    );
    assert.equal(toHex(client), TRACE.clientHandshake);
    assert.equal(toHex(server), TRACE.serverHandshake);
    assert.equal(toHex(main), TRACE.main);
    assert.deepEqual(shared, new Uint8Array(32));

    const keys = trafficKeys(kdf, SUITE, server);
    assert.equal(toHex(keys.key), TRACE.serverKey);
    assert.equal(toHex(keys.iv), TRACE.serverIv);
    const finished = expandLabel(kdf, server, "finished", new Uint8Array(), 32);
    assert.equal(toHex(finished), TRACE.finishedKey);

    const application = applicationSecrets(kdf, main, hex(TRACE.finishedHash));
    assert.equal(toHex(application.client), TRACE.clientApplication);
    assert.equal(toHex(application.server), TRACE.serverApplication);
    assert.equal(toHex(application.exporter), TRACE.exporter);
  });

  test(`${crypto.name}: the ticket's key and its binder in RFC 8448's resumption`, () => {
    const key = ticketKey(kdf, hex(RESUMED.resumption), hex("0000"));
    assert.equal(toHex(key), RESUMED.key);
    const early = earlySecret(kdf, key);
    assert.equal(toHex(early), RESUMED.early);
    const secret = binderKey(kdf, early, "res");
    assert.equal(toHex(secret), RESUMED.binderKey);
    assert.equal(toHex(verifyData13(kdf, secret, hex(RESUMED.binderHash))), RESUMED.binder);
  });

  test(`${crypto.name}: a secret's successor replaces it`, () => {
    const secret = hex(TRACE.clientApplication);
    const next = nextSecret(kdf, secret);
    assert.equal(next.length, 32);
    assert.notEqual(toHex(next), TRACE.clientApplication);
    assert.deepEqual(secret, new Uint8Array(32));
  });

  test(`${crypto.name}: no context is an empty one, and a length is a key of its own`, () => {
    const exporter = new Exporter13(kdf, hex(TRACE.exporter));
    const label = "EXPORTER-test";
    const whole = toHex(exporter.exportKey(label, null, 64));
    assert.equal(toHex(exporter.exportKey(label, new Uint8Array(), 64)), whole);
    assert.notEqual(toHex(exporter.exportKey(label, Uint8Array.of(13), 64)), whole);
    assert.notEqual(toHex(exporter.exportKey(label, null, 32)), whole.slice(0, 64));
    assert.throws(() => exporter.exportKey("x".repeat(250), null, 32), RangeError);
    assert.throws(() => exporter.exportKey(label, null, 255 * 32 + 1), RangeError);
    exporter.forget();
    assert.throws(() => exporter.exportKey(label, null, 64), RangeError);
  });
}
