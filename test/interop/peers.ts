/** Every peer, built where it is written here. */
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { spawnSync } from "node:child_process";
import type { End } from "./end.ts";
import { goPeers } from "./peers/go.ts";
import { gnutls } from "./peers/gnutls.ts";
import { libcoap } from "./peers/libcoap.ts";
import { openssl } from "./peers/openssl.ts";
import { scandium } from "./peers/scandium.ts";
import { tlslite } from "./peers/tlslite.ts";
import { wolfssl } from "./peers/wolfssl.ts";
import { firstLine } from "./program.ts";

/**
 * The peers that Debian has: nothing is fetched for them. What is built goes
 * into `cache`, and stays there.
 *
 * @param sources - `test/interop/peers` of the work tree.
 */
export function debianPeers(sources: string, cache: string): End[] {
  mkdirSync(cache, { recursive: true });
  const program = path.join(cache, "wolfssl-end");
  const source = path.join(sources, "wolfssl/end.c");
  const library = firstLine("dpkg-query", "-W", "-f", "${Version}", "libwolfssl-dev");
  const has = existsSync("/usr/include/wolfssl/ssl.h");
  const built = has && make("cc", ["-O1", "-o", program, source, "-lwolfssl"], sources);
  const wolf = wolfssl(built ? program : null, library ?? "");
  return [openssl, gnutls, libcoap("openssl"), libcoap("gnutls"), wolf];
}

/** The peers from registries, as {@link debianPeers}. */
export function registryPeers(sources: string, cache: string): End[] {
  mkdirSync(cache, { recursive: true });
  return [
    ...goPeers(buildGo(path.join(sources, "go"), path.join(cache, "go-end"))),
    scandium(buildJava(path.join(sources, "scandium"), path.join(cache, "scandium"))),
    tlslite(buildPython(sources, path.join(cache, "python")), path.join(sources, "tlslite/end.py")),
  ];
}

/** The folder of the libraries that `pom.xml` names and of the compiled class. */
function buildJava(folder: string, classes: string): string | null {
  const fetched =
    existsSync(classes) ||
    make(
      "mvn",
      ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${classes}`],
      folder,
    );
  const built =
    fetched && make("javac", ["-d", classes, "-cp", `${classes}/*`, "End.java"], folder);
  return built ? classes : null;
}

/** The Python of an environment that has what `requirements.txt` names. */
function buildPython(sources: string, environment: string): string | null {
  const python = path.join(environment, "bin/python");
  const wanted = path.join(sources, "tlslite/requirements.txt");
  const ready =
    (existsSync(python) || make("python3", ["-m", "venv", environment], sources)) &&
    make(python, ["-m", "pip", "install", "-q", "-r", wanted], sources);
  return ready ? python : null;
}

function buildGo(folder: string, program: string): string | null {
  const made = make("go", ["build", "-o", program, "."], folder);
  return made && existsSync(program) ? program : null;
}

/** Runs a builder; one that fails says so, and its peer is missing from the matrix by name. */
function make(command: string, words: readonly string[], folder: string): boolean {
  const { error, status, stderr } = spawnSync(command, words, { cwd: folder, encoding: "utf8" });
  if (error === undefined && status === 0) return true;
  console.error(`${command} ${words.join(" ")}: ${error?.message ?? stderr.trim()}`);
  return false;
}
