/**
 * Makes the first files of the corpus, `seed-*`, from real exchanges: eapol_test
 * against the built product through a relay that listens, OpenSSL's and GnuTLS's
 * hellos, OpenSSL's certificates, the kernel's own listing, and our own test
 * clients where no lock may stand in the way. `node build/fuzz.mjs seeds`; needs
 * root for nft.
 */
import { spawn, spawnSync } from "node:child_process";
import dgram from "node:dgram";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { concat, toBase64Url, utf8, Writer } from "../../src/base/bytes.ts";
import { mono, unix } from "../../src/base/machine.ts";
import { journalHeader, encodeEntry, encodeSnapshot } from "../../src/daemon/store/format.ts";
import { renderAll } from "../../src/policy/firewall/render.ts";
import type { Change } from "../../src/policy/registry/change.ts";
import { importExpected } from "../../src/policy/registry/import.ts";
import { EMPTY_REGISTRY } from "../../src/policy/registry/registry.ts";
import { attribute, NasIdentifier, UserName } from "../../src/proto/radius/attributes.ts";
import { sealResponse } from "../../src/proto/radius/authenticator.ts";
import { encodePem } from "../../src/proto/x509/pem.ts";
import { encodeEncryptedPrivateKey, encodePrivateKey } from "../../src/proto/x509/pkcs8.ts";
import { encodePfx } from "../../src/proto/x509/pkcs12.ts";
import { Home } from "../kit/home.ts";
import { RadiusTestClient } from "../kit/radius-client.ts";
import { CHAIN as VECTORS, KEYS, REQUESTS } from "../vectors/x509/openssl.ts";
import { CHAIN } from "./chain.ts";
import { openCrypto } from "./open-crypto.ts";
import { policySeeds } from "./seeds-policy.ts";
import { estSeeds } from "./seeds-est.ts";
import { tlsSeeds } from "./seeds-tls.ts";
import { pap } from "./station.ts";
import {
  CLIENT_CERTIFICATE,
  ContentType,
  encodeAlert,
  encodeCertificate,
  encodeCertificate13,
  encodeHello,
  HandshakeType,
  ScriptedClient,
  serverConfig,
  TlsServer,
  Wire13,
} from "./tls.ts";
import type { TlsInput } from "./tls.ts";

const corpus = process.argv[2]!;
const folder = mkdtempSync(path.join(os.tmpdir(), "homeca-seeds-"));
const file = (name: string): string => path.join(folder, name);

function seed(target: string, name: string, bytes: Uint8Array): void {
  mkdirSync(path.join(corpus, target), { recursive: true });
  writeFileSync(path.join(corpus, target, `seed-${name}`), bytes);
}

/** As `Choices.stretch` reads it. */
const stretch = (bytes: Uint8Array): Uint8Array => new Writer().vector16(bytes).bytes();
const octets = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

function program(name: string, given: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync(name, given, { encoding: "utf8", input });
  if (status !== 0) throw new Error(`${name} ${given.join(" ")}: ${stderr}`);
  return stdout;
}

const openssl = (text: string): string => program("openssl", text.split(" "));

