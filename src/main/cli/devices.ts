/** Commands about devices: look, decide, let go. */
import { oneLine, visible } from "../../base/text.ts";
import type {
  DeviceDetails,
  DevicePage,
  DeviceSummary,
  Explanation,
  Outcome,
  PatienceOutcome,
  ProofStep,
  Released,
  Revoked,
  RightsSummary,
} from "../../daemon/management/service.ts";
import { optionFor, summaryOf } from "./command.ts";
import type { Command } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { duration, facts, MAX_SENTENCE, minute, table } from "./text.ts";

const ID = { name: "ID", required: true };

const devices: Command = {
  name: "devices",
  alias: "list",
  summary: summaryOf("devices"),
  operands: [{ name: "STATE", required: false }],
  options: [],
  description: [
    "Lists the devices, those that wait for a decision first. With STATE only those in it: expected, pending, approved, active, dormant, denied, revoked or released.",
    "A name may be what the device calls itself, and anybody can choose such a name: homeca show ID shows who gave it.",
  ],
  examples: ["homeca devices", "homeca devices pending --json"],
  asks: true,
  async run(call) {
    const state = call.words.operands[0] ?? null;
    const all: DeviceSummary[] = [];
    for (let from: number | null = 0; from !== null;) {
      const page: DevicePage = await call.ask<DevicePage>("devices", { state, from });
      all.push(...page.devices);
      from = page.next;
    }
    return call.show({ devices: all }, () =>
      all.length === 0 ? "no devices\n" : table(HEADING, all.map(row)),
    );
  },
};

const HEADING = ["ID", "NAME", "CLASS", "STATE", "NETWORK", "LAST SEEN", "MAC"];

function row(device: DeviceSummary): (string | null)[] {
  const { id, name, state, place, lastSeen, macs } = device;
  const shownState = device.alarm === null ? state : `${state}!`;
  return [id, name, device.class, shownState, place, minute(lastSeen), macs[0] ?? null];
}

const show: Command = {
  name: "show",
  alias: null,
  summary: summaryOf("device"),
  operands: [ID],
  options: [],
  description: [
    "Shows the record of one device: who named it, which certificates it has, what was decided last and why.",
  ],
  examples: ["homeca show abcdefghijklmnop"],
  asks: true,
  async run(call) {
    return call.show(await call.ask<DeviceDetails>("device", { id: call.operand(0) }), details);
  },
};

function details(it: DeviceDetails): string {
  const placement = it.placement;
  const vlan = placement?.vlan === null || placement === null ? "" : `, VLAN ${placement.vlan}`;
  const claim = it.claim;
  const certificates = it.certificates.map(({ serial, notAfter, revoked }): [string, string] => [
    "certificate",
    `${serial}, ${revoked ? "revoked, " : ""}until ${minute(notAfter) ?? ""}`,
  ]);
  return facts([
    ["id", it.id],
    ["name", it.name === null ? null : `${it.name} (by ${it.nameBy ?? "nobody"})`],
    ["class", it.class],
    ["type", it.type],
    ["state", it.state],
    ["network", it.place],
    ["placement", placement === null ? null : placement.network + vlan],
    ["alarm", it.alarm],
    ["why", it.why],
    [
      "claims to be",
      claim === null ? null : `${claim.type} ${claim.id} ${claim.name ?? ""}`.trim(),
    ],
    ["proven by", it.proven],
    ["key", keyWords(it)],
    ["number", it.code],
    ["theft lock", it.theftLock ? "yes" : "no"],
    ["release", releaseText(it)],
    ["MAC addresses", it.macs.join(" ")],
    ...certificates,
    ["first seen", minute(it.firstSeen)],
    ["last seen", minute(it.lastSeen)],
    ...silence(it),
    ["decided", it.decidedAt === null ? null : `${minute(it.decidedAt)} by ${it.decidedBy ?? "-"}`],
  ]);
}

