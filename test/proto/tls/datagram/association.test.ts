import { assert, providers, test } from "#kit";
import { Ends } from "./ends.ts";

const VERSIONS = ["TLS 1.2", "TLS 1.3"] as const;

for (const crypto of providers) {
  for (const version of VERSIONS) {
    for (const clientCertificate of ["none", "required"] as const) {
      test(`${crypto.name}: D${version}, certificate ${clientCertificate}: both ends meet, and talk`, () => {
        const server = { versions: [version], clientCertificate };
        const ends = new Ends({ crypto, seed: `meet ${version}`, server });
        assert.ok(ends.establish(900), `${ends.client.failure ?? ""} ${ends.server.failure ?? ""}`);
        assert.equal(ends.client.session?.version, version);
        assert.deepEqual(ends.talk("over datagrams"), ["over datagrams", "OVER DATAGRAMS"]);
        const key = ends.client.session!.exportKey("EXPORTER-test", null, 32);
        assert.deepEqual(ends.server.session!.exportKey("EXPORTER-test", null, 32), key);
        ends.fromClient({ kind: "close" });
        ends.settle(100);
        assert.ok(ends.client.closed && ends.server.closed);
        assert.deepEqual(ends.server.association.discards, {});
        assert.deepEqual(ends.client.association.discards, {});
      });
    }
  }
}
