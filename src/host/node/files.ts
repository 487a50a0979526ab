/**
 * Durable files on Node. The order is always: write, fsync, rename or link,
 * fsync the directory; a name appears only when what it names is on the medium.
 */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  ftruncateSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { HostFailure } from "../host.ts";
import type { AppendFile, FileFacts, Files } from "../host.ts";
import { errnoOf } from "./errno.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_WRONLY } = constants;

/** flock(1) ends so where another holds the lock; any other status is a fault. */
const LOCK_HELD = 75;

export const nodeFiles: Files = {
  read(file) {
    return orNull(`read ${file}`, () => new Uint8Array(readFileSync(file)));
  },

  facts(file) {
    return orNull(`facts ${file}`, (): FileFacts => {
      const stat = lstatSync(file);
      const kind = stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other";
      return { mode: stat.mode & 0o7777, size: stat.size, owner: stat.uid, kind };
    });
  },

  list(directory) {
    return attempt(`list ${directory}`, () => readdirSync(directory).sort());
  },

  makeDirectory(directory, mode) {
    attempt(`makeDirectory ${directory}`, () => {
      try {
        mkdirSync(directory, { mode });
      } catch (failure) {
        if (errnoOf(failure) === "EEXIST" && lstatSync(directory).isDirectory()) return;
        throw failure;
      }
      syncDirectory(path.dirname(directory));
    });
  },

  replaceDurably(file, bytes, mode) {
    attempt(`replaceDurably ${file}`, () =>
      writeBeside(file, bytes, mode, (beside) => renameSync(beside, file)),
    );
  },

  createDurably(file, bytes, mode) {
    attempt(`createDurably ${file}`, () =>
      writeBeside(file, bytes, mode, (beside) => {
        // link(2) alone makes a name only where there is none; rename(2) would replace.
        linkSync(beside, file);
        unlinkSync(beside);
      }),
    );
  },

  openAppend(file, mode, length) {
    const operation = `openAppend ${file}`;
    const isNew = orNull(operation, () => lstatSync(file)) === null;
    return attempt(operation, () => openedAppend(operation, file, { isNew, mode, length }));
  },

  createAppend(file, mode) {
    const operation = `createAppend ${file}`;
    return attempt(operation, () =>
      openedAppend(operation, file, { isNew: true, mode, length: 0 }),
    );
  },

  remove(file) {
    orNull(`remove ${file}`, () => {
      unlinkSync(file);
      syncDirectory(path.dirname(file));
    });
  },

  lock(file) {
    return attempt(`lock ${file}`, () => takeLock(file));
  },
};

function openedAppend(
  operation: string,
  file: string,
  { isNew, mode, length }: { isNew: boolean; mode: number; length: number },
): AppendFile {
  const descriptor = openSync(file, O_RDWR | O_NOFOLLOW | (isNew ? O_CREAT | O_EXCL : 0), mode);
  try {
    if (isNew) fchmodSync(descriptor, mode);
    if (fstatSync(descriptor).size < length) throw new HostFailure(operation, "EINVAL");
    ftruncateSync(descriptor, length);
    fsyncSync(descriptor);
    if (isNew) syncDirectory(path.dirname(file));
  } catch (failure) {
    closeSync(descriptor);
    throw failure;
  }
  return new NodeAppendFile(file, descriptor, length);
}

class NodeAppendFile implements AppendFile {
  readonly #file: string;
  readonly #descriptor: number;
  #size: number;
  /** After a failure that could not be undone, what is on the medium is not known: nothing may follow it. */
  #state: "open" | "broken" | "closed" = "open";

  constructor(file: string, descriptor: number, size: number) {
    this.#file = file;
    this.#descriptor = descriptor;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  appendDurably(bytes: Uint8Array): void {
    attempt(`appendDurably ${this.#file}`, () => {
      if (this.#state !== "open") {
        throw new HostFailure(
          `appendDurably ${this.#file}`,
          this.#state === "broken" ? "EIO" : "EBADF",
        );
      }
      try {
        writeAll(this.#descriptor, bytes, this.#size);
        fsyncSync(this.#descriptor);
      } catch (failure) {
        this.#cutBack();
        throw failure;
      }
      this.#size += bytes.length;
    });
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    closeSync(this.#descriptor);
  }

  #cutBack(): void {
    try {
      ftruncateSync(this.#descriptor, this.#size);
      fsyncSync(this.#descriptor);
    } catch {
      // The first failure is the one to report; this one only ends the file's use.
      this.#state = "broken";
    }
  }
}

/** Writes `file.new` whole and synced, lets `name` give it its name, and syncs the directory. */
function writeBeside(
  file: string,
  bytes: Uint8Array,
  mode: number,
  name: (beside: string) => void,
): void {
  const beside = `${file}.new`;
  // What a crash left; the lock on the store's directory says that nobody is writing it now.
  orNull(`remove ${beside}`, () => unlinkSync(beside));
  const descriptor = openSync(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  try {
    try {
      fchmodSync(descriptor, mode);
      writeAll(descriptor, bytes, 0);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    name(beside);
  } catch (failure) {
    orNull(`remove ${beside}`, () => unlinkSync(beside));
    throw failure;
  }
  syncDirectory(path.dirname(file));
}

function writeAll(descriptor: number, bytes: Uint8Array, from: number): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(descriptor, bytes, at, bytes.length - at, from + at);
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * flock(2) belongs to the open file, not to whoever asked: flock(1) takes it on
 * our descriptor and leaves, and the kernel drops it when we end, however we
 * end. Node has no such call itself; a file with a pid in it can be stale, and
 * any user could squat an abstract socket's name.
 */
function takeLock(file: string): boolean {
  const descriptor = openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  const { status, error } = spawnSync("flock", ["-x", "-n", "-E", String(LOCK_HELD), "3"], {
    stdio: ["ignore", "ignore", "ignore", descriptor],
  });
  // Left open for the life of the process: closing it would give the lock back.
  if (status === 0) return true;
  closeSync(descriptor);
  if (status === LOCK_HELD) return false;
  throw error ?? new HostFailure(`lock ${file}`, "ENOLCK");
}

/** The result, every failure turned into a {@link HostFailure}. */
function attempt<T>(operation: string, body: () => T): T {
  try {
    return body();
  } catch (failure) {
    if (failure instanceof HostFailure) throw failure;
    throw new HostFailure(operation, errnoOf(failure));
  }
}

/** Like {@link attempt}, but null where there is no such file. */
function orNull<T>(operation: string, body: () => T): T | null {
  return attempt(operation, () => {
    try {
      return body();
    } catch (failure) {
      if (errnoOf(failure) === "ENOENT") return null;
      throw failure;
    }
  });
}
