/** Why the device API refuses, as a closed list; one place turns each reason into what the device sees. */
import { Code } from "../../proto/coap/codes.ts";

export type ApiReason =
  /** The body is not what the resource takes. */
  | "malformed"
  /** Another Content-Format than the resource takes. */
  | "wrong-format"
  /** No representation in the format asked for. */
  | "not-acceptable"
  /** The credential opens nothing here: a first key where a certificate is wanted. */
  | "not-authorized"
  /** Known, but not allowed: not approved yet, or held by an alarm. */
  | "not-allowed"
  /** There is no such resource, or it is somebody else's. */
  | "not-found"
  | "method-not-allowed"
  /** The device has an owner already: this home. */
  | "already-owned"
  /** The step does not follow on the last one. */
  | "out-of-order"
  /** Well formed, and refused for what it says; `detail` says which rule. */
  | "refused"
  /** Again later; the answer says when. */
  | "too-fast"
  /** Nothing can be issued before the time is known. */
  | "time-unknown"
  /** The home has no room for more. */
  | "full";

/** One request that is refused. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly reason: ApiReason;
  /** Which rule, in the words of `docs/protocol.md`; empty where the reason says all. Never text of the peer's. */
  readonly detail: string;
  /** Seconds until it makes sense to ask again; null where it never does. */
  readonly retrySeconds: number | null;

  constructor(reason: ApiReason, detail = "", retrySeconds: number | null = null) {
    super(`device API: ${reason} ${detail}`.trimEnd());
    this.reason = reason;
    this.detail = detail;
    this.retrySeconds = retrySeconds;
  }
}

/** Seconds after which a device asks again where nothing better is known. */
export const RETRY_SECONDS = 60;

export interface Refusal {
  /** The response code. */
  readonly code: number;
  /** Title of the problem details. */
  readonly title: string;
  /** The number under which `docs/protocol.md` lists the reason. */
  readonly number: number;
}

/** What the device is told. @see RFC 7252 §5.9.2, RFC 8132 §4, RFC 8516 §3 */
export function refusalOf(reason: ApiReason): Refusal {
  switch (reason) {
    case "malformed":
      return { code: Code.BAD_REQUEST, title: "The body cannot be read", number: 1 };
    case "wrong-format":
      return {
        code: Code.UNSUPPORTED_CONTENT_FORMAT,
        title: "The body has another format than is taken here",
        number: 2,
      };
    case "not-acceptable":
      return { code: Code.NOT_ACCEPTABLE, title: "There is no such format of it", number: 3 };
    case "not-authorized":
      return { code: Code.UNAUTHORIZED, title: "This takes a certificate of the home", number: 4 };
    case "not-allowed":
      return { code: Code.FORBIDDEN, title: "The owner has not allowed it", number: 5 };
    case "not-found":
      return { code: Code.NOT_FOUND, title: "There is nothing here", number: 6 };
    case "method-not-allowed":
      return { code: Code.METHOD_NOT_ALLOWED, title: "The method is not served here", number: 7 };
    case "already-owned":
      return { code: Code.CONFLICT, title: "The device belongs to this home already", number: 8 };
    case "out-of-order":
      return { code: Code.CONFLICT, title: "The step before is missing", number: 9 };
    case "refused":
      return { code: Code.UNPROCESSABLE_ENTITY, title: "A rule does not hold", number: 10 };
    case "too-fast":
      return { code: Code.TOO_MANY_REQUESTS, title: "Try again later", number: 11 };
    case "time-unknown":
      return { code: Code.SERVICE_UNAVAILABLE, title: "The time is not known yet", number: 12 };
    case "full":
      return { code: Code.SERVICE_UNAVAILABLE, title: "The home has no room for more", number: 13 };
  }
}
