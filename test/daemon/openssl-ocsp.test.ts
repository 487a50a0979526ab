/** OpenSSL's and GnuTLS's word on the OCSP responses we sign, and ours on those OpenSSL signs. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { assert, providers, seeded, skip, test } from "#kit";
import { hex } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import {
  checkOcspResponse,
  OcspFailure,
  parseOcspResponse,
  signOcspResponse,
} from "../../src/proto/x509/ocsp.ts";
import type { CertificateStatus } from "../../src/proto/x509/ocsp.ts";
import { encodePem } from "../../src/proto/x509/pem.ts";
import { encodePrivateKey } from "../../src/proto/x509/pkcs8.ts";
import { Pki } from "../proto/x509/pki.ts";

const crypto = providers[providers.length - 1]!;
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const judged = (name: string, body: () => void): void =>
  hasOpenssl ? test(name, body) : skip(name, "needs openssl");

const folder = mkdtempSync(path.join(tmpdir(), "homeca-ocsp-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);

/** `openssl ocsp` knows no other time than the clock's; Date is the host's, this is a host's test. */
const now = unix(Math.floor(Date.now() / 1000));
const HOUR = 3600;
const validity = { notBefore: unix(now - HOUR), notAfter: unix(now + HOUR) };
const pki = new Pki(crypto, "openssl-ocsp");
const scalar = crypto.generateScalar("P-256", seeded("openssl-ocsp-ca"));
const ca = pki.ca(null, "issuing", { ...validity, key: crypto.signingKey("P-256", scalar) });
const leaf = pki.issue(ca, validity);
const sibling = pki.issue(ca, validity);
for (const [name, { certificate }] of Object.entries({ ca, leaf, sibling })) {
  writeFileSync(at(`${name}.pem`), encodePem("CERTIFICATE", certificate.der));
}

function openssl(...args: readonly string[]): { readonly ok: boolean; readonly text: string } {
  const { status, stdout, stderr } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
  return { ok: status === 0, text: stdout + stderr };
}

function respond(status: CertificateStatus, lifetime = HOUR): Uint8Array {
  return signOcspResponse(
    {
      issuer: ca.certificate,
      serial: hex(leaf.certificate.serial),
      status,
      producedAt: unix(now - 60),
      thisUpdate: unix(now - 60),
      nextUpdate: unix(now - 60 + lifetime),
    },
    ca.key,
    crypto,
    seeded("openssl-ocsp-hedge"),
  );
}

function askOpenssl(response: Uint8Array, certificate = "leaf.pem"): ReturnType<typeof openssl> {
  writeFileSync(at("response.der"), response);
  const files = ["-issuer", "ca.pem", "-cert", certificate, "-VAfile", "ca.pem"];
  return openssl("ocsp", "-respin", "response.der", ...files);
}

judged("openssl ocsp believes our response that a certificate is good", () => {
  const { ok, text } = askOpenssl(respond({ kind: "good" }));
  assert.ok(ok, text);
  assert.match(
    text,
    /^leaf\.pem: good\n\s+This Update: .*\n\s+Next Update: [^]*Response verify OK/,
  );
});

judged("openssl ocsp reads when and why we revoked a certificate", () => {
  const revokedAt = unix(now - 600);
  const shown = {
    keyCompromise: "keyCompromise",
    superseded: "superseded",
    // Its own table of reasons ends before this one.
    privilegeWithdrawn: "(UNKNOWN)",
    unspecified: null,
  } as const;
  for (const reason of [
    "keyCompromise",
    "superseded",
    "privilegeWithdrawn",
    "unspecified",
  ] as const) {
    const { ok, text } = askOpenssl(respond({ kind: "revoked", revokedAt, reason }));
    assert.ok(ok, text);
    assert.match(text, /^leaf\.pem: revoked\n[^]*Response verify OK/);
    assert.match(text, /Revocation Time: /);
    assert.equal(/Reason: (\S+)/.exec(text)?.[1] ?? null, shown[reason], reason);
  }
});

