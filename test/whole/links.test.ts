/** Profiles and the links that bring them, in the whole daemon: once, for a while, and not after the owner's other word. */
import { assert, providers, test } from "#kit";
import { fromBase64, fromUtf8 } from "../../src/base/bytes.ts";
import { isReachable, linkUrl } from "../../src/daemon/link-http.ts";
import { MAX_LINK_SECONDS, MAX_LINKS } from "../../src/daemon/links.ts";
import type { ProfileFiles, ProfileLink } from "../../src/daemon/management/service.ts";
import { PLATFORMS } from "../../src/policy/profiles/facts.ts";
import { parseCertificate } from "../../src/proto/x509/certificate.ts";
import { parsePfx } from "../../src/proto/x509/pkcs12.ts";
import { cheapPasswords } from "../kit/cheap-passwords.ts";
import { EstClient } from "../kit/est-client.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = cheapPasswords(providers[0]!);
const HOUSE = `config homeca 'main'
	option enforce 'off'
config radius 'radius'
	list listen '127.0.0.1'
config client 'ap'
	option prefix '127.0.0.1'
	option secret 'memory-secret-of-a-test'
`;
const WITH_EST = `${HOUSE}config est 'est'
	option enabled '1'
	list listen '127.0.0.1'
`;
const PASSWORD = "correct horse battery";
const PHONE = { name: "Ada's phone", ssid: "Sonnenweg", password: PASSWORD };

const home = (uci = WITH_EST): MemoryHome => new MemoryHome(crypto, { uci });

/** Arguments of `link` with what they are answered. The method's results are as the reference has them. */
async function link(at: MemoryHome, more: object = {}): Promise<ProfileLink & { status: number }> {
  const answer: unknown = await at.call("link", { ...PHONE, platform: "apple", ...more });
  return answer as ProfileLink & { status: number };
}

async function profile(at: MemoryHome, more: object = {}): Promise<ProfileFiles> {
  const answer: unknown = await at.call("profile", { ...PHONE, platform: "apple", ...more });
  return answer as ProfileFiles;
}

/** What a browser gets that does not know this home: no certificate of its own. */
function fetched(at: MemoryHome, path: string, method = "GET"): string {
  return new EstClient(crypto, at.host)
    .start()
    .ask(`${method} ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
}

const pathOf = (url: string): string => url.slice(url.indexOf("/", "https://".length));
const statusOf = (response: string): number => Number(response.slice(9, 12));
const bodyOf = (response: string): string => response.slice(response.indexOf("\r\n\r\n") + 4);
const NOWHERE = "/link/aaaaaaaaaaaaaaaaaaaaaaaaaa";

for (const platform of PLATFORMS) {
  test(`${platform}: a profile is made for a device that is then on record, and its password is in none of it`, async () => {
    const at = home();
    const { id, files, steps } = await profile(at, { platform });
    assert.ok(steps.length > 0);
    const text = files.map(({ base64 }) => fromUtf8(fromBase64(base64)!) ?? base64).join("\n");
    assert.ok(!text.includes(PASSWORD));
    const device = await at.call("device", { id });
    assert.deepEqual(
      [device["name"], device["class"], device["state"]],
      [PHONE.name, "certificate", "approved"],
    );
    assert.equal((device["certificates"] as unknown[]).length, 1);
  });
}

test("a profile in the new form holds key, certificate and chain of the device on record", async () => {
  const at = home();
  const { id, files } = await profile(at, { platform: "windows" });
  const { certificates } = parsePfx(fromBase64(files[0]!.base64)!, PASSWORD, crypto);
  const [{ serial }] = (await at.call("device", { id }))["certificates"] as [{ serial: string }];
  assert.equal(parseCertificate(certificates[0]!).serial, serial);
  assert.equal(certificates.length, 3);
});

test("a profile for a device on record is one more certificate of that device", async () => {
  const at = home();
  const { id } = await profile(at);
  const again = await profile(at, { id, name: undefined, platform: "windows" });
  assert.equal(again.id, id);
  assert.equal(((await at.call("device", { id }))["certificates"] as unknown[]).length, 2);
});

test("what cannot be made leaves nothing on record", async () => {
  const at = home();
  for (const [wrong, reason] of [
    [{ ssid: "a\nb" }, "bad-argument"],
    [{ ssid: "ü".repeat(17) }, "bad-argument"],
    [{ ssid: "x".repeat(33) }, "bad-argument"],
    [{ platform: "amiga" }, "bad-argument"],
    [{ password: "short" }, "bad-argument"],
    [{ name: undefined }, "bad-argument"],
    [{ id: "aaaaaaaaaaaaaaaa" }, "unknown-device"],
    [{ seconds: MAX_LINK_SECONDS + 1 }, "bad-argument"],
  ] as const) {
    const answer: unknown = await link(at, wrong);
    assert.equal((answer as { reason: string }).reason, reason, JSON.stringify(wrong));
  }
  assert.deepEqual((await at.call("devices"))["devices"], []);
  const { reason, message } = await home(HOUSE).call("link", { ...PHONE, platform: "apple" });
  assert.equal(reason, "bad-configuration");
  assert.ok(String(message).includes("option enabled '1'"));
});

test("a link brings its file once, with no more than the file needs said", async () => {
  const at = home();
  const { id, url, until, file, hint, fingerprint } = await link(at);
  assert.match(url, /^https:\/\/127\.0\.0\.1:8443\/link\/[a-z2-7]{26}$/u);
  assert.equal(until, 1_800_000_000 + MAX_LINK_SECONDS);
  assert.equal(file, "homeca.mobileconfig");
  assert.match(String(hint), /^Only this router can open the link: /u);
  assert.match(fingerprint, /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/u);
  const response = fetched(at, pathOf(url));
  assert.equal(statusOf(response), 200);
  for (const field of [
    "Content-Type: application/x-apple-aspen-config",
    'Content-Disposition: inline; filename="homeca.mobileconfig"',
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
  ]) {
    assert.ok(response.includes(`\r\n${field}\r\n`), field);
  }
  assert.ok(bodyOf(response).startsWith("<?xml"));
  assert.ok(!response.includes(PASSWORD));
  assert.equal(statusOf(fetched(at, pathOf(url))), 404);
  const { events } = await at.call("log", { device: id });
  const said = (events as { text: string }[]).map(({ text }) => text);
  assert.ok(
    said.includes("The link to the profile of Ada's phone was opened from 127.0.0.1."),
    said.join("\n"),
  );
});

test("unknown and used links, and every other path, are answered alike", async () => {
  const at = home();
  const { url } = await link(at);
  fetched(at, pathOf(url));
  const dateless = (text: string): string => text.replace(/Date: [^\r]*/u, "");
  const nothing = dateless(fetched(at, "/nothing"));
  assert.equal(statusOf(nothing), 404);
  const token = pathOf(url).slice("/link/".length);
  for (const path of [
    pathOf(url),
    NOWHERE,
    "/link/",
    `/link/${token.toUpperCase()}`,
    `/link/${token}/`,
  ]) {
    assert.equal(dateless(fetched(at, path)), nothing, path);
  }
});

test("only GET opens a link, and what is asked otherwise does not tell which there are", async () => {
  const at = home();
  const { url } = await link(at);
  for (const method of ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"]) {
    for (const path of [pathOf(url), NOWHERE]) {
      const response = fetched(at, path, method);
      assert.equal(statusOf(response), 405, `${method} ${path}`);
      assert.ok(response.includes("\r\nAllow: GET\r\n"));
    }
  }
  assert.equal(statusOf(fetched(at, `${pathOf(url)}?from=a-messenger`)), 200);
});

test("a link ends by itself, and nothing is kept of it", async () => {
  const at = home();
  const short = await link(at, { seconds: 10 });
  const long = await link(at, { name: "Other" });
  at.host.clock.advance(9_999);
  const early = await link(at, { name: "Third", seconds: 10 });
  at.host.clock.advance(1);
  assert.equal(statusOf(fetched(at, pathOf(short.url))), 404);
  assert.equal(statusOf(fetched(at, pathOf(early.url))), 200);
  at.host.clock.advance(MAX_LINK_SECONDS * 1000 - 10_000);
  assert.equal(statusOf(fetched(at, pathOf(long.url))), 404);
});

for (const [word, args] of [
  ["revoke", {}],
  ["release", {}],
] as const) {
  test(`${word} ends the device's link and no other`, async () => {
    const at = home();
    const one = await link(at);
    const other = await link(at, { name: "Other" });
    assert.equal((await at.call(word, { id: one.id, ...args }))["status"], 0);
    assert.equal(statusOf(fetched(at, pathOf(one.url))), 404);
    assert.equal(statusOf(fetched(at, pathOf(other.url))), 200);
  });
}

