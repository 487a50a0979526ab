// Whose work is in the executable beside ours, as their licences ask to be told, and as the bill of materials has it.
import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../bundle.mjs";

const read = (...names) => readFileSync(path.join(root, "node_modules", ...names), "utf8");

const MODULES = ["@noble/ciphers", "@noble/curves", "@noble/hashes", "@suchipi/quickjs"];

/** The part of the C library that is linked in. */
const MUSL = {
  name: "musl",
  license: "MIT",
  notice:
    "Copyright 2005-2020 Rich Felker and others. The terms are those of the MIT License above.",
};

/** `{ name, version?, license, notice, purl? }` each. */
export function components() {
  const modules = MODULES.map((name) => {
    const { version, license } = JSON.parse(read(name, "package.json"));
    const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
    return { name, version, license, purl, notice: read(name, "LICENSE").trim() };
  });
  return [...modules, MUSL];
}

export function notices() {
  const parts = components().map(({ name, version = "", license, notice }) =>
    [`${name} ${version}`.trim(), `License: ${license}`, "", notice].join("\n"),
  );
  return `${["HomeCA: Apache-2.0, https://www.apache.org/licenses/LICENSE-2.0", ...parts].join("\n\n----\n\n")}\n`;
}
