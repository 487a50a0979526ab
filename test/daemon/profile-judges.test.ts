/** What profiles are to those who read them: Python's plist, XML and ZIP readers, nmcli, openssl, curl and wpa_supplicant's eapol_test. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before } from "node:test";
import { assert, providers, skip, test } from "#kit";
import { toBase64, utf8 } from "../../src/base/bytes.ts";
import type { ProfileFiles, ProfileLink } from "../../src/daemon/management/service.ts";
import { makeProfile } from "../../src/policy/profiles/profile.ts";
import type { Platform } from "../../src/policy/profiles/facts.ts";
import { zip } from "../../src/policy/profiles/zip.ts";
import { Home } from "../kit/home.ts";
import { FACTS, HOSTILE_SSIDS } from "../policy/profiles/facts.ts";

const has = (program: string): boolean =>
  spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const judged = (
  name: string,
  programs: readonly string[],
  body: () => Promise<void> | void,
): void => {
  const lacking = programs.filter((program) => !has(program));
  if (lacking.length === 0) test(name, body);
  else skip(name, `needs ${lacking.join(" and ")}`);
};

const PASSWORD = "correct horse battery";

/** Each file of a profile, by name, for an SSID. */
function filesFor(platform: Platform, ssid: string): ReadonlyMap<string, Uint8Array> {
  const device = { id: FACTS.device.id, title: ssid };
  const { files } = makeProfile(platform, { ...FACTS, crypto: providers[0]!, ssid, device });
  return new Map(files.map(({ name, bytes }) => [name, bytes]));
}

