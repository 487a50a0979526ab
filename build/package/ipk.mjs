// The .ipk of OpenWrt 24.10 and older: a gzipped tar of debian-binary, data.tar.gz and control.tar.gz.
import { gunzipSync, gzipSync } from "node:zlib";
import { ipkScripts } from "./scripts.mjs";
import { readTar, writeTar } from "./tar.mjs";
import { sizeOf } from "./tree.mjs";

const gzip = (bytes) => gzipSync(bytes, { level: 9 });
const TOP = { path: "./", kind: "directory", mode: 0o755 };

const inTar = (entry) => ({
  ...entry,
  path: `.${entry.path}${entry.kind === "directory" ? "/" : ""}`,
});
const member = (name, text, mode = 0o644) => ({
  path: `./${name}`,
  kind: "file",
  mode,
  bytes: Buffer.from(text),
});

/**
 * @param info - a row of `table.mjs` with `version` and `arch`
 * @param entries - sorted, folders included
 * @param seconds - the time that all files bear, since 1970
 */
export function writeIpk(info, entries, seconds) {
  const control = [
    TOP,
    member("conffiles", info.conffiles.map((name) => `${name}\n`).join("")),
    member("control", controlText(info, entries, seconds)),
    ...Object.entries(ipkScripts(info)).map(([name, text]) => member(name, text, 0o755)),
  ];
  return gzip(
    writeTar(
      [
        member("debian-binary", "2.0\n"),
        member("data.tar.gz", gzip(writeTar([TOP, ...entries.map(inTar)], seconds))),
        member("control.tar.gz", gzip(writeTar(control, seconds))),
      ],
      seconds,
    ),
  );
}

function controlText(info, entries, seconds) {
  return `Package: ${info.name}
Version: ${info.version}
Depends: ${info.depends.join(", ")}
License: ${info.license}
Section: ${info.section}
${info.user === null ? "" : `Require-User: ${info.user}\n`}SourceDateEpoch: ${seconds}
Architecture: ${info.arch}
Installed-Size: ${sizeOf(entries)}
Description:  ${info.description}
`;
}

/** What an .ipk has: `control`, its members by name, and `data`, its entries. */
export function readIpk(bytes) {
  const outer = membersOf(bytes);
  return {
    members: [...outer.keys()],
    control: membersOf(outer.get("./control.tar.gz").bytes),
    data: readTar(gunzipSync(outer.get("./data.tar.gz").bytes)),
  };
}

function membersOf(bytes) {
  return new Map(readTar(gunzipSync(bytes)).map((entry) => [entry.path, entry]));
}
