/** What a phone or laptop is given beside its certificate, so that it joins without anyone typing. */

export interface NetworkFacts {
  readonly ssid: string;
  readonly realm: string;
  /** dNSName in the server's certificate. */
  readonly serverName: string;
}

/**
 * A `network` block for wpa_supplicant. It names homeca.p12 and homeca-ca.pem
 * beside it, checks the server's name, and leaves the password to be filled in:
 * a secret does not belong into text that is shown.
 */
export function wpaSupplicantBlock({ ssid, realm, serverName }: NetworkFacts): string {
  return [
    "network={",
    `\tssid=${quoted(ssid)}`,
    "\tkey_mgmt=WPA-EAP WPA-EAP-SHA256",
    "\tieee80211w=1",
    "\teap=TLS",
    `\tidentity=${quoted(`@${realm}`)}`,
    '\tca_cert="homeca-ca.pem"',
    `\tdomain_match=${quoted(serverName)}`,
    '\tprivate_key="homeca.p12"',
    '\tprivate_key_passwd="PASSWORD"',
    "}",
    "",
  ].join("\n");
}

/** A `network` block for a device that has a passphrase of its own; it holds that secret. */
export function passphraseBlock(ssid: string, passphrase: string): string {
  return [
    "network={",
    `\tssid=${quoted(ssid)}`,
    "\tkey_mgmt=WPA-PSK WPA-PSK-SHA256",
    "\tieee80211w=1",
    `\tpsk=${quoted(passphrase)}`,
    "}",
    "",
  ].join("\n");
}

/** wpa_supplicant reads `"…"` to the last quote of the line; what could end it or the line is written in its `P"…"` form. */
function quoted(text: string): string {
  if (!/["\\\p{Cc}]/u.test(text)) return `"${text}"`;
  const escaped = text.replaceAll(/["\\]/gu, String.raw`\$&`).replaceAll(/\p{Cc}/gu, "");
  return `P"${escaped}"`;
}
