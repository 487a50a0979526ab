// curl and openssl enrol at a whole HomeCA, and Node's TLS links its requests to their connections.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before } from "node:test";
import tls from "node:tls";
import { assert, providers, skip, test } from "#kit";
import { fromBase64, toBase64 } from "../../src/base/bytes.ts";
import type { DeviceSummary } from "../../src/daemon/management/service.ts";
import { encodeSetupIdentity, NO_PROOF } from "../../src/policy/admission/setup.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { parseBundle } from "../../src/proto/x509/cms.ts";
import { parseCsrAttributes } from "../../src/proto/x509/csr-attributes.ts";
import { nameAttribute } from "../../src/proto/x509/name.ts";
import { OID } from "../../src/proto/x509/oids.ts";
import { decodePem, encodePem } from "../../src/proto/x509/pem.ts";
import { signRequest } from "../../src/proto/x509/request.ts";
import { EapPeer } from "../kit/eap-peer.ts";
import { Home } from "../kit/home.ts";
import { Nas } from "../kit/nas.ts";
import { commonName, Pki } from "../proto/x509/pki.ts";

const SERVER = "homeca.home.arpa";
const programs = ["curl", "openssl"].filter(
  (one) => spawnSync(one, ["version"]).error !== undefined,
);
const judged = (name: string, body: () => Promise<void> | void): void =>
  programs.length === 0 ? test(name, body) : skip(name, `needs ${programs.join(" and ")}`);

/** A home that offers EST, and files for the tools. */
class EstHome {
  readonly linking: boolean;
  home!: Home;
  port = 0;

  constructor(linking: boolean) {
    this.linking = linking;
  }

  async start(): Promise<void> {
    this.port = await freeTcpPort();
    const more = `config est 'est'
	option enabled '1'
	list listen '127.0.0.1'
	option port '${this.port}'
	option linking '${this.linking ? 1 : 0}'
`;
    this.home = new Home({ more });
    await this.home.start();
    writeFileSync(this.at("root.pem"), this.home.rootPem);
  }

  at(name: string): string {
    return path.join(this.home.folder, name);
  }

  openssl(line: string, input?: Uint8Array): string {
    const { status, stdout, stderr } = spawnSync("openssl", line.split(" "), {
      cwd: this.home.folder,
      encoding: "utf8",
      ...(input === undefined ? {} : { input }),
    });
    assert.equal(status, 0, `openssl ${line}: ${stdout}${stderr}`);
    return stdout;
  }

