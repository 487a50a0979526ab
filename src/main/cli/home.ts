/** Commands about the home as a whole: how it is, what happened, its authority. */
import { oneLine } from "../../base/text.ts";
import type {
  AuthoritySummary,
  LogEvent,
  LogPage,
  Pulse,
  RevocationList,
  Status,
} from "../../daemon/management/service.ts";
import { audit, verify } from "./audit.ts";
import { optionFor, summaryOf } from "./command.ts";
import type { Command } from "./command.ts";
import { duration, facts, MAX_SENTENCE, minute } from "./text.ts";

const PEM = { name: "pem", value: null, doc: "Write the PEM and nothing else." };

const status: Command = {
  name: "status",
  alias: null,
  summary: summaryOf("status"),
  operands: [],
  options: [],
  description: [
    "Shows whether the time is known, what is enforced, how many devices there are, and what needs you.",
  ],
  examples: ["homeca status"],
  asks: true,
  async run(call) {
    return call.show(await call.ask<Status>("status"), (it) => {
      const counts = Object.entries(it.devices).map(([state, count]) => `${count} ${state}`);
      return facts([
        ["home", it.homeName],
        ["version", it.version],
        ["running for", duration(it.uptimeSeconds)],
        ["time", it.timeKnown ? "known" : "not known yet: nothing is issued"],
        ["enforcement", it.enforce],
        ["RADIUS", it.radius.join(", ")],
        ["RADIUS clients", String(it.radiusClients)],
        ...it.accessPoints.map(({ name, ssid, stations }): [string, string] => [
          "access point",
          `${name}${ssid === null ? "" : ` "${ssid}"`}, ${stations} ${stations === 1 ? "station" : "stations"}`,
        ]),
        ["devices", counts.join(", ") || "none"],
        ["window t", `${it.windowDays} days`],
        ["authentications", `${it.authenticationsOpen} open`],
        ...Object.entries(it.counters).map(([name, count]): [string, string] => [
          name,
          String(count),
        ]),
        ...it.warnings.map((warning): [string, string] => ["look", warning]),
      ]);
    });
  },
};

const log: Command = {
  name: "log",
  alias: null,
  summary: summaryOf("log"),
  operands: [],
  options: [optionFor("log", "device", "ID"), optionFor("log", "limit", "NUMBER")],
  description: [
    "Events are kept in memory and begin with the start of the daemon; logread -e homeca has older ones.",
  ],
  examples: ["homeca log --limit 20", "homeca log --device abcdefghijklmnop"],
  asks: true,
  async run(call) {
    const args = { device: call.option("device"), limit: call.whole("limit") };
    const result = await call.ask<LogPage>("log", args);
    return call.show(
      result,
      ({ events }) => events.map(eventLine).join("") || "nothing happened yet\n",
    );
  },
};

function eventLine({ at, text }: LogEvent): string {
  return `${minute(at) ?? "time not known   "}  ${oneLine(text, MAX_SENTENCE)}\n`;
}

const authority: Command = {
  name: "authority",
  alias: null,
  summary: summaryOf("authority"),
  operands: [],
  options: [PEM],
  description: [
    "Compare the fingerprint with what a device shows before you install the root on it. The key's fingerprint stays the same when the root is renewed.",
  ],
  examples: ["homeca authority", "homeca authority --pem > homeca-ca.pem"],
  asks: true,
  async run(call) {
    const pem = call.words.flags.has("pem");
    return call.show(await call.ask<AuthoritySummary>("authority"), (it) =>
      pem
        ? it.rootPem
        : facts([
            ["fingerprint (SHA-256)", it.rootFingerprint],
            ["key fingerprint (SHA-256)", it.rootKeyFingerprint],
            ["root valid until", minute(it.notAfter)],
            ["root key on this router", it.rootKeyHere ? "yes" : "no"],
            ["issuing CA until", minute(it.issuingNotAfter)],
            ["issuing CA renewed from", minute(it.issuingRenewsAt)],
            ["server name", it.serverName],
            ["server certificate until", minute(it.serverNotAfter)],
            ["server certificate renewed from", minute(it.serverRenewsAt)],
          ]),
    );
  },
};

const crl: Command = {
  name: "crl",
  alias: null,
  summary: summaryOf("crl"),
  operands: [],
  options: [PEM],
  description: ["The list is signed anew with each revocation and before it ends."],
  examples: ["homeca crl", "homeca crl --pem > homeca.crl"],
  asks: true,
  async run(call) {
    const pem = call.words.flags.has("pem");
    return call.show(await call.ask<RevocationList>("crl"), (it) =>
      pem
        ? it.crlPem
        : facts([
            ["number", String(it.number)],
            ["revoked certificates", String(it.revoked)],
            ["signed", minute(it.thisUpdate)],
            ["next one due", minute(it.nextUpdate)],
          ]),
    );
  },
};

const pulse: Command = {
  name: "pulse",
  alias: null,
  summary: summaryOf("pulse"),
  operands: [],
  options: [],
  description: [
    "Three values that pages and scripts compare with those they saw last, instead of asking for everything.",
  ],
  examples: ["homeca pulse --json"],
  asks: true,
  async run(call) {
    return call.show(await call.ask<Pulse>("pulse"), ({ boot, revision, events }) =>
      facts([
        ["boot", boot],
        ["revision", String(revision)],
        ["events", String(events)],
      ]),
    );
  },
};

const reload: Command = {
  name: "reload",
  alias: null,
  summary: summaryOf("reload"),
  operands: [],
  options: [],
  description: [
    "A configuration that is wrong is refused with its first mistake, and the one in force stays.",
  ],
  examples: ["homeca reload"],
  asks: true,
  async run(call) {
    const result = await call.ask<{ warnings: readonly string[] }>("reload");
    return call.show(result, ({ warnings }) => {
      const lines = warnings.map((warning) => `warning: ${oneLine(warning, MAX_SENTENCE)}\n`);
      return `${lines.join("")}the configuration is in force\n`;
    });
  },
};

const replaced: Command = {
  name: "replaced",
  alias: null,
  summary: summaryOf("replaced"),
  operands: [],
  options: [],
  description: [
    "A backup that is restored on another router brings the home's keys along, and `homeca status` warns of it. " +
      "Two routers with the same keys are two homes that devices cannot tell apart: keep only one of them on.",
  ],
  examples: ["homeca replaced"],
  asks: true,
  async run(call) {
    const result = await call.ask<{ router: readonly string[] }>("replaced");
    return call.show(result, ({ router }) =>
      router.length === 0
        ? "nothing to confirm: no network hardware of this router tells its address\n"
        : `this router is the home's: ${oneLine(router.join(" "), MAX_SENTENCE)}\n`,
    );
  },
};

export const HOME_COMMANDS: readonly Command[] = [
  status,
  pulse,
  log,
  audit,
  verify,
  authority,
  crl,
  reload,
  replaced,
];