/** How the device's present key came about; null where it has none that was certified. */
function keyWords({ keyCase, certificates }: DeviceDetails): string | null {
  if (certificates.length === 0) return null;
  switch (keyCase) {
    case "good-unknown":
      return "agreed on with this home, the key before it as well";
    case "good-known":
      return "agreed on with this home; its maker or last owner may know the key before it, but not this one";
    case "weak-unknown":
      return "agreed on with this home, without randomness of the device's own";
    case "weak-known":
      return "agreed on with this home without randomness of the device's own: only as secret as the key before it, which its maker or last owner may know";
    case null:
      return "not agreed on with this home: it came by a request, or was made here";
  }
}

/** Hours that the home has not lived through are none: a router that was off ages nobody. */
function silence({ silence: it }: DeviceDetails): [string, string][] {
  if (it === null) return [];
  const left = it.dormantInHours;
  return [
    ["silent for", duration(it.hours * HOUR)],
    ["window", `${it.days} days (${it.pinned ? "set by you" : "by the home"})`],
    ["falls dormant", left === null ? "it is" : `after ${duration(left * HOUR)} more of silence`],
  ];
}

const HOUR = 3600;

/** A command that tells the daemon one thing about one device. */
function word(
  name: string,
  more: Partial<Pick<Command, "operands" | "options" | "examples">> & {
    readonly description: readonly string[];
    readonly args?: (call: Parameters<Command["run"]>[0]) => Record<string, unknown>;
  },
): Command {
  return {
    name,
    alias: null,
    summary: summaryOf(name),
    operands: [ID],
    options: [],
    examples: [`homeca ${name} abcdefghijklmnop`],
    asks: true,
    ...more,
    async run(call) {
      const args = { id: call.operand(0), ...more.args?.(call) };
      const outcome = await call.ask<Outcome & Partial<Released & Revoked>>(name, args);
      return call.show(outcome, ({ id, state, confirmed, proof = [] }) =>
        name === "remove"
          ? `${visible(id)} is forgotten\n`
          : `${visible(id)} is ${visible(state)}\n${proofText(proof)}${confirmation(confirmed ?? null)}`,
      );
    },
  };
}

/** What has come to its end, and after how many milliseconds. */
function proofText(proof: readonly ProofStep[]): string {
  return proof
    .map(({ milliseconds, sentence }) => {
      const time = String(milliseconds).padStart(7);
      return `${time} ms  ${oneLine(sentence, MAX_SENTENCE)}\n`;
    })
    .join("");
}

/** Nothing for what no device confirms. */
function confirmation(confirmed: boolean | null): string {
  if (confirmed === null) return "";
  return confirmed
    ? "it has erased what it had of this home, and can be given away\n"
    : "it has not confirmed that yet: it gets its release when it is next here\n";
}

/** What a released device has said to that. */
function releaseText({ release }: DeviceDetails): string | null {
  if (release === null) return null;
  if (!release.confirmed) return "not confirmed yet: the device gets it when it is next here";
  return `confirmed by the device ${minute(release.confirmedAt) ?? ""}`.trim();
}

