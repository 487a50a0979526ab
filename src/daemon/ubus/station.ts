/** What hostapd says over ubus, read as what anybody may have written: addresses and flags, and no text of a station. */
import type { BlobTable, BlobValue } from "../../proto/ubus/blobmsg.ts";

/** Stations of one BSS that are remembered; 802.11 allows for 2007. */
export const MAX_STATIONS = 2007;

const PREFIX = "hostapd.";

/** The interface of the BSS whose object this is; null for other objects. */
export function interfaceOf(path: string): string | null {
  const name = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : "";
  // As the kernel takes names, less what would need quoting anywhere.
  return /^[\w.-]{1,15}$/u.test(name) ? name : null;
}

/** `aa:bb:cc:dd:ee:ff` in lower case, of one station; null for anything else. */
export function addressOf(value: BlobValue | undefined): string | null {
  if (typeof value !== "string" || !/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/iu.test(value)) return null;
  const mac = value.toLowerCase();
  // The lowest bit of the first octet is set in addresses of groups (IEEE 802 §8.2.2): all stations, to hostapd.
  return Number.parseInt(mac.slice(0, 2), 16) % 2 === 1 ? null : mac;
}

export function tableIn(table: BlobTable, name: string): BlobTable | null {
  const value = table.get(name);
  return value instanceof Map ? value : null;
}

/** Addresses in an answer to `get_clients`; null where it is none. */
export function stationsIn(answer: BlobTable | undefined): ReadonlySet<string> | null {
  const clients = answer === undefined ? null : tableIn(answer, "clients");
  if (clients === null) return null;
  const stations = new Set<string>();
  for (const name of clients.keys()) {
    const mac = addressOf(name);
    if (mac !== null && stations.size < MAX_STATIONS) stations.add(mac);
  }
  return stations;
}

/** The network's name in an answer to `get_status`; of other clients of the bus, so it may be anything. */
export function ssidIn(answer: BlobTable | undefined): string | null {
  const ssid = answer?.get("ssid");
  return typeof ssid === "string" ? ssid : null;
}
