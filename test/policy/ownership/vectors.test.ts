/** docs/vectors/release.json: token and receipt, by every provider. */
import { assert, providers, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import { OwnershipFailure } from "../../../src/policy/ownership/failure.ts";
import { verifyReceipt, verifyToken } from "../../../src/policy/ownership/objects.ts";
import type { EcPublicKey } from "../../../src/proto/x509/key.ts";
import vectors from "../../../docs/vectors/release.json" with { type: "json" };
import { diagnostic, plain } from "../../../build/vectors/labels.ts";

const { token, receipt } = vectors;
const keyOf = (point: string): EcPublicKey => ({ kind: "ec", curve: "P-256", point: hex(point) });

for (const crypto of providers) {
  test(`${crypto.name}: the token and the receipt of the vectors hold under their signers alone`, () => {
    const read = verifyToken(hex(token.hex), [keyOf(token.signer)], crypto);
    assert.deepEqual(plain(read), token.fields);
    const confirmed = verifyReceipt(hex(receipt.hex), keyOf(receipt.signer), crypto);
    assert.deepEqual(plain(confirmed), receipt.fields);
    assert.equal(toHex(crypto.digest("sha256", hex(token.hex))), receipt.fields.tokenHash);
    assert.throws(
      () => verifyToken(hex(token.hex), [keyOf(receipt.signer)], crypto),
      OwnershipFailure,
    );
    assert.throws(
      () => verifyReceipt(hex(token.hex), keyOf(token.signer), crypto),
      OwnershipFailure,
    );
  });
}

test("the objects of the vectors are what stands beside them", () => {
  for (const { hex: text, diagnostic: notation } of [token, receipt]) {
    assert.equal(diagnostic(hex(text)), notation);
  }
});
