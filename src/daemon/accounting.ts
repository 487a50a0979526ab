/**
 * What access points report about sessions. A report is evidence that a device
 * lives; it is answered once it is stored (RFC 2866 §2), in a bounded file
 * beside the socket: that is memory on a router, because flash wears, and lasts
 * over a restart of the daemon.
 */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import type { AppendFile, Files } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import type { State } from "../policy/lifecycle/table.ts";
import type { RadiusRequest } from "../proto/radius/request.ts";
import type { House } from "./house.ts";
import { macOf, placementOf } from "./sessions.ts";
import type { Session } from "./sessions.ts";

/** RFC 2866 §5.1. */
const START = 1;
const STOP = 2;
const INTERIM_UPDATE = 3;

/** Who is in no network, not even in quarantine. */
const TURNED_OUT: ReadonlySet<State> = new Set<State>(["denied", "revoked", "released"]);

/** Bytes at which the file becomes the old one; one old one is kept. */
export const MAX_FILE_BYTES: number = 128 * 1024;
const FILE_MODE = 0o600;

/** A station and the access point that reports it. */
type TurnAway = (mac: string, nas: Session["nas"]) => void;

export class Accounting {
  readonly #house: House;
  readonly #files: Files;
  readonly #path: string;
  readonly #turnAway: TurnAway;
  #file: AppendFile | null = null;

  /** @param turnAway - asks an access point to put a station out that has to authenticate anew */
  constructor(house: House, path: string, turnAway: TurnAway) {
    this.#house = house;
    this.#turnAway = turnAway;
    this.#files = house.host.files;
    this.#path = path;
  }

  /** Whether the report is stored and may be answered. */
  take(request: RadiusRequest): boolean {
    try {
      this.#append(request);
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      // A handle that failed may be of no use for ever; the file is opened anew for the next report.
      this.close();
      this.#house.log.limited(
        "accounting",
        "error",
        `A session report was not stored (${failure.message}); free space there.`,
      );
      return false;
    }
    this.#apply(request);
    return true;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #append(request: RadiusRequest): void {
    const { acctStatusType, acctSessionId, callingStationId, client } = request;
    const entry = {
      at: this.#house.clock.now(),
      nas: client.name,
      status: acctStatusType,
      session: acctSessionId?.slice(0, 64) ?? null,
      mac: macOf(callingStationId),
    };
    const line = utf8(`${JSON.stringify(entry)}\n`);
    this.#file ??= this.#files.openAppend(
      this.#path,
      FILE_MODE,
      this.#files.facts(this.#path)?.size ?? 0,
    );
    if (this.#file.size + line.length > MAX_FILE_BYTES) {
      this.close();
      this.#files.replaceDurably(
        `${this.#path}.old`,
        this.#files.read(this.#path) ?? new Uint8Array(0),
        FILE_MODE,
      );
      this.#file = this.#files.openAppend(this.#path, FILE_MODE, 0);
    }
    this.#file.appendDurably(line);
  }

  #apply(request: RadiusRequest): void {
    const { acctStatusType, acctSessionId } = request;
    const mac = macOf(request.callingStationId);
    if (mac === null) return;
    const session = this.#house.sessions.find(mac);
    const named = request.class === null ? null : fromUtf8(request.class);
    if (session === null && acctStatusType === START) return this.#returned(mac, named, request);
    // A late report about an earlier session must not end the one that followed it.
    if (session === null || session.nas.client !== request.client.name || session.class !== named)
      return;
    if (acctStatusType === START || acctStatusType === INTERIM_UPDATE) {
      this.#house.sessions.put({ ...session, accounting: acctSessionId });
      if (session.device !== null) this.#noteSeen(session.device, session.kind);
    }
    if (acctStatusType === STOP) {
      this.#house.sessions.rest(session);
      this.#cut(session);
    }
  }

  /**
   * A station is on the air that nobody asked us about: its access point let it
   * in by the key of an earlier session. That session goes on where it may;
   * otherwise the station has to authenticate.
   */
  #returned(
    mac: string,
    named: string | null,
    { client, nasIdentifier, acctSessionId }: RadiusRequest,
  ): void {
    const { sessions, host } = this.#house;
    const now = host.mono();
    const session = sessions.wake(mac, now);
    const nas = { client: client.name, identifier: nasIdentifier };
    if (session === null || session.nas.client !== client.name || session.class !== named) {
      return this.#turnAway(mac, nas);
    }
    if (!this.#mayReturn(session)) return this.#turnAway(mac, nas);
    this.#house.place(placementOf(session, now), (failure) => {
      if (failure !== null) return this.#turnAway(mac, nas);
      // Revoked while the kernel was busy.
      if (!this.#mayReturn(session)) {
        this.#cut(session);
        return this.#turnAway(mac, nas);
      }
      sessions.put({ ...session, accounting: acctSessionId });
      if (session.device !== null) this.#noteSeen(session.device, session.kind);
    });
  }

  /** By the record as it is now. */
  #mayReturn({ device, kind }: Session): boolean {
    if (device === null) return kind === "quarantine";
    const state = this.#house.registry.devices.get(device)?.state;
    if (kind === "admit") return state === "active";
    return state !== undefined && !TURNED_OUT.has(state);
  }

  #cut({ mac, port }: Session): void {
    const cut = { kind: "cut", mac, ...(port === null ? {} : { port }) } as const;
    this.#house.place(cut, (failure) => {
      if (failure === null) return;
      this.#house.log.limited(
        "enforcement",
        "error",
        `The firewall did not close behind ${mac} (${failure.message}); it expires by itself.`,
      );
    });
  }

  /** As at its admission: who is in quarantine but not caged there has not shown that it lives. */
  #noteSeen(device: string, kind: Session["kind"]): void {
    const { presences, sightings, registry, clock } = this.#house;
    const now = clock.now();
    const deviceClass = registry.devices.get(device)?.class;
    const isCaged = deviceClass === "legacy" || deviceClass === "wired";
    if (kind === "admit" || isCaged) presences.contact(device, now);
    else if (now !== null) sightings.note(device, now);
  }
}
