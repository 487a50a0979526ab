import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { assert, providers, seeded, skip, test } from "#kit";
import { toHex } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import type { Unix } from "../../src/base/machine.ts";
import { AuthorityFailure } from "../../src/policy/ca/failure.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { parseCrl, verifyCrl } from "../../src/proto/x509/crl.ts";
import { nameText } from "../../src/proto/x509/name.ts";
import { PathFailure } from "../../src/proto/x509/path-failure.ts";
import type { PathReason } from "../../src/proto/x509/path-failure.ts";
import { validatePath } from "../../src/proto/x509/path.ts";
import type { Purpose } from "../../src/proto/x509/path.ts";
import { decodePem, encodePem } from "../../src/proto/x509/pem.ts";
import type { PemLabel } from "../../src/proto/x509/pem.ts";
import { DEFAULT_ITERATIONS } from "../../src/proto/x509/pbes2.ts";
import { encodePfx, parsePfx } from "../../src/proto/x509/pkcs12.ts";
import {
  encodeEncryptedPrivateKey,
  parseEncryptedPrivateKey,
  parsePrivateKey,
} from "../../src/proto/x509/pkcs8.ts";
import { parseRequest, signRequest } from "../../src/proto/x509/request.ts";
import { checkSelfSigned } from "../../src/proto/x509/self-signed.ts";
import { DEVICE_ID, makeHome, NOW, TIME } from "../policy/ca/home.ts";
import { commonName } from "../proto/x509/pki.ts";

const crypto = providers[providers.length - 1]!;
const PASSWORD = "sesame, öffne dich";
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const judged = (name: string, body: () => void): void =>
  hasOpenssl ? test(name, body) : skip(name, "needs openssl");

