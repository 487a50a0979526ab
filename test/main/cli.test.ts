// The command line as its user meets it: child processes against a daemon of three devices on a real socket.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import esbuild from "esbuild";
import { assert, test } from "#kit";
import { METHODS } from "../../src/daemon/management/methods.ts";
import { VERSION } from "../../src/daemon/version.ts";
import { COMMANDS } from "../../src/main/cli/main.ts";
import { DOOR, HOSTILE, PHONE } from "../daemon/stub-service.ts";

const folder = mkdtempSync(path.join(tmpdir(), "homeca-cli-"));
const at = (name: string): string => path.join(folder, name);
const program = at("homeca.mjs");
const socket = at("homeca.sock");
const config = at("homeca.conf");
const GOOD = `config homeca 'main'\n\toption socket '${socket}'\n\toption log_level 'debug'\n`;

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `homeca` with words and waits for its end. */
function homeca(...words: readonly string[]): Ended {
  return homecaWith("", ...words);
}

function homecaWith(input: string, ...words: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    input,
    encoding: "utf8",
  });
  return { status, out: stdout, err: stderr };
}

const ask = (...words: readonly string[]): Ended => homeca(...words, "--socket", socket);

/** A `homeca serve` and its log so far. */
interface Served {
  readonly child: ChildProcess;
  readonly log: () => string;
  readonly until: (text: string) => Promise<void>;
  readonly ended: Promise<number | null>;
}

function serve(configPath: string, ...more: readonly string[]): Served {
  const words = [program, "serve", "--config", configPath, ...more];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  let heard = (): void => {};
  child.stderr.on("data", (part: Buffer) => {
    log += part.toString();
    heard();
  });
  return {
    child,
    log: () => log,
    until: (text) =>
      new Promise((resolve, reject) => {
        heard = () => log.includes(text) && resolve();
        heard();
        child.on("close", () => reject(new Error(`ended before "${text}":\n${log}`)));
      }),
    ended: new Promise((resolve) => child.on("close", resolve)),
  };
}

