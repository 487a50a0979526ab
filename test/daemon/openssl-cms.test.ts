// OpenSSL and GnuTLS read our bundles of certificates, and we theirs.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { assert, providers, skip, test } from "#kit";
import { encodeBundle, parseBundle } from "../../src/proto/x509/cms.ts";
import { decodePem, encodePem } from "../../src/proto/x509/pem.ts";
import { makeHome, TIME } from "../policy/ca/home.ts";

const folder = mkdtempSync(path.join(tmpdir(), "homeca-cms-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);

const has = (program: string, word: string): boolean => spawnSync(program, [word]).status === 0;
const judgedBy = (program: string, word: string, name: string, body: () => void): void =>
  has(program, word) ? test(name, body) : skip(name, `needs ${program}`);

function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout + stderr;
}

const home = makeHome(providers[providers.length - 1]!, "bundled");
const root = home.root.certificate.der;
const issuing = home.issuing.certificate.der;
const list = home.issuing.issueCrl([], 0, TIME).der;
writeFileSync(at("ours.p7"), encodeBundle([issuing, root], [list]));
writeFileSync(
  at("chain.pem"),
  [issuing, root].map((der) => encodePem("CERTIFICATE", der)).join(""),
);
writeFileSync(at("list.pem"), encodePem("X509 CRL", list));

const sorted = (ders: readonly Uint8Array[]): string[] => ders.map((der) => der.join()).sort();

judgedBy(
  "openssl",
  "version",
  "openssl pkcs7 prints the certificates and the list of our bundle",
  () => {
    const text = run("openssl", ..."pkcs7 -inform DER -in ours.p7 -print_certs".split(" "));
    assert.deepEqual(sorted(decodePem("CERTIFICATE", text)!), sorted([issuing, root]));
    assert.deepEqual(decodePem("X509 CRL", text), [list]);
    run("openssl", ..."cms -cmsout -inform DER -in ours.p7 -noout -print".split(" "));
  },
);

judgedBy("openssl", "version", "we read what openssl crl2pkcs7 bundles, in whatever order", () => {
  const words = "crl2pkcs7 -in list.pem -certfile chain.pem -outform DER -out theirs.p7";
  run("openssl", ...words.split(" "));
  const { certificates, lists } = parseBundle(new Uint8Array(readFileSync(at("theirs.p7"))));
  assert.deepEqual(sorted(certificates.map(({ der }) => der)), sorted([issuing, root]));
  assert.deepEqual(
    lists.map(({ der }) => der),
    [list],
  );
});

// What certtool 3.7 writes itself names digestedData as its content, which RFC 5652 §5.2 forbids, and is refused.
judgedBy("certtool", "--version", "certtool --p7-info lists our bundle", () => {
  const text = run("certtool", ..."--p7-info --inder --infile ours.p7".split(" "));
  assert.match(text, /Number of certificates: 2/);
  assert.match(text, /Number of CRLs: 1/);
});
