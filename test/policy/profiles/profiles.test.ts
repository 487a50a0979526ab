import { assert, providers, test } from "#kit";
import { fromBase64, fromUtf8, hex, toBase64, utf8 } from "../../../src/base/bytes.ts";
import { isSsid, PLATFORMS, PROFILE_FILES } from "../../../src/policy/profiles/facts.ts";
import type { Platform, ProfileFacts } from "../../../src/policy/profiles/facts.ts";
import { makeProfile, oneFile } from "../../../src/policy/profiles/profile.ts";
import { nameUuid } from "../../../src/policy/profiles/uuid.ts";
import { document, element } from "../../../src/policy/profiles/xml.ts";
import { zip } from "../../../src/policy/profiles/zip.ts";
import { FACTS, HOSTILE_SSIDS } from "./facts.ts";

/** A file of a profile, as text. */
function text(platform: Platform, name: string, facts: Partial<ProfileFacts> = {}): string {
  const { files } = makeProfile(platform, { ...FACTS, ...facts });
  const found = files.find((file) => file.name === name);
  return fromUtf8(found?.bytes ?? assert.fail(`no ${name}`)) ?? assert.fail("not UTF-8");
}

/** The tags of a document, without the text between them. */
const tags = (xml: string): readonly string[] => xml.match(/<[^>]*>/gu) ?? [];

/** Text between two tags, unescaped as XML 1.0 §4.6 says. */
function texts(xml: string): readonly string[] {
  const names: Readonly<Record<string, string>> = {
    amp: "&",
    lt: "<",
    gt: ">",
    quot: '"',
    apos: "'",
  };
  return xml
    .split(/<[^>]*>/u)
    .map((part) => part.replaceAll(/&([a-z]+);/gu, (_, name: string) => names[name] ?? "?"));
}

/** What follows a name in lines of the form `name=value`. */
const valueOf = (file: string, name: string): string =>
  file
    .split("\n")
    .find((line) => line.startsWith(`${name}=`))!
    .slice(name.length + 1);

test("RFC 9562 §A.4: a UUID of version 5 from a namespace and a name", () => {
  const dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
  assert.equal(
    nameUuid(providers[0]!, dns, "www.example.com"),
    "2ed6657d-e927-568b-95e1-2665a8aea6a2",
  );
});

test("an SSID has 1 to 32 octets and no control characters", () => {
  for (const good of ["a", "x".repeat(32), "ü".repeat(16), ...HOSTILE_SSIDS])
    assert.ok(isSsid(good), good);
  for (const bad of [
    "",
    "x".repeat(33),
    "ü".repeat(17),
    "a\nb",
    "a\0",
    "a\u007f",
    "a\ud800",
    "a\uffff",
  ]) {
    assert.ok(!isSsid(bad), JSON.stringify(bad));
  }
});

test("XML: text and attributes are escaped, and what has no form in XML is replaced", () => {
  const root = element("a", [element("b", `<&>"']]>\u0000\u001b\ud800`)], { c: '"<\n' });
  assert.equal(
    document(root),
    `<?xml version="1.0" encoding="UTF-8"?>\n<a c="&quot;&lt;\uFFFD">\n\t<b>&lt;&amp;&gt;&quot;&apos;]]&gt;\uFFFD\uFFFD\uFFFD</b>\n</a>\n`,
  );
});

test("no SSID and no name changes the structure of an XML profile, and each comes out as it went in", () => {
  for (const [platform, name] of [
    ["apple", "homeca.mobileconfig"],
    ["windows", "homeca.xml"],
    ["windows", "homeca-wpa3.xml"],
  ] as const) {
    const plain = tags(text(platform, name));
    for (const hostile of HOSTILE_SSIDS) {
      const device = { id: FACTS.device.id, title: hostile };
      const made = text(platform, name, { ssid: hostile, homeName: hostile, device });
      assert.deepEqual(tags(made), plain, hostile);
      assert.ok(texts(made).includes(hostile), hostile);
    }
  }
});

test("Apple: the network names root and key of the same profile, and checks the server", () => {
  const made = text("apple", "homeca.mobileconfig");
  const flat = made.replaceAll(/\n\t*/gu, "");
  const after = (key: string): string => flat.split(`<key>${key}</key>`)[1]!;
  const uuidOf = (type: string): string =>
    flat
      .split(`<string>${type}</string>`)[1]!
      .split("<key>PayloadUUID</key><string>")[1]!
      .slice(0, 36);
  assert.equal(
    after("PayloadCertificateAnchorUUID").slice(0, 65),
    `<array><string>${uuidOf("com.apple.security.root")}</string></arra`.slice(0, 65),
  );
  assert.ok(
    after("PayloadCertificateUUID").startsWith(
      `<string>${uuidOf("com.apple.security.pkcs12")}</string>`,
    ),
  );
  assert.ok(
    after("TLSTrustedServerNames").startsWith("<array><string>homeca.home.arpa</string></array>"),
  );
  assert.ok(after("AcceptEAPTypes").startsWith("<array><integer>13</integer></array>"));
  const data = [...flat.matchAll(/<data>([^<]*)<\/data>/gu)].map(([, base64]) =>
    fromBase64(base64!),
  );
  assert.deepEqual(data, [FACTS.root, FACTS.p12]);
  assert.ok(!/TLSAllowTrustExceptions|<key>Password<\/key>/u.test(made));
});

test("Apple: the same device gets the same identifiers each time, another device others", () => {
  const uuids = (id: string): readonly string[] =>
    text("apple", "homeca.mobileconfig", { device: { id, title: "x" } }).match(/[0-9A-F-]{36}/gu) ??
    [];
  const [one, again, other] = [
    uuids("abcdefghijklmnop"),
    uuids("abcdefghijklmnop"),
    uuids("ponmlkjihgfedcba"),
  ];
  assert.deepEqual(one, again);
  assert.equal(new Set(one).size, 4);
  assert.ok(other.every((uuid) => !one.includes(uuid)));
});

