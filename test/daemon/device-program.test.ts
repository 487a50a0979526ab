/** `homeca device` as the program that it is, beside a whole HomeCA on loopback. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { assert, test } from "#kit";
import { freeUdpPort, Home, homecaCommand } from "../kit/home.ts";

let home: Home;
let port = 0;

before(async () => {
  port = await freeUdpPort();
  home = new Home({
    more: `config coaps 'coaps'\n\tlist listen '127.0.0.1'\n\toption port '${port}'\n`,
  });
  await home.start();
});
after(() => home.remove());

const [PROGRAM, ...FIRST] = homecaCommand();

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function device(...args: readonly string[]): Ended {
  const ran = spawnSync(PROGRAM, [...FIRST, "device", ...args], {
    encoding: "utf8",
    timeout: 20_000,
  });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}

const file = (name: string): string => path.join(home.folder, name);

/** A device that runs until it is stopped. */
class Running {
  readonly #child: ChildProcess;
  #out = "";
  #err = "";

  constructor(...args: readonly string[]) {
    this.#child = spawn(PROGRAM, [...FIRST, "device", "run", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => void (this.#out += chunk.toString("utf8")));
    this.#child.stderr?.on("data", (chunk: Buffer) => void (this.#err += chunk.toString("utf8")));
  }

