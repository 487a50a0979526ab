/** OpenSSL's word on the new key of a key update, and on what COSE signs with it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { assert, providers, seeded, skip, test } from "#kit";
import { concat, hex, toHex, utf8 } from "../../src/base/bytes.ts";
import { parseCbor } from "../../src/base/cbor.ts";
import * as cbor from "../../src/base/cbor-write.ts";
import { ecdsaScalars, ecdsaSignature } from "../../src/base/crypto/ec.ts";
import { externalAad, parseSign1, signSign1 } from "../../src/proto/cose/sign1.ts";
import { encodePublicKey } from "../../src/proto/x509/key.ts";
import { encodePem } from "../../src/proto/x509/pem.ts";
import { encodePrivateKey } from "../../src/proto/x509/pkcs8.ts";
import { deviceOf, homeOf, run, vectors } from "../proto/key-update/pair.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const judged = (name: string, body: () => void): void =>
  hasOpenssl ? test(name, body) : skip(name, "needs openssl");

const folder = mkdtempSync(path.join(tmpdir(), "homeca-key-update-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);

function openssl(...args: readonly string[]): Buffer {
  const { status, stdout, stderr } = spawnSync("openssl", args, { cwd: folder });
  assert.equal(status, 0, `openssl ${args.join(" ")}: ${stderr.toString()}`);
  return stdout;
}

/** The point OpenSSL computes from a private scalar: the end of its SubjectPublicKeyInfo. */
function pointOf(scalar: Uint8Array): Uint8Array {
  // ECPrivateKey without the public key (RFC 5915 §3), so that OpenSSL has to compute it.
  const prefix = hex("3031 020101 0420");
  writeFileSync(at("key.der"), concat(prefix, scalar, hex("a00a 06082a8648ce3d030107")));
  const spki = openssl("ec", "-inform", "DER", "-in", "key.der", "-pubout", "-outform", "DER");
  return Uint8Array.from(spki.subarray(-65));
}

for (const { name, newKey } of vectors.cases) {
  judged(`openssl ec: D2 is the public key of d2, ${name}`, () => {
    assert.equal(toHex(pointOf(hex(newKey.d2))), newKey.D2);
  });
}

for (const crypto of providers) {
  for (const withShare of [true, false]) {
    judged(`openssl ec: ${crypto.name}, ${withShare ? "with" : "without"} a share`, () => {
      const device = deviceOf(crypto, { withShare, random: seeded(`judged ${withShare}`) });
      const { key, update } = run(device, homeOf(crypto));
      assert.deepEqual(pointOf(key.scalar), update.publicKey);
    });
  }

  judged(`openssl dgst: ${crypto.name}, a COSE_Sign1 of the new key holds`, () => {
    const { key, update } = run(deviceOf(crypto), homeOf(crypto));
    const publicKey = { kind: "ec", curve: "P-256", point: update.publicKey } as const;
    const spki = encodePublicKey(publicKey);
    const aad = externalAad(crypto, "homeca-test", spki);
    const signingKey = crypto.signingKey("P-256", key.scalar);
    const payload = utf8("a release");
    const message = signSign1({ payload, externalAad: aad }, signingKey, seeded("hedge"));
    const [sealed, , , signature] = parseCbor(message).tagged(18).array(4);
    const signed = cbor.array(
      cbor.text("Signature1"),
      sealed!.encoding,
      cbor.bytes(aad),
      cbor.bytes(payload),
    );
    writeFileSync(at("signed"), signed);
    writeFileSync(at("signature"), ecdsaSignature("P-256", signature!.bytes(64))!);
    writeFileSync(at("public.pem"), encodePem("PUBLIC KEY", spki));
    const verify = ["-verify", "public.pem", "-signature", "signature", "signed"];
    assert.match(openssl("dgst", "-sha256", ...verify).toString(), /Verified OK/);
  });

  judged(`openssl dgst: ${crypto.name}, a COSE_Sign1 that OpenSSL signed is verified`, () => {
    const scalar = crypto.generateScalar("P-256", seeded("signed by openssl"));
    const { publicKey } = crypto.signingKey("P-256", scalar);
    const privateKey = encodePrivateKey({ curve: "P-256", scalar }, crypto);
    writeFileSync(at("private.pem"), encodePem("PRIVATE KEY", privateKey));
    const sealed = cbor.bytes(hex("a10126"));
    const [aad, payload] = [utf8("aad"), utf8("payload")];
    const parts = [cbor.text("Signature1"), sealed, cbor.bytes(aad), cbor.bytes(payload)];
    writeFileSync(at("to-sign"), cbor.array(...parts));
    const der = openssl("dgst", "-sha256", "-sign", "private.pem", "to-sign");
    const raw = ecdsaScalars("P-256", Uint8Array.from(der))!;
    const open = cbor.map();
    const array = cbor.array(sealed, open, cbor.bytes(payload), cbor.bytes(raw));
    const message = parseSign1(cbor.tagged(18, array));
    assert.deepEqual(message.verify(crypto, publicKey, aad), payload);
  });
}
