/**
 * Answers hostapd's question whether a station may authenticate. hostapd stands
 * still until it has the answer, all its stations with it: so it comes at once,
 * from memory, and nothing is asked meanwhile.
 */
import type { UbusRequest } from "../../proto/ubus/connection.ts";
import type { Bus } from "./bus.ts";
import { addressOf } from "./station.ts";

/** The object whose notifications ask (OpenWrt, hostapd.uc; since 24.10). */
const AUTH = "hostapd-auth";

/** IEEE 802.11 §9.4.1.9, Status code 1: unspecified failure. It tells a stranger nothing, and asks nobody to try again. */
const REFUSED = 1;

/**
 * What `sta_auth` may be answered with. A Wi-Fi key of its own for one device
 * comes in here, out of its record: `psk` has passphrases of 8 to 63 characters
 * or one key of 64 hexadecimal digits, and `force_psk` makes hostapd ignore the
 * key of the network. `sta_connected` then says which of them it was.
 */
interface StationAnswer {
  readonly status: number;
  readonly psk?: readonly string[];
  readonly force_psk?: boolean;
}

export class StationGate {
  readonly #bus: Bus;
  readonly #isBanned: (mac: string) => boolean;
  #target: number | null = null;

  constructor(bus: Bus, isBanned: (mac: string) => boolean) {
    this.#bus = bus;
    this.#isBanned = isBanned;
  }

  /** Subscribes if this is the object that asks. @returns whether it is */
  meet(path: string, id: number, ear: number): boolean {
    if (path !== AUTH) return false;
    if (this.#target === id) return true;
    this.#target = id;
    this.#bus.ask({ kind: "subscribe", object: ear, target: id }, (ending) => {
      // Tried again at the next look.
      if (ending.kind !== "answered" && this.#target === id) this.#target = null;
    });
    return true;
  }

  forget(): void {
    this.#target = null;
  }

  /** Answers what wants an answer, whatever it is. */
  answer(request: UbusRequest): void {
    const { method, data } = request;
    if (!request.wantsAnswer) return;
    const station = addressOf(data.get(method === "sta_auth" ? "sta" : "address"));
    const isRefused = station !== null && this.#isBanned(station);
    const fields: StationAnswer | null =
      isRefused && method === "sta_auth" ? { status: REFUSED } : null;
    // Another program may have made hostapd wait for a status to what it tells (`notify_response`).
    // The last one to come counts there, so ours must not undo our own refusal.
    const refuses = isRefused && (method === "auth" || method === "assoc");
    this.#bus.tell({ kind: "answer", request, status: refuses ? REFUSED : 0, fields });
  }
}