test("the daemon's end is the end of its links", async () => {
  const at = home();
  const { url } = await link(at);
  const later = new MemoryHome(crypto, { files: at.stop() });
  assert.equal(statusOf(fetched(later, pathOf(url))), 404);
});

test("sixteen links wait at most, and one more is refused before anything is issued", async () => {
  const at = home();
  const { id, url } = await link(at);
  for (let count = 1; count < MAX_LINKS; count++) await link(at, { id, name: undefined });
  const before = ((await at.call("device", { id }))["certificates"] as unknown[]).length;
  assert.equal(
    ((await link(at, { id, name: undefined })) as unknown as { reason: string }).reason,
    "full",
  );
  assert.equal(((await at.call("device", { id }))["certificates"] as unknown[]).length, before);
  fetched(at, pathOf(url));
  assert.equal((await link(at, { id, name: undefined })).status, 0);
});

test("neither the password nor a token is in a log line or an event", async () => {
  const at = home();
  const { url } = await link(at, { platform: "windows" });
  const { files } = await profile(at, { name: "Other" });
  fetched(at, pathOf(url));
  const told = JSON.stringify([at.lines, await at.call("log")]);
  const secrets = [PASSWORD, pathOf(url).slice(6), files[0]!.base64.slice(2000, 2040)];
  for (const secret of secrets) assert.ok(!told.includes(secret), secret);
});

test("a link names an address that devices reach, if this router listens at one", () => {
  const at = (...addresses: string[]): string =>
    linkUrl(
      addresses.map((address) => ({ address, port: 8443 })),
      "homeca.home.arpa",
      "t",
    );
  assert.equal(at("127.0.0.1", "::1", "192.168.1.1"), "https://192.168.1.1:8443/link/t");
  assert.equal(at("::1", "fd00::1"), "https://[fd00::1]:8443/link/t");
  assert.equal(at("fe80::1", "127.0.0.1"), "https://[fe80::1]:8443/link/t");
  assert.equal(at("0.0.0.0"), "https://homeca.home.arpa:8443/link/t");
  const reachable = ["192.168.1.1", "10.0.0.1", "fd00::1", "2001:db8::1", "0.0.0.0"];
  assert.ok(reachable.every((address) => isReachable({ address, port: 1 })));
  assert.ok(
    ["127.0.0.1", "127.1.2.3", "::1", "fe80::1"].every(
      (address) => !isReachable({ address, port: 1 }),
    ),
  );
});
