// What an ISP's image has beside the packages: files for the ImageBuilder's FILES, made from its profile.
import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { file } from "../package/tree.mjs";
import { ProfileFailure } from "./profile.mjs";

/** What every image of ours needs; the access point's daemon is exchanged for one that speaks RADIUS. */
export const PACKAGES = ["homeca", "wpad-mbedtls", "-wpad-basic-mbedtls"];

/** In the shell of the router: text as one word. */
const word = (value) => `'${value.replaceAll("'", `'\\''`)}'`;

/** @returns entries as in build/package/tree.mjs, folders left out */
export function overlayOf(profile) {
  return [
    ...(Object.keys(profile.options).length > 0 ? [optionsScript(profile)] : []),
    ...(profile.ssid === null ? [] : [ssidScript(profile.ssid)]),
    ...(profile.lists.length > 0 ? expectedLists(profile.lists) : []),
    ...profile.feeds.flatMap((feed) => feedFiles(profile.release, feed)),
    ...(profile.feeds.length > 0 && profile.release === "24.10" ? [opkgFeeds(profile.feeds)] : []),
    ...(profile.banner.length > 0 ? [file("/etc/banner", `${profile.banner.join("\n")}\n`)] : []),
    ...(profile.files === null ? [] : ownFiles(profile.files)),
  ];
}

/** It runs again after each upgrade of the image, and what the owner has set meanwhile stays. */
function optionsScript({ options }) {
  const lines = Object.entries(options).flatMap(([section, values]) =>
    Object.entries(values).map(([name, value]) =>
      typeof value === "string"
        ? `default homeca.${section}.${name} ${word(value)}`
        : `default_list homeca.${section}.${name} ${value.map(word).join(" ")}`,
    ),
  );
  return file(
    "/etc/uci-defaults/60-homeca-isp",
    `# What the owner has set stays.
default() {
	uci -q get "$1" >/dev/null || uci -q set "$1=$2"
}

default_list() {
	local option=$1 each

	uci -q get "$option" >/dev/null && return 0
	shift
	for each; do uci -q add_list "$option=$each"; done
}

${lines.join("\n")}
:
`,
  );
}

/** Only the name that OpenWrt gives is replaced; until a radio is found it is tried at each boot. */
function ssidScript(ssid) {
  return file(
    "/etc/uci-defaults/61-homeca-ssid",
    `# The label's address, or that of the first port.
. /lib/functions/system.sh
mac=$(get_mac_label)
[ -n "$mac" ] || mac=$(cat /sys/class/net/eth0/address 2>/dev/null)
mac=$(echo "$mac" | tr -d : | tr a-f A-F)
mac=\${mac#??????}
pattern=${word(ssid)}
case "$pattern" in
*"{mac}"*) ssid=\${pattern%%"{mac}"*}$mac\${pattern#*"{mac}"} ;;
*) ssid=$pattern ;;
esac
found=1
for section in $(uci -q show wireless | sed -n "s/^wireless\\.\\([^.=]*\\)=wifi-iface$/\\1/p"); do
	found=0
	[ "$(uci -q get "wireless.$section.ssid")" = OpenWrt ] && uci -q set "wireless.$section.ssid=$ssid"
done
[ "$found" = 0 ]
`,
  );
}

/** Taken in once the time is known, each list once in a router's life: what the owner removed later stays removed. */
function expectedLists(lists) {
  const names = new Set();
  const files = lists.map(({ name, text }) => {
    const base = path.basename(name);
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*\.csv$/u.test(base) || names.has(base)) {
      throw new ProfileFailure(`'${name}' needs a name of its own that ends in .csv`);
    }
    names.add(base);
    return file(`/usr/share/homeca/expected/${base}`, text);
  });
  const script = `[ "$ACTION" = stratum ] || return 0

done=\${HOMECA_ROOT}/etc/homeca.expected
for list in "\${HOMECA_ROOT}"/usr/share/homeca/expected/*.csv; do
	sum=$(sha256sum "$list")
	sum=\${sum%% *}
	grep -qsF "$sum" "$done" && continue
	if said=$(homeca import "$list" 2>&1); then
		echo "$sum" >>"$done"
	else
		logger -t homeca -p daemon.warning "$said"
	fi
done
`;
  return [
    ...files,
    file("/etc/hotplug.d/ntp/40-homeca-expected", script),
    file("/lib/upgrade/keep.d/homeca-isp", "/etc/homeca.expected\n"),
  ];
}

function feedFiles(release, { name, url, keyText }) {
  if (release === "25.12") {
    if (!/^-----BEGIN PUBLIC KEY-----$/mu.test(keyText)) {
      throw new ProfileFailure(
        `the key of feed '${name}' is no public key in PEM: apk takes no other`,
      );
    }
    return [
      file(`/etc/apk/keys/${name}.pem`, keyText),
      file(`/etc/apk/repositories.d/${name}.list`, `${url}\n`),
    ];
  }
  // usign: a line of comment, then "Ed", eight octets that name the key, and the key.
  const key = Buffer.from(keyText.trim().split("\n").at(-1), "base64");
  if (
    !keyText.startsWith("untrusted comment:") ||
    key.length !== 42 ||
    key.toString("latin1", 0, 2) !== "Ed"
  ) {
    throw new ProfileFailure(
      `the key of feed '${name}' is no public key of usign: opkg takes no other`,
    );
  }
  return [file(`/etc/opkg/keys/${key.toString("hex", 2, 10)}`, keyText)];
}

function opkgFeeds(feeds) {
  return file(
    "/etc/opkg/customfeeds.conf",
    feeds.map(({ name, url }) => `src/gz ${name} ${url}\n`).join(""),
  );
}

function ownFiles(folder) {
  let names;
  try {
    names = readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch (failure) {
    throw new ProfileFailure(
      `the folder ${folder} cannot be read (${failure.code}): correct 'files'`,
    );
  }
  return names.flatMap((entry) => {
    if (entry.isDirectory()) return [];
    const where = path.join(entry.parentPath ?? entry.path, entry.name);
    // A link may lead to a key of the machine that builds.
    if (!entry.isFile())
      throw new ProfileFailure(`${where} is no plain file: put the file itself there`);
    const mode = statSync(where).mode & 0o777;
    return [file(`/${path.relative(folder, where)}`, readFileSync(where), mode)];
  });
}
