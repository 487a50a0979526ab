// What a package installs: one entry for each path, folders included, in one order.
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { filesBelow, root } from "../bundle.mjs";

/** Bytewise, so that no locale moves anything. */
export const byPath = (a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));

/** Every file below `folder` of the project, at the same place below the root of the router. Executable stays so. */
export function filesOf(folder) {
  return filesBelow(folder, "").map((name) => {
    const isExecutable = (statSync(path.join(root, name)).mode & 0o100) !== 0;
    return {
      path: `/${path.relative(folder, name)}`,
      kind: "file",
      mode: isExecutable ? 0o755 : 0o644,
      bytes: readFileSync(path.join(root, name)),
    };
  });
}

export function file(name, bytes, mode = 0o644) {
  return { path: name, kind: "file", mode, bytes: Buffer.from(bytes) };
}

export function link(name, target) {
  return { path: name, kind: "link", mode: 0o777, target };
}

/** The entries with each folder above them, sorted; two entries of one path are a mistake. */
export function withFolders(entries) {
  const folders = new Set();
  for (const entry of entries) {
    for (let at = path.dirname(entry.path); at !== "/"; at = path.dirname(at)) folders.add(at);
  }
  const all = [
    ...entries,
    ...[...folders].map((name) => ({ path: name, kind: "directory", mode: 0o755 })),
  ].sort(byPath);
  const twice = all.find(({ path: name }, index) => all[index - 1]?.path === name);
  if (twice !== undefined) throw new Error(`${twice.path} is there twice`);
  return all;
}

/** Octets that the files take. */
export function sizeOf(entries) {
  return entries.reduce((sum, { kind, bytes }) => sum + (kind === "file" ? bytes.length : 0), 0);
}
