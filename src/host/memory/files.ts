/**
 * Files in memory that can lose power: the twin of `node/files.ts` for tests.
 * Every octet appended and every step of a replacement is one unit of work;
 * power goes after as many units as a test says, and {@link MemoryFiles.restart}
 * gives what a disk might hold then. What was not synced may be gone, or there
 * in part, or its room there and nothing in it.
 */
import { concat } from "../../base/bytes.ts";
import { HostFailure } from "../host.ts";
import type { AppendFile, FileFacts, Files } from "../host.ts";

/** Thrown at the moment the power goes, and by everything after it. No code may catch it and go on. */
export class PowerCut extends Error {
  override readonly name = "PowerCut";
}

/** What is left of an append that was under way: the octets written, a hole of as many zeros as were meant, or only the later half. */
export type Torn = "short" | "zeros" | "hole";

interface Node {
  readonly kind: "file" | "directory" | "other";
  mode: number;
  bytes: Uint8Array;
}

export class MemoryFiles implements Files {
  readonly #nodes: Map<string, Node>;
  readonly #locks = new Set<string>();
  #unitsLeft = Number.POSITIVE_INFINITY;
  #unitsDone = 0;
  readonly #written = new Map<string, number>();
  #dead = false;
  #torn: { readonly path: string; readonly whole: Uint8Array; readonly from: number } | null = null;
  #capacity = Number.POSITIVE_INFINITY;
  #failing: { readonly operation: string; readonly errno: string } | null = null;

  constructor() {
    this.#nodes = new Map([["/", { kind: "directory", mode: 0o755, bytes: new Uint8Array() }]]);
  }

  /** Units of work done so far. */
  get unitsDone(): number {
    return this.#unitsDone;
  }