function x509(): void {
  const at = file("openssl.cnf");
  writeFileSync(
    at,
    `[req]
distinguished_name=dn
[dn]
[ca]
basicConstraints=critical,CA:TRUE,pathlen:1
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
nameConstraints=permitted;DNS:home.arpa,excluded;IP:10.0.0.0/255.0.0.0
[device]
subjectAltName=DNS:lamp.home.arpa,IP:192.0.2.1,email:a@home.arpa,URI:urn:homeca:dev:abcdefghijklmnop,otherName:1.2.3.4;UTF8:x,dirName:dn2
extendedKeyUsage=clientAuth,serverAuth
keyUsage=digitalSignature
crlDistributionPoints=URI:http://home.arpa/crl
[issued]
subjectAltName=DNS:lamp.home.arpa
authorityKeyIdentifier=keyid
extendedKeyUsage=clientAuth
[dn2]
CN=in a name
[owner]
default_ca=own
[own]
database=${file("index.txt")}
crlnumber=${file("crlnumber")}
default_md=sha256
default_crl_days=30
`,
  );
  const ec = "ec -pkeyopt ec_paramgen_curve:P-256";
  const subject = "/C=DE/O=Home/OU=Attic/CN=Lamp";
  const own = (name: string): string => `-keyout ${file(`${name}.key`)} -out ${file(name)}`;
  openssl(
    `req -config ${at} -x509 -newkey ${ec} -noenc -subj /CN=root -extensions ca ${own("root")}`,
  );
  openssl(`req -config ${at} -newkey ${ec} -noenc -subj ${subject} -reqexts device ${own("csr")}`);
  const signer = `-CA ${file("root")} -CAkey ${file("root.key")}`;
  openssl(
    `x509 -req -in ${file("csr")} ${signer} -extfile ${at} -extensions device -out ${file("leaf")}`,
  );
  openssl(
    `x509 -req -in ${file("csr")} ${signer} -extfile ${at} -extensions issued -out ${file("issued")}`,
  );
  openssl(
    `req -config ${at} -x509 -newkey rsa:2048 -noenc -subj /CN=rsa -sigopt rsa_padding_mode:pss ${own("pss")}`,
  );
  const der = (kind: string, name: string): Uint8Array => {
    openssl(`${kind} -in ${file(name)} -outform DER -out ${file(`${name}.der`)}`);
    return readFileSync(file(`${name}.der`));
  };
  for (const name of ["root", "leaf", "issued", "pss"]) {
    seed("certificate", name, der("x509", name));
    if (name !== "pss") seed("der", name, der("x509", name));
  }
  seed("certificate", "vector-p384", VECTORS.p384Leaf);
  seed("request", "openssl", der("req", "csr"));
  seed("request", "vector-full", REQUESTS.full);
  writeFileSync(
    file("index.txt"),
    ["01", "02", "A0F3"]
      .map(
        (serial, at) =>
          `R\t300101000000Z\t260101000000Z,${REASONS[at]}\t${serial}\tunknown\t/CN=x\n`,
      )
      .join(""),
  );
  writeFileSync(file("crlnumber"), "1000\n");
  const authority = `-cert ${file("root")} -keyfile ${file("root.key")}`;
  openssl(`ca -config ${at} -name own -gencrl ${authority} -out ${file("crl")}`);
  seed("crl", "openssl", der("crl", "crl"));
  seed("crl", "vector", VECTORS.crl);
  const { leaf, root, selfSigned } = CHAIN;
  seed("path", "leaf", concat(octets(0, 1), stretch(leaf)));
  seed("path", "chain", concat(octets(0, 1), stretch(leaf), stretch(root)));
  seed("path", "unknown-time", concat(octets(0, 0), stretch(leaf), stretch(root)));
  seed("path", "self-signed", concat(octets(0, 1), stretch(selfSigned)));
  const pem = encodePem("CERTIFICATE", octets(...Array(60).keys()));
  seed("text-forms", "pem", utf8(`before\n${pem}between\n${pem}`));
  seed("text-forms", "unicode", utf8("Küche \u202e \u0007 💡 \\ ".repeat(12)));
  seed("text-forms", "base64", utf8("aGVsbG8gd29ybGQh\naGk="));
}

const REASONS = ["keyCompromise", "superseded", "cessationOfOperation"];

function keys(): void {
  const key = { curve: "P-256", scalar: new Uint8Array(32).fill(1) } as const;
  const random = (length: number): Uint8Array => new Uint8Array(length).fill(2);
  const encryption = { crypto: openCrypto, random, password: "password", iterations: 1000 };
  seed("private-key", "plain", encodePrivateKey(key, openCrypto));
  seed("private-key", "encrypted", encodeEncryptedPrivateKey(key, encryption));
  seed("private-key", "vector", KEYS.pkcs8);
  seed("private-key", "vector-encrypted", KEYS.encrypted);
  const chain = [CHAIN.leaf, CHAIN.root].map((each) => each.slice(0, 80));
  seed("pkcs12", "ours", encodePfx({ key, certificates: chain }, "lamp", encryption));
  seed("pkcs12", "vector", KEYS.pfx);
}

