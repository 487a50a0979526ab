/** Facts of a home and a device for tests of profiles; texts that try to break out of each form. */
import { providers } from "#kit";
import { utf8 } from "../../../src/base/bytes.ts";
import type { ProfileFacts } from "../../../src/policy/profiles/facts.ts";

export const FACTS: ProfileFacts = {
  crypto: providers[0]!,
  homeName: "Sonnenweg 3",
  ssid: "Sonnenweg",
  realm: "homeca.home.arpa",
  serverName: "homeca.home.arpa",
  root: utf8("root certificate"),
  p12: utf8("key and certificates"),
  device: { id: "abcdefghijklmnop", title: "Ada's phone" },
};

/** What ends a string, a tag, a section, a line or an escape somewhere; each is an SSID that may be typed. */
export const HOSTILE_SSIDS: readonly string[] = [
  "\"'><&",
  "]]><x/>",
  "</string><true/>",
  "<!--",
  "&lt;&#60;&x;",
  "\\",
  '\\"',
  '"\\n}\\nnetwork={',
  "%s${x}$(id)`id`",
  "53;54;",
  " blank at the ends ",
  "[802-1x]",
  "#;=",
  "Küche ☀ 家",
  "\u{1F3E0}\u{1F3E0}",
];
