/** Every peer, built where it is written here. */
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { spawnSync } from "node:child_process";
import type { End } from "./end.ts";
import { goPeers } from "./peers/go.ts";
import { gnutls } from "./peers/gnutls.ts";
import { openssl } from "./peers/openssl.ts";

/** The peers that Debian has: nothing is fetched for them. */
export function debianPeers(): End[] {
  return [openssl, gnutls];
}

/**
 * The peers from registries. What is built goes into `cache`, and stays there.
 *
 * @param sources - `test/interop/peers` of the work tree.
 */
export function registryPeers(sources: string, cache: string): End[] {
  mkdirSync(cache, { recursive: true });
  return [...goPeers(buildGo(path.join(sources, "go"), path.join(cache, "go-end")))];
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
