/** docs/vectors/enrolment.json: a request and what comes back, by every provider. */
import { assert, providers, test } from "#kit";
import { fromBase64, hex, toHex } from "../../../src/base/bytes.ts";
import { unix } from "../../../src/base/machine.ts";
import { parseBundle } from "../../../src/proto/x509/cms.ts";
import { parseCsrAttributes } from "../../../src/proto/x509/csr-attributes.ts";
import { validatePath } from "../../../src/proto/x509/path.ts";
import { parseRequest } from "../../../src/proto/x509/request.ts";
import vectors from "../../../docs/vectors/enrolment.json" with { type: "json" };
import keyUpdate from "../../../docs/vectors/key-update.json" with { type: "json" };

const NOW = unix(1_795_305_600);
const [, withShare] = keyUpdate.cases;

for (const crypto of providers) {
  test(`${crypto.name}: the request of the vectors proves the agreed key, linked to its association`, () => {
    const request = parseRequest(hex(vectors.request), crypto);
    assert.ok(request.publicKey.kind === "ec");
    assert.equal(toHex(request.publicKey.point), withShare!.newKey.D2);
    assert.equal(request.challengePassword, vectors.challengePassword);
    assert.equal(toHex(fromBase64(vectors.challengePassword)!), vectors.exporter);
  });

  test(`${crypto.name}: what the vectors hand out is a path from the new key to the root`, () => {
    const above = parseBundle(hex(vectors.authorities)).certificates;
    const [leaf] = parseBundle(hex(vectors.issued)).certificates;
    assert.equal(toHex(leaf!.der), vectors.certificate);
    const root = above.find(({ issuer, subject }) => toHex(issuer.der) === toHex(subject.der))!;
    const sent = [leaf!, ...above.filter((certificate) => certificate !== root)];
    const peer = validatePath(
      sent.map(({ der }) => der),
      { crypto, anchors: [root], at: NOW, purpose: "clientAuth", isRevoked: () => null },
    );
    assert.ok(peer.publicKey.kind === "ec");
    assert.equal(toHex(peer.publicKey.point), withShare!.newKey.D2);
  });
}

test("the attributes of the vectors want P-256 and no link", () => {
  assert.deepEqual(parseCsrAttributes(hex(vectors.attributes)), { curve: "P-256", linking: false });
});