  /** A key of its own with a certificate that it signed itself. */
  newIdentity(name: string): void {
    this.openssl(
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -days 30 -keyout ${name}.key -out ${name}.pem`,
    );
  }

  /** A request in base64, as RFC 7030 has it, for a new key. */
  newRequest(name: string, subject = "/CN=whatever", curve = "P-256"): string {
    this.openssl(
      `req -new -newkey ec -pkeyopt ec_paramgen_curve:${curve} -nodes -subj ${subject} -keyout ${name}.key -outform DER -out ${name}.der`,
    );
    this.openssl(`base64 -in ${name}.der -out ${name}.b64`);
    return `${name}.b64`;
  }

  /** Lets the device come for the first time. @returns its id */
  async firstContact(name: string): Promise<string> {
    const claim = { id: "abcdefghijklmnop", type: "lamp", name };
    const peer = new EapPeer({
      method: "ttls",
      identity: "@setup.home.arpa",
      certificate: readFileSync(this.at(`${name}.pem`), "utf8"),
      key: readFileSync(this.at(`${name}.key`), "utf8"),
      innerName: new TextDecoder().decode(encodeSetupIdentity(claim)),
      password: NO_PROOF,
    });
    await this.join(peer, "@setup.home.arpa");
    const { devices } = await this.home.call<{ devices: DeviceSummary[] }>("devices");
    return devices.find((one) => one.name === name)!.id;
  }

  async join(peer: EapPeer, identity: string): Promise<void> {
    const nas = new Nas(this.home.ports.auth, this.home.secret);
    const { outcome } = await nas.join({ mac: "02-00-00-00-00-11", identity }, peer);
    assert.equal(outcome, "accepted");
  }

  curl(operation: string, ...args: readonly string[]): Answer {
    const { status, stdout, stderr } = spawnSync(
      "curl",
      [
        ..."-sS --max-time 20 --cacert root.pem -D headers -o body -w %{http_code}".split(" "),
        ...["--resolve", `${SERVER}:${this.port}:127.0.0.1`, ...args],
        `https://${SERVER}:${this.port}/.well-known/est/${operation}`,
      ],
      { cwd: this.home.folder, encoding: "utf8" },
    );
    const headers = status === 0 ? readFileSync(this.at("headers"), "utf8") : "";
    const body = status === 0 ? readFileSync(this.at("body"), "latin1") : "";
    return { status: Number(stdout), exit: status, stderr, headers, body };
  }

  /** Asks for a certificate as the owner of `name.key`. */
  enrol(operation: string, name: string | null, file: string, ...more: readonly string[]): Answer {
    const identity = name === null ? [] : ["--cert", `${name}.pem`, "--key", `${name}.key`];
    const type = ["-H", "Content-Type: application/pkcs10", "--data-binary", `@${file}`];
    return this.curl(operation, ...identity, ...type, ...more);
  }

  /** The certificate in an answer, judged by openssl below this home's root, and kept as `name.pem`. */
  keep(name: string, { status, body, headers }: Answer): ReturnType<typeof parseCertificate> {
    assert.equal(status, 200, body);
    assert.match(headers, /content-type: application\/pkcs7-mime; smime-type=certs-only\r\n/i);
    writeFileSync(this.at("answer.b64"), body);
    this.openssl("base64 -d -in answer.b64 -out answer.p7");
    const pem = this.openssl("pkcs7 -inform DER -in answer.p7 -print_certs");
    const found = decodePem("CERTIFICATE", pem)!;
    assert.equal(found.length, 1, "an answer holds the new certificate alone");
    writeFileSync(this.at(`${name}.pem`), encodePem("CERTIFICATE", found[0]!));
    this.openssl(
      `verify -x509_strict -purpose sslclient -CAfile root.pem -untrusted cas.pem ${name}.pem`,
    );
    const own = this.openssl(`pkey -in ${name}.key -pubout`);
    assert.equal(this.openssl(`x509 -in ${name}.pem -noout -pubkey`), own);
    return parseCertificate(found[0]!);
  }
}

interface Answer {
  readonly status: number;
  readonly exit: number | null;
  readonly stderr: string;
  readonly headers: string;
  readonly body: string;
}

function freeTcpPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      // It listens at an address and a port.
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

const open = new EstHome(false);
const linked = new EstHome(true);
before(async () => {
  if (programs.length > 0) return;
  await open.start();
  await linked.start();
});
after(async () => {
  if (programs.length > 0) return;
  await open.home.remove();
  await linked.home.remove();
});

let id = "";

