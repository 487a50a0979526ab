/**
 * Strangers at the device API: libcoap's client, built with OpenSSL and with
 * GnuTLS, and requests made by OpenSSL, against a whole HomeCA on loopback.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { assert, skip, test } from "#kit";
import { freeUdpPort, Home } from "../kit/home.ts";

const BUILDS = ["openssl", "gnutls"] as const;
type Build = (typeof BUILDS)[number];

const has = (program: string): boolean =>
  spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

const PKCS10 = "286";
const PKIX_CERT = "287";

interface Said {
  /** What the client wrote, such as the code of an answer that is no success. */
  readonly text: string;
  /** The body, by `-o`; null for none. */
  readonly body: Buffer | null;
}

/** A device with files of its own. */
class Station {
  readonly folder: string;

  constructor(home: Home, name: string) {
    this.folder = path.join(home.folder, name);
    mkdirSync(this.folder);
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  openssl(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
    assert.equal(status, 0, `openssl ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  key(name: string): void {
    const curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    this.openssl("genpkey", ...curve, "-out", this.file(`${name}.key`));
  }

  /** A certificate that the key signs itself. */
  first(): void {
    this.key("first");
    const names = [
      "-subj",
      "/CN=stranger",
      "-addext",
      "subjectAltName=URI:urn:homeca:dev:abcdefghijklmnop",
    ];
    const what = ["req", "-x509", "-new", "-days", "3650", "-key", this.file("first.key")];
    this.openssl(...what, ...names, "-out", this.file("first.pem"));
  }

  request(key: string, subject: string, ...more: readonly string[]): string {
    const out = this.file(`${key}.csr`);
    const what = ["req", "-new", "-key", this.file(`${key}.key`), "-subj", subject];
    this.openssl(...what, "-outform", "DER", "-out", out, ...more);
    return out;
  }

  ask(
    build: Build,
    port: number,
    credential: string,
    target: string,
    ...more: readonly string[]
  ): Promise<Said> {
    const out = this.file("answer");
    rmSync(out, { force: true });
    const shown = [
      "-c",
      this.file(`${credential}.pem`),
      "-j",
      this.file(`${credential.replace(/-chain$/, "")}.key`),
    ];
    const args = ["-n", "-B", "20", "-v", "6", "-o", out, ...shown, ...more];
    return new Promise((resolve) => {
      const uri = `coaps://127.0.0.1:${port}${target}`;
      const child = spawn(`coap-client-${build}`, [...args, uri], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let text = "";
      for (const pipe of [child.stdout, child.stderr]) {
        pipe.on("data", (chunk: Buffer) => void (text += chunk.toString("latin1")));
      }
      child.on("close", () => {
        resolve({ text, body: existsSync(out) ? readFileSync(out) : null });
      });
    });
  }
}

function body({ body: bytes, text }: Said): Buffer {
  assert.ok(bytes !== null && bytes.length > 0, text.slice(-2000));
  return bytes;
}

function withHome(build: Build): void {
  let home: Home;
  let port = 0;

  before(async () => {
    port = await freeUdpPort();
    home = new Home({
      more: `config coaps 'coaps'\n\tlist listen '127.0.0.1'\n\toption port '${port}'\nconfig limits 'limits'\n\toption onboarding_per_minute '60'\n`,
    });
    await home.start();
  });
  after(() => home.remove());

  /** Posts a request to /sen or /sren. */
  function enrol(
    station: Station,
    credential: string,
    operation: "sen" | "sren",
    csr: string,
    ...more: readonly string[]
  ): Promise<Said> {
    const target = `/.well-known/est/${operation}`;
    const post = ["-m", "post", "-t", PKCS10, "-f", csr];
    return station.ask(build, port, credential, target, ...post, ...more);
  }

  /** A device on record before it comes, as the owner imported it: by its key. */
  async function expected(
    name: string,
  ): Promise<{ readonly station: Station; readonly id: string }> {
    const station = new Station(home, name);
    station.first();
    const der = station.openssl(
      "pkey",
      "-in",
      station.file("first.key"),
      "-pubout",
      "-outform",
      "DER",
      "-out",
      station.file("first.spki"),
    );
    assert.equal(der, "");
    const hash = station.openssl("dgst", "-sha256", "-r", station.file("first.spki")).slice(0, 64);
    const text = `id,type,name,key\n,lamp,${name},${hash}\n`;
    await home.call("import", { text, format: "csv" });
    const { devices } = await home.call<{ devices: { id: string; name: string }[] }>("devices");
    const id =
      devices.find((one) => one.name === name)?.id ?? assert.fail(`${name} is not expected`);
    return { station, id };
  }

  test(`coap-client-${build} lists what EST there is`, async () => {
    const station = new Station(home, "lister");
    station.first();
    const said = await station.ask(build, port, "first", "/.well-known/core?rt=ace.est*");
    const links = body(said).toString("utf8");
    for (const [name, formats] of [
      ["crts", '"281 287"'],
      ["sen", '"281 287"'],
      ["sren", '"281 287"'],
      ["att", "285"],
    ]) {
      assert.ok(links.includes(`</.well-known/est/${name}>`), links);
      const one = links.split(",").find((link) => link.includes(`/est/${name}>`))!;
      assert.match(one, new RegExp(`rt="?ace\\.est\\.${name}"?`, "u"));
      assert.ok(one.includes(`ct=${formats}`), one);
    }
    assert.equal(links.includes("/h/live"), false, links);
  });

  test(`what coap-client-${build} gets from /crts and /att is what OpenSSL reads`, async () => {
    const station = new Station(home, "reader");
    station.first();
    writeFileSync(
      station.file("crts"),
      body(await station.ask(build, port, "first", "/.well-known/est/crts")),
    );
    const bundle = station.openssl(
      "pkcs7",
      "-inform",
      "DER",
      "-in",
      station.file("crts"),
      "-print_certs",
    );
    assert.equal(bundle.match(/BEGIN CERTIFICATE/gu)?.length, 2);
    const one = await station.ask(build, port, "first", "/.well-known/est/crts", "-A", PKIX_CERT);
    writeFileSync(station.file("root"), body(one));
    const root = station.openssl("x509", "-inform", "DER", "-in", station.file("root"));
    assert.equal(root.trim(), home.rootPem.trim());
    writeFileSync(
      station.file("att"),
      body(await station.ask(build, port, "first", "/.well-known/est/att")),
    );
    assert.match(
      station.openssl("asn1parse", "-inform", "DER", "-in", station.file("att")),
      /prime256v1|id-ecPublicKey/u,
    );
  });

  test(`a device that speaks through coap-client-${build} enrols with a request of OpenSSL's, and again`, async () => {
    const { station, id } = await expected("honest");
    station.key("own");
    const csr = station.request("own", "/CN=whatever");
    const early = await enrol(station, "first", "sen", csr);
    // Expected, and not come yet: nobody has taken it in.
    assert.match(early.text, /5\.03/u);
    await adoptByHand(station);
    const said = await enrol(station, "first", "sen", csr);
    writeFileSync(station.file("issued"), body(said));
    const leaf = station.openssl(
      "pkcs7",
      "-inform",
      "DER",
      "-in",
      station.file("issued"),
      "-print_certs",
    );
    assert.equal(leaf.match(/BEGIN CERTIFICATE/gu)?.length, 1);
    writeFileSync(station.file("own.pem"), leaf);
    verify(station, "own.pem");
    const shown = await home.call<Record<string, unknown>>("device", { id });
    assert.deepEqual([shown["state"], shown["keyCase"]], ["approved", null]);

    // With the certificate: the same names, another key.
    const subject = station.openssl(
      "x509",
      "-in",
      station.file("own.pem"),
      "-noout",
      "-subject",
      "-nameopt",
      "compat",
    );
    const name = subject.replace(/^subject=\s*/u, "").trim();
    station.key("next");
    const again = station.request("next", name.startsWith("/") ? name : `/${name}`);
    const renewed = await enrol(station, "own", "sren", again, "-A", PKIX_CERT);
    writeFileSync(
      station.file("next.pem"),
      station.openssl("x509", "-inform", "DER", "-in", derFile(station, renewed)),
    );
    verify(station, "next.pem");
    const other = station.request("next", "/CN=somebody else");
    const refused = await enrol(station, "own", "sren", other);
    assert.match(refused.text, /4\.22/u);
  });

  test(`what coap-client-${build} must not have it does not get`, async () => {
    const { station } = await expected("wrong");
    await adoptByHand(station);
    const csr = station.request("first", "/CN=whatever");
    const same = await enrol(station, "first", "sen", csr);
    assert.match(same.text, /4\.22/u);
    writeFileSync(station.file("garbage"), Buffer.from("no request at all"));
    const sen = ["/.well-known/est/sen", "-m", "post"] as const;
    const garbage = await enrol(station, "first", "sen", station.file("garbage"));
    assert.match(garbage.text, /4\.00/u);
    const format = await station.ask(build, port, "first", ...sen, "-t", "60", "-f", csr);
    assert.match(format.text, /4\.15/u);
    const acceptable = await station.ask(build, port, "first", "/.well-known/est/crts", "-A", "60");
    assert.match(acceptable.text, /4\.06/u);
    const member = await station.ask(build, port, "first", "/h/crl");
    assert.match(member.text, /4\.01/u);
    const nothing = await station.ask(build, port, "first", "/h/nothing");
    assert.match(nothing.text, /4\.04/u);

    // A key that nobody knows, and a certificate whose key it does not have.
    const stranger = new Station(home, "stranger");
    stranger.first();
    stranger.key("own");
    const unknown = stranger.request("own", "/CN=whatever");
    const denied = await enrol(stranger, "first", "sen", unknown);
    assert.match(denied.text, /4\.03/u);
  });

  /** `POST /h/adopt` by hand: what an imported key needs to be approved. */
  async function adoptByHand(station: Station): Promise<void> {
    // {1: 32 octets, 3: "lamp", 6: false}
    const id = Buffer.alloc(32, 7);
    const request = Buffer.concat([
      Buffer.from([0xa3, 0x01, 0x58, 0x20]),
      id,
      Buffer.from([0x03, 0x64, 0x6c, 0x61, 0x6d, 0x70, 0x06, 0xf4]),
    ]);
    writeFileSync(station.file("adopt"), request);
    const said = await station.ask(
      build,
      port,
      "first",
      "/h/adopt",
      "-m",
      "post",
      "-t",
      "60",
      "-f",
      station.file("adopt"),
    );
    assert.equal(/\b[45]\.\d\d\b/u.test(said.text), false, said.text.slice(-2000));
  }

  function derFile(station: Station, said: Said): string {
    const file = station.file("single");
    writeFileSync(file, body(said));
    return file;
  }

  function verify(station: Station, name: string): void {
    writeFileSync(station.file("root.pem"), home.rootPem);
    const issuing = path.join(home.folder, "state/ca/issuing.pem");
    const chain = [
      "-CAfile",
      station.file("root.pem"),
      "-untrusted",
      issuing,
      "-purpose",
      "sslclient",
    ];
    assert.match(station.openssl("verify", ...chain, station.file(name)), /: OK$/mu);
  }
}

if (!has("openssl")) skip("libcoap's client at the device API", "needs openssl");
else {
  for (const build of BUILDS) {
    if (has(`coap-client-${build}`)) withHome(build);
    else skip(`coap-client-${build} at the device API`, "needs libcoap3-bin");
  }
}