judged(
  "openssl ocsp finds nothing about another certificate, and says when a response is old",
  () => {
    const good = respond({ kind: "good" });
    assert.match(askOpenssl(good, "sibling.pem").text, /No Status found/);
    const old = askOpenssl(respond({ kind: "good" }, 30));
    // What it allows for clocks that differ is 300 seconds, so an old response needs to be told so.
    assert.match(old.text, /leaf\.pem: good/);
    const files = ["-issuer", "ca.pem", "-cert", "leaf.pem", "-VAfile", "ca.pem"];
    const strict = openssl("ocsp", "-respin", "response.der", ...files, "-validity_period", "0");
    assert.match(strict.text, /Status times invalid/);
  },
);

judged("openssl ocsp and we both refuse a response with one bit flipped", () => {
  const good = respond({ kind: "good" });
  const { tbs, signature } = parseOcspResponse(good);
  const check = (response: Uint8Array): CertificateStatus =>
    checkOcspResponse(parseOcspResponse(response), {
      certificate: leaf.certificate,
      issuer: ca.certificate,
      crypto,
      now,
    });
  assert.deepEqual(check(good), { kind: "good" });
  const last = good.length - 1;
  const places = [last, last - 40, last - signature.length - 12 - 30];
  assert.ok(places[2]! > last - signature.length - 12 - tbs.length, "within what is signed");
  for (const place of places) {
    const flipped = good.slice();
    flipped[place]! ^= 1;
    const { ok, text } = askOpenssl(flipped);
    assert.ok(!ok, `${place}: ${text}`);
    assert.match(text, /Response Verify Failure/, `${place}`);
    assert.throws(() => check(flipped), OcspFailure, `${place}`);
  }
});

const hasOcsptool = spawnSync("ocsptool", ["--version"]).status === 0;
const GNUTLS = "GnuTLS believes our response, and none with one bit flipped";
const believedByGnutls = (response: Uint8Array): boolean => {
  writeFileSync(at("response.der"), response);
  const files = ["--infile", "response.der", "--load-signer", "ca.pem"];
  const { stdout } = spawnSync("ocsptool", ["-e", ...files], { cwd: folder, encoding: "utf8" });
  return /Verifying OCSP Response: Success/.test(stdout);
};
if (!hasOcsptool) skip(GNUTLS, "needs ocsptool");
else {
  test(GNUTLS, () => {
    const good = respond({ kind: "good" });
    assert.ok(believedByGnutls(good));
    const flipped = good.slice();
    flipped[good.length - 1]! ^= 1;
    assert.ok(!believedByGnutls(flipped));
  });
}

judged("a response openssl's responder signs by our profile is read and holds", () => {
  writeFileSync(
    at("ca.key"),
    encodePem("PRIVATE KEY", encodePrivateKey({ curve: "P-256", scalar }, crypto)),
  );
  const serials = { good: leaf, revoked: sibling };
  // The index of `openssl ca`: state, expiry, revocation, serial number, file, subject.
  const lines = Object.entries(serials).map(([state, { certificate }]) => {
    const revoked = state === "revoked";
    const serial = certificate.serial.toUpperCase();
    const withdrawn = revoked ? "200101000000Z,superseded" : "";
    return `${revoked ? "R" : "V"}\t491231235959Z\t${withdrawn}\t${serial}\tunknown\t/CN=client\n`;
  });
  writeFileSync(at("index.txt"), lines.join(""));
  for (const [state, { certificate }] of Object.entries(serials)) {
    const file = state === "good" ? "leaf.pem" : "sibling.pem";
    const asked = openssl(
      ..."ocsp -issuer ca.pem -no_nonce -reqout request.der -cert".split(" "),
      file,
    );
    assert.ok(asked.ok, asked.text);
    const made = openssl(
      ..."ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -rmd sha256".split(" "),
      ..."-reqin request.der -respout theirs.der -resp_key_id -resp_no_certs -ndays 1".split(" "),
    );
    assert.ok(made.ok, made.text);
    const response = parseOcspResponse(new Uint8Array(readFileSync(at("theirs.der"))));
    const status = checkOcspResponse(response, {
      certificate,
      issuer: ca.certificate,
      crypto,
      now: unix(Math.floor(Date.now() / 1000)),
    });
    const superseded = { revokedAt: unix(1_577_836_800), reason: "superseded" } as const;
    const wanted = state === "good" ? { kind: "good" } : { kind: "revoked", ...superseded };
    assert.deepEqual(status, wanted);
  }
});
