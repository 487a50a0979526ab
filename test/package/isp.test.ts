/** An ISP's overlay: what a profile makes of an image, what it refuses, and what runs on the router. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { assert, skip, test } from "#kit";

const KEY = "9f".repeat(32);
const LIST = `id,key,name,type,class\nabcdefghijklmnop,${KEY},Lamp,lamp,aware\n`;
const PUBLIC_PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
/** Key number 0001020304050607, and 32 octets that open nothing. */
const PUBLIC_USIGN = `untrusted comment: a feed\n${Buffer.concat([
  Buffer.from("Ed"),
  Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]),
  Buffer.alloc(32, 9),
]).toString("base64")}\n`;

interface Made {
  readonly status: number | null;
  readonly stderr: string;
  readonly stdout: string;
  /** Paths in the image and their text. */
  readonly files: ReadonlyMap<string, string>;
  readonly folder: string;
}

/** The example of the page, as a profile of its own. */
function example(): Record<string, unknown> {
  const [, json = ""] = /```json\n([^`]*)```/u.exec(readFileSync("docs/isp.md", "utf8")) ?? [];
  return JSON.parse(json);
}

/** Makes an overlay in a new folder, and judges it by `body` before it goes. */
function make(
  profile: unknown,
  more: Readonly<Record<string, string | Uint8Array>>,
  body: (made: Made) => void,
): void {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-isp-"));
  try {
    const given = {
      "gateway-lamps.csv": LIST,
      "feed.pem": PUBLIC_PEM,
      "more/etc/issue": "hello\n",
      ...more,
    };
    for (const [name, content] of Object.entries(given)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), content);
    }
    const file = path.join(folder, "profile.json");
    writeFileSync(file, typeof profile === "string" ? profile : JSON.stringify(profile));
    body(run(folder, file));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(folder: string, file: string): Made {
  const out = path.join(folder, "out");
  const words = ["build/isp.mjs", file, "--out", out];
  const { status, stderr, stdout } = spawnSync(process.execPath, words, { encoding: "utf8" });
  const top = path.join(out, "example/files");
  const names = existsSync(top)
    ? readdirSync(top, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    : [];
  const files = names.map((entry) => {
    const whole = path.join(entry.parentPath ?? entry.path, entry.name);
    return [`/${path.relative(top, whole)}`, readFileSync(whole, "utf8")] as const;
  });
  return { status, stderr, stdout, files: new Map(files), folder };
}

test("the page's example becomes the documented overlay and list of packages", () => {
  make(example(), {}, ({ status, stderr, stdout, files, folder }) => {
    assert.deepEqual([status, stderr], [0, ""]);
    assert.deepEqual([...files.keys()].sort(), [
      "/etc/apk/keys/example.pem",
      "/etc/apk/repositories.d/example.list",
      "/etc/banner",
      "/etc/hotplug.d/ntp/40-homeca-expected",
      "/etc/issue",
      "/etc/uci-defaults/60-homeca-isp",
      "/etc/uci-defaults/61-homeca-ssid",
      "/lib/upgrade/keep.d/homeca-isp",
      "/usr/share/homeca/expected/gateway-lamps.csv",
    ]);
    assert.equal(files.get("/etc/banner"), "Example Internet\nHelp: https://example/help\n");
    assert.equal(
      files.get("/etc/apk/repositories.d/example.list"),
      "https://feed.example/packages.adb\n",
    );
    const packages = readFileSync(path.join(folder, "out/example/packages"), "utf8");
    assert.equal(packages, "homeca wpad-mbedtls -wpad-basic-mbedtls luci\n");
    assert.ok(stdout.startsWith("make image PROFILE=… FILES=/"), stdout);
  });
});

test("for 24.10 a feed is a line of opkg's, and its key is named by its number", () => {
  const feeds = [{ name: "example", url: "https://feed.example/24.10", key: "feed.pub" }];
  const profile = { name: "example", release: "24.10", feeds };
  make(profile, { "feed.pub": PUBLIC_USIGN }, ({ status, stderr, files }) => {
    assert.deepEqual([status, stderr], [0, ""]);
    assert.deepEqual(
      [...files.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      [
        ["/etc/opkg/customfeeds.conf", "src/gz example https://feed.example/24.10\n"],
        ["/etc/opkg/keys/0001020304050607", PUBLIC_USIGN],
      ],
    );
  });
});

test("a profile that is wrong is refused with one sentence, and nothing is written", () => {
  const least = { name: "example", release: "25.12" };
  const feed = { name: "example", url: "https://feed.example/", key: "feed.pem" };
  for (const [profile, sentence] of [
    ["{", /profile\.json is no JSON: /u],
    ["[]", /is no object of JSON/u],
    [{ release: "25.12" }, /'name' has to be a name of a-z, 0-9 and -/u],
    [{ ...least, name: "../up" }, /'name' has to be/u],
    [{ ...least, release: "23.05" }, /'release' has to be 24\.10 or 25\.12/u],
    [{ ...least, sssid: "x" }, /'sssid' is no member of a profile: leave it out/u],
    [{ ...least, ssid: "x".repeat(33) }, /'ssid' has to be text of at most 32 octets/u],
    [{ ...least, ssid: "a\nb" }, /'ssid' has to be/u],
    [{ ...least, options: { main: { home_nmae: "x" } } }, /'options': .*home_nmae/u],
    [{ ...least, options: { main: { enforce: "of" } } }, /'options': .*enforce/u],
    [{ ...least, options: { cellar: { x: "y" } } }, /there is no section 'cellar'/u],
    [{ ...least, options: { main: { "x y": "z" } } }, /'options' has to be/u],
    [{ ...least, packages: ["a b"] }, /'packages' has to be/u],
    [{ ...least, feeds: [{ ...feed, url: "ftp://x" }] }, /'feeds' has to be/u],
    [{ ...least, feeds: [{ ...feed, key: "gone.pem" }] }, /gone\.pem cannot be read \(ENOENT\)/u],
    [{ ...least, feeds: [{ ...feed, key: "gateway-lamps.csv" }] }, /is no public key in PEM/u],
    [{ ...least, release: "24.10", feeds: [feed] }, /is no public key of usign/u],
    [{ ...least, expected: ["bad.csv"] }, /bad\.csv: Line 2: /u],
    [{ ...least, files: "nowhere" }, /nowhere cannot be read \(ENOENT\)/u],
  ] as const) {
    make(profile, { "bad.csv": "id,key\nx,y\n" }, ({ status, stderr, files }) => {
      assert.equal(status, 1, JSON.stringify(profile));
      assert.match(stderr, sentence);
      assert.match(stderr, /^make isp: [^\n]+\n$/u);
      assert.equal(files.size, 0);
    });
  }
});

test("no secret gets into an image, in whatever form it comes", () => {
  const profile = { name: "example", release: "25.12", files: "more" };
  const label = "# a secret of a test, which opens nothing\n";
  const key = spawnSync("openssl", [
    "genpkey",
    "-algorithm",
    "EC",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
  ]);
  const der = (words: readonly string[]): Uint8Array =>
    spawnSync("openssl", words, { input: key.stdout }).stdout;
  const secrets: Readonly<Record<string, string | Uint8Array>> = {
    "etc/a.pem": `${label}-----BEGIN PRIVATE KEY-----\nMA==\n`,
    "etc/b.pem": `${label}-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n`,
    "etc/c": `${label}-----BEGIN OPENSSH PRIVATE KEY-----\nMA==\n`,
    "etc/d": "untrusted comment: the feed's secret key\nMA==\n",
    "etc/config/wireless": `${label}config wifi-iface\n\toption key 'not a key of anybody'\n`,
    "etc/config/homeca": `${label}config client 'attic'\n\toption secret 'not a secret of anybody'\n`,
    "etc/config/unquoted": `${label}config x\n\toption auth_secret nobodys\n`,
    "etc/uci-defaults/99-wifi": `${label}uci set wireless.default_radio0.key='not a key'\n`,
    "etc/wpa.conf": `${label}network={\n\tpsk="not a key of anybody"\n}\n`,
    "etc/homeca/journal": "homeca-journal 1 0\n",
    "etc/shadow": "root::0:0:99999:7:::\n",
    "etc/dropbear/dropbear_ed25519_host_key": "x",
    "etc/hash": "root:$1$abc$def:0:0:99999:7:::\n",
    ...(key.status === 0
      ? {
          "etc/sec1.bin": der(["ec", "-outform", "DER"]),
          "etc/pkcs8.bin": der(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"]),
        }
      : {}),
  };
  for (const [name, content] of Object.entries(secrets)) {
    make(profile, { [`more/${name}`]: content }, ({ status, stderr, files }) => {
      assert.equal(status, 1, name);
      assert.match(
        stderr,
        new RegExp(
          `^make isp: /${name.replaceAll(".", "\\.")} is or holds [^\n]+: take it out, each home makes its own\n$`,
          "u",
        ),
      );
      assert.ok(!stderr.includes("anybody"));
      assert.equal(files.size, 0);
    });
  }
});

test("what only looks like a secret from afar is let through", () => {
  const profile = { name: "example", release: "25.12", files: "more" };
  const harmless = {
    "more/etc/public.pem": PUBLIC_PEM,
    "more/etc/ca.pem": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n",
    "more/etc/config/wireless": "config wifi-iface\n\toption key ''\n\toption keyboard 'us'\n",
    "more/etc/config/homeca-extra":
      "config client 'a'\n\toption secret_file '/etc/homeca/a.secret'\n",
  };
  make(profile, harmless, ({ status, stderr, files }) => {
    assert.deepEqual([status, stderr], [0, ""]);
    assert.equal(files.size, 5);
  });
});

test("setup codes are secrets: a list that has some is refused", () => {
  const list = "id,code,name\nabcdefghijklmnop,ABCDEFGHJKLMNPQR,Lamp\n";
  const profile = { name: "example", release: "25.12", expected: ["codes.csv"] };
  make(profile, { "codes.csv": list }, ({ status, stderr }) => {
    assert.equal(status, 1);
    assert.equal(
      stderr,
      "make isp: codes.csv has setup codes, which are secrets: leave out the column 'code' and keep 'key'\n",
    );
  });
});

test("a link in the folder of one's own is refused: it may lead to a key of this machine", () => {
  const profile = { name: "example", release: "25.12", files: "more" };
  make(profile, {}, ({ folder }) => {
    symlinkSync("/etc/hostname", path.join(folder, "more/etc/link"));
    const { status, stderr } = run(folder, path.join(folder, "profile.json"));
    assert.equal(status, 1);
    assert.match(stderr, /link is no plain file: put the file itself there/u);
  });
});

if (spawnSync("sh", ["-c", "command -v busybox"]).status === 0) onRouter();
else skip("what the overlay does on a router", "needs busybox");

/** A `uci` that remembers in a file; `get` fails for what is not there, and every change is a line of it. */
const UCI = `uci() {
  [ "$1" = -q ] && shift
  case "$1" in
  get) sed -n "s|^$2=||p" "$STORE" | grep . ;;
  show) cat "$STORE" ;;
  set) grep -v "^\${2%%=*}=" "$STORE" >"$STORE.new"; echo "$2" >>"$STORE.new"; mv "$STORE.new" "$STORE" ;;
  add_list) echo "$2" >>"$STORE" ;;
  esac
}`;

function onRouter(): void {
  const source = (
    script: string,
    store: string,
    more = "",
    environment: Readonly<Record<string, string>> = {},
  ): { readonly status: number | null; readonly stdout: string } => {
    const text = `${UCI}\n${more}\n${script}`;
    const env = { PATH: process.env["PATH"], STORE: store, ...environment };
    const { status, stdout, stderr } = spawnSync("busybox", ["sh", "-c", text], {
      encoding: "utf8",
      env,
    });
    assert.equal(stderr, "");
    return { status, stdout };
  };

  test("the ISP's options are set where the owner has set none, and no other", () => {
    make(example(), {}, ({ files, folder }) => {
      const script = files.get("/etc/uci-defaults/60-homeca-isp") ?? "";
      const store = path.join(folder, "store");
      writeFileSync(store, "homeca.limits.onboarding=always\n");
      for (const round of [1, 2]) {
        assert.equal(source(script, store).status, 0, `round ${round}`);
        assert.equal(
          readFileSync(store, "utf8"),
          "homeca.limits.onboarding=always\nhomeca.main.home_name=Example Home\nhomeca.coaps.discovery=br-lan\n",
        );
      }
    });
  });

  test("an option's text is text, whatever stands in it", () => {
    const home = 'It\'s `x` $(y) "z"';
    const profile = { name: "example", release: "25.12", options: { main: { home_name: home } } };
    make(profile, {}, ({ status, stderr, files, folder }) => {
      assert.deepEqual([status, stderr], [0, ""]);
      const store = path.join(folder, "store");
      writeFileSync(store, "");
      source(files.get("/etc/uci-defaults/60-homeca-isp") ?? "", store);
      assert.equal(readFileSync(store, "utf8"), `homeca.main.home_name=${home}\n`);
    });
  });

  test("the SSID takes the place of OpenWrt's own, of no other, and waits for a radio", () => {
    make(example(), {}, ({ files, folder }) => {
      const text = files.get("/etc/uci-defaults/61-homeca-ssid") ?? "";
      // The one line that reads a file of the router.
      const script = text.replace(
        ". /lib/functions/system.sh",
        "get_mac_label() { echo 02:00:5e:ab:cd:ef; }",
      );
      const store = path.join(folder, "store");
      writeFileSync(store, "");
      assert.equal(source(script, store).status, 1);
      const radios = [
        "wireless.default_radio0=wifi-iface",
        "wireless.mine=wifi-iface",
        "wireless.mine.ssid=Mine",
      ];
      writeFileSync(store, [...radios, "wireless.default_radio0.ssid=OpenWrt", ""].join("\n"));
      assert.equal(source(script, store).status, 0);
      const after = [...radios, "wireless.default_radio0.ssid=Example-ABCDEF", ""].join("\n");
      assert.equal(readFileSync(store, "utf8"), after);
    });
  });

  test("a list is imported when the time is known, once, and again only where that failed", () => {
    make(example(), {}, ({ files, folder }) => {
      const script = files.get("/etc/hotplug.d/ntp/40-homeca-expected") ?? "";
      const top = path.join(folder, "out/example/files");
      const program =
        'homeca() { echo "homeca $1 ${2##*/}" >&3; echo no; [ -z "$FAILS" ]; }; logger() { echo "log $5" >&3; }; exec 3>&1';
      const event = (action: string, fails = ""): string =>
        source(script, "/dev/null", program, { ACTION: action, FAILS: fails, HOMECA_ROOT: top })
          .stdout;
      const imports = "homeca import gateway-lamps.csv\n";
      assert.equal(event("step"), "");
      assert.equal(event("stratum", "1"), `${imports}log no\n`);
      assert.equal(event("stratum"), imports);
      assert.equal(event("stratum"), "");
    });
  });
}