judged("anyone gets the CA certificates, at any label", () => {
  for (const operation of ["cacerts", "kitchen/cacerts"]) {
    const { status, headers, body } = open.curl(operation);
    assert.equal(status, 200);
    assert.match(headers, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(headers, /\r\ncontent-type: application\/pkcs7-mime; smime-type=certs-only\r\n/i);
    assert.match(headers, /\r\ndate: [A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT\r\n/i);
    writeFileSync(open.at("cas.b64"), body);
    open.openssl("base64 -d -in cas.b64 -out cas.p7");
    const pem = open.openssl("pkcs7 -inform DER -in cas.p7 -print_certs");
    writeFileSync(open.at("cas.pem"), pem);
    const root = decodePem("CERTIFICATE", open.home.rootPem)![0]!;
    const all = decodePem("CERTIFICATE", pem)!;
    assert.equal(all.length, 2);
    assert.ok(all.some((one) => toBase64(one) === toBase64(root)));
    open.openssl("verify -CAfile root.pem cas.pem");
  }
});

judged("anyone is told what requests shall hold, and HEAD has no body", () => {
  for (const [home, linking] of [
    [open, false],
    [linked, true],
  ] as const) {
    const { status, headers, body } = home.curl("csrattrs");
    assert.equal(status, 200);
    assert.match(headers, /content-type: application\/csrattrs\r\n/i);
    assert.deepEqual(parseCsrAttributes(fromBase64(body)!), { curve: "P-256", linking });
  }
  const head = open.curl("csrattrs", "--head");
  assert.equal(head.status, 200);
  assert.match(head.headers, /content-length: [1-9]/i);
});

judged("a device whose owner has not decided waits, and then enrols a new key", async () => {
  open.newIdentity("first");
  const request = open.newRequest("device");
  assert.equal(open.enrol("simpleenroll", "first", request).status, 403);
  id = await open.firstContact("first");
  const waits = open.enrol("simpleenroll", "first", request);
  assert.equal(waits.status, 202, waits.body);
  assert.match(waits.headers, /retry-after: 120\r\n/i);
  await open.home.call("approve", { id });
  const certificate = open.keep("device", open.enrol("simpleenroll", "first", request));
  assert.equal(nameAttribute(certificate.subject, OID.commonName), id);
  await open.home.waitForLog(/Issued first a certificate \(serial /);
});

judged("who authenticates with nothing, or with a key nobody knows, gets nothing", () => {
  assert.equal(open.enrol("simpleenroll", null, "device.b64").status, 403);
  open.newIdentity("stranger");
  const { status, body } = open.enrol("simpleenroll", "stranger", "device.b64");
  assert.equal(status, 403);
  assert.equal(body, "This key gets no certificate here; ask the owner of this home.\n");
});

judged("a request that is none, or proves no new P-256 key, is refused for what it lacks", () => {
  const file = (name: string, text: string): string => {
    writeFileSync(open.at(name), text);
    return name;
  };
  const status = (name: string): number => open.enrol("simpleenroll", "first", name).status;
  assert.equal(status(file("empty", "")), 400);
  assert.equal(status(file("noise", "this is not base64!")), 400);
  assert.equal(status(file("other", toBase64(new Uint8Array(500)))), 400);
  const good = readFileSync(open.at("device.der"));
  const forged = Uint8Array.from(good);
  forged[forged.length - 1]! ^= 1;
  assert.equal(status(file("forged", toBase64(forged))), 422);
  assert.equal(status(open.newRequest("wide", "/CN=x", "P-384")), 422);
  open.openssl("req -new -key first.key -subj /CN=x -outform DER -out again.der");
  open.openssl("base64 -in again.der -out again.b64");
  assert.equal(status("again.b64"), 422);
  assert.equal(status(file("huge", "A".repeat(70_000))), 413);
});

judged("paths, methods and media types that are not EST's are told so", () => {
  for (const nowhere of [
    "fullcmc",
    "a/b/cacerts",
    "cacerts/cacerts",
    "../cacerts",
    "serverkeygen",
  ]) {
    assert.equal(open.curl(nowhere, "--path-as-is").status, 404, nowhere);
  }
  const put = open.curl("cacerts", "-X", "PUT");
  assert.equal(put.status, 405);
  assert.match(put.headers, /allow: GET, HEAD\r\n/i);
  assert.equal(open.curl("simpleenroll").status, 405);
  const json = ["-H", "Content-Type: application/json", "--data-binary", "{}"];
  assert.equal(open.curl("simpleenroll", ...json).status, 415);
});

judged("one connection serves several requests, and a chunked body", () => {
  const where = `https://${SERVER}:${open.port}/.well-known/est/csrattrs`;
  const { stderr } = open.curl("csrattrs", "-v", where, "-o", "body");
  assert.match(stderr, /Re-using existing connection/);
  const chunked = open.enrol("simpleenroll", "first", "noise", "-H", "Transfer-Encoding: chunked");
  assert.equal(chunked.status, 400);
  assert.match(chunked.body, /certification request/);
});

judged("with its certificate the device joins, and re-enrols under the names it has", async () => {
  const certificate = readFileSync(open.at("device.pem"), "utf8");
  const key = readFileSync(open.at("device.key"), "utf8");
  const identity = "@homeca.home.arpa";
  await open.join(new EapPeer({ method: "tls", identity, certificate, key }), identity);
  // Its first key opens nothing any more.
  assert.equal(open.enrol("simpleenroll", "first", "device.b64").status, 403);
  assert.equal(open.enrol("simplereenroll", "first", "device.b64").status, 403);

  const elsewhere = open.newRequest("elsewhere", "/CN=someone");
  assert.equal(open.enrol("simplereenroll", "device", elsewhere).status, 422);
  const request = open.newRequest("renewed", `/CN=${id}`);
  const before = parseCertificate(decodePem("CERTIFICATE", certificate)![0]!);
  const renewed = open.keep("renewed", open.enrol("simplereenroll", "device", request));
  assert.deepEqual(renewed.subject.der, before.subject.der);
  assert.deepEqual(renewed.extensions.subjectAltName, before.extensions.subjectAltName);
  assert.notEqual(renewed.serial, before.serial);
  // The next one by the new certificate, with the same key.
  open.openssl(`req -new -key renewed.key -subj /CN=${id} -outform DER -out same.der`);
  open.openssl("base64 -in same.der -out same.b64");
  open.keep("renewed", open.enrol("simplereenroll", "renewed", "same.b64"));
});

judged("a revoked device gets no further than its handshake", async () => {
  await open.home.call("revoke", { id });
  for (const name of ["device", "renewed"]) {
    const { exit, status } = open.enrol("simplereenroll", name, "same.b64");
    assert.deepEqual([exit === 0, status], [false, 0]);
  }
  const first = open.enrol("simpleenroll", "first", "device.b64");
  assert.deepEqual([first.exit, first.status], [0, 403]);
});

judged("openssl sees the server's certificate verified, by name", () => {
  const line = `s_client -connect 127.0.0.1:${open.port} -CAfile root.pem -verify_return_error -verify_hostname ${SERVER} -brief`;
  const { stderr } = spawnSync("openssl", line.split(" "), {
    cwd: open.home.folder,
    input: "",
    encoding: "utf8",
  });
  assert.match(stderr, /Verification: OK/);
});

/** A request over a connection of Node's, made once the connection stands. */
async function overNode(
  stage: EstHome,
  name: string,
  version: tls.SecureVersion,
  ask: (socket: tls.TLSSocket) => string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      ...{ host: "127.0.0.1", port: stage.port, servername: SERVER, ca: stage.home.rootPem },
      ...{ minVersion: version, maxVersion: version },
      ...{
        cert: readFileSync(stage.at(`${name}.pem`)),
        key: readFileSync(stage.at(`${name}.key`)),
      },
    });
    let answer = "";
    socket.on("secureConnect", () => socket.write(ask(socket)));
    socket.on("data", (part) => (answer += part.toString("latin1")));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

const BINDINGS = {
  "TLSv1.2": [
    (socket: tls.TLSSocket): Uint8Array => socket.getFinished()!,
    (socket: tls.TLSSocket): Uint8Array => exported(socket),
  ],
  "TLSv1.3": [(socket: tls.TLSSocket): Uint8Array => exported(socket)],
} as const;

const exported = (socket: tls.TLSSocket): Uint8Array =>
  socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));