let daemon: Served;
before(async () => {
  await esbuild.build({
    entryPoints: ["test/main/stub-homeca.ts"],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
  writeFileSync(config, GOOD);
  daemon = serve(config);
  await daemon.until("listening");
});
after(async () => {
  daemon.child.kill("SIGTERM");
  await daemon.ended;
  rmSync(folder, { recursive: true });
});

test("devices are an aligned table in which hostile names stay in their cell", () => {
  const { status, out, err } = ask("devices");
  assert.deepEqual([status, err], [0, ""]);
  assert.deepEqual(out.split("\n"), [
    "ID                NAME                        CLASS  STATE    NETWORK     LAST SEEN          MAC",
    "qrstuvwxyz234567  -                           aware  pending  quarantine  2026-01-01 00:00Z  02:00:00:00:00:01",
    "7654327654327654  \\x1b[2Jevil\\u{202e}\\x0arow  aware  pending  quarantine  2026-01-01 00:00Z  02:00:00:00:00:01",
    "abcdefghijklmnop  Front door                  aware  active   home        2026-01-01 00:00Z  02:00:00:00:00:01",
    "",
  ]);
});

test("devices of one state, by the command's other name; none is said in words", () => {
  const { out } = ask("list", "active");
  assert.equal(out.split("\n").length, 3);
  assert.equal(ask("devices", "revoked").out, "no devices\n");
});

test("--json is the result as it is, and harmless on a terminal", () => {
  const { status, out } = ask("show", HOSTILE, "--json");
  assert.equal(status, 0);
  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
  assert.ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(out));
  const parsed: unknown = JSON.parse(out);
  assert.equal(
    Object.entries(parsed ?? {}).find(([key]) => key === "name")?.[1],
    "\u001b[2Jevil\u202e\nrow",
  );
});

test("every command has a name of its own", () => {
  const names = COMMANDS.flatMap(({ name, alias }) => (alias === null ? [name] : [name, alias]));
  assert.deepEqual(names, [...new Set(names)]);
});

test("one device is shown with who named it, its certificates and the reason", () => {
  const { status, out } = ask("show", DOOR);
  assert.equal(status, 0);
  for (const line of [
    "name           Front door (by device)",
    "placement      iot, VLAN 20",
    "certificate    0a1b, until 2027-01-01 00:00Z",
    "key            not agreed on with this home: it came by a request, or was made here",
    "why            Admitted Front door.",
    "decided        -",
  ]) {
    assert.ok(out.split("\n").includes(line), `${line} in\n${out}`);
  }
});

test("the owner's words reach the daemon and its answer comes back", () => {
  assert.equal(
    ask("approve", PHONE, "--name", "Ada's phone", "--vlan=20").out,
    `${PHONE} is approved\n`,
  );
  assert.equal(ask("deny", PHONE).out, `${PHONE} is denied\n`);
  assert.equal(ask("rename", DOOR, "Garage").out, `${DOOR} is active\n`);
  assert.equal(
    ask("revoke", DOOR, "--reason", "keyCompromise").out,
    `${DOOR} is revoked\n` +
      "      0 ms  The record says so.\n" +
      "     12 ms  The firewall lets nothing through.\n",
  );
  const words = ["--to", PHONE, "--path", "/on", "--method", "GET"];
  assert.deepEqual(ask("why", DOOR, ...words), {
    ...{ status: 0, out: "It is in the network.\n", err: "" },
  });
  assert.deepEqual(ask("why", PHONE), { status: 1, out: "Held it: it waits for you.\n", err: "" });
  assert.match(ask("pulse").out, /^boot {6}0123456789abcdef\nrevision {2}5\nevents {4}2\n$/u);
  assert.equal(ask("release", DOOR).out, `${DOOR} is released\n`);
  assert.equal(ask("readmit", DOOR).out, `${DOOR} is pending\n`);
  assert.equal(ask("lock", DOOR).out, `${DOOR} is active\n`);
  assert.equal(ask("unlock", DOOR).out, `${DOOR} is active\n`);
  assert.equal(ask("patience", DOOR, "60").out, `${DOOR} may be silent for 60 days\n`);
  const byHome = `${DOOR} may be silent for 12.5 days, as the home decides\n`;
  assert.equal(ask("patience", DOOR, "auto").out, byHome);
  assert.equal(ask("remove", PHONE).out, `${PHONE} is forgotten\n`);
  assert.equal(
    ask("deny", PHONE, "--json").out,
    `{\n  "id": "${PHONE}",\n  "state": "denied"\n}\n`,
  );
});

test("what the daemon refuses ends with status 1 and its sentence", () => {
  assert.deepEqual(ask("release", PHONE), {
    status: 1,
    out: "",
    err: `homeca: ${PHONE} holds no certificate: run homeca deny ${PHONE}\n`,
  });
  assert.deepEqual(ask("deny", "no\u001b[1mbody"), {
    status: 1,
    out: "",
    err: "homeca: no device has the id no\\x1b[1mbody: run homeca devices for those there are\n",
  });
});

test("status, log, authority, crl, reload and replaced are told in lines", () => {
  assert.match(ask("status").out, /^running for {6}1 d 2 h$/m);
  assert.match(ask("status").out, /^access point {5}phy0-ap0 "Home", 2 stations$/m);
  assert.match(ask("status").out, /^look {13}two devices wait: run homeca devices pending$/m);
  assert.equal(
    ask("log").out,
    "2026-01-01 00:00Z  Admitted Front door.\ntime not known     Started; the time is not known.\\x07\n",
  );
  assert.match(ask("authority").out, /^fingerprint \(SHA-256\) +AA:BB$/m);
  // One answer of the daemon has one entry; the command asks on until it has the oldest.
  assert.equal(
    ask("audit").out,
    "      1  2026-01-01 00:00Z  owner      Approved Front door.\n" +
      "      2  2026-01-01 00:00Z  owner      Issued Front door a certificate.\\x07\n",
  );
  assert.match(ask("audit", "--limit", "1").out, /^ {6}2 .*\n$/u);
  assert.match(ask("verify").out, /^entries {5}1 to 2\nchain {7}(?:ab){32}\nas written  yes\n$/u);
  assert.equal(ask("authority", "--pem").out, "ROOT\n");
  assert.match(ask("crl").out, /^number {16}7$/m);
  assert.equal(ask("crl", "--pem").out, "CRL\n");
  assert.equal(
    ask("reload").out,
    "warning: option 'x' is unknown in section 'main': remove it (homeca:3)\nthe configuration is in force\n",
  );
  assert.equal(ask("replaced").out, "this router is the home's: 02:00:00:00:aa:01\n");
});

test("issue writes files of mode 0600 and prints a made password once", () => {
  const files = [at("ada.p12"), at("ada.conf"), at("ada-ca.pem")] as const;
  const [p12, wpa, ca] = files;
  const { status, out } = ask("issue", "--name", "Ada", "--p12", p12, "--wpa", wpa, "--ca", ca);
  assert.equal(status, 0);
  assert.match(
    out,
    /^issued to \w{16}, written to .*ada\.p12\npassword, shown this once: (?:[a-z2-7]{5}-){3}[a-z2-7]{5}\n$/,
  );
  assert.deepEqual(
    files.map((file) => readFileSync(file, "utf8")),
    ["p12", "network={\n}\n", "ROOT\n"],
  );
  for (const file of files) assert.equal(statSync(file).mode & 0o777, 0o600, file);
});

test("issue takes a password from a file and does not print it", () => {
  const passwordFile = at("password");
  writeFileSync(passwordFile, "correct horse battery\n");
  const words = ["issue", DOOR, "--p12", at("door.p12"), "--password-file", passwordFile];
  assert.deepEqual(ask(...words), {
    status: 0,
    out: `issued to ${DOOR}, written to ${at("door.p12")}\n`,
    err: "",
  });
  const two = homecaWith("two\nlines\n", "issue", DOOR, "--p12", at("x"), "--password-file", "-");
  assert.deepEqual([two.status, existsSync(at("x"))], [2, false]);
  const short = homecaWith(
    "short\n",
    "issue",
    DOOR,
    "--p12",
    at("x"),
    "--password-file",
    "-",
    "--socket",
    socket,
  );
  assert.equal(
    short.err,
    "homeca: argument 'password' is too short: send at least 12 characters\n",
  );
  assert.deepEqual([short.status, existsSync(at("x"))], [1, false], "no empty file is left");
});

test("issue never overwrites, and then asks the daemon for nothing", () => {
  writeFileSync(at("kept.p12"), "kept");
  const { status, err } = ask(
    "issue",
    "--name",
    "A",
    "--ca",
    at("new.pem"),
    "--p12",
    at("kept.p12"),
  );
  assert.equal(status, 2);
  assert.equal(
    err,
    `homeca: ${at("kept.p12")} is there already: remove it or choose another name\n`,
  );
  assert.equal(readFileSync(at("kept.p12"), "utf8"), "kept");
  assert.ok(!existsSync(at("new.pem")));
});

test("profile writes its files with mode 0600, tells what to do and prints a made password once", () => {
  const { status, out } = ask(
    "profile",
    "android",
    "--ssid",
    "Home",
    "--name",
    "Ada",
    "--folder",
    folder,
  );
  assert.equal(status, 0);
  assert.match(
    out,
    /^issued to \w{16}\nfiles: homeca\.p12, homeca-ca\.pem\npassword, shown this once: (?:[a-z2-7]{5}-){3}[a-z2-7]{5}\n1\. Open homeca\.p12\.\\x07\n2\. Join Home\.\n$/u,
  );
  const files = [at("homeca.p12"), at("homeca-ca.pem")];
  assert.deepEqual(
    files.map((file) => readFileSync(file, "utf8")),
    ["p12", "ROOT\n"],
  );
  for (const file of files) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  const again = ask("profile", "android", DOOR, "--ssid", "Home", "--folder", folder);
  assert.deepEqual(
    [again.status, again.err],
    [2, `homeca: ${at("homeca.p12")} is there already: remove it or choose another name\n`],
  );
});

test("link tells where and until when, the fingerprint, a hint where there is one, and the password once", () => {
  const { status, out } = ask("link", "apple", DOOR, "--ssid", "Home", "--seconds", "60");
  assert.equal(status, 0);
  assert.match(
    out,
    /^issued to abcdefghijklmnop\nlink, opens once: https:\/\/192\.168\.1\.1:8443\/link\/[a-z]{26}\nends: 2026-01-01 00:15Z\nfingerprint shown there: AA:BB\nOnly this router can open the link\.\npassword, shown this once: \S{23}\n1\. Open homeca\.zip\.\n$/u,
  );
  const password = at("link.password");
  writeFileSync(password, "correct horse battery\n");
  const own = ask("link", "windows", DOOR, "--ssid", "Home", "--password-file", password, "--json");
  assert.ok(!own.out.includes("password") && !own.out.includes("horse"));
  const told: unknown = JSON.parse(own.out);
  assert.equal(Object.entries(told ?? {}).find(([key]) => key === "file")?.[1], "homeca.zip");
});

test("a profile needs a system, a network and a name, and nothing is made before it has them", () => {
  for (const [words, sentence] of [
    [
      ["amiga", "--ssid", "H", "--name", "A"],
      "there is no profile for 'amiga': write one of apple, windows, android, networkmanager, wpa_supplicant",
    ],
    [["apple", "--name", "A"], "the network needs its name: add --ssid SSID"],
    [
      ["apple", "--ssid", "H"],
      "a new device needs a name: add --name NAME, or the ID of one on record",
    ],
  ] as const) {
    for (const command of ["profile", "link"]) {
      const { status, err } = ask(command, ...words);
      assert.deepEqual([status, err], [2, `homeca: ${sentence}\n`], command);
    }
  }
  assert.ok(!existsSync("homeca.mobileconfig"));
});

test("cage prints a Wi-Fi key once and writes a network block; a wired device has neither", () => {
  const block = at("camera.conf");
  const { status, out } = ask("cage", "Camera", "02:00:00:00:00:09", "--wpa", block);
  assert.equal(status, 0);
  assert.equal(out, `caged as ${DOOR}\nWi-Fi key, shown this once: abcdefghij234567klmn\n`);
  assert.match(readFileSync(block, "utf8"), /psk=/);
  assert.equal(statSync(block).mode & 0o777, 0o600);
  const wired = ask("cage", "TV", "02:00:00:00:00:0a", "--class", "wired", "--wpa", at("tv.conf"));
  assert.equal(wired.out, `caged as ${DOOR}\n`);
  assert.ok(!existsSync(at("tv.conf")), "no empty file is left");
});

test("sign reads a request and writes the chain", () => {
  const request = at("laptop.csr");
  writeFileSync(request, "REQUEST\n");
  assert.equal(ask("sign", DOOR, request).out, "CERT\nROOT\n");
  assert.deepEqual(ask("sign", DOOR, request, "--out", at("laptop.pem")), {
    status: 0,
    out: "",
    err: "",
  });
  assert.equal(readFileSync(at("laptop.pem"), "utf8"), "CERT\nROOT\n");
  assert.equal(homecaWith("REQUEST\n", "sign", DOOR, "-", "--socket", socket).out, "CERT\nROOT\n");
});

test("import knows the format by the file's name or is told, and says what was left out", () => {
  const list = at("lamps.csv");
  writeFileSync(list, "id\n");
  const done = "left out: line 3: the code is too short\n2 taken in, 1 left out\n";
  assert.deepEqual(ask("import", list), { status: 0, out: done, err: "" });
  const piped = homecaWith("HOMECA:1", "import", "-", "--format", "qr", "--socket", socket);
  assert.deepEqual(piped, { status: 0, out: done, err: "" });
  assert.equal(
    homeca("import", "-").err,
    "homeca: the name - does not tell its format: add --format csv or --format qr\n",
  );
  writeFileSync(list, "é".repeat(40_000));
  assert.deepEqual(ask("import", list).err, "homeca: this is more than 64 KiB: send it in parts\n");
});

const USAGE: readonly (readonly [words: readonly string[], sentence: string])[] = [
  [[], "no command is given: run homeca help for all there are"],
  [["aprove"], "there is no command aprove: did you mean approve?"],
  [["dance"], "there is no command dance: run homeca help for all there are"],
  [["help", "dance"], "there is no command dance: run homeca help for all there are"],
  [["deny"], "ID is missing: write homeca deny ID [--socket FILE] [--json]"],
  [["patience", DOOR, "long"], "DAYS is no whole number: write 3 to 60, or auto"],
  [["rename", DOOR], "NAME is missing: write homeca rename ID NAME [--socket FILE] [--json]"],
  [["status", "now"], "there are too many words: write homeca status [--socket FILE] [--json]"],
  [["status", "--jsn"], "unknown option --jsn: did you mean --json?"],
  [["status", "-x"], "unknown option -x: run homeca help for all there are"],
  [["status", "--json=1"], "option --json takes no value: write it alone"],
  [["status", "--json", "--json"], "option --json stands twice: keep one"],
  [["status", "--socket"], "option --socket has no FILE: add it"],
  [["approve", DOOR, "--vlan", "iot"], "option --vlan is 'iot': write a whole number"],
  [
    ["issue", "--p12", "x"],
    "a new device needs a name: add --name NAME, or the ID of one on record",
  ],
  [["issue", "--name", "x"], "the PKCS#12 needs a place: add --p12 FILE"],
  [["sign", DOOR, "/nonexistent"], "cannot read /nonexistent (ENOENT): name a file you may read"],
  [
    ["deny", "--", "--json", "x"],
    "there are too many words: write homeca deny ID [--socket FILE] [--json]",
  ],
];
for (const [words, sentence] of USAGE) {
  test(`usage, status 2: ${sentence}`, () => {
    assert.deepEqual(homeca(...words), { status: 2, out: "", err: `homeca: ${sentence}\n` });
  });
}

test("status 3 where nobody listens, and where somebody else does", async () => {
  const nobody = at("nobody.sock");
  assert.deepEqual(homeca("status", "--socket", nobody), {
    status: 3,
    out: "",
    err: `homeca: HomeCA is not running (${nobody}: ENOENT): start it with /etc/init.d/homeca start\n`,
  });
  const stranger = at("stranger.sock");
  const code = `require("net").createServer((s) => { s.on("error", () => {}); s.end("220 hello\\n"); }).listen(process.argv[1], () => console.log("up"))`;
  const other = spawn(process.execPath, ["-e", code, stranger], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => other.stdout.once("data", resolve));
  assert.deepEqual(homeca("status", "--socket", stranger), {
    status: 3,
    out: "",
    err: `homeca: HomeCA does not answer at ${stranger}: restart it with /etc/init.d/homeca restart\n`,
  });
  other.kill("SIGKILL");
});

test("a wrong configuration ends serve with status 4 and every mistake on a line", async () => {
  const wrong = at("wrong.conf");
  writeFileSync(wrong, "config radius\n\toption auth_port x\n\toption acct_port y\n");
  const served = serve(wrong);
  assert.equal(await served.ended, 4);
  assert.equal(
    served.log(),
    [
      "homeca: option 'auth_port' in section 'radius' is 'x': use a number from 1 to 65535 (wrong.conf:2)",
      "homeca: option 'acct_port' in section 'radius' is 'y': use a number from 1 to 65535 (wrong.conf:3)",
      "",
    ].join("\n"),
  );
  const none = serve(at("none.conf"));
  assert.equal(await none.ended, 4);
  assert.equal(none.log(), `homeca: there is no ${at("none.conf")}: name one with --config\n`);
});

test("SIGHUP reloads, a wrong configuration is refused and the daemon stays, SIGTERM ends it with status 0", async () => {
  const own = at("own.conf");
  writeFileSync(own, GOOD.replace(socket, at("own.sock")));
  const served = serve(own, "--syslog");
  await served.until("<5>listening\n");
  served.child.kill("SIGHUP");
  await served.until("<5>reloaded\n");
  writeFileSync(own, "config homeca\n\toption enforce 'maybe'\n");
  served.child.kill("SIGHUP");
  await served.until(
    "<3>the configuration in force stays: option 'enforce' in section 'homeca' is 'maybe': use 'nft', 'show' or 'off' (own.conf:2)\n",
  );
  assert.equal(statSync(at("own.sock")).mode & 0o777, 0o600);
  served.child.kill("SIGTERM");
  assert.equal(await served.ended, 0);
  assert.ok(!existsSync(at("own.sock")));
});

test("a second serve beside a running one is refused with status 1", async () => {
  const second = serve(config);
  assert.equal(await second.ended, 1);
  assert.equal(second.log(), `homeca: listen at ${socket}: EADDRINUSE\n`);
  assert.equal(ask("crl", "--pem").out, "CRL\n", "the first one is still there");
});

test("help of a command has the sections of a manual page, and every command has one", () => {
  const { status, out } = homeca("help", "approve");
  assert.equal(status, 0);
  assert.equal(homeca("approve", "--help").out, out);
  assert.equal(homeca("approve", "-h").out, out);
  assert.deepEqual(
    out.split("\n").filter((line) => /^\S/.test(line)),
    ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES"],
  );
  assert.match(
    out,
    /^ {4}homeca approve ID \[--name NAME\] \[--vlan NUMBER\] \[--socket FILE\] \[--json\]$/m,
  );
  assert.match(out, /^ {4}3 {2}HomeCA is not running or does not answer; nothing was done\.$/m);
  const overview = homeca("help").out;
  for (const { name, examples } of COMMANDS) {
    assert.match(overview, new RegExp(`^ {4}${name} `, "m"));
    assert.ok(examples.length > 0, name);
  }
  for (const line of overview.split("\n")) assert.ok(line.length <= 80, line);
});

test("every management method has a command", () => {
  const commands = COMMANDS.map(({ name }) => name);
  assert.deepEqual(
    METHODS.map(({ name }) => name).filter((name) => !commands.includes(name)),
    [],
  );
});

test("the version is the one of package.json", () => {
  assert.equal(homeca("--version").out, `homeca ${VERSION}\n`);
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  assert.equal(version, VERSION);
});

test("a folder that may not be written and a socket that may not be used are told as such", () => {
  if (process.getuid?.() === 0) {
    // Root may do both; only the sentence for a missing folder can be shown.
    const { status, err } = ask("issue", "--name", "A", "--p12", at("none/a.p12"));
    assert.deepEqual(
      [status, err],
      [2, `homeca: cannot make ${at("none/a.p12")} (ENOENT): choose another place\n`],
    );
    return;
  }
  chmodSync(socket, 0o000);
  const { status, err } = ask("status");
  chmodSync(socket, 0o600);
  assert.deepEqual([status, err], [3, `homeca: you may not use ${socket}: run homeca as root\n`]);
});

test("a reader that stops early does no harm", () => {
  const { stderr } = spawnSync(
    "sh",
    ["-c", `"$0" "$1" help | head -n 1`, process.execPath, program],
    {
      encoding: "utf8",
    },
  );
  assert.equal(stderr, "");
});
