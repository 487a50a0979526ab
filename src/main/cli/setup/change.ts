/**
 * Carries a planned set-up out, and back. Order is everything: the originals
 * are on flash before the first file is written, and whatever is cut short is
 * put back by {@link resume} at the next start.
 */
import { utf8 } from "../../../base/bytes.ts";
import { mono } from "../../../base/machine.ts";
import { editUci, UciEditFailure } from "../../../base/uci-edit.ts";
import { HostFailure } from "../../../host/host.ts";
import type { Host } from "../../../host/host.ts";
import type { Plan } from "../../../policy/wireless/wish.ts";
import { PACKAGES } from "../../../policy/wireless/wanted.ts";
import type { PackageName, PlannedEdit } from "../../../policy/wireless/wanted.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import {
  configPath,
  hasTurn,
  keepReplaced,
  readRecord,
  removeRecord,
  takeTurn,
  writeRecord,
} from "./record.ts";
import type { Place, SavedFile, SavedFiles, SetupRecord } from "./record.ts";
import { bssStatus, readPackage, readPackages, run } from "./router.ts";

/** How long a change may wait for its owner's yes. */
export const TRIAL_SECONDS = 90;
/** How long whoever applied it waits for the network. */
export const UP_SECONDS = 60;
const LOOK_EVERY_MS = 2000;

/** Puts the originals aside, has somebody watch, writes the files and tells the router. */
export async function apply(host: Host, place: Place, plan: Plan): Promise<void> {
  takeTurn(place);
  const record = readRecord(place);
  refuseUnfinished(record);
  const now = readPackages(place);
  const written = editAll(now, plan.edits);
  const trial: SetupRecord = {
    version: 1,
    step: "trial",
    originals: record?.originals ?? now,
    before: record === null ? null : now,
    written,
    interfaces: [...new Set([...(record?.interfaces ?? []), plan.interface])],
  };
  orRefuse(() => writeRecord(place, trial));
  const trouble = await startWatcher(host, place);
  if (trouble !== null) {
    if (record === null) removeRecord(place);
    else writeRecord(place, record);
    throw new CommandFailure(EXIT.refused, trouble);
  }
  try {
    writeFiles(place, written);
  } catch (failure) {
    if (!(failure instanceof HostFailure)) throw failure;
    rollBack(place, trial);
    throw new CommandFailure(
      EXIT.refused,
      `${failure.message}: nothing was changed; free space and try again`,
    );
  }
  await reload(host);
}

/** Once hostapd has the network up the change stays. @throws {@link CommandFailure} */
export async function confirm(host: Host, place: Place): Promise<void> {
  const asked = readRecord(place);
  for (const device of asked?.step === "trial" ? asked.interfaces : []) {
    const status = await bssStatus(host, device);
    if (status === "ENABLED") continue;
    throw new CommandFailure(
      EXIT.refused,
      `${device} is not up, its state is ${status}: wait a moment and confirm again, or let it be put back`,
    );
  }
  takeTurn(place);
  const record = readRecord(place);
  if (record?.step !== "trial") {
    throw new CommandFailure(
      EXIT.refused,
      "no set-up waits for a yes: it was put back, or there was none; run homeca setup state",
    );
  }
  orRefuse(() => writeRecord(place, { ...record, step: "kept", before: null }));
}

/** @returns where files are that somebody had changed since, or null. @throws {@link CommandFailure} */
export async function undo(host: Host, place: Place, force: boolean): Promise<string | null> {
  takeTurn(place);
  const record = readRecord(place);
  if (record === null) {
    throw new CommandFailure(
      EXIT.refused,
      "HomeCA has set nothing up here: there is nothing to undo",
    );
  }
  const changed = record.step === "kept" ? changedSince(place, record) : [];
  if (changed.length > 0 && !force) {
    const names = changed.map((name) => `/etc/config/${name}`).join(", ");
    throw new CommandFailure(
      EXIT.refused,
      `${names} changed since the set-up: homeca setup undo --force restores what was before it and keeps today's text aside`,
    );
  }
  const kept = orRefuse(() => {
    writeRecord(place, { ...record, step: "undoing" });
    return restore(place, record, record.originals);
  });
  removeRecord(place);
  await reload(host);
  return kept;
}

/** What the start of the router finds unfinished is put back. @returns one sentence, or null */
export async function resume(host: Host, place: Place): Promise<string | null> {
  const record = readRecord(place);
  if (record === null || record.step === "kept") return null;
  takeTurn(place);
  if (record.step === "trial") rollBack(place, record);
  else {
    restore(place, record, record.originals);
    removeRecord(place);
  }
  await reload(host);
  return record.step === "trial"
    ? "a wireless set-up that nobody confirmed was put back"
    : "an undo of the wireless set-up that was cut short is complete";
}

/** Waits for the owner's yes beside whatever connection the set-up cut. @returns one sentence, or null where the change stays */
export async function watch(host: Host, place: Place): Promise<string | null> {
  const end = mono(host.mono() + TRIAL_SECONDS * 1000);
  // Whoever is at work just now may be about to confirm; it never keeps us from putting back, only waiting.
  while (host.mono() < end || !hasTurn(place)) {
    if (readRecord(place)?.step !== "trial") return null;
    await sleep(host, LOOK_EVERY_MS);
  }
  const record = readRecord(place);
  if (record?.step !== "trial") return null;
  rollBack(place, record);
  await reload(host);
  return "nobody confirmed the wireless set-up in time: everything is as it was before";
}