/** Clients of ours with every lock open: what they say goes all the way. */
function tlsByOurselves(): void {
  for (const withCertificate of [true, false]) {
    const name = withCertificate ? "certificate" : "bare";
    const settings = withCertificate ? 0 : 8;
    const early = octets(settings, 1, 100);
    seed("tls-server", `12-${name}`, concat(early, talk12(withCertificate)));
    seed("tls-server", `13-${name}`, concat(early, talk13(withCertificate)));
    seed("tls-peer12", name, octets(withCertificate ? 1 : 0));
    seed("tls-peer13", name, octets(withCertificate ? 1 : 0));
  }
  seed("tls-peer13", "p256", octets(0, 1));
  seed("eap-peer", "tls", octets(0, 90));
  seed("eap-peer", "ttls", octets(1, 90));
  seed("eap-peer", "tls-fragments", octets(0, 1));
  const chain = [CLIENT_CERTIFICATE, CLIENT_CERTIFICATE];
  const message = (which: number, body: Uint8Array): Uint8Array => concat(octets(which), body);
  seed("tls-messages", "certificate", message(0, encodeCertificate(chain).subarray(4)));
  seed("tls-messages", "key-exchange", message(1, concat(octets(65, 4), new Uint8Array(64))));
  seed("tls-messages", "verify", message(2, concat(octets(4, 3, 0, 8), new Uint8Array(8))));
  seed("tls-messages", "finished", message(3, new Uint8Array(12)));
  seed("tls-messages", "certificate13", message(4, encodeCertificate13(chain).subarray(4)));
  seed("tls-messages", "finished13", message(5, new Uint8Array(32)));
  seed("tls-messages", "key-update", message(6, octets(1)));
  seed("tls-messages", "alert", message(7, encodeAlert("handshake_failure")));
  seed("tls-joiner", "messages", octets(3, 1, 0, 0, 2, 5, 6, 14, 0, 0, 0, 20, 0, 0, 1));
  const record = (type: number, body: readonly number[]): number[] => [
    type,
    3,
    3,
    0,
    body.length,
    ...body,
  ];
  const sealed = Array<number>(30).fill(0);
  seed("tls-records", "plain12", octets(0, 0, ...record(22, [1, 2]), ...record(20, [1])));
  seed("tls-records", "sealed12", octets(1, 0, ...record(23, sealed), ...record(22, sealed)));
  seed("tls-records", "sealed12-chacha", octets(1, 1, ...record(23, sealed)));
  seed("tls-records", "plain13", octets(2, 0, ...record(22, [1, 2]), ...record(20, [1])));
  sealed[5] = 23;
  seed("tls-records", "sealed13", octets(3, 0, ...record(20, [1]), ...record(23, sealed)));
  seed("tls-records", "early13", octets(3, 2, ...record(23, [1, 2]), ...record(23, sealed)));
}

function talk12(withCertificate: boolean): Uint8Array {
  const client = new ScriptedClient(openCrypto);
  const server = new TlsServer(openConfig(withCertificate, "TLS 1.2"));
  const said: Uint8Array[] = [];
  const give = (bytes: Uint8Array): void => {
    said.push(bytes);
    tell({ kind: "bytes", bytes });
  };
  const tell = (input: TlsInput): void => {
    for (const output of server.handle(input, mono(0))) {
      if (output.kind === "send") client.receive(output.bytes);
      if (output.kind === "failed") throw output.failure;
      if (output.kind === "verify-peer") tell({ kind: "peer-accepted", publicKey: OPEN_KEY });
    }
  };
  give(client.clientHello());
  give(client.secondFlight(withCertificate ? [CLIENT_CERTIFICATE] : null));
  give(client.applicationData("hello"));
  give(client.alert(1, 0));
  return concat(...said);
}

const OPEN_KEY = openCrypto.signingKey("P-256", new Uint8Array(32).fill(1)).publicKey;

function openConfig(withCertificate: boolean, version: "TLS 1.2" | "TLS 1.3") {
  return serverConfig(openCrypto, {
    random: (length) => new Uint8Array(length).fill(7),
    clientCertificate: withCertificate ? "required" : "none",
    versions: [version],
  });
}

function talk13(withCertificate: boolean): Uint8Array {
  const wire = new Wire13(openConfig(withCertificate, "TLS 1.3"));
  const said: Uint8Array[] = [];
  const give = (bytes: Uint8Array): void => {
    said.push(bytes);
    wire.give(bytes);
  };
  give(
    wire.plain(
      ContentType.handshake,
      wire.message(HandshakeType.clientHello, encodeHello(wire.hello)),
    ),
  );
  give(wire.plain(ContentType.changeCipherSpec, octets(1)));
  if (withCertificate) {
    give(wire.record(ContentType.handshake, concat(wire.certificate(), wire.certificateVerify())));
    wire.tell({ kind: "peer-accepted", publicKey: OPEN_KEY });
  }
  give(wire.record(ContentType.handshake, wire.finished()));
  if (wire.session === null) throw new Error(`not established: ${wire.failure?.message}`);
  wire.switchKeys();
  give(wire.record(ContentType.handshake, wire.message(HandshakeType.keyUpdate, octets(1))));
  wire.updateKeys();
  give(wire.record(ContentType.applicationData, utf8("hello")));
  give(wire.record(ContentType.alert, octets(1, 0)));
  return concat(...said);
}

