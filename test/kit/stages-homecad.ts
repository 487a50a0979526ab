/** `#stages` on the C host: its words are the folder that its runner made, and the emulator if there is one. */
import { quickJsHost } from "../../src/host/quickjs/index.ts";
import type { QuickJsHost } from "../../src/host/quickjs/index.ts";
import { native } from "../../src/host/quickjs/native.ts";
import { memoryStage } from "./memory-stage.ts";
import { inRealTime } from "./stage.ts";
import type { Stage, StageMaker } from "./stage.ts";

const [, FOLDER = "/nonexistent", emulator] = native.words();
const logged: string[] = [];
let host: QuickJsHost | null = null;
let count = 0;

/** There is one loop in a process, and so one host. */
function theHost(): QuickJsHost {
  host ??= quickJsHost((level, line) => void logged.push(`${level} ${line}`));
  return host;
}

function quickJsStage(): Stage {
  const folder = `${FOLDER}/${++count}`;
  theHost().files.makeDirectory(folder, 0o700);
  logged.length = 0;
  return {
    host: theHost(),
    logged,
    folder,
    end: () => {},
    ...inRealTime(theHost()),
  };
}

export const STAGES: readonly StageMaker[] = [
  { kind: "quickjs", make: quickJsStage },
  { kind: "memory", make: memoryStage },
];

/** The emulator of another processor that runs all this; null for none. */
export const EMULATED: string | null = emulator ?? null;