test("Windows: the server is checked by name and root, and nobody is asked", () => {
  const made = text("windows", "homeca.xml");
  // SHA-1 of "root certificate".
  const thumbprint = [...providers[0]!.digest("sha1", FACTS.root)].map((octet) =>
    octet.toString(16).padStart(2, "0"),
  );
  for (const line of [
    "<DisableUserPromptForServerValidation>true</DisableUserPromptForServerValidation>",
    "<ServerNames>homeca.home.arpa</ServerNames>",
    `<TrustedRootCA>${thumbprint.join(" ")}</TrustedRootCA>`,
    '<PerformServerValidation xmlns="http://www.microsoft.com/provisioning/EapTlsConnectionPropertiesV2">true</PerformServerValidation>',
    "<hex>536F6E6E656E776567</hex>",
    "<authentication>WPA2</authentication>",
  ]) {
    assert.ok(made.includes(line), line);
  }
  assert.ok(
    text("windows", "homeca-wpa3.xml").includes("<authentication>WPA3ENT</authentication>"),
  );
});

test("NetworkManager: no SSID adds a line, and the octets of each are written out", () => {
  const lines = (file: string): readonly string[] =>
    file.split("\n").map((line) => line.replace(/=.*/u, ""));
  const plain = text("networkmanager", "homeca.nmconnection");
  for (const hostile of HOSTILE_SSIDS) {
    const made = text("networkmanager", "homeca.nmconnection", { ssid: hostile });
    assert.deepEqual(lines(made), lines(plain));
    const octets = valueOf(made, "ssid").split(";").slice(0, -1).map(Number);
    assert.deepEqual(Uint8Array.from(octets), utf8(hostile));
  }
  assert.equal(
    valueOf(text("networkmanager", "homeca.nmconnection", { ssid: " a\\ " }), "id"),
    String.raw`\sa\\\s`,
  );
});

test("NetworkManager: the server is checked by root and by name, and the password is in nobody's file", () => {
  const made = text("networkmanager", "homeca.nmconnection");
  const blob = (bytes: Uint8Array): string => `data:;base64,${toBase64(bytes)}`;
  assert.equal(valueOf(made, "ca-cert"), blob(FACTS.root));
  assert.equal(valueOf(made, "private-key"), blob(FACTS.p12));
  assert.equal(valueOf(made, "client-cert"), blob(FACTS.p12));
  assert.equal(valueOf(made, "domain-match"), "homeca.home.arpa");
  assert.equal(valueOf(made, "altsubject-matches"), "DNS:homeca.home.arpa;");
  assert.equal(valueOf(made, "private-key-password-flags"), "1");
  assert.ok(!made.includes("private-key-password="));
});

test("wpa_supplicant: no SSID leaves its line", () => {
  for (const hostile of HOSTILE_SSIDS) {
    const made = text("wpa_supplicant", "homeca-wpa.conf", { ssid: hostile });
    assert.equal(
      made.split("\n").length,
      text("wpa_supplicant", "homeca-wpa.conf").split("\n").length,
    );
    const [, written] = /^\tssid=(.*)$/mu.exec(made)!;
    const read = written!.startsWith("P")
      ? written!.slice(2, -1).replaceAll(/\\(.)/gu, "$1")
      : written!.slice(1, -1);
    assert.equal(read, hostile);
  }
});

test("steps are sentences that can be shown, whatever the network and the home are called", () => {
  for (const platform of PLATFORMS) {
    for (const ssid of HOSTILE_SSIDS) {
      const { steps } = makeProfile(platform, { ...FACTS, ssid, homeName: "\u202eevil\n" });
      assert.ok(steps.length >= 3 && steps.length <= 8);
      for (const step of steps) assert.ok(!/[\p{Cc}\u202e]/u.test(step), step);
    }
  }
});

test("files have names that nobody chose, and fit an answer", () => {
  for (const platform of PLATFORMS) {
    const { files } = makeProfile(platform, {
      ...FACTS,
      p12: new Uint8Array(4096),
      root: new Uint8Array(1024),
    });
    assert.deepEqual(
      files.map(({ name }) => name),
      PROFILE_FILES[platform],
    );
    assert.ok(files.every(({ name }) => /^homeca[a-z0-9.-]*$/u.test(name)));
    const octets = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
    assert.ok(octets < 32_768, `${platform}: ${octets}`);
  }
});

test("a profile of one file is that file for a link, one of several an archive of them", () => {
  assert.equal(oneFile(makeProfile("apple", FACTS)).type, "application/x-apple-aspen-config");
  assert.equal(oneFile(makeProfile("networkmanager", FACTS)).name, "homeca.nmconnection");
  const { name, type, bytes } = oneFile(makeProfile("android", FACTS));
  assert.deepEqual([name, type], ["homeca.zip", "application/zip"]);
  assert.ok(bytes.length > FACTS.p12.length);
});

test("ZIP: one stored file, as the format lays it out", () => {
  // The check value of CRC-32 is that of "123456789".
  assert.deepEqual(
    zip([{ name: "a", bytes: utf8("123456789") }]),
    hex(`
      504b0304 0a00 0000 0000 0000 2100 2639f4cb 09000000 09000000 0100 0000 61 313233343536373839
      504b0102 0a00 0a00 0000 0000 0000 2100 2639f4cb 09000000 09000000 0100 0000 0000 0000 0000
        00000000 00000000 61
      504b0506 0000 0000 0100 0100 2f000000 28000000 0000`),
  );
});
