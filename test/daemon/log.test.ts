import { assert, test } from "#kit";
import { mono } from "../../src/base/machine.ts";
import {
  Counters,
  LIMITED_LINES,
  LIMITED_WINDOW_MS,
  Log,
  MAX_NAMES,
} from "../../src/daemon/log.ts";
import type { LogLevel } from "../../src/host/host.ts";

function recorded(level: LogLevel): { log: Log; lines: string[]; wait: (ms: number) => void } {
  const lines: string[] = [];
  let now = 0;
  const host = {
    log: (at: LogLevel, line: string) => void lines.push(`${at} ${line}`),
    mono: () => mono(now),
  };
  return { log: new Log(host, level), lines, wait: (ms) => void (now += ms) };
}

test("lines less important than the level are not written, and the level can change", () => {
  const { log, lines } = recorded("notice");
  log.error("a");
  log.warning("b");
  log.notice("c");
  log.info("d");
  log.debug("e");
  log.level = "debug";
  log.debug("f");
  assert.deepEqual(lines, ["error a", "warning b", "notice c", "debug f"]);
});

test("of one kind of line five a minute are written, and the next minute tells how many were held back", () => {
  const { log, lines, wait } = recorded("info");
  for (let at = 0; at < LIMITED_LINES + 7; at++) log.limited("radius: junk", "info", `junk ${at}`);
  log.limited("other", "info", "other kinds are not held back");
  assert.equal(lines.length, LIMITED_LINES + 1);
  wait(LIMITED_WINDOW_MS - 1);
  log.limited("radius: junk", "info", "still the same minute");
  assert.equal(lines.length, LIMITED_LINES + 1);
  wait(1);
  log.limited("radius: junk", "info", "again");
  assert.deepEqual(lines.slice(-2), [
    "info radius: junk: 8 more such lines were held back",
    "info again",
  ]);
});

test("kinds and counters beyond the bound are not kept", () => {
  const { log, lines } = recorded("info");
  const counters = new Counters();
  for (let at = 0; at < MAX_NAMES + 5; at++) {
    log.limited(`kind ${at}`, "info", "x");
    counters.add(`name ${at}`);
  }
  assert.equal(lines.length, MAX_NAMES);
  assert.equal(Object.keys(counters.values).length, MAX_NAMES);
});

test("counters add up and are listed by name", () => {
  const counters = new Counters();
  counters.add("radius.discarded");
  counters.add("eap.accepted", 2);
  counters.add("radius.discarded");
  assert.deepEqual(Object.entries(counters.values), [
    ["eap.accepted", 2],
    ["radius.discarded", 2],
  ]);
});

test("a fault that is met again and again does not fill the log", () => {
  const { log, lines } = recorded("error");
  for (let at = 0; at < LIMITED_LINES + 3; at++) log.fault("a test", new RangeError("oops"));
  assert.equal(lines.length, LIMITED_LINES);
  assert.match(lines[0]!, /^error fault in a test: RangeError: oops; at /u);
});
