/**
 * Tells those who watch the object `homeca` that something is otherwise, so that
 * a page need not ask all the time. What it is they ask for: a notice has an id
 * and a state, and nothing that a device said.
 */
import type { House } from "../house.ts";

/** Devices told one by one; where more have changed, that is all that is told. */
export const MAX_NOTICES = 32;

type Notify = (type: string, fields: object) => void;

/** What of a device a page would show otherwise. */
interface Shown {
  readonly state: string;
  readonly alarm: boolean;
}

export class Notices {
  readonly #house: House;
  readonly #notify: Notify;
  /** By id, as they were told last; null while nobody watches. */
  #told: ReadonlyMap<string, Shown> | null = null;
  #warnings = "";

  constructor(house: House, notify: Notify) {
    this.#house = house;
    this.#notify = notify;
  }

  /** Somebody watches from now on, or nobody. */
  watched(active: boolean): void {
    this.#told = active ? this.#shown() : null;
    this.#warnings = active ? this.#troubles().join("\n") : "";
  }

  /** Devices may be otherwise. */
  look(): void {
    const before = this.#told;
    if (before === null) return;
    const after = this.#shown();
    this.#told = after;
    const changed = [...after].filter(([id, { state, alarm }]) => {
      const old = before.get(id);
      return old === undefined || old.state !== state || old.alarm !== alarm;
    });
    const gone = [...before.keys()].filter((id) => !after.has(id));
    if (changed.length + gone.length > MAX_NOTICES) return this.#notify("devices", {});
    for (const [id, { state, alarm }] of changed) {
      this.#notify("device", { id, state, alarm });
      if (alarm && before.get(id)?.alarm !== true) this.#notify("alarm", { id, state });
    }
    for (const id of gone) this.#notify("device", { id, state: "removed", alarm: false });
  }

  /** What the owner should look at may be otherwise. */
  lookAtStatus(): void {
    if (this.#told === null) return;
    const troubles = this.#troubles();
    const warnings = troubles.join("\n");
    if (warnings === this.#warnings) return;
    this.#warnings = warnings;
    this.#notify("status", { warnings: troubles.length });
  }

  #troubles(): readonly string[] {
    return this.#house.troubles().map(({ sentence }) => sentence);
  }

  #shown(): ReadonlyMap<string, Shown> {
    const { devices } = this.#house.registry;
    return new Map(
      [...devices.values()].map(({ id, state, alarm }) => [id, { state, alarm: alarm !== null }]),
    );
  }
}
