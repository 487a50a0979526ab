/**
 * Durable files over the C host. The order is always: write, fsync, rename or
 * link, fsync the folder; a name appears only when what it names is on the medium.
 */
import { HostFailure } from "../host.ts";
import type { AppendFile, Files } from "../host.ts";
import { checked, errnoOf, native } from "./native.ts";

const CREATE = 1;
const FOLDER = 2;
const KINDS = ["file", "directory", "other", "other"] as const;

export const quickJsFiles: Files = {
  read(path) {
    const bytes = native.read(path);
    if (errnoOf(bytes) === "ENOENT") return null;
    return new Uint8Array(checked<ArrayBuffer>(`read ${path}`, bytes));
  },

  facts(path) {
    const facts = native.facts(path);
    if (errnoOf(facts) === "ENOENT") return null;
    const [mode, size, owner, kind] = checked<readonly [number, number, number, number]>(
      `facts ${path}`,
      facts,
    );
    return { mode, size, owner, kind: KINDS[kind] ?? "other" };
  },

  list(folder) {
    return checked<string[]>(`list ${folder}`, native.list(folder)).sort();
  },

  makeDirectory(folder, mode) {
    const operation = `makeDirectory ${folder}`;
    const made = native.mkdir(folder, mode);
    if (errnoOf(made) === "EEXIST" && quickJsFiles.facts(folder)?.kind === "directory") return;
    checked(operation, made);
    syncFolder(operation, folderOf(folder));
  },

  replaceDurably(path, bytes, mode) {
    const operation = `replaceDurably ${path}`;
    writeBeside(operation, path, bytes, mode, (beside) =>
      checked(operation, native.rename(beside, path)),
    );
  },

  createDurably(path, bytes, mode) {
    const operation = `createDurably ${path}`;
    writeBeside(operation, path, bytes, mode, (beside) => {
      // link(2) alone makes a name only where there is none; rename(2) would replace.
      checked(operation, native.link(beside, path));
      checked(operation, native.unlink(beside));
    });
  },

  openAppend(path, mode, length) {
    const isNew = quickJsFiles.facts(path) === null;
    return openedAppend(`openAppend ${path}`, path, { isNew, mode, length });
  },

  createAppend(path, mode) {
    return openedAppend(`createAppend ${path}`, path, { isNew: true, mode, length: 0 });
  },

  remove(path) {
    const operation = `remove ${path}`;
    const removed = native.unlink(path);
    if (errnoOf(removed) === "ENOENT") return;
    checked(operation, removed);
    syncFolder(operation, folderOf(path));
  },

  lock(path) {
    const operation = `lock ${path}`;
    const there = native.open(path, 0, 0);
    const fd = checked<number>(
      operation,
      errnoOf(there) === "ENOENT" ? native.open(path, CREATE, 0o600) : there,
    );
    const locked = native.lock(fd);
    // Left open for the life of the process: closing it would give the lock back.
    if (errnoOf(locked) === null) return true;
    native.close(fd);
    if (errnoOf(locked) === "EAGAIN") return false;
    checked(operation, locked);
    return false;
  },
};

function openedAppend(
  operation: string,
  path: string,
  { isNew, mode, length }: { isNew: boolean; mode: number; length: number },
): AppendFile {
  const fd = checked<number>(operation, native.open(path, isNew ? CREATE : 0, mode));
  try {
    if (isNew) checked(operation, native.chmod(fd, mode));
    if (checked<number>(operation, native.size(fd)) < length) {
      throw new HostFailure(operation, "EINVAL");
    }
    checked(operation, native.truncate(fd, length));
    checked(operation, native.sync(fd));
    if (isNew) syncFolder(operation, folderOf(path));
  } catch (failure) {
    native.close(fd);
    throw failure;
  }
  return new QuickJsAppendFile(path, fd, length);
}

class QuickJsAppendFile implements AppendFile {
  readonly #operation: string;
  readonly #fd: number;
  #size: number;
  /** After a failure that could not be undone, what is on the medium is not known: nothing may follow it. */
  #state: "open" | "broken" | "closed" = "open";

  constructor(path: string, fd: number, size: number) {
    this.#operation = `appendDurably ${path}`;
    this.#fd = fd;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  appendDurably(bytes: Uint8Array): void {
    if (this.#state !== "open") {
      throw new HostFailure(this.#operation, this.#state === "broken" ? "EIO" : "EBADF");
    }
    try {
      writeAll(this.#operation, this.#fd, bytes, this.#size);
      checked(this.#operation, native.sync(this.#fd));
    } catch (failure) {
      this.#cutBack();
      throw failure;
    }
    this.#size += bytes.length;
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    native.close(this.#fd);
  }

  #cutBack(): void {
    const cut = native.truncate(this.#fd, this.#size);
    if (cut < 0 || native.sync(this.#fd) < 0) this.#state = "broken";
  }
}

/** Writes `path.new` whole and synced, lets `name` give it its name, and syncs the folder. */
function writeBeside(
  operation: string,
  path: string,
  bytes: Uint8Array,
  mode: number,
  name: (beside: string) => void,
): void {
  const beside = `${path}.new`;
  // What a crash left; the lock on the store's folder says that nobody is writing it now.
  native.unlink(beside);
  const fd = checked<number>(operation, native.open(beside, CREATE, mode));
  try {
    try {
      checked(operation, native.chmod(fd, mode));
      writeAll(operation, fd, bytes, 0);
      checked(operation, native.sync(fd));
    } finally {
      native.close(fd);
    }
    name(beside);
  } catch (failure) {
    native.unlink(beside);
    throw failure;
  }
  syncFolder(operation, folderOf(path));
}

function writeAll(operation: string, fd: number, bytes: Uint8Array, from: number): void {
  const { buffer, byteOffset, length } = bytes;
  checked(operation, native.write(fd, from, buffer, byteOffset, length));
}

function syncFolder(operation: string, folder: string): void {
  const fd = checked<number>(operation, native.open(folder, FOLDER, 0));
  const synced = native.sync(fd);
  native.close(fd);
  checked(operation, synced);
}

function folderOf(path: string): string {
  const end = path.replace(/\/+$/, "").lastIndexOf("/");
  return end < 0 ? "." : end === 0 ? "/" : path.slice(0, end);
}
