/** The audit log: what was done stands in it for good, and what was altered in it shows. */
import { assert, providers, test } from "#kit";
import { concat, fromUtf8, hex, toHex, utf8 } from "../../src/base/bytes.ts";
import { unix } from "../../src/base/machine.ts";
import { Audit, MAX_SEGMENTS, SEGMENT_OCTETS } from "../../src/daemon/store/audit.ts";
import type { AuditEntry, AuditNote } from "../../src/daemon/store/audit.ts";
import { HostFailure } from "../../src/host/host.ts";
import { MemoryFiles, PowerCut } from "../../src/host/memory/files.ts";
import type { Torn } from "../../src/host/memory/files.ts";
import { HOME_UCI, MemoryDevice, pass } from "../kit/memory-device.ts";
import { MemoryHome } from "../kit/memory-home.ts";

const crypto = providers[0]!;
const FOLDER = "/audit";
const FIRST = `${FOLDER}/0000000001.log`;
const ALL = { before: null, device: null, limit: 100_000 };

const reports: string[] = [];
function open(files: MemoryFiles): Audit {
  reports.length = 0;
  return new Audit({ files, crypto, folder: FOLDER, report: (line) => reports.push(line) });
}

const note = (text: string, device: string | null = null): AuditNote => ({
  at: unix(1_800_000_000),
  kind: "owner",
  device,
  serial: null,
  text,
});
const texts = (audit: Audit): readonly string[] => audit.select(ALL).map(({ text }) => text);

function filled(...words: readonly string[]): MemoryFiles {
  const files = new MemoryFiles();
  const audit = open(files);
  for (const word of words) audit.append([note(word)]);
  audit.close();
  return files;
}

test("a line is JSON and SHA-256 of the chain before it and that JSON: anyone can follow it", () => {
  const lines = fromUtf8(filled("one", "zwölf").read(FIRST)!)!.split("\n");
  assert.equal(lines.length, 3);
  let chain = "00".repeat(32);
  for (const line of lines.slice(0, 2)) {
    const json = line.slice(0, -65);
    chain = toHex(crypto.digest("sha256", concat(hex(chain), utf8(json))));
    assert.equal(line.slice(-64), chain);
  }
  assert.equal(
    lines[1]!.slice(0, -65),
    '{"n":2,"at":1800000000,"kind":"owner","device":null,"serial":null,"text":"zwölf","before":null}',
  );
  assert.equal(open(filled("one", "zwölf")).check().chain, chain);
});

test("opened anew it goes on with the next number and the same chain", () => {
  const files = filled("one", "two");
  const audit = open(files);
  assert.equal(audit.newest, 2);
  audit.append([note("three"), note("four")]);
  assert.deepEqual(texts(audit), ["one", "two", "three", "four"]);
  assert.deepEqual(
    audit.select(ALL).map(({ number }) => number),
    [1, 2, 3, 4],
  );
  assert.equal(audit.check().trouble, null);
  assert.deepEqual(reports, []);
});

test("entries are chosen by device and from the newest backwards, oldest first in each answer", () => {
  const audit = open(new MemoryFiles());
  for (let at = 0; at < 9; at++) audit.append([note(`${at}`, at % 3 === 0 ? "lamp" : "door")]);
  const of = (before: number | null, device: string | null, limit: number): string =>
    audit
      .select({ before, device, limit })
      .map(({ text }: AuditEntry) => text)
      .join("");
  assert.equal(of(null, null, 4), "5678");
  assert.equal(of(6, null, 3), "234");
  assert.equal(of(null, "lamp", 2), "36");
  assert.equal(of(5, "lamp", 9), "03");
  assert.equal(of(1, null, 9), "");
});

test("the newest files are kept, as many as there is room for; the chain goes through all of them", () => {
  const files = new MemoryFiles();
  const audit = open(files);
  const long = "x".repeat(3000);
  const many = Array.from({ length: 100 }, () => note(long));
  for (let round = 0; round < 6; round++) audit.append(many);
  const names = files.list(FOLDER);
  assert.equal(names.length, MAX_SEGMENTS);
  for (const name of names) {
    const size = files.facts(`${FOLDER}/${name}`)!.size;
    assert.ok(size < SEGMENT_OCTETS + 4096, `${name} has ${size} octets`);
  }
  const { first, last, trouble } = audit.check();
  assert.equal(last, 600);
  assert.ok(first > 200, `${first}`);
  assert.equal(trouble, null);
  assert.equal(audit.select(ALL).length, 600 - first + 1);
  assert.equal(open(files).check().trouble, null);
});

