/** Commands that hand out certificates, and the one that takes in a list of devices. */
import { oneLine, visible } from "../../base/text.ts";
import { fromBase64 } from "../../base/bytes.ts";
import { IMPORT_FORMATS } from "../../daemon/management/methods.ts";
import type {
  Caged,
  ImportOutcome,
  IssuedCertificate,
  IssuedCredential,
  SearchState,
} from "../../daemon/management/service.ts";
import { optionFor, summaryOf } from "./command.ts";
import type { Call, Command } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { readText, reserveAll } from "./files.ts";
import type { ReservedFile } from "./files.ts";
import { PASSWORD_FILE, passwordOf, shownOnce } from "./password.ts";
import type { Password } from "./password.ts";
import { json, MAX_SENTENCE } from "./text.ts";

const issue: Command = {
  name: "issue",
  alias: null,
  summary: summaryOf("issue"),
  operands: [{ name: "ID", required: false }],
  options: [
    {
      name: "p12",
      value: "FILE",
      doc: "Where the PKCS#12 goes; needed, and there must be no such file yet.",
    },
    optionFor("issue", "name", "NAME"),
    optionFor("issue", "class", "CLASS"),
    PASSWORD_FILE,
    {
      name: "wpa",
      value: "FILE",
      doc: "Where a network block for wpa_supplicant goes; put your file names and password in place of homeca.p12, homeca-ca.pem and PASSWORD.",
    },
    { name: "ca", value: "FILE", doc: "Where the root certificate goes, in PEM." },
  ],
  description: [
    "For phones, laptops and the like: makes a key and a certificate and puts both into a PKCS#12 file. With ID for a device on record, without it for a new one, which needs --name.",
    "HomeCA does not keep the key. Files are written with mode 0600 and never overwritten. Prefer homeca sign where the device can make its own key.",
  ],
  examples: [
    'homeca issue --name "Ada\'s phone" --p12 ada.p12',
    "homeca issue abcdefghijklmnop --p12 tv.p12 --password-file tv.password --wpa tv.conf",
  ],
  asks: true,
  async run(call) {
    const id = call.words.operands[0] ?? null;
    const name = call.option("name");
    if (id === null && name === null) {
      throw new CommandFailure(
        EXIT.usage,
        "a new device needs a name: add --name NAME, or the ID of one on record",
      );
    }
    if (call.option("p12") === null) {
      throw new CommandFailure(EXIT.usage, "the PKCS#12 needs a place: add --p12 FILE");
    }
    const password = await passwordOf(call);
    const files = reserve(call, ["p12", "wpa", "ca"]);
    try {
      const result = await call.ask<IssuedCredential>("issue", {
        id,
        name,
        class: call.option("class"),
        password: password.text,
      });
      const p12 = fromBase64(result.p12);
      if (p12 === null)
        throw new CommandFailure(EXIT.refused, "the PKCS#12 is damaged: issue again");
      files.get("p12")?.write(p12);
      files.get("wpa")?.write(result.wpaSupplicant);
      files.get("ca")?.write(result.caPem);
      const made = password.made ? { password: password.text } : {};
      if (call.wantsJson) call.write(json({ id: result.id, ...made }));
      else call.write(told(call, result.id, password));
      return EXIT.done;
    } finally {
      for (const file of files.values()) file.abandon();
    }
  },
};

function told(call: Call, id: string, password: Password): string {
  const written = `issued to ${visible(id)}, written to ${visible(call.option("p12") ?? "")}`;
  return `${[written, ...shownOnce(password)].join("\n")}\n`;
}

/** Makes the files that were asked for; all of them or none. */
function reserve(call: Call, names: readonly string[]): Map<string, ReservedFile> {
  const wanted = names.flatMap((name) => {
    const file = call.option(name);
    return file === null ? [] : [[name, file] as const];
  });
  return reserveAll(call.host.files, wanted);
}