const words: readonly Command[] = [
  word("approve", {
    options: [optionFor("approve", "name", "NAME"), optionFor("approve", "vlan", "NUMBER")],
    examples: ['homeca approve abcdefghijklmnop --name "Front door"'],
    description: [
      "The device gets a certificate and is admitted with it. Before you approve, compare what it claims with the thing you hold; homeca show ID shows it.",
    ],
    args: (call) => ({ name: call.option("name"), vlan: call.whole("vlan") }),
  }),
  word("deny", {
    description: ["The device is turned away until you approve it after all."],
  }),
  word("rename", {
    operands: [ID, { name: "NAME", required: true }],
    examples: ['homeca rename abcdefghijklmnop "Garage, left"'],
    description: ["From now on the device has this name, whatever it calls itself."],
    args: (call) => ({ name: call.operand(1) }),
  }),
  word("revoke", {
    options: [optionFor("revoke", "reason", "WORD")],
    examples: ["homeca revoke abcdefghijklmnop --reason keyCompromise"],
    description: [
      "Its certificates go on the revocation list, its connection ends now, and it cannot come back by itself. Use it for a device that was lost, stolen or taken over.",
      "What has ended is shown line by line, with the milliseconds since the command came.",
    ],
    args: (call) => ({ reason: call.option("reason") }),
  }),
  word("release", {
    description: [
      "Ends your ownership, as before you sell or give the device away. Its certificates are withdrawn, and a device that speaks with HomeCA by itself gets a signed release: it erases what it has of this home, keeps its key, and confirms that with a signature.",
      "The command waits up to ten seconds for that of a device that is connected. One that is away gets its release when it is next here, until its last certificate would have ended.",
    ],
  }),
  word("readmit", {
    description: ["The device may pair again and then waits for homeca approve."],
  }),
  word("lock", {
    description: [
      "A device that misses its home for long may be paired anew by whoever holds it. One that is theft-locked may not: lock what stands outside, such as a door's lock or a camera. It takes no release either, neither by its own wish nor from whoever stole this home's keys; where those are lost, nobody can pair it again, so keep a backup of them. It hears so at its next report at the latest.",
    ],
  }),
  word("unlock", {
    description: [
      "The device may be paired anew again once it has missed its home for long, and may be released.",
    ],
  }),
  word("remove", {
    description: [
      "Its record is deleted. A device that may hold a valid certificate cannot be forgotten: revoke or release it first.",
    ],
  }),
];

const patience: Command = {
  name: "patience",
  alias: null,
  summary: summaryOf("patience"),
  operands: [ID, { name: "DAYS", required: true }],
  options: [],
  description: [
    "DAYS is 3 to 60, or auto: then the home decides, by how often its devices come and go and how long this one is used to stay away. However few they are, the device has a day from now.",
    "A device that falls dormant loses its certificates. One that speaks with HomeCA gets new ones by itself when it comes back; a phone has to be given one.",
  ],
  examples: ["homeca patience abcdefghijklmnop 60", "homeca patience abcdefghijklmnop auto"],
  asks: true,
  async run(call) {
    const id = call.operand(0);
    const typed = call.operand(1);
    if (typed !== "auto" && !/^\d{1,3}$/.test(typed)) {
      throw new CommandFailure(EXIT.usage, "DAYS is no whole number: write 3 to 60, or auto");
    }
    const days = typed === "auto" ? null : Number(typed);
    const outcome = await call.ask<PatienceOutcome>("patience", { id, days });
    return call.show(outcome, (it) => {
      const by = it.pinned ? "" : ", as the home decides";
      return `${visible(it.id)} may be silent for ${it.days} days${by}\n`;
    });
  },
};

const TO = optionFor("grant", "to", "TARGET");

/** A command about what a device may ask of others: all answer with what it may then. */
function about(
  name: string,
  more: Pick<Command, "operands" | "options" | "description" | "examples"> & {
    readonly args: (call: Parameters<Command["run"]>[0]) => Record<string, unknown>;
  },
): Command {
  const { args, ...rest } = more;
  return {
    name,
    alias: null,
    summary: summaryOf(name),
    asks: true,
    ...rest,
    async run(call) {
      const summary = await call.ask<RightsSummary>(name, { id: call.operand(0), ...args(call) });
      return call.show(summary, rightsText);
    },
  };
}

/** @throws CommandFailure `usage` */
function needed(call: Parameters<Command["run"]>[0], option: string, value: string): string {
  const text = call.option(option);
  if (text !== null) return text;
  throw new CommandFailure(EXIT.usage, `--${option} is missing: write --${option} ${value}`);
}

