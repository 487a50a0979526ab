/** A host on which the contract of `src/host/host.ts` is tried; which there are is the engine's matter, see `#stages`. */
import { mono } from "../../src/base/machine.ts";
import type { Host } from "../../src/host/host.ts";

export interface Stage {
  readonly host: Host;
  /** What the host logged: the level, a space, the line. */
  readonly logged: string[];
  /** A folder of this stage's own, empty at first. */
  readonly folder: string;
  /** Lets things happen until the condition holds. @throws where it does not come to hold */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Lets all that is under way happen. */
  readonly settle: () => Promise<void>;
  /** Takes away what the stage made. */
  readonly end: () => void;
}

/** Makes stages of one kind. */
export interface StageMaker {
  readonly kind: "memory" | "node" | "quickjs";
  readonly make: () => Stage;
}

type Body = (stage: Stage) => Promise<void> | void;

/** Runs a test on a stage of its own. */
export async function onStage({ make }: StageMaker, body: Body): Promise<void> {
  const stage = make();
  try {
    await body(stage);
  } finally {
    stage.end();
  }
}

const PATIENCE_MS = 10_000;
/** What is under way on loopback and between processes here has happened by then. */
const SETTLED_MS = 30;

/** `until` and `settle` of hosts whose time passes by itself. */
export function inRealTime(host: Host): Pick<Stage, "settle" | "until"> {
  const pause = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      host.setTimer(mono(host.mono() + milliseconds), resolve);
    });
  return {
    async until(condition) {
      const end = host.mono() + PATIENCE_MS;
      while (!condition()) {
        if (host.mono() > end) throw new Error("it did not happen in ten seconds");
        await pause(2);
      }
    },
    settle: () => pause(SETTLED_MS),
  };
}
