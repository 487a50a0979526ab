// Runs the steps of a lab in order and prints one aligned table. A step is { name, run }, and what
// `run` returns is its note; it throws a Broken where the world is not as it should be.
import { Lab as WiredLab, missing as missingWired, monotonic } from "./lab.mjs";

export class Broken extends Error {}

export function expect(condition, what) {
  if (!condition) throw new Broken(what);
}

/**
 * Opens a lab, runs the steps and exits: 0 if all passed or the machine cannot carry a lab, else 1.
 * After a step that is `essential` and failed, the rest count as failed without being tried.
 * `build` makes what is tested, or tells what is missing for it. `Lab` is opened by `open`, and has opened `all`.
 * With `live` each line comes when its step is over, and there is no table.
 */
export async function runSteps(
  title,
  {
    programs = [],
    build = async () => null,
    prepare,
    steps,
    Lab = WiredLab,
    missing = missingWired,
    live = false,
  },
) {
  const lacks = missing(programs) ?? (await build());
  if (lacks !== null) {
    console.log(`${title}: left out, this machine lacks ${lacks}`);
    console.log("0 passed, 0 failed, 1 skipped");
    return;
  }
  const rows = [];
  let lab = null;
  let stopped = null;
  try {
    lab = await Lab.open();
    await prepare(lab);
  } catch (failure) {
    stopped = failure;
    rows.push({ name: "the lab is up", result: "FAILED", seconds: 0, note: failure.message });
    if (live) console.log(lineOf(rows[0]));
  }
  for (const { name, run, essential = false, needs = null } of steps) {
    const start = monotonic();
    const row = { name, result: "passed", note: "" };
    try {
      if (stopped !== null) throw new Broken("not tried");
      const lacking = needs === null ? null : needs(lab);
      if (lacking === null) row.note = (await run(lab)) ?? "";
      else Object.assign(row, { result: "skipped", note: `needs ${lacking}` });
    } catch (failure) {
      if (essential) stopped ??= failure;
      Object.assign(row, { result: "FAILED", note: failure.message });
      // Anything but a Broken is a fault of the lab or of a program in it: say where.
      if (!(failure instanceof Broken)) console.error(failure.stack);
    }
    row.seconds = (monotonic() - start) / 1000;
    rows.push(row);
    if (live) console.log(lineOf(row));
    else if (process.stdout.isTTY) console.log(`${row.result.padEnd(8)} ${name}`);
  }
  const failed = count(rows, "FAILED");
  if (failed > 0) for (const one of Lab.all) one.showLogs();
  lab?.close();
  if (!live) print(title, rows);
  const skipped = count(rows, "skipped");
  const left = skipped > 0 ? `, ${skipped} skipped` : "";
  console.log(`${count(rows, "passed")} passed, ${failed} failed${left}`);
  process.exit(failed === 0 ? 0 : 1);
}

const count = (rows, result) => rows.filter((row) => row.result === result).length;

function print(title, rows) {
  const width = Math.max(...rows.map((row) => row.name.length));
  console.log(`\n${title}`);
  for (const row of rows) console.log(lineOf(row, width));
}

function lineOf({ result, seconds, name, note }, width = 0) {
  const time = `${(seconds ?? 0).toFixed(1)} s`.padStart(7);
  return `${result.padEnd(8)}${time}  ${name.padEnd(width)}  ${note}`.trimEnd();
}