function rightsText({ id, words, groups }: RightsSummary): string {
  const may = words.length === 0 ? ["may ask nothing of other devices"] : words;
  const member =
    groups.length === 0 ? [] : [`is in ${groups.map((name) => `@${name}`).join(", ")}`];
  return [...may, ...member].map((line) => `${visible(id)} ${oneLine(line, 1024)}\n`).join("");
}

const rights: readonly Command[] = [
  about("rights", {
    operands: [ID],
    options: [],
    description: [
      "Shows what the device may ask of others; what is not there it may not. Its certificate says the same, signed, and other devices go by that.",
    ],
    examples: ["homeca rights abcdefghijklmnop"],
    args: () => ({}),
  }),
  about("grant", {
    operands: [ID],
    options: [TO, optionFor("grant", "path", "PATH"), optionFor("grant", "methods", "LIST")],
    description: [
      "TARGET is the id of another device, a group with @ before its name, or all. PATH is one resource of it: nothing below it is meant. LIST is GET to read, PUT to set, POST to use, DELETE.",
      "The device gets a certificate with the new right at once while it is connected, otherwise when it reports next. One that cannot renew by itself has it with the next certificate you issue.",
    ],
    examples: [
      "homeca grant abcdefghijklmnop --to qrstuvwxyz234567 --path /temperature --methods GET",
      "homeca grant abcdefghijklmnop --to @lights --path /on --methods GET,PUT",
    ],
    args: (call) => ({
      to: needed(call, "to", "@lights"),
      path: needed(call, "path", "/temperature"),
      methods: needed(call, "methods", "GET"),
    }),
  }),
  about("withhold", {
    operands: [ID],
    options: [TO, optionFor("withhold", "path", "PATH"), optionFor("withhold", "methods", "LIST")],
    description: [
      "The opposite of homeca grant: without --methods every method, without --path everything the device may ask of TARGET. Certificates that say otherwise go on the revocation list now; the device stays and gets another.",
    ],
    examples: ["homeca withhold abcdefghijklmnop --to @lights"],
    args: (call) => ({
      to: needed(call, "to", "@lights"),
      path: call.option("path"),
      methods: call.option("methods"),
    }),
  }),
  about("group", {
    operands: [ID, { name: "NAME", required: true }],
    options: [],
    description: ["Rights against the group are rights against the device from now on."],
    examples: ["homeca group abcdefghijklmnop lights"],
    args: (call) => ({ group: call.operand(1) }),
  }),
  about("ungroup", {
    operands: [ID, { name: "NAME", required: true }],
    options: [],
    description: ["Rights against the group are rights against the device no more."],
    examples: ["homeca ungroup abcdefghijklmnop lights"],
    args: (call) => ({ group: call.operand(1) }),
  }),
];

const why: Command = {
  name: "why",
  alias: null,
  summary: summaryOf("why"),
  operands: [ID],
  options: [
    optionFor("why", "to", "TARGET"),
    optionFor("why", "path", "PATH"),
    optionFor("why", "method", "METHOD"),
    optionFor("why", "at", "SECONDS"),
  ],
  description: [
    "One sentence: why the device is in the network or not, and with --to why it may ask something of another or not. It ends with status 1 where it is not, or may not.",
  ],
  examples: [
    "homeca why abcdefghijklmnop",
    "homeca why abcdefghijklmnop --to qrstuvwxyz234567 --path /temperature --method GET",
  ],
  asks: true,
  async run(call) {
    const explained = await call.ask<Explanation>("why", {
      id: call.operand(0),
      to: call.option("to"),
      path: call.option("path"),
      method: call.option("method"),
      at: call.whole("at"),
    });
    const shown = call.show(explained, ({ sentence }) => `${oneLine(sentence, MAX_SENTENCE)}\n`);
    return explained.can ? shown : EXIT.refused;
  },
};

export const DEVICE_COMMANDS: readonly Command[] = [
  devices,
  show,
  ...words,
  patience,
  ...rights,
  why,
];
