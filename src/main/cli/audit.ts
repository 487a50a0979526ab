/** `homeca audit` and `homeca verify`: what was issued and done, for good, and whether it is still as it was written. */
import { oneLine } from "../../base/text.ts";
import type { AuditEntry, AuditPage, AuditVerdict } from "../../daemon/management/service.ts";
import { optionFor, summaryOf } from "./command.ts";
import type { Call, Command } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { facts, MAX_SENTENCE, minute } from "./text.ts";

/** Entries asked for at once; the answer may have fewer. */
const AUDIT_PORTION = 500;

export const audit: Command = {
  name: "audit",
  alias: null,
  summary: summaryOf("audit"),
  operands: [],
  options: [
    optionFor("audit", "device", "ID"),
    { name: "limit", value: "NUMBER", doc: "So many newest entries; 100 unless told." },
  ],
  description: [
    "Every certificate that was issued, and what you, the authority and the house did. It is kept on flash, a MiB of it, and only ever appended to.",
    "Each entry is bound to those before it: homeca verify follows them.",
  ],
  examples: ["homeca audit --limit 20", "homeca audit --limit 100000 --json"],
  asks: true,
  async run(call) {
    const entries = await auditEntries(call, call.whole("limit") ?? 100);
    return call.show(
      { entries },
      () => entries.map(auditLine).join("") || "nothing was done yet\n",
    );
  },
};

async function auditEntries(call: Call, limit: number): Promise<readonly AuditEntry[]> {
  const found: AuditEntry[] = [];
  let before: number | null = null;
  do {
    const most = Math.min(AUDIT_PORTION, limit - found.length);
    const args = { device: call.option("device"), before, limit: most };
    const page: AuditPage = await call.ask<AuditPage>("audit", args);
    found.unshift(...page.entries);
    before = page.before;
  } while (before !== null && found.length < limit);
  return found;
}

function auditLine({ number, at, kind, text }: AuditEntry): string {
  const head = `${String(number).padStart(7)}  ${minute(at) ?? "time not known   "}`;
  return `${head}  ${oneLine(kind, 9).padEnd(9)}  ${oneLine(text, MAX_SENTENCE)}\n`;
}

export const verify: Command = {
  name: "verify",
  alias: null,
  summary: summaryOf("verify"),
  operands: [],
  options: [],
  description: [
    "Follows the entries of homeca audit from the oldest that is kept, and ends with status 1 where one was changed or taken out.",
    "The 64 digits of the chain stand for all entries: written down elsewhere, they show whether the whole log was made anew.",
  ],
  examples: ["homeca verify"],
  asks: true,
  async run(call) {
    const verdict = await call.ask<AuditVerdict>("verify");
    const { trouble } = verdict;
    const shown = call.show(verdict, ({ first, last, chain }) =>
      facts([
        ["entries", last === 0 ? "none" : `${first} to ${last}`],
        ["chain", chain],
        ["as written", trouble === null ? "yes" : "no"],
      ]),
    );
    if (trouble === null) return shown;
    throw new CommandFailure(EXIT.refused, oneLine(trouble, MAX_SENTENCE));
  },
};
