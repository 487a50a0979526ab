/** docs/vectors/rights.json: rights as AIF and in a certificate. */
import { assert, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import { DerReader } from "../../../src/base/der.ts";
import { parseAcl } from "../../../src/policy/ca/acl.ts";
import { encodeGroups, parseGroups } from "../../../src/policy/devices/messages.ts";
import { encodeRules } from "../../../src/policy/devices/rights.ts";
import { encodeAif, parseAif } from "../../../src/policy/rights/aif.ts";
import { localPart } from "../../../src/policy/rights/local-part.ts";
import { aclOf, parseRights, rightsOf } from "../../../src/policy/rights/rights.ts";
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
  assert.equal(toHex(encodeRules(aclOf(rights))), vectors.acl.hex);
  assert.equal(diagnostic(hex(vectors.acl.hex)), vectors.acl.diagnostic);
  const extension = new DerReader(hex(vectors.extension)).sequence();
  assert.equal(extension.oid(), vectors.oid);
  assert.deepEqual(rightsOf(parseAcl(extension.octets())), rights);
});

test("the groups of the vectors are read and written", () => {
  const groups = parseGroups(hex(vectors.groups.hex));
  assert.equal(toHex(encodeGroups(groups)), vectors.groups.hex);
  assert.equal(JSON.stringify(groups), vectors.groups.diagnostic.replace(", ", ","));
});

test("local parts of the vectors have one spelling", () => {
  for (const { path, query, text } of vectors.localParts) {
    assert.equal(localPart(path, query), text);
  }
});
