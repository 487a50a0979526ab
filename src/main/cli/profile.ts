/** Commands that make what a phone or laptop needs to join: as files, or behind a link that opens once. */
import { fromBase64 } from "../../base/bytes.ts";
import { oneLine, visible } from "../../base/text.ts";
import type { ProfileFiles, ProfileLink } from "../../daemon/management/service.ts";
import { PLATFORMS, PROFILE_FILES } from "../../policy/profiles/facts.ts";
import type { Platform } from "../../policy/profiles/facts.ts";
import { optionFor, summaryOf } from "./command.ts";
import type { Call, Command } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { reserveAll } from "./files.ts";
import { PASSWORD_FILE, passwordOf, shownOnce } from "./password.ts";
import type { Password } from "./password.ts";
import { json, MAX_SENTENCE, minute } from "./text.ts";

const OPERANDS: Command["operands"] = [
  { name: "PLATFORM", required: true },
  { name: "ID", required: false },
];
const WHO = `PLATFORM is the device's system: ${PLATFORMS.join(", ")}. With ID for a device on record, without it for a new one, which needs --name. --ssid names the Wi-Fi network.`;

const profile: Command = {
  name: "profile",
  alias: null,
  summary: summaryOf("profile"),
  operands: OPERANDS,
  options: [
    optionFor("profile", "ssid", "SSID"),
    optionFor("profile", "name", "NAME"),
    {
      name: "folder",
      value: "FOLDER",
      doc: "Where the files go; the present folder unless told. There must be none of their names yet.",
    },
    PASSWORD_FILE,
  ],
  description: [
    WHO,
    "The files are written with mode 0600, and what to do with them is told. The password is in none of them.",
  ],
  examples: [
    'homeca profile apple --ssid Home --name "Ada\'s phone"',
    "homeca profile windows abcdefghijklmnop --ssid Home --folder laptop",
  ],
  asks: true,
  async run(call) {
    const wanted = wantedOf(call);
    const password = await passwordOf(call);
    const folder = call.option("folder") ?? ".";
    const places = PROFILE_FILES[wanted.platform].map(
      (name) => [name, `${folder}/${name}`] as const,
    );
    const files = reserveAll(call.host.files, places);
    try {
      const result = await call.ask<ProfileFiles>("profile", {
        ...wanted,
        password: password.text,
      });
      for (const { name, base64 } of result.files) {
        const bytes = fromBase64(base64);
        if (bytes === null)
          throw new CommandFailure(EXIT.refused, `${name} is damaged: issue again`);
        files.get(name)?.write(bytes);
      }
      const names = result.files.map(({ name }) => name);
      return told(call, result, password, [`files: ${names.join(", ")}`], { files: names });
    } finally {
      for (const file of files.values()) file.abandon();
    }
  },
};

const link: Command = {
  name: "link",
  alias: null,
  summary: summaryOf("link"),
  operands: OPERANDS,
  options: [
    optionFor("link", "ssid", "SSID"),
    optionFor("link", "name", "NAME"),
    optionFor("link", "seconds", "NUMBER"),
    PASSWORD_FILE,
  ],
  description: [
    WHO,
    "The device opens the link in its browser. It cannot know this home yet and warns: what it shows of the certificate must be the fingerprint that is told here. The password goes to the device by another way than the link.",
    "Links need enrolment over HTTPS: `option enabled '1'` in section 'est' of the configuration, and the router's address in its `list listen`.",
  ],
  examples: ['homeca link apple --ssid Home --name "Ada\'s phone"'],
  asks: true,
  async run(call) {
    const wanted = wantedOf(call);
    const seconds = call.whole("seconds");
    const password = await passwordOf(call);
    const result = await call.ask<ProfileLink>("link", {
      ...wanted,
      seconds,
      password: password.text,
    });
    const { url, until, fingerprint, hint } = result;
    const lines = [
      `link, opens once: ${visible(url)}`,
      `ends: ${minute(until) ?? "when HomeCA stops"}`,
      `fingerprint shown there: ${visible(fingerprint)}`,
      ...(hint === null ? [] : [oneLine(hint, MAX_SENTENCE)]),
    ];
    return told(call, result, password, lines, result);
  },
};

/** @throws {@link CommandFailure} `usage` */
function wantedOf(call: Call): {
  readonly id: string | null;
  readonly name: string | null;
  readonly platform: Platform;
  readonly ssid: string;
} {
  const given = call.operand(0);
  const platform = PLATFORMS.find((one) => one === given);
  if (platform === undefined) {
    throw new CommandFailure(
      EXIT.usage,
      `there is no profile for '${visible(given, 32)}': write one of ${PLATFORMS.join(", ")}`,
    );
  }
  const id = call.words.operands[1] ?? null;
  const name = call.option("name");
  if (id === null && name === null) {
    throw new CommandFailure(
      EXIT.usage,
      "a new device needs a name: add --name NAME, or the ID of one on record",
    );
  }
  const ssid = call.option("ssid");
  if (ssid === null) {
    throw new CommandFailure(EXIT.usage, "the network needs its name: add --ssid SSID");
  }
  return { id, name, platform, ssid };
}

/** What was made, and then what its owner does. */
function told(
  call: Call,
  { id, steps }: { readonly id: string; readonly steps: readonly string[] },
  password: Password,
  lines: readonly string[],
  machine: object,
): typeof EXIT.done {
  const made = password.made ? { password: password.text } : {};
  if (call.wantsJson) call.write(json({ ...machine, id, steps, ...made }));
  else {
    const numbered = steps.map((step, at) => `${at + 1}. ${oneLine(step, MAX_SENTENCE)}`);
    const all = [`issued to ${visible(id)}`, ...lines, ...shownOnce(password), ...numbered];
    call.write(`${all.join("\n")}\n`);
  }
  return EXIT.done;
}

export const PROFILE_COMMANDS: readonly Command[] = [profile, link];