  async until(wanted: RegExp): Promise<RegExpExecArray> {
    for (let turns = 0; turns < 1500; turns++) {
      const found = wanted.exec(this.#out);
      if (found !== null) return found;
      if (this.#child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return assert.fail(`no ${wanted} in ${this.#out} ${this.#err}`);
  }

  /** @returns its exit status and all that it wrote where errors go */
  async stop(): Promise<readonly [number | null, string]> {
    const ended = new Promise<number | null>((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    return [await ended, this.#err];
  }
}

test("a device is made once, joins once its owner says yes, and shows no secret", async () => {
  const state = file("lamp.json");
  const made = device("init", "--state", state, "--type", "lamp", "--name", "Kitchen lamp");
  assert.deepEqual([made.status, made.err], [0, ""]);
  assert.match(made.out, /^home +none yet$/mu);
  assert.equal(statSync(state).mode & 0o777, 0o600);

  const again = device("init", "--state", state, "--type", "lamp");
  const there = `homeca: there is a device in ${state} already: name another file with --state\n`;
  assert.deepEqual(again, { status: 1, out: "", err: there });

  const folder = file("supplicant");
  spawnSync("mkdir", [folder]);
  const at = ["--home", "127.0.0.1", "--port", String(port), "--supplicant", folder];
  const running = new Running("--state", state, ...at);
  await running.until(/waiting for the owner to say yes/u);
  assert.match(readFileSync(path.join(folder, "wpa_supplicant.conf"), "utf8"), /eap=TTLS/u);
  const { devices } = await home.call<{ devices: { id: string; name: string }[] }>("devices");
  const id = devices.find(({ name }) => name === "Kitchen lamp")?.id ?? assert.fail("not seen");
  await home.call("approve", { id });
  const [, number] = await running.until(/the home must show the number (\d{6})\n/u);
  await running.until(/belongs to homeca.*\n.*reported to the home/u);
  const log = await home.call<{ events: { text: string }[] }>("log", {});
  assert.ok(
    log.events.some(({ text }) => text.includes(number!)),
    number,
  );
  assert.match(readFileSync(path.join(folder, "wpa_supplicant.conf"), "utf8"), /eap=TLS/u);
  assert.deepEqual(await running.stop(), [0, ""]);

  const shown = device("show", "--state", state, "--json");
  const { scalar, owner } = JSON.parse(readFileSync(state, "utf8")) as {
    scalar: string;
    owner: { discoveryKey: string; sessionKey: string };
  };
  const told = JSON.parse(shown.out) as { owned: boolean; newKeyWaits: boolean };
  assert.deepEqual([told.owned, told.newKeyWaits], [true, false]);
  for (const secret of [scalar, owner.discoveryKey, owner.sessionKey]) {
    assert.equal(secret.length, 64);
    assert.equal(shown.out.includes(secret) || home.log.includes(secret), false);
  }
  const record = spawnSync(PROGRAM, [...FIRST, "show", id, "--socket", home.socketPath], {
    encoding: "utf8",
  });
  assert.match(record.stdout, /^key +agreed on with this home; its maker/mu, record.stderr);
});

test("the home's process and its files hold no private key of a device, nor what leads from one to the next", async () => {
  const state = file("plain.json");
  device("init", "--state", state, "--type", "lamp", "--name", "Plain lamp", "--no-randomness");
  const first = scalarIn(state);
  const running = new Running("--state", state, "--home", "127.0.0.1", "--port", String(port));
  await running.until(/waiting for the owner to say yes/u);
  const { devices } = await home.call<{ devices: { id: string; name: string }[] }>("devices");
  const id = devices.find(({ name }) => name === "Plain lamp")?.id ?? assert.fail("not seen");
  await home.call("approve", { id });
  await running.until(/reported to the home/u);
  assert.deepEqual(await running.stop(), [0, ""]);
  const second = scalarIn(state);
  // Without a share of the device's own the new key is k times the old one.
  const factor = (number(second) * inverse(number(first))) % ORDER;
  const k = factor.toString(16).padStart(64, "0");

  const memory = memoryOf(home.pid);
  const { owner } = JSON.parse(readFileSync(state, "utf8")) as { owner: { discoveryKey: string } };
  // Both know this one: where the search finds it, it would find the others.
  assert.ok(holds(memory, owner.discoveryKey));
  for (const scalar of [first, second]) assert.equal(holds(memory, scalar), false);
  const files = filesBelow(path.join(home.folder, "state"));
  assert.ok(files.some((bytes) => holds([bytes], owner.discoveryKey)));
  for (const secret of [first, second, k]) {
    assert.equal(holds(files, secret) || home.log.includes(secret), false);
  }
});

/** The order of the group of P-256 (SEC 2 §2.4.2). */
const ORDER = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

const number = (digits: string): bigint => BigInt(`0x${digits}`);

/** By Fermat: the order is a prime. */
function inverse(of: bigint): bigint {
  let result = 1n;
  let square = of;
  for (let left = ORDER - 2n; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % ORDER;
    square = (square * square) % ORDER;
  }
  return result;
}

function scalarIn(state: string): string {
  return (JSON.parse(readFileSync(state, "utf8")) as { scalar: string }).scalar;
}

/** As octets, or as the hexadecimal digits of them. */
function holds(found: readonly Buffer[], digits: string): boolean {
  const forms = [Buffer.from(digits, "hex"), Buffer.from(digits, "latin1")];
  return found.some((bytes) => forms.some((form) => bytes.includes(form)));
}

function filesBelow(folder: string): readonly Buffer[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.path, entry.name)));
}

/** What a process of ours may write to, as it is now. */
function memoryOf(pid: number): readonly Buffer[] {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    const lines = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
    return lines.flatMap((line) => {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/u.exec(line) ?? [];
      if (from === undefined || to === undefined) return [];
      const bytes = Buffer.alloc(Number(number(to) - number(from)));
      try {
        readSync(memory, bytes, 0, bytes.length, number(from));
        return [bytes];
      } catch {
        // Mapped, and not readable: a device's, or gone by now.
        return [];
      }
    });
  } finally {
    closeSync(memory);
  }
}

test("a device with a long name goes to the supplicant with as much of it as fits", async () => {
  const state = file("long.json");
  const name = "ü".repeat(64);
  assert.equal(device("init", "--state", state, "--type", "lamp", "--name", name).status, 0);
  const folder = file("long");
  spawnSync("mkdir", [folder]);
  const running = new Running(
    "--state",
    state,
    "--home",
    "127.0.0.1",
    "--port",
    String(port),
    "--supplicant",
    folder,
  );
  await running.until(/waiting for the owner/u);
  assert.ok(existsSync(path.join(folder, "wpa_supplicant.conf")));
  assert.deepEqual(await running.stop(), [0, ""]);
});

test("what a device cannot begin with is said in one sentence", () => {
  const refused = (args: readonly string[], status: number, err: string): void =>
    assert.deepEqual(device(...args), { status, out: "", err: `homeca: ${err}\n` });

  const none = file("none.json");
  refused(
    ["show", "--state", none],
    1,
    `there is no ${none}: make one with \`homeca device init\``,
  );
  const state = file("other.json");
  const init = ["init", "--state", state, "--type", "lamp"];
  assert.equal(device(...init).status, 0);
  const good = readFileSync(state, "utf8");
  const damaged = `${state} is damaged: restore it, or reset the device`;
  const parsed = JSON.parse(good) as Record<string, unknown>;
  const damages = [
    good.slice(0, -10),
    "",
    "[]",
    "\u00ff",
    JSON.stringify({ ...parsed, scalar: "0".repeat(64) }),
    JSON.stringify({ ...parsed, scalar: "f".repeat(64) }),
    JSON.stringify({ ...parsed, scalar: "z".repeat(64) }),
    JSON.stringify({ ...parsed, format: 2 }),
    JSON.stringify({ ...parsed, more: 1 }),
    JSON.stringify({ ...parsed, owner: {} }),
    `${good.slice(0, -2)}${" ".repeat(70_000)}}`,
  ];
  for (const text of damages) {
    writeFileSync(state, text);
    refused(["show", "--state", state], 1, damaged);
    refused(["run", "--state", state, "--home", "127.0.0.1"], 1, damaged);
  }
  writeFileSync(state, good);
  chmodSync(state, 0o640);
  refused(["show", "--state", state], 1, `others can read ${state}: run \`chmod 600 ${state}\``);
  chmodSync(state, 0o600);
  assert.equal(device("show", "--state", state).status, 0);
});

test("a wrong command line of a device ends with status 2 and the fix", () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["dance"], /there is no action dance: write init, run, show, ask, pair or release/u],
    [["init", "--state", file("x.json")], /--type is missing/u],
    [["init", "--state", file("x.json"), "--type", "Lamp"], /--type is missing or no word/u],
    [
      ["init", "--state", file("x.json"), "--type", "lamp", "--code", "short"],
      /--code is not 12 to 32/u,
    ],
    [
      ["init", "--state", file("x.json"), "--type", "lamp", "--name", "a\u001bb"],
      /--name has control characters/u,
    ],
    [
      ["run", "--state", file("lamp.json"), "--home", "127.0.0.1", "--pin", "ab"],
      /--pin is not 64/u,
    ],
    [["run", "--state", file("lamp.json"), "--home", "127.0.0.1", "--port", "0"], /--port/u],
    [["run", "--state", file("lamp.json"), "--home", "router"], /--home/u],
  ];
  for (const [args, sentence] of cases) {
    const { status, err } = device(...args);
    assert.match(err, sentence, args.join(" "));
    assert.equal(status, 2, `${args.join(" ")}: ${err}`);
    assert.equal(err.trimEnd().split("\n").length, 1, err);
  }
  assert.equal(existsSync(file("x.json")), false);
});
