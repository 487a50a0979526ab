/** Files in memory that count what they are handed to write. */
import { utf8 } from "../../src/base/bytes.ts";
import type { AppendFile } from "../../src/host/host.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import type { Ledger } from "./ledger.ts";

/** What one file was handed. */
export interface Written {
  appendedBytes: number;
  /** Whole files. */
  replacedBytes: number;
}

export class MeteredFiles extends MemoryFiles {
  readonly #ledger: Ledger;
  readonly written: Map<string, Written> = new Map();

  /** @param ledger - What the medium takes is nobody's time: it simulates power cuts, octet by octet. */
  constructor(ledger: Ledger) {
    super();
    this.#ledger = ledger;
  }

  override replaceDurably(path: string, bytes: Uint8Array, mode: number): void {
    this.#of(path).replacedBytes += bytes.length;
    this.#ledger.charge(null, () => super.replaceDurably(path, bytes, mode));
  }

  override createDurably(path: string, bytes: Uint8Array, mode: number): void {
    this.#of(path).replacedBytes += bytes.length;
    this.#ledger.charge(null, () => super.createDurably(path, bytes, mode));
  }

  override openAppend(path: string, mode: number, length: number): AppendFile {
    const inner = super.openAppend(path, mode, length);
    return {
      get size(): number {
        return inner.size;
      },
      appendDurably: (bytes) => {
        this.#of(path).appendedBytes += bytes.length;
        this.#ledger.charge(null, () => inner.appendDurably(bytes));
      },
      close: () => inner.close(),
    };
  }

  #of(path: string): Written {
    const before = this.written.get(path);
    if (before !== undefined) return before;
    const written = { appendedBytes: 0, replacedBytes: 0 };
    this.written.set(path, written);
    return written;
  }
}

/** The disk of a home that starts for the first time with this configuration. */
export function freshDisk(ledger: Ledger, uci: string): MeteredFiles {
  const files = new MeteredFiles(ledger);
  for (const folder of ["/etc", "/etc/config", "/var", "/var/run"]) {
    files.makeDirectory(folder, 0o755);
  }
  files.replaceDurably("/etc/config/homeca", utf8(uci), 0o600);
  return files;
}