/** Whether hostapd gets the new network on the air soon. It ends well before the trial, for until its end this process has the turn. */
export async function waitUntilUp(host: Host, place: Place, device: string): Promise<boolean> {
  const end = mono(host.mono() + UP_SECONDS * 1000);
  while (host.mono() < end && readRecord(place)?.step === "trial") {
    if ((await bssStatus(host, device)) === "ENABLED") return true;
    await sleep(host, LOOK_EVERY_MS);
  }
  return false;
}

export function refuseUnfinished(record: SetupRecord | null): void {
  if (record === null || record.step === "kept") return;
  throw new CommandFailure(
    EXIT.refused,
    record.step === "trial"
      ? "a set-up waits for your yes: run homeca setup confirm, or homeca setup undo"
      : "an undo was cut short: run homeca setup undo again",
  );
}

function editAll(now: SavedFiles, edits: readonly PlannedEdit[]): SavedFiles {
  const edited = (name: PackageName): SavedFile => {
    const own = edits.filter((each) => each.package === name);
    const hasSecret = own.some(
      ({ edit }) => edit.kind !== "section" && edit.option.includes("secret"),
    );
    const { text, mode } = now[name];
    // A secret is for root and the group that the daemon runs in.
    return { text: editText(text, name, own), mode: hasSecret ? mode & 0o640 : mode };
  };

  return {
    wireless: edited("wireless"),
    network: edited("network"),
    firewall: edited("firewall"),
    dhcp: edited("dhcp"),
    homeca: edited("homeca"),
  };
}

function editText(text: string, name: string, edits: readonly PlannedEdit[]): string {
  try {
    return editUci(
      text,
      name,
      edits.map(({ edit }) => edit),
    );
  } catch (failure) {
    if (!(failure instanceof UciEditFailure)) throw failure;
    throw new CommandFailure(EXIT.refused, failure.message);
  }
}

function rollBack(place: Place, record: SetupRecord): void {
  restore(place, record, record.before ?? record.originals);
  if (record.before === null) removeRecord(place);
  else writeRecord(place, { ...record, step: "kept", before: null, written: record.before });
}

/** Puts files back; text that is neither theirs nor ours is kept aside first, and `restore` says where. */
function restore(place: Place, record: SetupRecord, target: SavedFiles): string | null {
  const strange: Partial<Record<PackageName, SavedFile>> = {};
  for (const name of changedSince(place, record)) {
    const file = readPackage(place, name);
    if (file !== null && file.text !== target[name].text) strange[name] = file;
  }
  const isOurs = Object.keys(strange).length === 0;
  const path = isOurs ? null : keepReplaced(place, strange);
  writeFiles(place, target);
  return path;
}

/** Packages whose text is not what was written; on a trial that was cut short, nor what was before it. */
function changedSince(place: Place, record: SetupRecord): PackageName[] {
  const before = record.before ?? record.originals;
  return PACKAGES.filter((name) => {
    const text = readPackage(place, name)?.text;
    if (text === record.written[name].text) return false;
    return record.step === "kept" || text !== before[name].text;
  });
}

/** Only what differs: flash wears. */
function writeFiles(place: Place, files: SavedFiles): void {
  for (const name of PACKAGES) {
    const { text, mode } = files[name];
    const now = readPackage(place, name);
    if (now?.text === text && now.mode === mode) continue;
    place.files.replaceDurably(configPath(place, name), utf8(text), mode);
  }
}

/** The watcher belongs to procd, so that it outlives the connection it was started from. @returns what went wrong */
async function startWatcher(host: Host, { root }: Place): Promise<string | null> {
  const where = root === "" ? [] : ["--root", root];
  const command = ["/usr/sbin/homeca", "setup", "--watch", ...where];
  const service = { name: "homeca-setup", instances: { watch: { command, stderr: true } } };
  // One that has ended is started again only under a new entry.
  await run(host, ["ubus", "call", "service", "delete", JSON.stringify({ name: service.name })]);
  const { status } = await run(host, ["ubus", "call", "service", "add", JSON.stringify(service)]);
  if (status === 0) return null;
  return status === 127
    ? "there is no program ubus, so nobody could put the set-up back: run this on a router; nothing was changed"
    : "procd does not start the watcher that would put the set-up back: look at ubus call service list; nothing was changed";
}

/** Services whose package changed are told, then the radios. Either may say no where nothing of theirs changed. */
async function reload(host: Host): Promise<void> {
  await run(host, ["reload_config"]);
  await run(host, ["wifi", "reload"]);
}

function sleep(host: Host, milliseconds: number): Promise<void> {
  return new Promise((resolve) => void host.setTimer(mono(host.mono() + milliseconds), resolve));
}

function orRefuse<T>(body: () => T): T {
  try {
    return body();
  } catch (failure) {
    if (!(failure instanceof HostFailure)) throw failure;
    throw new CommandFailure(
      EXIT.refused,
      `${failure.message}: free space on the router and try again`,
    );
  }
}