/** First flights of others' clients. */
async function hellos(): Promise<void> {
  const clients: Readonly<Record<string, readonly string[]>> = {
    "openssl-12": [
      "openssl",
      "s_client",
      "-tls1_2",
      "-alpn",
      "homeca",
      "-servername",
      "a.home.arpa",
    ],
    "openssl-13": ["openssl", "s_client", "-tls1_3", "-groups", "X25519"],
    "openssl-maxfrag": ["openssl", "s_client", "-tls1_2", "-maxfraglen", "1024"],
    gnutls: ["gnutls-cli", "--insecure", "--recordsize=1024"],
  };
  for (const [name, [command, ...given]] of Object.entries(clients)) {
    const flight = await firstFlight(command!, given);
    seed("tls-server", `hello-${name}`, concat(octets(8, 0, 254), flight));
    seed("tls-client-hello", name, flight.subarray(9));
  }
}

function firstFlight(command: string, given: readonly string[]): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.once("data", (bytes) => {
        socket.destroy();
        server.close();
        resolve(bytes);
      });
      socket.on("error", () => {});
    });
    server.listen(0, "127.0.0.1", () => {
      // The server listens on an address, not on a path.
      const { port } = server.address() as net.AddressInfo;
      const to =
        command === "openssl" ? ["-connect", `127.0.0.1:${port}`] : ["-p", `${port}`, "127.0.0.1"];
      const child = spawn(command, [...given, ...to], { stdio: "ignore" });
      child.on("error", reject);
    });
  });
}

