// Compiles the C host around a bundle: what dist/homecad is, and what runs tests on it.
import { execFileSync, spawnSync } from "node:child_process";
import path from "node:path";
import { enginePath, filesBelow, root } from "./bundle.mjs";

export const has = (program) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

/** musl-gcc makes a static executable; where that is missing, cc makes one that needs this machine's C library. */
export const OPTIONS = {
  cc: { type: "string", default: has("musl-gcc") ? "musl-gcc" : "cc" },
  triple: { type: "string" },
  static: { type: "boolean", default: false },
  sanitize: { type: "boolean", default: false },
  debug: { type: "boolean", default: false },
};

/**
 * @param bundle - one module of JavaScript, linked in
 * @param triple - which engine of @suchipi/quickjs; by the compiler unless told
 * @param wantsStatic - needs no library of the machine; musl-gcc's always is
 * @param debug - with names and lines, for valgrind and gdb
 * @param sanitize - with AddressSanitizer and UndefinedBehaviorSanitizer; takes gcc or clang
 */
export function compileHost({ bundle, out, cc, triple, sanitize, debug, static: wantsStatic }) {
  const isMusl = cc.includes("musl");
  const isStatic = isMusl || wantsStatic;
  const engine = enginePath({ triple, library: isMusl ? "static" : "gnu" });
  const sources = [".c", ".S"].flatMap((ending) => filesBelow("package/homeca/src", ending));
  const how = [
    ...(sanitize || debug ? ["-g", "-O1"] : ["-O2", "-s"]),
    ...(sanitize ? ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"] : []),
    ...(isStatic ? ["-static"] : []),
  ];
  execFileSync(
    cc,
    [
      "-std=c11",
      ...how,
      "-Wall",
      "-Wextra",
      "-Wconversion",
      "-Werror",
      // The engine's header is not ours to warn about.
      "-isystem",
      path.join(engine, "include"),
      `-DBUNDLE="${bundle}"`,
      "-o",
      out,
      ...sources,
      path.join(engine, "lib/quickjs-core.a"),
      "-lm",
      "-lpthread",
    ],
    { cwd: root, stdio: "inherit" },
  );
}
