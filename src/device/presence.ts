/**
 * How somebody shows the running agent that they have the device in their
 * hands: a file that only who administers the device can write. It counts once,
 * and for a while; one from before the start is of unknown age and does not count.
 */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import type { Mono } from "../base/machine.ts";
import { mono } from "../base/machine.ts";
import type { PresenceProof } from "../policy/window/passive-release.ts";
import type { Files, Host } from "../host/host.ts";

const FILE_MODE = 0o600;

/** For so long a shown presence counts: the other home's owner has to say yes meanwhile. */
export const PRESENCE_MS: number = 60 * 60_000;

const PROOFS: readonly PresenceProof[] = ["setup-code", "button"];

/** @throws HostFailure */
export function showPresence(files: Files, path: string, proof: PresenceProof): void {
  files.replaceDurably(path, utf8(`${proof}\n`), FILE_MODE);
}

export class ShownPresence {
  readonly #host: Pick<Host, "files" | "mono">;
  readonly #path: string;
  #shown: { readonly proof: PresenceProof; readonly until: Mono } | null = null;

  /** @throws HostFailure */
  constructor(host: Pick<Host, "files" | "mono">, path: string) {
    this.#host = host;
    this.#path = path;
    host.files.remove(path);
  }

  /** What is shown now; null for nothing. @throws HostFailure */
  look(): PresenceProof | null {
    const { files } = this.#host;
    const now = this.#host.mono();
    const bytes = files.read(this.#path);
    if (bytes !== null) {
      files.remove(this.#path);
      const text = fromUtf8(bytes.subarray(0, 16))?.trim();
      const proof = PROOFS.find((one) => one === text);
      if (proof !== undefined) this.#shown = { proof, until: mono(now + PRESENCE_MS) };
    }
    if (this.#shown !== null && this.#shown.until <= now) this.#shown = null;
    return this.#shown?.proof ?? null;
  }

  /** It has served. */
  forget(): void {
    this.#shown = null;
  }
}
