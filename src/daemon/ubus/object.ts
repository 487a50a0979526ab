/** The ubus object `homeca`: the one table of methods, for LuCI, rpcd and `ubus call`. */
import { BlobType } from "../../proto/ubus/blobmsg.ts";
import type { BlobTable, BlobValue } from "../../proto/ubus/blobmsg.ts";
import type { UbusRequest } from "../../proto/ubus/connection.ts";
import type { Signature } from "../../proto/ubus/exchange.ts";
import type { House } from "../house.ts";
import { ManagementFailure, ubusStatus } from "../management/failure.ts";
import { METHODS, OBJECT } from "../management/methods.ts";
import { callByName, toManagementFailure } from "../management/rpc.ts";
import type { HomeService } from "../management/service.ts";
import type { Bus, BusMember, Ending } from "./bus.ts";

export class HomeObject implements BusMember {
  readonly #house: House;
  readonly #bus: Bus;
  readonly #service: HomeService;
  readonly #watched: (active: boolean) => void;
  #id: number | null = null;
  /** Whether the bus would not take the object. */
  #refused = false;

  /** @param watched - called when somebody begins to listen to the object, and when nobody does any more */
  constructor(house: House, bus: Bus, service: HomeService, watched: (active: boolean) => void) {
    this.#house = house;
    this.#bus = bus;
    this.#service = service;
    this.#watched = watched;
  }

  /** One sentence with the fix where the bus would not take the object, else null. */
  get trouble(): string | null {
    return this.#refused
      ? "ubusd did not take the object 'homeca': stop the other program that has it, or give HomeCA's user the right to publish it in /usr/share/acl.d."
      : null;
  }

  joined(): void {
    const signature = signatureOf();
    this.#bus.ask({ kind: "add-object", path: OBJECT, signature }, (ending) =>
      this.#published(ending),
    );
  }

  left(): void {
    this.#id = null;
    this.#watched(false);
  }

  active(object: number, active: boolean): void {
    if (object === this.#id) this.#watched(active);
  }

  targetGone(): void {}

  /** Tells whoever listens; nothing where nobody can. */
  notify(type: string, fields: object): void {
    if (this.#id !== null) this.#bus.tell({ kind: "notify", object: this.#id, type, fields });
  }

  request(request: UbusRequest): boolean {
    if (request.object !== this.#id) return false;
    // What nobody takes an answer of is a notification, and we asked for none.
    if (request.wantsAnswer) this.#answer(request);
    return true;
  }

  #published(ending: Ending): void {
    this.#id = ending.kind === "added" ? ending.object : null;
    this.#refused = ending.kind === "refused";
    if (this.trouble !== null) this.#house.log.error(this.trouble);
  }

  #answer(request: UbusRequest): void {
    const done = (result: object): void => this.#succeed(request, result);
    const failed = (cause: unknown): void => this.#fail(request, cause);
    try {
      const given = Object.fromEntries(plainEntries(request.data));
      const answer = callByName(request.method, given, this.#service);
      if (answer instanceof Promise) void answer.then(done).catch(failed);
      else done(answer);
    } catch (cause) {
      failed(cause);
    }
  }

  #succeed(request: UbusRequest, fields: object): void {
    try {
      this.#bus.tell({ kind: "answer", request, status: 0, fields });
    } catch (fault) {
      if (!(fault instanceof RangeError)) throw fault;
      const sentence =
        "the answer is longer than the 1 MiB that ubus carries: use the command line on the router";
      throw new ManagementFailure("full", sentence);
    }
  }

  /** The sentence goes before the status: the bus itself has room for a number alone. */
  #fail(request: UbusRequest, cause: unknown): void {
    const { reason, message } = toManagementFailure(cause, this.#house.log);
    const fields = { reason, message };
    this.#bus.tell({ kind: "answer", request, status: ubusStatus(reason), fields });
  }
}

function signatureOf(): Signature {
  const rows = METHODS.map(({ name, arguments: declared }) => {
    const types = declared.map((argument): [string, number] => [
      argument.name,
      argument.type === "string" ? BlobType.string : BlobType.int32,
    ]);
    return [name, Object.fromEntries(types)] as const;
  });
  return Object.fromEntries(rows);
}

/** Values as JSON has them, as far as arguments go: nothing that is no text or number is one. */
function* plainEntries(table: BlobTable): Generator<readonly [string, BlobValue]> {
  // An argument that was sent as null was not sent.
  for (const [name, value] of table) if (value !== null) yield [name, value];
}