/** eapol_test through a relay: its datagrams, the EAP in them, and the hello in that. */
async function stations(): Promise<void> {
  const home = new Home({
    radius: "\toption tls_versions '1.2 1.3'",
    more: "config limits 'limits'\n\toption onboarding_per_minute '60'\n",
  });
  try {
    await home.start();
    openssl(
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=lamp -keyout ${file("lamp.key")} -out ${file("lamp.crt")}`,
    );
    for (const [name, version] of [
      ["12", 1],
      ["13", 0],
    ] as const) {
      const datagrams = await relayed(home, version);
      const responses = datagrams.map(eapIn);
      const [first] = datagrams;
      if (first !== undefined) seed("radius-packet", `eapol-${name}-0`, first);
      for (const [at, each] of datagrams.entries()) {
        if (at === 1 || at === datagrams.length - 1)
          seed("radius-packet", `eapol-${name}-${at}`, each);
      }
      const steps = responses.map((eap) => {
        const [, , , , type = 0] = eap;
        const typeData = eap.subarray(5);
        if (type === 1) return concat(octets(0, typeData.length), typeData);
        if (type === 3) return concat(octets(1, 3, typeData.length), typeData);
        return concat(octets(2), stretch(typeData));
      });
      seed("eap-server", `eapol-${name}`, concat(octets((version === 0 ? 32 : 0) + 8), ...steps));
      for (const [at, eap] of responses.slice(0, 2).entries()) {
        seed("eap-packet", `eapol-${name}-${at}`, concat(octets(0), eap));
      }
    }
  } finally {
    await home.remove();
  }
  eapByOurselves();
}

function relayed(home: Home, withoutTls13: number): Promise<Uint8Array[]> {
  const datagrams: Uint8Array[] = [];
  const config = file("eapol.conf");
  writeFileSync(
    config,
    `fast_reauth=0\nnetwork={\n\tkey_mgmt=WPA-EAP\n\teap=TTLS
	identity="1.abcdefghijklmnop.lamp.S2l0Y2hlbiBsYW1w@setup.home.arpa"
	anonymous_identity="@setup.home.arpa"\n\tpassword="none"\n\tphase2="auth=PAP"
	phase1="tls_disable_tlsv1_3=${withoutTls13}"
	client_cert="${file("lamp.crt")}"\n\tprivate_key="${file("lamp.key")}"\n}\n`,
  );
  return new Promise((resolve, reject) => {
    const relay = dgram.createSocket("udp4");
    const ahead = dgram.createSocket("udp4");
    let station = 0;
    relay.on("message", (bytes, { port }) => {
      station = port;
      datagrams.push(Uint8Array.from(bytes));
      ahead.send(bytes, home.ports.auth, "127.0.0.1");
    });
    ahead.on("message", (bytes) => relay.send(bytes, station, "127.0.0.1"));
    relay.bind(0, "127.0.0.1", () => {
      const given = [
        "-c",
        config,
        "-a",
        "127.0.0.1",
        "-p",
        `${relay.address().port}`,
        "-s",
        home.secret,
      ];
      const child = spawn("eapol_test", [...given, "-t", "10"], { stdio: "ignore" });
      child.on("error", reject);
      child.on("close", (status) => {
        relay.close();
        ahead.close();
        if (status === 0) resolve(datagrams);
        else reject(new Error(`eapol_test ended with ${status}`));
      });
    });
  });
}

function eapIn(datagram: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 20; at < datagram.length; at += datagram[at + 1]!) {
    if (datagram[at] === 79) parts.push(datagram.subarray(at + 2, at + datagram[at + 1]!));
  }
  return concat(...parts);
}

/** With every lock open, conversations go on to success. */
function eapByOurselves(): void {
  const identity = utf8("@setup.home.arpa");
  const begin = concat(octets(0, identity.length), identity);
  const say = (flight: Uint8Array): Uint8Array =>
    concat(octets(2), stretch(concat(octets(0), flight)));
  const acknowledge = say(new Uint8Array());
  for (const method of ["tls", "ttls"] as const) {
    const withCertificate = method === "tls";
    const client = new ScriptedClient(openCrypto);
    const hello = client.clientHello();
    const flight = new TlsServer(openConfig(withCertificate, "TLS 1.2"));
    for (const output of flight.handle({ kind: "bytes", bytes: hello }, mono(0))) {
      if (output.kind === "send") client.receive(output.bytes);
    }
    const second = client.secondFlight(withCertificate ? [CLIENT_CERTIFICATE] : null);
    const inner = client.record(ContentType.applicationData, pap(utf8("lamp"), "secret"));
    const last = withCertificate ? acknowledge : say(inner);
    const setup = octets(withCertificate ? 3 : 10);
    const steps = [begin, say(hello), say(second), last, octets(14)];
    seed("eap-server", `open-${method}`, concat(setup, ...steps));
  }
  const nak = octets(1, 3, 1, 21);
  seed(
    "eap-server",
    "nak",
    concat(octets(0), begin, nak, say(new ScriptedClient(openCrypto).clientHello())),
  );
  seed("eap-packet", "identity", concat(octets(1), identity));
  seed("eap-packet", "fragments", octets(2, 0, 6, 0xc0, 0, 0, 0, 3, 7, 3, 0, 8, 9));
  seed("eap-packet", "avps", concat(octets(3), pap(utf8("lamp"), "secret")));
  seed("eap-packet", "outgoing", concat(octets(4, 2), new Uint8Array(40).fill(3)));
}

function radius(): void {
  const secret = utf8("secret");
  const client = new RadiusTestClient(openCrypto, (length) => new Uint8Array(length), secret);
  const names = [attribute(UserName, "@homeca.home.arpa"), attribute(NasIdentifier, "ap")];
  const eap = concat(octets(2, 0, 0, 22, 1), utf8("@homeca.home.arpa"));
  const request = client.accessRequest({ eap, attributes: names });
  const accounting = client.accountingRequest(names);
  const give = (service: number, datagram: Uint8Array): Uint8Array =>
    concat(octets(0, 0, 0, service), stretch(datagram));
  seed("radius-endpoint", "access", concat(give(0, request), octets(5, 0, 0, 9), give(0, request)));
  seed(
    "radius-endpoint",
    "challenge",
    concat(give(0, request), octets(5, 0, 2, 9), octets(7, 100)),
  );
  seed("radius-endpoint", "accounting", concat(give(1, accounting), octets(5, 0, 0, 9)));
  seed("radius-endpoint", "status", concat(give(0, client.statusServer()), octets(7, 200)));
  seed("radius-endpoint", "forget", concat(give(0, request), octets(6, 0), give(0, request)));
  seed("radius-packet", "accounting", accounting);
  const zeros = new Uint8Array(16);
  for (const [name, code] of [
    ["ack", 41],
    ["nak", 42],
  ] as const) {
    const response = { code, identifier: 0, authenticator: zeros, attributes: [] };
    const signed = sealResponse(openCrypto, secret, response, "message-authenticator");
    seed("radius-disconnect", name, concat(octets(0, 0), stretch(signed), octets(7, 100)));
  }
}

function texts(): void {
  const uci = `# a home
package homeca
config homeca 'main'
	option enforce 'nft'
	list interface 'lan1'
	list interface lan2
	option log_level "debug"
config radius 'radius'
	list listen '127.0.0.1'
	option tls_versions '1.2 1.3'
config client 'accesspoint'
	option prefix '127.0.0.1'
	option secret 'a secret of 24 characters'
	option das_address '127.0.0.9'
config client attic
	option prefix 192.0.2.0/24; option secret_file '/etc/secret'
config limits 'limits'
	option onboarding_per_minute '60'
`;
  seed("uci", "whole", utf8(uci));
  seed("uci", "words", utf8(`config a b\noption c 'it'\\''s' # no\n list d "e\\"f" ; l d g\\ h\n`));
  const csv = `id,key,code,name,type,class
claimedaaaaaaaaa,,k7qp-2m4x-9rtd-h3vn,"Küche, ""links""",lamp,aware
,38842744f49b13190365fafa1b7f142fbb981d3c0e8b911bb61eff25b296448b,,Tor,gate,certificate
`;
  seed("import", "csv", utf8(csv));
  const name = toBase64Url(utf8("Tor"));
  seed("import", "qr", utf8(`HOMECA:1;I:claimedaaaaaaaaa;C:K7QP2M4X9RTDH3VN;T:lamp;N:${name};;\n`));
  const { changes } = importExpected(csv, "csv", EMPTY_REGISTRY, openCrypto);
  const others: readonly Change[] = [
    { kind: "crl-number", number: 7 },
    { kind: "time-floor", unix: unix(1_800_000_000) },
    { kind: "forget-serials", before: unix(1) },
    { kind: "remove", id: "claimedaaaaaaaaa" },
    { kind: "issued", serial: "0a", device: null, spkiHash: "00".repeat(32), notAfter: unix(2) },
    { kind: "revoke-serial", serial: "0a", reason: "superseded", at: unix(1) },
  ];
  for (const each of [...changes.slice(0, 1), ...others]) {
    seed("change", each.kind, utf8(JSON.stringify(each)));
  }
  const journal = (cut: number, ...lines: readonly Uint8Array[]): Uint8Array =>
    concat(octets(cut >> 8, cut & 0xff), journalHeader(4), ...lines);
  const small = encodeEntry(openCrypto, { sequence: 5, changes: others });
  const next = encodeEntry(openCrypto, { sequence: 6, changes: others.slice(0, 1) });
  seed("journal", "small", journal(300, small, next, utf8("12 00")));
  const [put] = changes;
  seed("journal", "record", journal(0, encodeEntry(openCrypto, { sequence: 5, changes: [put!] })));
  const snapshot = encodeSnapshot(openCrypto, {
    sequence: 5,
    changes: [put!, ...others.slice(0, 3)],
  });
  seed("journal", "snapshot", concat(octets(0, 0), snapshot));
  const listing = kernel();
  seed("nft", "kernel", utf8(listing));
  seed("nft", "kernel-spoilt", concat(utf8(listing), octets(0, 1, 0, 0, 0, 20, 0, 1, 0, 2, 15)));
}

/** What a kernel says of our tables in a network namespace of its own; statements are left out, for nobody reads them. */
function kernel(): string {
  const config = { interfaces: ["lan1"], bridges: ["br-lan"], udpPorts: [1812], tcpPorts: [443] };
  const placements = [
    { kind: "admit", mac: "02:00:00:00:00:01", seconds: 600, port: "lan1" },
    { kind: "quarantine", mac: "02:00:00:00:00:02", seconds: 60, port: "lan1" },
  ] as const;
  const script = "nft -f - && nft -j list ruleset";
  const text = program("unshare", ["-n", "sh", "-c", script], renderAll(placements, config));
  return JSON.stringify(
    JSON.parse(text, (name, value: unknown) =>
      ["expr", "handle", "metainfo", "size", "flags", "type"].includes(name) ? undefined : value,
    ),
  );
}

try {
  for (const target of readdirSync(corpus)) {
    for (const name of readdirSync(path.join(corpus, target))) {
      if (name.startsWith("seed-")) rmSync(path.join(corpus, target, name));
    }
  }
  x509();
  keys();
  tlsByOurselves();
  tlsSeeds(seed);
  policySeeds(seed);
  estSeeds(seed);
  await hellos();
  await stations();
  radius();
  texts();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