const cage: Command = {
  name: "cage",
  alias: null,
  summary: summaryOf("cage"),
  operands: [
    { name: "NAME", required: true },
    { name: "MAC", required: true },
  ],
  options: [
    optionFor("cage", "class", "CLASS"),
    {
      name: "wpa",
      value: "FILE",
      doc: "Where a network block for wpa_supplicant goes; it holds the Wi-Fi key.",
    },
  ],
  description: [
    "For devices that can hold no certificate: legacy ones over the air get a Wi-Fi key of their own, printed once; wired ones are known by their address alone. Either reaches only what its cage allows, because an address can be copied.",
    "The class is legacy unless told.",
  ],
  examples: [
    'homeca cage "Garage camera" 02:00:00:00:00:01',
    "homeca cage TV 02-00-00-00-00-02 --class wired",
  ],
  asks: true,
  async run(call) {
    const files = reserve(call, ["wpa"]);
    try {
      const result = await call.ask<Caged>("cage", {
        name: call.operand(0),
        class: call.option("class") ?? "legacy",
        mac: call.operand(1),
      });
      if (result.wpaSupplicant !== null) files.get("wpa")?.write(result.wpaSupplicant);
      return call.show(result, ({ id, wifiKey }) => {
        const key = wifiKey === null ? "" : `Wi-Fi key, shown this once: ${visible(wifiKey)}\n`;
        return `caged as ${visible(id)}\n${key}`;
      });
    } finally {
      for (const file of files.values()) file.abandon();
    }
  },
};

const sign: Command = {
  name: "sign",
  alias: null,
  summary: summaryOf("sign"),
  operands: [
    { name: "ID", required: true },
    { name: "REQUEST", required: true },
  ],
  options: [
    { name: "out", value: "FILE", doc: "Where the chain goes; standard output unless told." },
  ],
  description: [
    "REQUEST is a PKCS#10 request in PEM, - for standard input. The certificate names the device by its id, whatever the request asks for. The chain comes out in PEM, the device's certificate first.",
  ],
  examples: ["homeca sign abcdefghijklmnop laptop.csr --out laptop.pem"],
  asks: true,
  async run(call) {
    const request = await readText(call, call.operand(1));
    const files = reserve(call, ["out"]);
    try {
      const result = await call.ask<IssuedCertificate>("sign", { id: call.operand(0), request });
      files.get("out")?.write(result.chainPem);
      if (files.size > 0 && !call.wantsJson) return EXIT.done;
      return call.show(result, ({ chainPem }) => chainPem);
    } finally {
      for (const file of files.values()) file.abandon();
    }
  },
};

const importDevices: Command = {
  name: "import",
  alias: null,
  summary: summaryOf("import"),
  operands: [{ name: "FILE", required: true }],
  options: [optionFor("import", "format", "FORMAT")],
  description: [
    "FILE is a list as a maker or a shop hands it out, - for standard input: csv with a header line, or qr with the text of one label's code on each line. A name that ends in .csv or .qr tells which. The list is taken whole or not at all. Devices on it join without waiting once they prove the code or key of their line.",
  ],
  examples: ["homeca import lamps.csv", "homeca import - --format qr"],
  asks: true,
  async run(call) {
    const file = call.operand(0);
    const format =
      call.option("format") ?? IMPORT_FORMATS.find((ending) => file.endsWith(`.${ending}`));
    if (format === undefined) {
      throw new CommandFailure(
        EXIT.usage,
        `the name ${file} does not tell its format: add --format csv or --format qr`,
      );
    }
    const text = await readText(call, file);
    const result = await call.ask<ImportOutcome>("import", { text, format });
    return call.show(result, ({ imported, skipped }) => {
      const left = skipped.map((sentence) => `left out: ${oneLine(sentence, MAX_SENTENCE)}\n`);
      return `${left.join("")}${imported} taken in, ${skipped.length} left out\n`;
    });
  },
};

const search: Command = {
  name: "search",
  alias: null,
  summary: summaryOf("search"),
  operands: [],
  options: [optionFor("search", "seconds", "NUMBER"), optionFor("search", "type", "TYPE")],
  description: [
    "While you search, devices that belong to nobody find this home and ask to be taken in; at other times nobody is told that it is here, but for its own devices. With --type only devices of that type are told to come forward.",
  ],
  examples: ["homeca search", "homeca search --type heating --seconds 300"],
  asks: true,
  async run(call) {
    const seconds = call.whole("seconds");
    const result = await call.ask<SearchState>("search", { seconds, type: call.option("type") });
    return call.show(result, ({ seconds: left, types }) => {
      const what = types.length === 0 ? "devices" : types.join(", ");
      return left === 0 ? "no search\n" : `searching for ${what}, ${left} seconds left\n`;
    });
  },
};

export const ISSUE_COMMANDS: readonly Command[] = [issue, sign, cage, search, importDevices];