const post = (body: string): string =>
  `POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: h\r\nConnection: close\r\n` +
  `Content-Type: application/pkcs10\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

judged(
  "RFC 7030 §3.5, RFC 9148 §3: requests are taken over the connection that they name alone",
  async () => {
    linked.newIdentity("first");
    const device = await linked.firstContact("first");
    await linked.home.call("approve", { id: device });
    const pki = new Pki(providers[0]!, `linking ${Date.now()}`);
    const request = (password: string | null): string =>
      toBase64(signRequest(commonName("x"), [], pki.newKey(), null, password));

    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const statusOf = async (
        password: (socket: tls.TLSSocket) => string | null,
      ): Promise<string> => {
        const answer = await overNode(linked, "first", version, (socket) =>
          post(request(password(socket))),
        );
        return answer.slice(0, "HTTP/1.1 200".length);
      };
      for (const binding of BINDINGS[version]) {
        assert.equal(
          await statusOf((socket) => toBase64(Uint8Array.from(binding(socket)))),
          "HTTP/1.1 200",
        );
        const other = (socket: tls.TLSSocket): string =>
          toBase64(Uint8Array.from(binding(socket)).toReversed());
        assert.equal(await statusOf(other), "HTTP/1.1 422");
      }
      assert.equal(await statusOf(() => null), "HTTP/1.1 422");
    }
  },
);

judged("a request in two lengths is refused, and the connection ends", async () => {
  const answer = await overNode(linked, "first", "TLSv1.3", () =>
    [
      "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n",
      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    ].join(""),
  );
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.equal(answer.split("HTTP/1.1").length, 2);
});

judged("bundles of this home are read by our own reader too", () => {
  const { certificates } = parseBundle(fromBase64(open.curl("cacerts").body)!);
  assert.equal(certificates.length, 2);
});
