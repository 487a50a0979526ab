// What HomeCA tells people to type can be typed, and what it says is one sentence.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { assert, test } from "#kit";
import { unix } from "../../src/base/machine.ts";
import { chainSentence, conversationSentence } from "../../src/daemon/refusals.ts";
import { EXIT } from "../../src/main/cli/exit.ts";
import { COMMANDS, runCommandLine } from "../../src/main/cli/main.ts";
import { nodeSystem } from "../../src/main/node-system.ts";
import type { EapReason } from "../../src/proto/eap/failure.ts";
import type { PathReason } from "../../src/proto/x509/path-failure.ts";

const ID = "abcdefghijklmnop";
const folder = mkdtempSync(path.join(tmpdir(), "homeca-sentences-"));
after(() => rmSync(folder, { recursive: true }));

const SOURCES = [
  "src/policy/admission/reasons.ts",
  ...["src/daemon", "src/main/cli"].flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => path.posix.join(root, name)),
  ),
];

/** The source without its comments, which quote commands too. */
function codeOf(file: string): string {
  return readFileSync(file, "utf8")
    .replaceAll(/\/\*[\s\S]*?\*\//gu, "")
    .replaceAll(/^\s*\/\/.*$/gmu, "");
}

/** Literals of one line: quotes, or backquotes with what is escaped and inserted in them. */
const literalsOf = (file: string): readonly string[] =>
  codeOf(file).match(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\\n]|\\.)*`/gu) ?? [];

interface Quoted {
  readonly file: string;
  /** As a person would type it, with an id where the sentence inserts one. */
  readonly line: string;
}

/** Every command in backquotes inside of a literal. */
function quotedCommands(): readonly Quoted[] {
  return SOURCES.flatMap((file) =>
    literalsOf(file).flatMap((literal) => {
      const text = literal
        .slice(1, -1)
        .replaceAll("\\`", "`")
        .replaceAll(/\$\{[^}]*\}/gu, ID);
      const found = text.match(/`homeca\b[^`]*`/gu) ?? [];
      return found.map((quoted) => ({ file, line: quoted.slice(1, -1) }));
    }),
  );
}

interface Tried {
  readonly status: number;
  readonly said: string;
}

