/** What passes between a connection to the bus and its user. */
import type { BlobFields, BlobTable } from "./blobmsg.ts";
import type { DataReason, FrameReason } from "./failure.ts";

/** An object of the bus, as a look-up finds it. */
export interface UbusObject {
  readonly path: string;
  readonly id: number;
}

/** A method's arguments: for each its type, a number of `BlobType`. */
export type Signature = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Who calls one of our objects, or notifies it, and what for. */
export interface UbusRequest {
  /** Ours. */
  readonly object: number;
  /** The method, or the type of a notification or event. */
  readonly method: string;
  readonly data: BlobTable;
  /** The caller as the bus knows it; null in events. */
  readonly user: string | null;
  readonly seq: number;
  readonly peer: number;
  /** Whether an answer is taken: then exactly one must follow. */
  readonly wantsAnswer: boolean;
}

/** Why a call came to nothing without anybody having said so. */
export type Unanswered =
  /** Too many are under way, or we are not on the bus. */
  | "not-sent"
  | "timed-out"
  /** More answers than are held. */
  | "too-much"
  | DataReason;

export type UbusInput =
  /** Whole messages, or any pieces of them. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** The connection has ended. */
  | { readonly kind: "ended" }
  /** Objects by path; one that ends in `*` is a beginning. */
  | { readonly kind: "lookup"; readonly call: number; readonly path: string }
  | {
      readonly kind: "invoke";
      readonly call: number;
      readonly object: number;
      readonly method: string;
      readonly fields: BlobFields;
      /** 5 seconds unless told. */
      readonly timeoutMs?: number;
    }
  /** Publishes an object; without a path it can still subscribe and listen. */
  | {
      readonly kind: "add-object";
      readonly call: number;
      readonly path: string | null;
      readonly signature: Signature;
    }
  /** `object` is ours and hears what `target` notifies. */
  | {
      readonly kind: "subscribe";
      readonly call: number;
      readonly object: number;
      readonly target: number;
    }
  /** `object` is ours and hears events of this name; one that ends in `*` is a beginning. */
  | {
      readonly kind: "listen";
      readonly call: number;
      readonly object: number;
      readonly pattern: string;
    }
  /** Tells all who subscribed to our object, and waits for none of them. */
  | {
      readonly kind: "notify";
      readonly object: number;
      readonly type: string;
      readonly fields: BlobFields;
    }
  /** Tells all who listen; names that begin with `ubus.` are the bus's own. */
  | {
      readonly kind: "send-event";
      readonly call: number;
      readonly name: string;
      readonly fields: BlobFields;
    }
  /** Answers a request, now or later; `fields` may go with any status. */
  | {
      readonly kind: "answer";
      readonly request: UbusRequest;
      readonly status: number;
      readonly fields: BlobFields | null;
    }
  | { readonly kind: "ping"; readonly call: number }
  | { readonly kind: "timeout" };

export type UbusOutput =
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** We are on the bus, under this number; before it nothing can be asked. */
  | { readonly kind: "ready"; readonly client: number }
  | {
      readonly kind: "found";
      readonly call: number;
      readonly objects: readonly UbusObject[];
    }
  | { readonly kind: "added"; readonly call: number; readonly object: number }
  /** With what it was answered, mostly one table. */
  | { readonly kind: "answered"; readonly call: number; readonly answers: readonly BlobTable[] }
  /** With a status that is not 0, and what came before it. */
  | {
      readonly kind: "refused";
      readonly call: number;
      readonly status: number;
      readonly answers: readonly BlobTable[];
    }
  | { readonly kind: "unanswered"; readonly call: number; readonly reason: Unanswered }
  | { readonly kind: "request"; readonly request: UbusRequest }
  /** The first subscriber of our object came, or the last one left. */
  | { readonly kind: "active"; readonly object: number; readonly active: boolean }
  /** An object that ours had subscribed to is gone. */
  | { readonly kind: "target-gone"; readonly object: number; readonly target: number }
  /** Somebody's message that cannot be read. If it wanted an answer it got one. */
  | { readonly kind: "discarded"; readonly reason: DataReason | "incomplete" | "too-many-requests" }
  /** Over: calls under way have been told as unanswered just before. */
  | { readonly kind: "failed"; readonly reason: FrameReason };
