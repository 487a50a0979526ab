/** `#stages` on Node. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { nodeFiles } from "../../src/host/node/files.ts";
import { nodeHost } from "../../src/host/node/index.ts";
import { memoryStage } from "./memory-stage.ts";
import { inRealTime } from "./stage.ts";
import type { Stage, StageMaker } from "./stage.ts";

function nodeStage(): Stage {
  const logged: string[] = [];
  const writeLog = (line: string): void => void logged.push(line.trimEnd());
  const host = nodeHost({ files: nodeFiles, writeLog });
  const folder = mkdtempSync(path.join(tmpdir(), "homeca-stage-"));
  const end = (): void => rmSync(folder, { recursive: true });
  return { host, logged, folder, end, ...inRealTime(host) };
}

export const STAGES: readonly StageMaker[] = [
  { kind: "node", make: nodeStage },
  { kind: "memory", make: memoryStage },
];

/** Never here; see `stages-homecad.ts`. */
export const EMULATED: string | null = null;
