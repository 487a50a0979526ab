// The demo as a newcomer meets it: what it shows, how it ends, and that nothing of it stays behind.
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, test } from "#kit";
import { expect, Stage, Unexpected, wrapped } from "../demo/stage.ts";

const ESCAPE = "\u001b";
const DEMO = ["test/demo/demo.mjs"];

interface Run {
  readonly status: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs a program in a temporary folder of its own, in which it must leave nothing, and no process either. */
function inOwnFolder(words: readonly string[], environment: Record<string, string> = {}): Run {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-demo-"));
  try {
    const { status, stdout, stderr } = spawnSync(process.execPath, words, {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder, ...environment },
    });
    assert.deepEqual(readdirSync(folder), []);
    assert.deepEqual(processesOf(folder), []);
    return { status, out: stdout, error: stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Command lines that name the folder. */
function processesOf(folder: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .flatMap((id) => {
      try {
        return [readFileSync(`/proc/${id}/cmdline`, "latin1").replaceAll("\0", " ")];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    })
    .filter((line) => line.includes(folder));
}

const ROWS = [
  /^Kitchen lamp +aware +certificate, now revoked +outside\n {4}Refused Kitchen lamp: /mu,
  /^Bedroom heater +aware +setup code, then certificate +in the home\n {4}Admitted Bedroom heater/mu,
  /^Ada's phone +certificate +certificate \(PKCS#12 file\) +in the home\n {4}Admitted Ada's phone/mu,
  /^Garage door +legacy +Wi-Fi password of its own +in its cage\n {4}Held Garage door in its cage/mu,
  /^TV +wired +nothing but its address +in its cage\n {4}Held TV in its cage/mu,
  /^an impostor +- +another home's certificate +outside\n {4}Refused 02:00:00:00:00:41: /mu,
  /^a stranger +- +a guessed secret +outside\n {4}Ignored a RADIUS request/mu,
  /^a forged request +- +no seal +outside\n {4}Ignored a RADIUS request/mu,
] as const;

function assertShown({ status, out, error }: Run): void {
  assert.equal(status, 0, out + error);
  assert.equal(error, "");
  for (const row of ROWS) assert.match(out, row);
  const columns = out.split("\n").map((line) => line.length);
  assert.equal(
    columns.findIndex((width) => width > 80),
    -1,
    "a line is wider than 80 columns",
  );
  assert.match(out, /ms from command to answer; access point told after/u);
  assert.match(out, /^All 20 steps held\. Real here: [^]*`make e2e` shows the real thing/mu);
  for (const mark of [ESCAPE, "\r", "FAILED"]) assert.ok(!out.includes(mark), "no plain lines");
}

test("the demo plays all four classes, checks each step, and leaves nothing behind", () => {
  const run = inOwnFolder(DEMO);
  assertShown(run);
  assert.equal(run.out.match(/nft {2}[+-]/gu)?.length, 8, "changes of the firewall");
});

test("the demo needs no program but Node and the flock of every Linux", () => {
  const programs = mkdtempSync(path.join(tmpdir(), "homeca-programs-"));
  try {
    const flock = spawnSync("which", ["flock"], { encoding: "utf8" }).stdout.trim();
    symlinkSync(flock, path.join(programs, "flock"));
    const run = inOwnFolder(DEMO, { PATH: programs });
    assertShown(run);
    assert.match(run.out, /Played by OpenSSL's TLS; with eapol_test installed, by that\./u);
  } finally {
    rmSync(programs, { recursive: true });
  }
});

test("without its product the demo fails, says so, and leaves nothing behind", () => {
  const elsewhere = mkdtempSync(path.join(tmpdir(), "homeca-elsewhere-"));
  try {
    // It looks for the product beside itself, where there is none.
    mkdirSync(path.join(elsewhere, "dist"));
    const copy = path.join(elsewhere, "dist/demo.mjs");
    copyFileSync("dist/demo.mjs", copy);
    const { status, out } = inOwnFolder([copy]);
    assert.equal(status, 1);
    assert.match(out, /^FAILED HomeCA starts/mu);
    assert.match(out, /^0 steps held, 1 failed\.$/mu);
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});

test("an interrupted demo ends its homes and removes their folders", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-demo-"));
  try {
    const child = spawn(process.execPath, DEMO, {
      env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
    let out = "";
    child.stdout.on("data", (part: Buffer) => (out += part.toString("utf8")));
    for (let turn = 0; turn < 500 && !out.includes("ok    HomeCA starts"); turn++) await sleep(20);
    child.kill("SIGINT");
    assert.equal(await closed, 130);
    assert.deepEqual(readdirSync(folder), []);
    assert.deepEqual(processesOf(folder), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A screen that keeps what was written. */
class Paper {
  readonly isTTY: boolean;
  text = "";
  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }
  write(text: string): void {
    this.text += text;
  }
}

async function played(isTTY: boolean, environment: Record<string, string>): Promise<string> {
  const paper = new Paper(isTTY);
  const stage = new Stage(paper, environment);
  await stage.step("It holds", () => stage.note("and says why"));
  return paper.text;
}

test("a spinner turns on a terminal alone, and colours obey NO_COLOR", async () => {
  const spinner = `\r${ESCAPE}[2K⠋     It holds`;
  const terminal = await played(true, {});
  assert.ok(terminal.startsWith(spinner));
  assert.ok(terminal.includes(`${ESCAPE}[32mok${ESCAPE}[0m    It holds`));
  const colourless = await played(true, { NO_COLOR: "1" });
  assert.ok(colourless.startsWith(spinner));
  assert.ok(colourless.includes("ok    It holds") && !colourless.includes("[32m"));
  for (const plain of [await played(false, {}), await played(true, { TERM: "dumb" })]) {
    assert.match(plain, /^ok {4}It holds +\d+ ms\n {6}and says why\n$/u);
  }
});

test("a step that does not hold counts, is shown with its reason, and stops what follows", async () => {
  const paper = new Paper(false);
  const stage = new Stage(paper);
  let failure: unknown = null;
  try {
    await stage.step("It does not hold", () => expect(false, "the door is open"));
  } catch (thrown) {
    failure = thrown;
  }
  assert.ok(failure instanceof Unexpected);
  assert.deepEqual(stage.counts, { held: 0, failed: 1 });
  assert.equal(paper.text, "FAILED It does not hold\n      the door is open\n");
});

test("text is wrapped between words behind its indent, and a long word stays whole", () => {
  assert.equal(wrapped("aa bb cc", "> ", 7), "> aa bb\n> cc");
  assert.equal(wrapped("abcdefghij k", "", 5), "abcdefghij\nk");
  assert.equal(wrapped("", "  "), "  ");
});