/** Types the words where no daemon runs: a command that is understood finds out that nobody answers. */
async function typed(line: string): Promise<Tried> {
  const words = (line.match(/"[^"]*"|\S+/gu) ?? [])
    .slice(1)
    .map((word) => word.replaceAll('"', ""))
    .map((word) => (/^(?:FILE|.*\.(?:p12|conf|pem))$/u.test(word) ? path.join(folder, "x") : word));
  let said = "";
  const status = await runCommandLine([...words, "--socket", path.join(folder, "none.sock")], {
    ...nodeSystem(() => assert.fail("no command in a sentence starts the daemon")),
    out: (text) => (said += text),
    error: (text) => (said += text),
  });
  return { status, said };
}

test("every command that a sentence names is understood as it stands there", async () => {
  const commands = quotedCommands();
  assert.ok(commands.length >= 25, `only ${commands.length} found`);
  for (const { file, line } of commands) {
    const { status, said } = await typed(line);
    assert.equal(status, EXIT.notRunning, `${file}: ${line}: ${said}`);
  }
});

test("a word in capitals in such a command is the operand or value of that place", () => {
  for (const { file, line } of quotedCommands()) {
    const [, name, ...words] = line.split(" ");
    const command = COMMANDS.find((one) => one.name === name || one.alias === name)!;
    const operands = words.filter((word, at) => !`${words[at - 1]} ${word}`.includes("--"));
    for (const [at, word] of operands.entries()) {
      if (/^[A-Z]+$/u.test(word))
        assert.equal(command.operands[at]?.name, word, `${file}: ${line}`);
    }
    for (const option of command.options) {
      const value = words[words.indexOf(`--${option.name}`) + 1];
      if (words.includes(`--${option.name}`)) assert.equal(value, option.value, `${file}: ${line}`);
    }
  }
});

test("a command with an operand too many, an unknown option or a missing word is not understood", async () => {
  for (const line of [
    `homeca approve ${ID} ${ID}`,
    "homeca deny",
    `homeca issue ${ID}`,
    `homeca show ${ID} --p12 FILE`,
    "homeca pair",
  ]) {
    assert.equal((await typed(line)).status, EXIT.usage, line);
  }
});

// Records over the unions: a reason that is missing here does not compile.
const PATH_REASONS: Readonly<Record<PathReason, true>> = {
  "no-certificate": true,
  malformed: true,
  "unsupported-key": true,
  "chain-too-long": true,
  "unknown-authority": true,
  "too-many-candidates": true,
  "time-unknown": true,
  "not-yet-valid": true,
  expired: true,
  revoked: true,
  "revocation-unknown": true,
  "bad-signature": true,
  "weak-signature": true,
  "unsupported-signature": true,
  "weak-key": true,
  "wrong-purpose": true,
  "ca-as-end-entity": true,
  "not-a-ca": true,
  "path-too-long": true,
  "name-not-permitted": true,
  "unsupported-constraint": true,
  "unknown-critical-extension": true,
  "not-self-signed": true,
};
const EAP_REASONS: Readonly<Record<EapReason, true>> = {
  "no-identity": true,
  "bad-identity": true,
  "bad-nak": true,
  "no-common-method": true,
  "too-many-rounds": true,
  "too-many-short-rounds": true,
  truncated: true,
  "start-from-peer": true,
  "unsupported-version": true,
  "total-length-missing": true,
  "total-length-mismatch": true,
  "message-too-long": true,
  "empty-fragment": true,
  "acknowledgement-missing": true,
  "acknowledgement-unexpected": true,
  tls: true,
  "tunnel-closed": true,
  "tunnel-bytes-unexpected": true,
  "avps-too-long": true,
  "malformed-avp": true,
  "repeated-avp": true,
  "unknown-mandatory-avp": true,
  "bad-inner-identity": true,
  "password-too-long": true,
  "inner-method-unsupported": true,
  "inner-credentials-missing": true,
  refused: true,
  timeout: true,
};
const DETAILS = [null, "peer-alert", "bad-certificate-verify", "no-common-suite"];

/** One sentence: it ends in the only full stop that a space or nothing follows. */
const isOneSentence = (text: string): boolean =>
  /^[A-Z][^\n]*[^.]\.$/u.test(text) && !/\. /u.test(text);

test("every refusal is one sentence with its fix", () => {
  // Object.keys gives strings; the records' keys are the reasons by their types.
  const chain = (Object.keys(PATH_REASONS) as PathReason[]).flatMap((reason) =>
    [null, unix(1_800_000_000)].map((end) => chainSentence("Front door", reason, end)),
  );
  const talk = (Object.keys(EAP_REASONS) as EapReason[]).flatMap((reason) =>
    DETAILS.map((detail) => conversationSentence("Front door", reason, detail)),
  );
  for (const text of [...chain, ...talk]) {
    assert.ok(isOneSentence(text), text);
    assert.match(text, /^Refused Front door(?:: [^;]+; .+)?\.$/u);
  }
});

/** A literal that begins as a sentence does: a capital, or something inserted and a word. */
const LOOKS_LIKE_SENTENCE = /^(?:[A-Z][a-z]*|\$\{[^}]*\}) [a-z].* .* .* /u;
/** Tables of documentation, checked with the reference; and messages of failures, which follow `homeca: `. */
const OTHER_FORMS = /\/(?:schema|methods|configuration|uci|arguments|rpc|household|rights)\.ts$/u;

test("every line for the log and every failure of the daemon's files is one sentence", () => {
  let seen = 0;
  for (const file of SOURCES.filter((one) => one.startsWith("src/daemon/"))) {
    if (OTHER_FORMS.test(file)) continue;
    for (const literal of literalsOf(file)) {
      const text = literal.slice(1, -1);
      if (!LOOKS_LIKE_SENTENCE.test(text)) continue;
      // What is inserted may end a sentence itself: `Upkeep: ${sentence}`.
      if (/\$\{[^}]*\}$/u.test(text)) continue;
      seen++;
      assert.ok(isOneSentence(text.replaceAll(/\$\{[^}]*\}/gu, "X")), `${file}: ${text}`);
    }
  }
  assert.ok(seen >= 30, `only ${seen} found`);
});

test("what the owner's word answers or notes is one sentence, with a full stop in the log alone", () => {
  const noted = literalsOf("src/daemon/household.ts").map((literal) => literal.slice(1, -1));
  const said = noted.filter((text) => /^(?:You|Issued) /u.test(text));
  assert.ok(said.length >= 8);
  for (const text of said) assert.ok(isOneSentence(text.replaceAll(/\$\{[^}]*\}/gu, "X")), text);
  const answered = noted.filter((text) => /^[a-z$].*: [a-z]+ .* /u.test(text));
  assert.ok(answered.length >= 8);
  for (const text of answered) assert.ok(!text.endsWith("."), text);
});

test("a device's title comes into text escaped, or goes where text is escaped", () => {
  // subject.ts hands it to sentence(), which escapes; a PKCS#12 carries it as it is.
  const escaped = /visible\([^;]*titleOf\(|title: titleOf\(|encodePfx\([^;]*titleOf\(/u;
  let seen = 0;
  for (const file of SOURCES.filter((one) => one.startsWith("src/daemon/"))) {
    for (const line of codeOf(file).split("\n")) {
      if (!line.includes("titleOf(")) continue;
      seen++;
      assert.match(line, escaped, file);
    }
  }
  assert.ok(seen >= 5);
});
