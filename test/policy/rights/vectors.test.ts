/** docs/vectors/rights.json: rights as AIF and in a certificate. */
import { assert, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import { DerReader } from "../../../src/base/der.ts";
import { parseAcl } from "../../../src/policy/ca/acl.ts";
import { encodeAif, parseAif } from "../../../src/policy/rights/aif.ts";
import { localPart } from "../../../src/policy/rights/local-part.ts";
import { parseRights, rightsOf } from "../../../src/policy/rights/rights.ts";
import vectors from "../../../docs/vectors/rights.json" with { type: "json" };
import { diagnostic } from "../../../build/vectors/labels.ts";

test("the rights of the vectors are their AIF, and the extension's", () => {
  const rights = parseRights(vectors.rights);
  for (const [at, { allow }] of rights.entries()) {
    const { hex: text, diagnostic: notation } = vectors.aif[at]!;
    assert.deepEqual(parseAif(hex(text)), allow);
    assert.equal(toHex(encodeAif(allow)), text);
    assert.equal(diagnostic(hex(text)), notation);
  }
  const extension = new DerReader(hex(vectors.extension)).sequence();
  assert.equal(extension.oid(), vectors.oid);
  assert.deepEqual(rightsOf(parseAcl(extension.octets())), rights);
});

test("local parts of the vectors have one spelling", () => {
  for (const { path, query, text } of vectors.localParts) {
    assert.equal(localPart(path, query), text);
  }
});