test("whatever is changed, taken out or put elsewhere in what is kept shows", () => {
  const whole = filled("one", "two", "three").read(FIRST)!;
  const lines = fromUtf8(whole)!.trimEnd().split("\n");
  const [one, two, three] = lines as [string, string, string];
  const rewritten: readonly (readonly string[])[] = [
    [one, two.replace("two", "owt"), three],
    [one, three],
    [two, three],
    [two, one, three],
    [one, two, two, three],
    [one, "", three],
    [one, two.replace('"n":2', '"n":3'), three],
    [one.replace(/"before":"0/u, '"before":"1'), two, three],
  ];
  for (const changed of rewritten) {
    const files = new MemoryFiles();
    files.makeDirectory(FOLDER, 0o700);
    files.plant(FIRST, utf8(`${changed.join("\n")}\n`));
    const { trouble } = open(files).check();
    assert.match(trouble ?? "", /^\/audit.* somebody changed it/u, changed.join("\n"));
  }
});

test("a file that is taken out between others shows, and so does one taken away while the home runs", () => {
  const files = new MemoryFiles();
  const audit = open(files);
  const long = Array.from({ length: 70 }, () => note("x".repeat(3000)));
  audit.append(long);
  const [, second, ...others] = files.list(FOLDER);
  assert.ok(others.length >= 1);
  files.remove(`${FOLDER}/${second}`);
  assert.match(open(files).check().trouble ?? "", /somebody changed it/u);
  for (const name of files.list(FOLDER)) files.remove(`${FOLDER}/${name}`);
  assert.match(audit.check().trouble ?? "", /somebody changed it/u);
});

test("any octet of it changed shows, or leaves the last line unread, which is told", () => {
  const whole = filled("one", "two").read(FIRST)!;
  // Without the newline before it the last line is part of one that cannot be read.
  const end = whole.lastIndexOf(10, whole.length - 2);
  for (let at = 0; at < whole.length; at++) {
    const files = filled("one", "two");
    const changed = whole.slice();
    changed[at]! ^= 0x02;
    files.plant(FIRST, changed);
    const audit = open(files);
    const isTold = audit.check().trouble !== null || (at >= end && reports.length === 1);
    assert.ok(isTold, `octet ${at}`);
  }
});

test("power cut at every unit of work: what was acknowledged is there, and the chain holds", () => {
  const steps: readonly (readonly AuditNote[])[] = [
    [note("one")],
    [note("two"), note("three"), note("four")],
    [note("five")],
  ];
  const ends = ["", "one", "one two three four", "one two three four five"];
  let cuts = 0;
  for (let units = 0; ; units++) {
    const files = new MemoryFiles();
    files.cutPowerAfter(units);
    let acknowledged = 0;
    try {
      const audit = open(files);
      for (const notes of steps) {
        audit.append(notes);
        acknowledged++;
      }
      break;
    } catch (failure) {
      if (!(failure instanceof PowerCut)) throw failure;
    }
    cuts++;
    for (const torn of ["short", "zeros", "hole"] satisfies Torn[]) {
      const audit = open(files.restart(torn));
      const found = texts(audit).join(" ");
      assert.ok(found.startsWith(ends[acknowledged]!), `${units} ${torn}: ${found}`);
      assert.ok(ends[acknowledged + 1]!.startsWith(found), `${units} ${torn}: ${found}`);
      audit.append([note("later")]);
      assert.deepEqual(texts(audit).at(-1), "later");
      assert.equal(audit.check().trouble, null, `${units} ${torn}`);
    }
  }
  assert.ok(cuts > 500, `${cuts} cuts`);
});

test("on a full flash nothing is appended and nothing lost: what is left is handed back", () => {
  const files = filled("one");
  const audit = open(files);
  files.limitTo(FIRST.length);
  let left: readonly AuditNote[] = [];
  const notes = [note("two"), note("three")];
  const failure = assert.throws(() => audit.append(notes, (rest) => (left = rest)), HostFailure);
  assert.equal(failure.errno, "ENOSPC");
  assert.deepEqual(left, notes);
  files.limitTo(Number.POSITIVE_INFINITY);
  audit.append(left);
  assert.deepEqual(texts(audit), ["one", "two", "three"]);
  assert.equal(audit.check().trouble, null);
});

interface Page {
  readonly entries: readonly (AuditEntry & { readonly kind: string })[];
  readonly before: number | null;
}

test("issuing, the owner's words and renewals stand in it, also after a restart; authentications do not", async () => {
  const home = new MemoryHome(crypto, { uci: HOME_UCI });
  const device = new MemoryDevice(home, crypto, { name: "Kitchen lamp" });
  device.agent.start();
  await pass(home, 2000);
  const { devices } = (await home.call("devices")) as { devices: { id: string }[] }; // the method's result has ids
  const { id } = devices[0]!;
  await home.call("approve", { id });
  await pass(home, 3000);
  assert.equal(device.story.at(-1), "lives");
  device.agent.stop();
  await home.call("revoke", { id });
  const again = new MemoryHome(crypto, { uci: HOME_UCI, files: home.stop() });
  const { entries } = (await again.call("audit", { device: id })) as unknown as Page; // as methods.ts says
  const kinds = entries.map(({ kind, serial }) => `${kind}${serial === null ? "" : " serial"}`);
  assert.deepEqual(kinds, ["owner", "authority serial", "owner"]);
  assert.match(entries[0]!.text, /^You approved/u);
  assert.match(entries[1]!.text, new RegExp(`serial ${entries[1]!.serial}`, "u"));
  const verdict = await again.call("verify");
  assert.equal(verdict["trouble"], null);
  again.stop();
});

test("it begins with what the authority is made of, and a start that makes nothing adds nothing", async () => {
  const home = new MemoryHome(crypto);
  const { entries } = (await home.call("audit")) as unknown as Page; // as methods.ts says
  assert.deepEqual(
    entries.map(({ text }) => text),
    ["The root and the issuing CA were made.", "The certificate that devices check was made."],
  );
  assert.ok(entries.every(({ kind, serial }) => kind === "authority" && serial !== null));
  const again = new MemoryHome(crypto, { files: home.stop() });
  assert.deepEqual((await again.call("audit"))["entries"], entries);
  again.stop();
});

test("no certificate is handed out that the log could not take", async () => {
  const home = new MemoryHome(crypto);
  const files = home.host.files as MemoryFiles; // The kit made this disk.
  const order = { name: "Phone", password: "a password for tests" };
  files.failNext("appendDurably /etc/homeca/audit", "ENOSPC");
  const refused = await home.call("issue", order);
  assert.equal(refused["reason"], "host-failed");
  assert.equal(refused["p12"], undefined);
  const { entries } = (await home.call("audit")) as unknown as Page; // as methods.ts says
  assert.ok(!entries.some(({ device }) => device !== null));
  await home.call("issue", order);
  const after = (await home.call("audit")) as unknown as Page; // as methods.ts says
  const issued = after.entries.filter(({ device }) => device !== null);
  assert.ok(issued.some(({ serial }) => serial !== null));
  home.stop();
});

test("an answer of the log fits into what ubus carries, and leads on to the rest", async () => {
  const home = new MemoryHome(crypto);
  const name = "ü".repeat(64);
  for (let at = 0; at < 300; at++)
    await home.call("cage", { name, class: "wired", mac: macOf(at) });
  const seen: number[] = [];
  let before: number | null = null;
  do {
    const page = (await home.call("audit", {
      limit: 1000,
      ...(before === null ? {} : { before }),
    })) as unknown as Page; // as methods.ts says
    assert.ok(utf8(JSON.stringify(page)).length < 64 * 1024);
    seen.unshift(...page.entries.map(({ number }) => number));
    before = page.before;
  } while (before !== null);
  assert.equal(seen[0], 1);
  assert.deepEqual(
    seen,
    seen.map((_, at) => at + 1),
  );
  assert.ok(seen.length >= 300);
  home.stop();
});

const macOf = (at: number): string => `02:00:00:00:${hexOctet(at >> 8)}:${hexOctet(at & 0xff)}`;
const hexOctet = (value: number): string => value.toString(16).padStart(2, "0");
