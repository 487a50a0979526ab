/** The memory host on a stage of its own: the same on every engine. */
import { noble } from "../../src/base/crypto/noble.ts";
import { MemoryFiles } from "../../src/host/memory/files.ts";
import { MemoryHost } from "../../src/host/memory/host.ts";
import { seeded } from "./random.ts";
import type { Stage } from "./stage.ts";

export function memoryStage(): Stage {
  const files = new MemoryFiles();
  files.makeDirectory("/stage", 0o700);
  const host = new MemoryHost({ crypto: noble, random: seeded("stage"), files });
  const settle = (): Promise<void> => {
    host.clock.advance(0);
    return Promise.resolve();
  };
  return {
    host,
    logged: [],
    folder: "/stage",
    async until(condition) {
      await settle();
      if (!condition()) throw new Error("it did not happen");
    },
    settle,
    end: () => {},
  };
}
