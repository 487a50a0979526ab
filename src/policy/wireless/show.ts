/** A plan as its owner reads it before saying yes: one line for each change, no secret among them. */
import { visible } from "../../base/text.ts";
import type { PlannedEdit } from "./wanted.ts";

/** What stands in place of a secret. */
export const HIDDEN = "(secret)";

/** Of the options that are written or were there; `key` of a Wi-Fi network too, should one ever be shown. */
function isSecret(option: string): boolean {
  return option.includes("secret") || option.includes("key") || option.includes("password");
}

/** Lines that begin with `+` for what comes and `-` for what goes; empty where nothing changes. */
export function showEdits(edits: readonly PlannedEdit[]): string {
  return edits
    .map((planned) =>
      linesOf(planned)
        .map((line) => `${line}\n`)
        .join(""),
    )
    .join("");
}

function linesOf({ package: pkg, edit, old }: PlannedEdit): string[] {
  const place = `${pkg}.${edit.section}`;
  if (edit.kind === "section") return [`+ ${place}=${edit.type}`];
  const { option, values } = edit;
  const shown = (value: string): string => (isSecret(option) ? HIDDEN : `'${visible(value)}'`);
  const gone = (old ?? []).filter((value) => isSecret(option) || !values.includes(value));
  const come = values.filter((value) => isSecret(option) || !(old ?? []).includes(value));
  return [
    ...gone.map((value) => `- ${place}.${option}=${shown(value)}`),
    ...come.map((value) => `+ ${place}.${option}=${shown(value)}`),
  ];
}
