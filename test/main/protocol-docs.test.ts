import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { assert, test } from "#kit";
import { LONGEST_RETRY_MS } from "../../src/device/agent.ts";
import { MAX_SETUP_IDENTITY } from "../../src/policy/admission/setup.ts";
import { AGREED_MS } from "../../src/policy/devices/key-updates.ts";
import { PROOF_LENGTH } from "../../src/policy/devices/messages.ts";
import { NONCE_LENGTH } from "../../src/policy/ownership/objects.ts";
import { MAX_NAME } from "../../src/policy/registry/text.ts";
import { MIN_SEARCH_DAYS } from "../../src/policy/window/passive-release.ts";
import { DEFAULT_BLOCK_SIZE } from "../../src/proto/coap/parameters.ts";
import {
  AUTHENTICATION_DIGITS,
  KEY_UPDATE_MILLISECONDS,
} from "../../src/proto/key-update/schedule.ts";
import { INTERVAL_SECONDS } from "../../src/proto/mdns/private.ts";
import { OWN_CONNECTION_ID_LENGTH } from "../../src/proto/tls/datagram/connection-id.ts";
import { INITIAL_MTU } from "../../src/proto/tls/datagram/retransmission.ts";
import { RESOURCES } from "../../src/policy/devices/index.ts";

/** Numbers that stand in sentences, with the constant each one is. */
const TOLD: readonly (readonly [number, string])[] = [
  [DEFAULT_BLOCK_SIZE, "come in blocks of 512 octets"],
  [INITIAL_MTU, "fit 1200 octets of UDP payload"],
  [OWN_CONNECTION_ID_LENGTH, "call the home by 8 octets"],
  [INTERVAL_SECONDS, "floor(Unix time / 2048)"],
  [MAX_SETUP_IDENTITY, "at most 127 octets"],
  [NONCE_LENGTH, "a nonce of 16 random octets"],
  [PROOF_LENGTH, "the first 16 octets of"],
  [MAX_NAME, "1 to 64 UTF-16 units"],
  [AUTHENTICATION_DIGITS, "modulo 10^6"],
  [KEY_UPDATE_MILLISECONDS / 60_000, "One update at a time, a minute long"],
  [AGREED_MS / 60_000, "within ten minutes"],
  [MIN_SEARCH_DAYS, "failed on ten distinct days"],
  [LONGEST_RETRY_MS / 60_000, "up to a quarter of an hour"],
];
const WORDS: Readonly<Record<number, string>> = { 1: "a minute", 10: "ten", 15: "a quarter" };

const PAGE = "docs/protocol.md";

test("docs/protocol.svg is as it is drawn", () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ["build/protocol-diagram.mjs", "--check"],
    { encoding: "utf8" },
  );
  assert.deepEqual([status, stderr], [0, ""]);
});

test("docs/protocol.md and its vectors are those of the code", () => {
  const { status, stderr } = spawnSync(process.execPath, ["build/vectors.mjs", "--check"], {
    encoding: "utf8",
  });
  assert.deepEqual([status, stderr], [0, ""]);
});

test("numbers in the sentences of docs/protocol.md are those of the code", () => {
  const page = readFileSync(PAGE, "utf8");
  for (const [value, sentence] of TOLD) {
    assert.ok(page.includes(sentence), sentence);
    const says = new RegExp(String.raw`\b${value}\b`).test(sentence.replace("10^", ""));
    assert.ok(says || sentence.includes(WORDS[value] ?? "?"), `${value}: ${sentence}`);
  }
});

test("docs/protocol.md speaks of every resource, and of every file of vectors", () => {
  const page = readFileSync(PAGE, "utf8");
  for (const { path } of RESOURCES) {
    const written = `/${path.join("/").replace("*", "<ticket>")}`;
    assert.ok(page.includes(`\`${written}\``), written);
  }
  for (const file of readdirSync("docs/vectors")) assert.ok(page.includes(file), file);
});

test("links of docs/protocol.md and docs/devices.md lead somewhere", () => {
  for (const name of [PAGE, "docs/devices.md"]) {
    const page = readFileSync(name, "utf8");
    const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) =>
      text
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, "")
        .replaceAll(" ", "-"),
    );
    for (const [, target = ""] of page.matchAll(/\]\(([^)]+)\)/g)) {
      if (target.startsWith("#")) assert.ok(headings.includes(target.slice(1)), target);
      else if (!target.startsWith("https://"))
        assert.ok(existsSync(`docs/${target.split("#")[0]}`), target);
    }
  }
});
