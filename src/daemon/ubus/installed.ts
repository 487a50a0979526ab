/** Which packages this router has, as far as they matter here: opkg's and apk's own lists tell, and nothing is run. */
import type { Files } from "../../host/host.ts";

/** Where the two package managers keep one file for each package (24.10 and older; 25.12 and later). */
const LISTS: readonly { readonly folder: string; readonly ending: string }[] = [
  { folder: "/usr/lib/opkg/info", ending: ".control" },
  { folder: "/lib/apk/packages", ending: ".list" },
];

/** Variants of hostapd, alone or joined with wpa_supplicant; `-common` and `-utils` are none. */
const VARIANT = /^(?:hostapd|wpad)(?:-(?:basic|mini|mesh|mbedtls|wolfssl|openssl).*)?$/u;

/** Built without RADIUS (OpenWrt, hostapd-basic.config and hostapd-mini.config). */
const WITHOUT_RADIUS = /^(?:hostapd|wpad)-(?:basic|mini)/u;

/** Other programs that listen at port 1812, and how each is stopped. */
const SERVERS: readonly { readonly sign: string; readonly name: string; readonly stop: string }[] =
  [
    {
      sign: "/etc/init.d/radiusd",
      name: "FreeRADIUS",
      stop: "/etc/init.d/radiusd stop; /etc/init.d/radiusd disable",
    },
    {
      sign: "/etc/init.d/radius-mac",
      name: "radius-mac",
      stop: "/etc/init.d/radius-mac stop; /etc/init.d/radius-mac disable",
    },
    {
      sign: "/etc/init.d/radius",
      name: "hostapd's own RADIUS server",
      stop: "/etc/init.d/radius stop; /etc/init.d/radius disable",
    },
  ];

type Looking = Pick<Files, "facts" | "list">;

/** One sentence with the fix where hostapd is installed without RADIUS, else null. */
export function variantTrouble(files: Looking): string | null {
  const variants = packages(files).filter((name) => VARIANT.test(name));
  const [basic] = variants;
  if (basic === undefined || variants.some((name) => !WITHOUT_RADIUS.test(name))) return null;
  const full = basic.startsWith("wpad") ? "wpad-mbedtls" : "hostapd-mbedtls";
  return `${basic} is installed, which has no RADIUS, so this router's own access points cannot ask HomeCA: install ${full} in its place.`;
}

/** What the owner does about a taken port: the likely holder by what is installed, or all there are. */
export function takenPortFix(files: Looking): string {
  const likely = SERVERS.filter(({ sign }) => files.facts(sign) !== null);
  const otherwise = "or change auth_port and acct_port";
  if (likely.length === 0) {
    return `another RADIUS server has the port: stop it (hostapd-radius, radius-mac or FreeRADIUS) ${otherwise}`;
  }
  const fixes = likely.map(({ name, stop }) => `${name} (\`${stop}\`)`).join(" or ");
  return `another RADIUS server has the port, most likely ${fixes}: stop it ${otherwise}`;
}

/** Names from both lists; a folder that is not there, or cannot be read, has none. */
function packages(files: Looking): string[] {
  return LISTS.flatMap(({ folder, ending }) => {
    if (files.facts(folder)?.kind !== "directory") return [];
    return files
      .list(folder)
      .filter((name) => name.endsWith(ending))
      .map((name) => name.slice(0, -ending.length));
  });
}