const folder = mkdtempSync(path.join(tmpdir(), "homeca-x509-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);

interface Ran {
  readonly ok: boolean;
  readonly text: string;
}

function openssl(...args: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
  return { ok: status === 0, text: stdout + stderr };
}

/** A command line without quotes as arguments. */
const words = (line: string): readonly string[] => line.split(" ");

function mustRun(...args: readonly string[]): string {
  const { ok, text } = openssl(...args);
  assert.ok(ok, `openssl ${args.join(" ")}: ${text}`);
  return text;
}

function writePem(name: string, label: PemLabel, ...blocks: readonly Uint8Array[]): string {
  writeFileSync(at(name), blocks.map((der) => encodePem(label, der)).join(""));
  return name;
}

function readPem(name: string, label: PemLabel): Uint8Array {
  return decodePem(label, readFileSync(at(name), "utf8"))![0]!;
}

const home = makeHome(crypto, "judged");
const rootDer = home.root.certificate.der;
const issuingDer = home.issuing.certificate.der;

judged("openssl verify -x509_strict accepts our device and server below both CAs", () => {
  writePem("our-root.pem", "CERTIFICATE", rootDer);
  writePem("our-issuing.pem", "CERTIFICATE", issuingDer);
  const { publicKey } = home.newKey();
  const hostName = "q2wx.dev.home.arpa";
  const acl = [{ target: { kind: "any" }, aif: Uint8Array.of(0x80) }] as const;
  const grant = { deviceId: DEVICE_ID, acl };
  const device = home.issuing.issueDevice(publicKey, grant, TIME).der;
  const serving = home.issuing.issueDevice(publicKey, { ...grant, hostName }, TIME).der;
  const server = home.issuing.issueServer(publicKey, "homeca.home.arpa", TIME).der;
  const verify = (leaf: Uint8Array, purpose: string, ...more: readonly string[]): Ran =>
    openssl(
      ...words(`verify -x509_strict -auth_level 2 -attime ${NOW}`),
      ...words(`-purpose ${purpose} -CAfile our-root.pem -untrusted our-issuing.pem`),
      ...more,
      writePem("our-leaf.pem", "CERTIFICATE", leaf),
    );
  const good: readonly Ran[] = [
    verify(device, "sslclient"),
    verify(serving, "sslclient"),
    verify(serving, "sslserver", "-verify_hostname", hostName),
    verify(server, "sslserver", "-verify_hostname", "homeca.home.arpa"),
  ];
  for (const { ok, text } of good) assert.ok(ok, text);
  // A device cannot play the server, the server cannot join as a device.
  assert.match(verify(device, "sslserver").text, /unsuitable certificate purpose/);
  assert.match(verify(server, "sslclient").text, /unsuitable certificate purpose/);
});

judged(
  "openssl takes what the issuing CA signed before its renewal below its new certificate, and its lists",
  () => {
    const later = NOW + 400 * 86_400;
    const time = { clock: unix(later), floor: unix(later) };
    const next = home.root.renewIssuing(home.issuing.certificate, unix(NOW), time);
    writePem("our-root.pem", "CERTIFICATE", rootDer);
    writePem("our-next.pem", "CERTIFICATE", next.der);
    const { publicKey } = home.newKey();
    const grant = { deviceId: DEVICE_ID, seconds: 397 * 86_400 };
    const before = home.issuing.issueDevice(publicKey, grant, TIME);
    writePem("our-before.pem", "CERTIFICATE", before.der);
    writePem("our-list.pem", "X509 CRL", home.issuing.issueCrl([], 0, TIME).der);
    const options = "-x509_strict -auth_level 2 -purpose sslclient -CAfile our-root.pem";
    const line = `verify -attime ${NOW + 60} ${options} -crl_check -CRLfile our-list.pem`;
    // Its new certificate begins with the software, as the old one did: no clock is behind it.
    const { ok, text } = openssl(...words(line), "-untrusted", "our-next.pem", "our-before.pem");
    assert.ok(ok, text);
    const stranger = makeHome(crypto, "another");
    for (const last of [stranger.issuing.certificate, parseCertificate(before.der)]) {
      const failure = assert.throws(
        () => home.root.renewIssuing(last, unix(NOW), time),
        AuthorityFailure,
      );
      assert.equal(failure.reason, "not-ours");
    }
  },
);

judged("openssl checks against our lists, and finds what they revoke", () => {
  writePem("our-root.pem", "CERTIFICATE", rootDer);
  writePem("our-issuing.pem", "CERTIFICATE", issuingDer);
  const grant = { deviceId: DEVICE_ID };
  const [kept, gone] = [1, 2].map(() =>
    home.issuing.issueDevice(home.newKey().publicKey, grant, TIME),
  );
  const entry = {
    serial: gone!.serial,
    revokedAt: NOW,
    reason: "privilegeWithdrawn",
    notAfter: gone!.notAfter,
  } as const;
  const list = home.issuing.issueCrl([entry], 0, TIME).der;
  const above = home.root.issueCrl([], 0, TIME).der;
  writePem("our-lists.pem", "X509 CRL", list, above);
  writePem("our-list.pem", "X509 CRL", list);
  assert.match(
    mustRun("crl", "-in", "our-list.pem", "-noout", "-verify", "-CAfile", "our-issuing.pem"),
    /verify OK/,
  );
  assert.match(
    mustRun("crl", "-in", "our-list.pem", "-noout", "-text"),
    /Version 2[^]*CRL Number[^]*Privilege Withdrawn/,
  );
  const check = (leaf: Uint8Array): Ran =>
    openssl(
      ...words(`verify -crl_check_all -x509_strict -attime ${NOW}`),
      ...words("-CAfile our-root.pem -untrusted our-issuing.pem"),
      ...words("-CRLfile our-lists.pem"),
      writePem("our-leaf.pem", "CERTIFICATE", leaf),
    );
  assert.ok(check(kept!.der).ok, check(kept!.der).text);
  assert.match(check(gone!.der).text, /certificate revoked/);
});

judged("openssl req verifies the requests we make", () => {
  const request = signRequest(commonName("lamp"), [], home.newKey(), null);
  writePem("our-request.pem", "CERTIFICATE REQUEST", request);
  assert.match(mustRun("req", "-in", "our-request.pem", "-noout", "-verify"), /verify OK/i);
});

judged("openssl's requests, made now, are read and issued for where the key is on P-256", () => {
  const cases = [
    ["prime256v1", null],
    ["secp384r1", "unsupported-key"],
  ] as const;
  for (const [curve, expected] of cases) {
    mustRun("ecparam", "-name", curve, "-genkey", "-noout", "-out", "device.key");
    mustRun("req", "-new", "-key", "device.key", "-subj", "/CN=x", "-out", "device.csr");
    const request = readPem("device.csr", "CERTIFICATE REQUEST");
    assert.equal(nameText(parseRequest(request, crypto).subject), "CN=x");
    const issue = (): Uint8Array =>
      home.issuing.issueDeviceByRequest(request, { deviceId: DEVICE_ID }, TIME).der;
    if (expected !== null) {
      assert.equal(assert.throws(issue, AuthorityFailure).reason, expected);
      continue;
    }
    writePem("device.pem", "CERTIFICATE", issue());
    const ours = mustRun("x509", "-in", "device.pem", "-noout", "-pubkey");
    assert.equal(ours, mustRun("pkey", "-in", "device.key", "-pubout"));
  }
  mustRun(
    "req",
    "-new",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "rsa.key",
    "-subj",
    "/CN=r",
    "-out",
    "rsa.csr",
  );
  assert.equal(
    parseRequest(readPem("rsa.csr", "CERTIFICATE REQUEST"), crypto).publicKey.kind,
    "rsa",
  );
});

judged("openssl opens our PKCS#8 and PKCS#12, at the rounds we use, and we open its", () => {
  const { issued, key } = home.issuing.issueDeviceWithKey({ deviceId: DEVICE_ID }, TIME);
  const encryption = {
    crypto,
    random: seeded("files"),
    password: PASSWORD,
    iterations: DEFAULT_ITERATIONS,
  };
  writePem("our.key", "ENCRYPTED PRIVATE KEY", encodeEncryptedPrivateKey(key, encryption));
  mustRun("pkey", "-in", "our.key", "-passin", `pass:${PASSWORD}`, "-out", "plain.key");
  assert.deepEqual(parsePrivateKey(readPem("plain.key", "PRIVATE KEY"), crypto), key);

  const certificates = [issued.der, issuingDer, rootDer];
  writeFileSync(at("our.p12"), encodePfx({ key, certificates }, "Annas Lämpchen", encryption));
  const listed = mustRun(
    ...words("pkcs12 -in our.p12 -passin"),
    `pass:${PASSWORD}`,
    ...words("-info -noenc -out our.pem"),
  );
  assert.match(listed, /MAC: sha256, Iteration 100000/);
  assert.match(listed, /PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256/);
  const text = readFileSync(at("our.pem"), "utf8");
  assert.deepEqual(decodePem("CERTIFICATE", text), certificates);
  assert.deepEqual(parsePrivateKey(decodePem("PRIVATE KEY", text)![0]!, crypto), key);
  assert.match(text, /friendlyName: Annas/);
  assert.ok(!openssl("pkcs12", "-in", "our.p12", "-passin", "pass:wrong", "-noout").ok);

  // And back: what openssl makes of the same key and chain.
  mustRun(
    "pkcs8",
    "-topk8",
    "-in",
    "plain.key",
    "-passout",
    `pass:${PASSWORD}`,
    "-out",
    "their.key",
  );
  const theirs = readPem("their.key", "ENCRYPTED PRIVATE KEY");
  assert.deepEqual(parseEncryptedPrivateKey(theirs, PASSWORD, crypto), key);
  writePem("above.pem", "CERTIFICATE", issuingDer, rootDer);
  writePem("own.pem", "CERTIFICATE", issued.der);
  mustRun(
    ...words("pkcs12 -export -inkey plain.key -in own.pem -certfile above.pem"),
    "-passout",
    `pass:${PASSWORD}`,
    ...words("-out their.p12"),
  );
  const opened = parsePfx(new Uint8Array(readFileSync(at("their.p12"))), PASSWORD, crypto);
  assert.deepEqual(opened.key, key);
  assert.deepEqual(opened.certificates.map(toHex), certificates.map(toHex));
});

judged("openssl's self-signed certificate is first contact; its RSA one is not", () => {
  mustRun("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "self.key");
  mustRun(
    ...words("req -x509 -new -key self.key -subj /CN=lamp -out self.pem"),
    ...words("-addext subjectAltName=URI:urn:homeca:dev:abcdefghijklmnop"),
  );
  const peer = checkSelfSigned([readPem("self.pem", "CERTIFICATE")], crypto);
  assert.equal(peer.claimedDeviceId, "abcdefghijklmnop");
});

const hasCerttool = spawnSync("certtool", ["--version"]).status === 0;
const secondJudge = (name: string, body: () => void): void =>
  hasCerttool ? test(name, body) : skip(name, "needs certtool");

function certtool(...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync("certtool", args, { cwd: folder, encoding: "utf8" });
  return stdout + stderr;
}

secondJudge("GnuTLS verifies the same paths, lists and PKCS#12", () => {
  // certtool knows no time but the machine's.
  const time = { clock: unix(Math.floor(Date.now() / 1000)), floor: unix(0) };
  const own = makeHome(crypto, "second", time);
  const above = [own.issuing.certificate.der, own.root.certificate.der];
  const { issued, key } = own.issuing.issueDeviceWithKey({ deviceId: DEVICE_ID }, time);
  const server = own.issuing.issueServer(own.newKey().publicKey, "homeca.home.arpa", time).der;
  writePem("second-root.pem", "CERTIFICATE", above[1]!);
  const verify = (leaf: Uint8Array, ...more: readonly string[]): string =>
    certtool(
      ...words("--verify --verify-profile=medium --load-ca-certificate=second-root.pem"),
      `--infile=${writePem("second-chain.pem", "CERTIFICATE", leaf, above[0]!)}`,
      ...more,
    );
  const trusted = /Chain verification output: Verified\. The certificate is trusted/;
  assert.match(verify(issued.der, "--verify-purpose=1.3.6.1.5.5.7.3.2"), trusted);
  assert.match(verify(server, "--verify-hostname=homeca.home.arpa"), trusted);
  assert.match(verify(issued.der, "--verify-purpose=1.3.6.1.5.5.7.3.1"), /Not verified/);

  writePem("second-list.pem", "X509 CRL", own.issuing.issueCrl([], 0, time).der);
  writePem("second-issuing.pem", "CERTIFICATE", above[0]!);
  assert.match(
    certtool(
      ...words("--verify-crl --load-ca-certificate=second-issuing.pem --infile=second-list.pem"),
    ),
    /Verification output: Verified/,
  );
  const encryption = { crypto, random: own.random, password: "sesame", iterations: 2048 };
  const pfx = encodePfx({ key, certificates: [issued.der, ...above] }, "Anna", encryption);
  writeFileSync(at("second.p12"), pfx);
  const listed = certtool(...words("--p12-info --inder --infile=second.p12 --password=sesame"));
  assert.equal(decodePem("CERTIFICATE", listed)?.length, 3, listed);
});

// What follows is openssl's PKI, judged by both.

const CA_EXTENSIONS = `basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
`;
const CLIENT_EXTENSIONS = `keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth
authorityKeyIdentifier=keyid
`;

interface Made {
  /** Relative file name without its ending: `.pem` and `.key` exist. */
  readonly file: string;
  readonly der: Uint8Array;
}

interface Making {
  readonly subject?: string;
  readonly extensions?: string | null;
  readonly key?: readonly string[];
  readonly digest?: string;
  readonly days?: number;
}

let made = 0;

/** Issues below `issuer`, or a self-signed certificate where that is null. */
function make(issuer: Made | null, making: Making = {}): Made {
  const {
    subject = "/CN=client",
    extensions = CLIENT_EXTENSIONS,
    key = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    digest = "-sha256",
    days = 30,
  } = making;
  const file = `made-${made++}`;
  mustRun("genpkey", "-algorithm", ...key, "-out", `${file}.key`);
  mustRun("req", "-new", "-key", `${file}.key`, "-subj", subject, "-out", `${file}.csr`);
  const signer =
    issuer === null
      ? ["-signkey", `${file}.key`]
      : ["-CA", `${issuer.file}.pem`, "-CAkey", `${issuer.file}.key`, "-CAcreateserial"];
  if (extensions !== null) writeFileSync(at(`${file}.ext`), extensions);
  const extfile = extensions === null ? [] : ["-extfile", `${file}.ext`];
  mustRun(
    ...words(`x509 -req -in ${file}.csr`),
    ...signer,
    ...extfile,
    digest,
    ...words(`-days ${days} -out ${file}.pem`),
  );
  return { file, der: readPem(`${file}.pem`, "CERTIFICATE") };
}

const ca = (issuer: Made | null, subject: string, making: Making = {}): Made =>
  make(issuer, { extensions: CA_EXTENSIONS, subject, days: 3650, ...making });

interface Scene {
  readonly what: string;
  readonly chain: readonly Made[];
  readonly anchors?: readonly Made[];
  readonly purpose?: Purpose;
  readonly when?: Unix;
  /** Null where both accept. */
  readonly ours: PathReason | null;
  /** What openssl says; null where it accepts. */
  readonly theirs: RegExp | null;
  /** Why we differ, where we do. */
  readonly because?: string;
}

const SSL_PURPOSES = { clientAuth: "sslclient", serverAuth: "sslserver" } as const;

function scenes(now: Unix): readonly Scene[] {
  const root = ca(null, "/CN=root");
  const issuing = ca(root, "/CN=issuing", {
    extensions: CA_EXTENSIONS.replace("CA:TRUE", "CA:TRUE,pathlen:0"),
  });
  const client = make(issuing);
  const tail = [issuing];
  const below = (making: Making): readonly Made[] => [make(issuing, making), ...tail];
  const plus = (line: string): string => `${CLIENT_EXTENSIONS}${line}\n`;
  const twin = ca(null, "/CN=root");
  const deepCa = ca(issuing, "/CN=deep");
  const constrained = ca(root, "/CN=constrained", {
    extensions: `${CA_EXTENSIONS}nameConstraints=critical,permitted;DNS:home.arpa,permitted;IP:192.168.0.0/255.255.0.0\n`,
  });
  const mailed = ca(root, "/CN=mailed", {
    extensions: `${CA_EXTENSIONS}nameConstraints=critical,permitted;email:home.arpa\n`,
  });
  const named = (san: string, by = constrained): readonly Made[] => [
    make(by, { extensions: plus(`subjectAltName=${san}`) }),
    by,
  ];
  const constrainedRoot = ca(null, "/CN=constrained root", {
    extensions: `${CA_EXTENSIONS}nameConstraints=critical,permitted;DNS:home.arpa\n`,
  });
  const brief = ca(root, "/CN=brief", { days: 1 });
  const briefRoot = ca(null, "/CN=brief root", { days: 1 });
  const sha1Root = ca(null, "/CN=sha1 root", { digest: "-sha1" });
  const rsaRoot = ca(null, "/CN=rsa root", { key: ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"] });
  const weakRoot = ca(null, "/CN=weak root", { key: ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"] });
  const levels = [root];
  for (const name of ["one", "two", "three", "four"]) {
    levels.push(ca(levels[levels.length - 1]!, `/CN=${name}`));
  }
  const later = unix(now + 60 * 86_400);
  const critical = "1.2.3.4=critical,ASN1:NULL";
  return [
    { what: "a client", chain: [client, issuing], ours: null, theirs: null },
    { what: "the root sent along", chain: [client, root, issuing], ours: null, theirs: null },
    {
      what: "P-384",
      chain: below({ key: ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"] }),
      ours: null,
      theirs: null,
    },
    {
      what: "RSA-2048 below RSA",
      chain: [make(rsaRoot, { key: ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"] })],
      anchors: [rsaRoot],
      ours: null,
      theirs: null,
    },
    {
      what: "a root that signed itself with SHA-1",
      chain: [make(sha1Root)],
      anchors: [sha1Root],
      ours: null,
      theirs: null,
    },
    {
      what: "no issuing CA",
      chain: [client],
      ours: "unknown-authority",
      theirs: /unable to get local issuer/,
    },
    {
      what: "another home",
      chain: [client, issuing],
      anchors: [constrainedRoot],
      ours: "unknown-authority",
      theirs: /unable to get (local )?issuer/,
    },
    {
      what: "another root of the same name",
      chain: [make(twin, { extensions: CLIENT_EXTENSIONS.replace("=keyid", "=none") })],
      ours: "bad-signature",
      theirs: /certificate signature failure/,
    },
    {
      what: "the same with key identifiers",
      chain: [make(twin)],
      ours: "unknown-authority",
      theirs: /unable to get local issuer/,
    },
    {
      what: "a self-signed client",
      chain: [make(null)],
      ours: "unknown-authority",
      theirs: /self.signed certificate/,
    },
    {
      what: "an expired client",
      chain: [client, issuing],
      when: later,
      ours: "expired",
      theirs: /certificate has expired/,
    },
    {
      what: "an expired issuing CA",
      chain: [make(brief, { days: 90 }), brief],
      when: later,
      ours: "expired",
      theirs: /certificate has expired/,
    },
    {
      what: "an expired root",
      chain: [make(briefRoot, { days: 90 })],
      anchors: [briefRoot],
      when: later,
      ours: "expired",
      theirs: /certificate has expired/,
    },
    {
      what: "a client of the future",
      chain: [client, issuing],
      when: unix(now - 86_400),
      ours: "not-yet-valid",
      theirs: /not yet valid/,
    },
    {
      what: "signed with SHA-1",
      chain: below({ digest: "-sha1" }),
      ours: "weak-signature",
      theirs: /digest algorithm too weak/,
    },
    {
      what: "RSA-1024",
      chain: below({ key: ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"] }),
      ours: "weak-key",
      theirs: /key too weak/,
    },
    {
      what: "below RSA-1024",
      chain: [make(weakRoot)],
      anchors: [weakRoot],
      ours: "weak-key",
      theirs: /key too weak/,
    },
    {
      what: "an unknown critical extension",
      chain: below({ extensions: plus(critical) }),
      ours: "unknown-critical-extension",
      theirs: /unhandled critical extension/,
    },
    {
      what: "an unknown extension that is not",
      chain: below({ extensions: plus(critical.replace("critical,", "")) }),
      ours: null,
      theirs: null,
    },
    {
      what: "a server joining as a client",
      chain: below({ extensions: CLIENT_EXTENSIONS.replace("clientAuth", "serverAuth") }),
      ours: "wrong-purpose",
      theirs: /unsuitable certificate purpose/,
    },
    {
      what: "a client serving",
      chain: [client, issuing],
      purpose: "serverAuth",
      ours: "wrong-purpose",
      theirs: /unsuitable certificate purpose/,
    },
    {
      what: "a leaf that issues",
      chain: [make(client), client, issuing],
      ours: "not-a-ca",
      theirs: /invalid CA certificate/,
    },
    {
      what: "a CA below path length 0",
      chain: [make(deepCa), deepCa, issuing],
      ours: "path-too-long",
      theirs: /path length constraint exceeded/,
    },
    {
      what: "a permitted name",
      chain: named("DNS:lamp.home.arpa,IP:192.168.7.7"),
      ours: null,
      theirs: null,
    },
    {
      what: "a name outside",
      chain: named("DNS:lamp.example"),
      ours: "name-not-permitted",
      theirs: /permitted subtree violation/,
    },
    {
      what: "an address outside",
      chain: named("IP:10.0.0.1"),
      ours: "name-not-permitted",
      theirs: /permitted subtree violation/,
    },
    {
      what: "an IPv6 address under IPv4 constraints",
      chain: named("IP:fe80::1"),
      ours: "name-not-permitted",
      theirs: /permitted subtree violation/,
    },
    {
      what: "a name outside what the root permits",
      chain: named("DNS:lamp.example", constrainedRoot).slice(0, 1),
      anchors: [constrainedRoot],
      ours: "name-not-permitted",
      theirs: /permitted subtree violation/,
    },
    {
      what: "four below the root",
      chain: [make(levels[3]!), levels[3]!, levels[2]!, levels[1]!],
      ours: null,
      theirs: null,
    },
    {
      what: "five below the root",
      chain: [make(levels[4]!), levels[4]!, levels[3]!, levels[2]!, levels[1]!],
      ours: "chain-too-long",
      theirs: null,
      because: "a home has two CAs; what is longer only costs time",
    },
    {
      what: "no extendedKeyUsage",
      chain: below({ extensions: "keyUsage=critical,digitalSignature\n" }),
      ours: "wrong-purpose",
      theirs: null,
      because: "a client must have been issued for it; openssl takes no purpose for every purpose",
    },
    {
      what: "a CA joining as a client",
      chain: [
        ca(root, "/CN=sly", {
          extensions: `${CA_EXTENSIONS.replace("keyCertSign", "keyCertSign,digitalSignature")}extendedKeyUsage=clientAuth\n`,
        }),
      ],
      ours: "ca-as-end-entity",
      theirs: null,
      because: "RFC 5280 lets a CA be an end entity; here no device is a CA",
    },
    {
      what: "a key for agreement alone",
      chain: below({ extensions: CLIENT_EXTENSIONS.replace("digitalSignature", "keyAgreement") }),
      ours: "wrong-purpose",
      theirs: null,
      because: "openssl still thinks of static ECDH; EAP-TLS clients sign",
    },
    {
      what: "critical policies",
      chain: below({ extensions: plus("certificatePolicies=critical,1.2.3.4") }),
      ours: "unknown-critical-extension",
      theirs: null,
      because: "policies are not processed here, so critical ones are refused",
    },
    {
      what: "version 1",
      chain: below({ extensions: null }),
      ours: "malformed",
      theirs: null,
      because: "without extensions nothing says what it is for",
    },
    {
      what: "Ed25519",
      chain: below({ key: ["ED25519"] }),
      ours: "unsupported-key",
      theirs: null,
      because: "no TLS suite here uses it",
    },
    {
      what: "a mail address under a mail constraint",
      chain: named("email:a@home.arpa", mailed),
      ours: "unsupported-constraint",
      theirs: null,
      because: "mail constraints are not processed here, so the names they bind are refused",
    },
    {
      what: "a bare client under a mail constraint",
      chain: [make(mailed), mailed],
      ours: null,
      theirs: null,
    },
    {
      what: "any purpose",
      chain: below({ extensions: CLIENT_EXTENSIONS.replace("clientAuth", "anyExtendedKeyUsage") }),
      ours: "wrong-purpose",
      theirs: /unsuitable certificate purpose/,
    },
  ].map((scene) => ({ anchors: [root], ...scene }) as Scene);
}

judged("openssl verify and we agree on openssl's chains, or it says why not", () => {
  // Certificates made by the command line begin now; Date is the host's, this is a host's test.
  const now = unix(Math.floor(Date.now() / 1000) + 60);
  for (const scene of scenes(now)) {
    const { what, chain, anchors = [], purpose = "clientAuth", when = now } = scene;
    writePem("anchors.pem", "CERTIFICATE", ...anchors.map(({ der }) => der));
    writePem("untrusted.pem", "CERTIFICATE", ...chain.slice(1).map(({ der }) => der));
    const { ok, text } = openssl(
      ...words(`verify -attime ${when} -auth_level 2`),
      ...words(`-purpose ${SSL_PURPOSES[purpose]} -CAfile anchors.pem -no-CApath`),
      ...(chain.length > 1 ? ["-untrusted", "untrusted.pem"] : []),
      `${chain[0]!.file}.pem`,
    );
    if (scene.theirs === null) assert.ok(ok, `${what}: openssl says ${text}`);
    else assert.match(text, scene.theirs, what);

    let ours: PathReason | null = null;
    try {
      validatePath(
        chain.map(({ der }) => der),
        {
          crypto,
          anchors: anchors.map(({ der }) => parseCertificate(der)),
          at: when,
          purpose,
          isRevoked: () => null,
        },
      );
    } catch (failure) {
      assert.ok(failure instanceof PathFailure, `${what}: ${String(failure)}`);
      ours = failure.reason;
    }
    assert.equal(ours, scene.ours, what);
    const agree = (scene.ours === null) === (scene.theirs === null);
    assert.equal(agree, scene.because === undefined, `${what}: a difference needs a reason`);
    // We may be stricter than openssl, never laxer.
    assert.ok(agree || scene.ours !== null, what);
  }
});

judged("a list openssl made holds for its issuer", () => {
  writeFileSync(at("index.txt"), "");
  writeFileSync(at("crlnumber"), "0a\n");
  writeFileSync(
    at("ca.cnf"),
    "[ca]\ndefault_ca=home\n[home]\ndatabase=./index.txt\ncrlnumber=./crlnumber\n" +
      "default_md=sha256\ndefault_crl_days=7\ncrl_extensions=list\n[list]\nauthorityKeyIdentifier=keyid\n",
  );
  const root = ca(null, "/CN=lists");
  const keys = ["-cert", `${root.file}.pem`, "-keyfile", `${root.file}.key`];
  const gone = make(root);
  mustRun(
    "ca",
    "-config",
    "ca.cnf",
    ...keys,
    "-revoke",
    `${gone.file}.pem`,
    "-crl_reason",
    "keyCompromise",
  );
  mustRun("ca", "-config", "ca.cnf", ...keys, "-gencrl", "-out", "list.pem");
  const crl = parseCrl(readPem("list.pem", "X509 CRL"));
  assert.equal(crl.number, 10);
  assert.equal(crl.entries.get(parseCertificate(gone.der).serial)?.reason, "keyCompromise");
  assert.ok(verifyCrl(crl, parseCertificate(root.der), crypto).crl === crl);
});
