/** Reads a secret's file: a key, or the shared secret of a NAS. */
import type { Files } from "../../host/host.ts";

/** Octets that a secret's file may have. */
export const MAX_SECRET = 16384;

export type SecretReason = "missing" | "not-a-file" | "open-to-others" | "too-large";

/** A secret that is not used. The message is one sentence with the fix, and never any of the secret. */
export class SecretFailure extends Error {
  override readonly name = "SecretFailure";
  readonly reason: SecretReason;

  constructor(reason: SecretReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * The file's octets. A key that others on this router may read or write is no
 * secret, so it is refused and not merely warned about.
 * @throws {@link SecretFailure}
 */
export function readSecret(files: Files, path: string): Uint8Array {
  const facts = files.facts(path);
  if (facts === null) {
    throw new SecretFailure("missing", `${path} is missing: restore it from a backup.`);
  }
  if (facts.kind !== "file") {
    throw new SecretFailure(
      "not-a-file",
      `${path} is not a plain file: put the key itself there, not a link to it.`,
    );
  }
  if ((facts.mode & 0o077) !== 0) {
    const mode = facts.mode.toString(8).padStart(4, "0");
    throw new SecretFailure(
      "open-to-others",
      `${path} is open to other users (mode ${mode}): run \`chmod 600 ${path}\`, and replace the key if anyone may have read it.`,
    );
  }
  const bytes = facts.size <= MAX_SECRET ? files.read(path) : null;
  if (bytes === null) {
    throw new SecretFailure(
      "too-large",
      `${path} has ${facts.size} octets and a key has at most ${MAX_SECRET}: put the key there again.`,
    );
  }
  return bytes;
}