  /** Octets written so far to files whose path begins so, each replacement counted whole. */
  octetsWritten(prefix: string): number {
    let octets = 0;
    for (const [path, count] of this.#written) if (path.startsWith(prefix)) octets += count;
    return octets;
  }

  /** Whether the power went: whoever holds this does nothing any more. */
  get powerIsOff(): boolean {
    return this.#dead;
  }

  /** Lets so many more units be done, then cuts the power. */
  cutPowerAfter(units: number): void {
    this.#unitsLeft = units;
  }

  /** Total octets that fit; more is ENOSPC. */
  limitTo(octets: number): void {
    this.#capacity = octets;
  }

  /** Lets the next operation whose name begins so fail once. */
  failNext(operation: string, errno: string): void {
    this.#failing = { operation, errno };
  }

  /** Puts a file or other node there as a person with an editor would. */
  plant(path: string, bytes: Uint8Array, mode = 0o600, kind: FileFacts["kind"] = "file"): void {
    this.#nodes.set(path, { kind, mode, bytes: bytes.slice() });
  }

  /** The disk after the power came back; locks died with their holders. */
  restart(torn: Torn = "short"): MemoryFiles {
    const next = new MemoryFiles();
    for (const [path, node] of this.#nodes) next.#nodes.set(path, { ...node });
    const under = this.#torn;
    if (under !== null && torn !== "short") {
      const { path, whole, from } = under;
      const node = next.#nodes.get(path)!;
      const rest = whole.slice(from);
      rest.fill(0, 0, torn === "zeros" ? rest.length : Math.ceil(rest.length / 2));
      node.bytes = concat(whole.subarray(0, from), rest);
    }
    return next;
  }

  read(path: string): Uint8Array | null {
    this.#enter(`read ${path}`);
    const node = this.#nodes.get(path);
    if (node === undefined) return null;
    if (node.kind !== "file") throw new HostFailure(`read ${path}`, "EISDIR");
    return node.bytes.slice();
  }

  facts(path: string): FileFacts | null {
    this.#enter(`facts ${path}`);
    const node = this.#nodes.get(path);
    if (node === undefined) return null;
    return { mode: node.mode, size: node.bytes.length, owner: 0, kind: node.kind };
  }

  list(directory: string): readonly string[] {
    this.#enter(`list ${directory}`);
    if (this.#nodes.get(directory)?.kind !== "directory") {
      throw new HostFailure(`list ${directory}`, "ENOENT");
    }
    const prefix = directory === "/" ? "/" : `${directory}/`;
    const below = [...this.#nodes.keys()].filter((path) => path !== "/" && path.startsWith(prefix));
    return below
      .map((path) => path.slice(prefix.length))
      .filter((name) => !name.includes("/"))
      .sort();
  }

  makeDirectory(path: string, mode: number): void {
    this.#enter(`makeDirectory ${path}`);
    const there = this.#nodes.get(path);
    if (there?.kind === "directory") return;
    if (there !== undefined) throw new HostFailure(`makeDirectory ${path}`, "EEXIST");
    this.#requireParent("makeDirectory", path);
    this.#unit();
    this.#nodes.set(path, { kind: "directory", mode, bytes: new Uint8Array() });
  }

  replaceDurably(path: string, bytes: Uint8Array, mode: number): void {
    this.#enter(`replaceDurably ${path}`);
    this.#putWhole("replaceDurably", path, bytes, mode);
  }

  createDurably(path: string, bytes: Uint8Array, mode: number): void {
    this.#enter(`createDurably ${path}`);
    if (this.#nodes.has(path)) throw new HostFailure(`createDurably ${path}`, "EEXIST");
    this.#putWhole("createDurably", path, bytes, mode);
  }

  openAppend(path: string, mode: number, length: number): AppendFile {
    this.#enter(`openAppend ${path}`);
    this.#requireParent("openAppend", path);
    const there = this.#nodes.get(path);
    if (there !== undefined && there.kind !== "file") {
      throw new HostFailure(`openAppend ${path}`, "EISDIR");
    }
    const node = there ?? { kind: "file", mode, bytes: new Uint8Array() };
    if (node.bytes.length < length) throw new HostFailure(`openAppend ${path}`, "EINVAL");
    this.#unit();
    node.bytes = node.bytes.slice(0, length);
    this.#nodes.set(path, node);
    return this.#appendFile(path, node);
  }

  createAppend(path: string, mode: number): AppendFile {
    this.#enter(`createAppend ${path}`);
    if (this.#nodes.has(path)) throw new HostFailure(`createAppend ${path}`, "EEXIST");
    return this.openAppend(path, mode, 0);
  }

  remove(path: string): void {
    this.#enter(`remove ${path}`);
    if (!this.#nodes.has(path)) return;
    this.#unit();
    this.#nodes.delete(path);
  }

  lock(path: string): boolean {
    this.#enter(`lock ${path}`);
    this.#requireParent("lock", path);
    if (this.#locks.has(path)) return false;
    this.#locks.add(path);
    return true;
  }

  #appendFile(path: string, node: Node): AppendFile {
    let open = true;
    const append = (bytes: Uint8Array): void => {
      this.#enter(`appendDurably ${path}`);
      if (!open) throw new HostFailure(`appendDurably ${path}`, "EBADF");
      const before = node.bytes;
      const room = this.#capacity - this.#used();
      if (bytes.length > room) throw new HostFailure(`appendDurably ${path}`, "ENOSPC");
      const whole = concat(before, bytes);
      this.#count(path, bytes);
      // A handle may outlive its name: after a replacement it writes where nobody looks.
      const named = this.#nodes.get(path) === node;
      this.#torn = named ? { path, whole, from: before.length } : null;
      for (let at = before.length + 1; at <= whole.length; at++) {
        this.#unit();
        node.bytes = whole.subarray(0, at);
        if (named) this.#torn = { path, whole, from: at };
      }
      this.#unit();
      this.#torn = null;
    };
    return {
      get size(): number {
        return node.bytes.length;
      },
      appendDurably: append,
      close(): void {
        open = false;
      },
    };
  }

  /** Three moments: only the file beside, the old name with the new file possible, done. */
  #putWhole(operation: string, path: string, bytes: Uint8Array, mode: number): void {
    this.#requireParent(operation, path);
    const beside = `${path}.new`;
    if (bytes.length > this.#capacity - this.#used()) {
      throw new HostFailure(`${operation} ${path}`, "ENOSPC");
    }
    this.#count(path, bytes);
    this.#unit();
    const half = bytes.slice(0, Math.floor(bytes.length / 2));
    this.#nodes.set(beside, { kind: "file", mode, bytes: half });
    this.#unit();
    this.#nodes.delete(beside);
    this.#nodes.set(path, { kind: "file", mode, bytes: bytes.slice() });
    this.#unit();
  }

  #count(path: string, { length }: Uint8Array): void {
    this.#written.set(path, (this.#written.get(path) ?? 0) + length);
  }

  #used(): number {
    let used = 0;
    for (const { bytes } of this.#nodes.values()) used += bytes.length;
    return used;
  }

  #requireParent(operation: string, path: string): void {
    const parent = path.slice(0, path.lastIndexOf("/")) || "/";
    if (this.#nodes.get(parent)?.kind !== "directory") {
      throw new HostFailure(`${operation} ${path}`, "ENOENT");
    }
  }

  #enter(operation: string): void {
    if (this.#dead) throw new PowerCut("the power is off");
    const failing = this.#failing;
    if (failing === null || !operation.startsWith(failing.operation)) return;
    this.#failing = null;
    throw new HostFailure(operation, failing.errno);
  }

  #unit(): void {
    if (this.#unitsLeft === 0) {
      this.#dead = true;
      throw new PowerCut("the power went off");
    }
    this.#unitsLeft--;
    this.#unitsDone++;
  }
}