/** Runs a Python program with JSON as its input; gives the JSON that it prints. */
function python(program: string, input: unknown): unknown {
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program], {
    input: JSON.stringify(input),
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

judged("plistlib reads the profile for Apple, whatever the network is called", ["python3"], () => {
  const program = `
import base64, json, plistlib, sys
out = []
for text in json.load(sys.stdin):
    profile = plistlib.loads(base64.b64decode(text))
    root, identity, wifi = profile["PayloadContent"]
    eap = wifi["EAPClientConfiguration"]
    assert wifi["PayloadCertificateUUID"] == identity["PayloadUUID"]
    assert eap["PayloadCertificateAnchorUUID"] == [root["PayloadUUID"]]
    assert (wifi["HIDDEN_NETWORK"], wifi["AutoJoin"]) == (False, True)
    out.append([wifi["SSID_STR"], eap["TLSTrustedServerNames"], eap["AcceptEAPTypes"], root["PayloadContent"].decode(), identity["PayloadContent"].decode()])
json.dump(out, sys.stdout)`;
  const given = HOSTILE_SSIDS.map((ssid) =>
    toBase64(filesFor("apple", ssid).get("homeca.mobileconfig")!),
  );
  assert.deepEqual(
    python(program, given),
    HOSTILE_SSIDS.map((ssid) => [
      ssid,
      [FACTS.serverName],
      [13],
      "root certificate",
      "key and certificates",
    ]),
  );
});

judged(
  "an XML reader finds in the profiles for Windows what is meant, whatever the network is called",
  ["python3"],
  () => {
    const program = `
import base64, json, sys, xml.etree.ElementTree as tree
wlan = "{http://www.microsoft.com/networking/WLAN/profile/v1}"
tls = "{http://www.microsoft.com/provisioning/EapTlsConnectionPropertiesV1}"
out = []
for text in json.load(sys.stdin):
    root = tree.fromstring(base64.b64decode(text))
    assert root.tag == wlan + "WLANProfile"
    ssid = root.find(f"{wlan}SSIDConfig/{wlan}SSID")
    validation = root.find(f".//{tls}ServerValidation")
    out.append([root.find(wlan + "name").text, bytes.fromhex(ssid.find(wlan + "hex").text).decode(), validation.find(tls + "ServerNames").text, len(bytes.fromhex(validation.find(tls + "TrustedRootCA").text))])
json.dump(out, sys.stdout)`;
    const given = HOSTILE_SSIDS.flatMap((ssid) => {
      const files = filesFor("windows", ssid);
      return ["homeca.xml", "homeca-wpa3.xml"].map((name) => toBase64(files.get(name)!));
    });
    assert.deepEqual(
      python(program, given),
      HOSTILE_SSIDS.flatMap((ssid) => [1, 2].map(() => [ssid, ssid, FACTS.serverName, 20])),
    );
  },
);

judged("zipfile finds every file of an archive whole", ["python3"], () => {
  const files = [
    { name: "a.txt", bytes: utf8("a") },
    { name: "empty", bytes: new Uint8Array() },
    { name: "large.bin", bytes: new Uint8Array(40_000).map((_, at) => at * 7) },
  ];
  const program = `
import base64, io, json, sys, zipfile
archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(json.load(sys.stdin))))
assert archive.testzip() is None
json.dump([[name, base64.b64encode(archive.read(name)).decode()] for name in archive.namelist()], sys.stdout)`;
  assert.deepEqual(
    python(program, toBase64(zip(files))),
    files.map(({ name, bytes }) => [name, toBase64(bytes)]),
  );
});

judged("nmcli takes the keyfile, and reads the network's name as it is", ["nmcli"], () => {
  for (const ssid of ["Sonnenweg", ...HOSTILE_SSIDS]) {
    const { status, stdout, stderr } = spawnSync(
      "nmcli",
      ["--offline", "connection", "modify", "connection.autoconnect", "yes"],
      { input: filesFor("networkmanager", ssid).get("homeca.nmconnection")!, encoding: "utf8" },
    );
    assert.deepEqual([status, stderr], [0, ""], ssid);
    assert.deepEqual(
      stdout.match(/^\[.*\]$/gmu),
      ["[connection]", "[wifi]", "[wifi-security]", "[802-1x]", "[ipv4]", "[ipv6]", "[proxy]"],
      ssid,
    );
    const lines = stdout.split("\n");
    for (const line of [
      "eap=tls;",
      "domain-match=homeca.home.arpa",
      "altsubject-matches=DNS:homeca.home.arpa;",
      "private-key-password-flags=1",
    ]) {
      assert.ok(lines.includes(line), line);
    }
    const [, written] = /^ssid=(.*)$/mu.exec(stdout)!;
    if (/^[\w ]+$/u.test(ssid)) assert.equal(written!.replaceAll(String.raw`\s`, " "), ssid);
  }
});

/** A home that hands out links, with a station's folder beside it. */
class LinkHome {
  home!: Home;

  async start(): Promise<void> {
    const port = await freeTcpPort();
    const more = `config est 'est'\n\toption enabled '1'\n\tlist listen '127.0.0.1'\n\toption port '${port}'\n`;
    this.home = new Home({ more });
    await this.home.start();
    mkdirSync(this.at(""));
  }

  at(name: string): string {
    return path.join(this.home.folder, "station", name);
  }

  /** Puts the files of a profile where the station has them. */
  keep({ files }: ProfileFiles): void {
    for (const { name, base64 } of files)
      writeFileSync(this.at(name), Buffer.from(base64, "base64"));
  }
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

const stage = new LinkHome();
before(() => stage.start());
after(() => stage.home.remove());

/** Opens the PKCS#12 with the password; gives the certificates in PEM. */
function opened(file: string): string {
  const words = ["pkcs12", "-in", file, "-passin", `pass:${PASSWORD}`, "-nokeys"];
  const { status, stdout, stderr } = spawnSync("openssl", words, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

judged(
  "a supplicant joins with the profile for wpa_supplicant, whatever the network is called",
  ["eapol_test"],
  async () => {
    for (const ssid of ["Sonnenweg", '"}\\', "Küche ☀"]) {
      const wanted = { name: "Laptop", platform: "wpa_supplicant", ssid, password: PASSWORD };
      stage.keep(await stage.home.call<ProfileFiles>("profile", wanted));
      const block = readFileSync(stage.at("homeca-wpa.conf"), "utf8")
        .replace("PASSWORD", PASSWORD)
        .replace("homeca.p12", stage.at("homeca.p12"))
        .replace("homeca-ca.pem", stage.at("homeca-ca.pem"))
        // Without a radio there is no protection of management frames to ask for.
        .replace("\tieee80211w=1\n", "");
      writeFileSync(stage.at("network.conf"), block);
      const words = [
        "-c",
        stage.at("network.conf"),
        "-a",
        "127.0.0.1",
        "-p",
        String(stage.home.ports.auth),
      ];
      const { status, stdout } = spawnSync(
        "eapol_test",
        [...words, "-s", stage.home.secret, "-t", "10"],
        { encoding: "utf8" },
      );
      assert.equal(status, 0, stdout.slice(-2000));
      await stage.home.waitForLog(/Admitted Laptop/u);
    }
  },
);

judged(
  "openssl opens the PKCS#12 for phones with the password, in the form that they all read",
  ["openssl", "python3"],
  async () => {
    for (const [platform, file] of [
      ["apple", "homeca.mobileconfig"],
      ["android", "homeca.p12"],
    ] as const) {
      const wanted = { name: "Phone", platform, ssid: "Home", password: PASSWORD };
      const issued = await stage.home.call<ProfileFiles>("profile", wanted);
      stage.keep(issued);
      if (platform === "apple") {
        const program = `
import json, plistlib, sys
with open(json.load(sys.stdin), "rb") as profile:
    identity = plistlib.load(profile)["PayloadContent"][1]
json.dump(identity["PayloadContent"].hex(), sys.stdout)`;
        const found = python(program, stage.at(file));
        writeFileSync(stage.at("homeca.p12"), Buffer.from(String(found), "hex"));
      }
      const pem = opened(stage.at("homeca.p12"));
      assert.equal(pem.match(/BEGIN CERTIFICATE/gu)?.length, 3);
      const info = [
        "pkcs12",
        "-in",
        stage.at("homeca.p12"),
        "-passin",
        `pass:${PASSWORD}`,
        "-info",
        "-noout",
      ];
      const { stderr } = spawnSync("openssl", info, { encoding: "utf8" });
      assert.match(stderr, /^MAC: sha1, Iteration 1000$/mu);
      assert.equal(stderr.match(/pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 1000/gu)?.length, 2);
      const keyed = [
        "pkcs12",
        "-in",
        stage.at("homeca.p12"),
        "-passin",
        `pass:${PASSWORD}`,
        "-nodes",
      ];
      const both = spawnSync("openssl", keyed, { encoding: "utf8" }).stdout;
      const pub = (words: readonly string[]): string =>
        spawnSync("openssl", words, { input: both, encoding: "utf8" }).stdout;
      assert.match(pub(["pkey", "-pubout"]), /BEGIN PUBLIC KEY/u);
      assert.equal(pub(["pkey", "-pubout"]), pub(["x509", "-noout", "-pubkey"]));
    }
  },
);

judged(
  "curl opens a link once and gets an archive whose PKCS#12 openssl opens with the password",
  ["curl", "openssl", "python3"],
  async () => {
    const wanted = { name: "Desk", platform: "windows", ssid: "Home", password: PASSWORD };
    const { url, fingerprint } = await stage.home.call<ProfileLink>("link", wanted);
    const curl = (...more: readonly string[]): string => {
      const words = [
        "-ksS",
        "--max-time",
        "20",
        "-w",
        "%{http_code} %{content_type}",
        ...more,
        url,
      ];
      const { status, stdout, stderr } = spawnSync("curl", words, {
        cwd: stage.at(""),
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
      return stdout.split("\n").at(-1)!;
    };
    assert.match(curl("-I", "-o", "head"), /^405 /u);
    assert.match(curl("-OJ"), /200 application\/zip$/u);
    assert.match(curl("-o", "again"), /^404 /u);
    const unzip = ["-m", "zipfile", "-e", "homeca.zip", "desk"];
    assert.equal(spawnSync("python3", unzip, { cwd: stage.at("") }).status, 0);
    assert.equal(opened(stage.at("desk/homeca.p12")).match(/BEGIN CERTIFICATE/gu)?.length, 3);
    // The fingerprint is that of the certificate which a browser is shown.
    const { host } = new URL(url);
    const chain = spawnSync("openssl", ["s_client", "-connect", host, "-showcerts"], {
      input: "",
      encoding: "utf8",
    });
    const seen = spawnSync("openssl", ["x509", "-noout", "-fingerprint", "-sha256"], {
      input: chain.stdout,
      encoding: "utf8",
    });
    assert.equal(seen.stdout.trim().split("=")[1], fingerprint);
    const { log } = stage.home;
    assert.ok(!log.includes(PASSWORD) && !log.includes(url.slice(-26)));
  },
);
