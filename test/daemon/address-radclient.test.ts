/**
 * The whole product asked by MAC address, as hostapd does it with `macaddr_acl=2`
 * and `wpa_psk_radius=2`; FreeRADIUS' radclient stands in for hostapd, which
 * needs a radio, and decrypts what hostapd would take for the device's passphrase.
 */
import { spawnSync } from "node:child_process";
import { assert, skip, test } from "#kit";
import { Home } from "../kit/home.ts";

const MAC = "02-00-00-00-00-41";
const DIGITS = MAC.replaceAll("-", "");
const QUESTION = [
  `User-Name = "${DIGITS}"`,
  `User-Password = "${DIGITS}"`,
  `Calling-Station-Id = "${MAC}"`,
  'Called-Station-Id = "02-00-00-00-FF-01:Home"',
  'NAS-Identifier = "accesspoint"',
  "NAS-Port-Type = Wireless-802.11",
  "Message-Authenticator = 0x00",
].join(", ");

function ask(home: Home, attributes: string): { readonly status: number; readonly text: string } {
  const options = ["-x", "-r", "1", "-t", "2", `127.0.0.1:${home.ports.auth}`, "auth", home.secret];
  const { status, stdout, stderr } = spawnSync("radclient", options, {
    input: `${attributes}\n`,
    encoding: "utf8",
  });
  return { status: status ?? -1, text: stdout + stderr };
}

async function askTheProduct(): Promise<void> {
  const home = new Home({ enforce: "show", logLevel: "info" });
  try {
    await home.start();
    const { id, wifiKey } = await home.call<{ id: string; wifiKey: string }>("cage", {
      name: "Garage door",
      class: "legacy",
      mac: MAC,
    });
    const { status, text } = ask(home, QUESTION);
    assert.equal(status, 0, text);
    assert.match(text, /Received Access-Accept/u);
    assert.match(text, new RegExp(`Tunnel-Password:0 = "${wifiKey}"`, "u"));
    assert.match(text, /Session-Timeout = 28800/u);
    await home.waitForLog(/nft: add element bridge homeca quarantined .*02:00:00:00:00:41/u);
    assert.ok(!home.log.includes(wifiKey), "the key is in the log");

    await home.call("revoke", { id });
    const after = ask(home, QUESTION);
    assert.equal(after.status, 1, after.text);
    assert.match(after.text, /Received Access-Reject/u);
    assert.ok(!after.text.includes("Tunnel-Password"));
    const stranger = ask(home, QUESTION.replaceAll("00-41", "00-42").replaceAll("0041", "0042"));
    assert.equal(stranger.status, 1, stranger.text);
    await home.waitForLog(/no device of yours comes by this address/u);
  } finally {
    await home.remove();
  }
}

const NAME = "radclient gets a garage door's own Wi-Fi key, and no more once it is revoked";
if (spawnSync("which", ["radclient"]).status === 0) test(NAME, askTheProduct);
else skip(NAME, "needs radclient");
