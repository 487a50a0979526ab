// What is in packages, a line of JSON for each: `node build/package/list.mjs FILE...`
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readApk } from "./apk.mjs";
import { readIpk } from "./ipk.mjs";

const sum = (bytes) => createHash("sha256").update(bytes).digest("hex");

function entry({ path, kind, mode, target, bytes, owner = 0, group = 0 }) {
  const content =
    kind === "file"
      ? { sha256: sum(bytes), text: bytes.length < 65536 ? String(bytes) : null }
      : {};
  return { path, kind, mode, owner, group, ...(kind === "link" ? { target } : {}), ...content };
}

function read(name) {
  const bytes = readFileSync(name);
  if (name.endsWith(".apk")) {
    const { facts, scripts, data } = readApk(bytes);
    const texts = Object.entries(scripts).filter(([, script]) => script !== null);
    return {
      facts,
      scripts: Object.fromEntries(texts.map(([script, text]) => [script, String(text)])),
      data: data.map(entry),
    };
  }
  const { members, control, data } = readIpk(bytes);
  const scripts = [...control.values()].filter(({ kind }) => kind === "file");
  return {
    members,
    scripts: Object.fromEntries(
      scripts.map(({ path, bytes: text }) => [path.slice(2), String(text)]),
    ),
    data: data
      .filter(({ kind }) => kind !== "directory")
      .map((each) => entry({ ...each, path: each.path.slice(1) })),
  };
}

for (const name of process.argv.slice(2)) console.log(JSON.stringify(read(name)));
