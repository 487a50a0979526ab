/** What goes into an endpoint and what comes out of it. */
import type { CoapDiscardReason } from "./failure.ts";
import type { CoapRequest } from "./request.ts";
import type { CoapResponse } from "./response.ts";

/** A request of the peer's, by a number of ours; an observation keeps the number of the exchange that began it. */
export type ExchangeId = number;

/** A request of ours, by the caller's number. It is over with `response` or `failed`, or once cancelled. */
export type RequestId = number;

export type CoapInput =
  /** One message of the peer's. The bytes belong to the endpoint from now on. */
  | { readonly kind: "datagram"; readonly bytes: Uint8Array }
  | { readonly kind: "timeout" }
  /** Asks the peer. With `observe: "register"` there may be many answers. */
  | { readonly kind: "request"; readonly id: RequestId; readonly request: CoapRequest }
  /** No answer is wanted any more. An observation is deregistered. */
  | { readonly kind: "cancel"; readonly id: RequestId }
  /**
   * Answers a request of the peer's, once. With `observe` what follows is told by
   * `notify`: it counts where the peer asked to register and the code is a success.
   */
  | {
      readonly kind: "respond";
      readonly exchange: ExchangeId;
      readonly response: CoapResponse;
      readonly observe?: boolean;
    }
  /** The observed resource is now like this. A code that is no success ends the observation. */
  | {
      readonly kind: "notify";
      readonly observation: ExchangeId;
      readonly response: CoapResponse;
    };

/** Why a request of ours, or an observation, came to nothing. */
export type RequestFailureReason =
  /** Not acknowledged after all retransmissions. */
  | "timeout"
  /** Acknowledged, and then no response. */
  | "no-response"
  | "reset"
  /** A response with a critical option we do not know, or blocks that do not fit together. */
  | "bad-response"
  /** A body above our bound. */
  | "too-large"
  /** The body was another one before it was whole, again and again. */
  | "changed"
  /** As many requests as we keep are not over. */
  | "overloaded";

/** Why an observation of the peer's is over; an error notified by the caller ends it without a word. */
export type ObservationEnd =
  | "deregistered"
  /** A later registration with the same token. */
  | "replaced"
  /** A notification, or the response that began it, was rejected. */
  | "reset"
  /** The same was not acknowledged. */
  | "timeout"
  /** It never began: the peer has as many as we keep. Its response went out without it. */
  | "no-room";

export type CoapOutput =
  | { readonly kind: "send"; readonly bytes: Uint8Array }
  /** One whole request, to be answered by `respond`. */
  | { readonly kind: "request"; readonly exchange: ExchangeId; readonly request: CoapRequest }
  | { readonly kind: "response"; readonly id: RequestId; readonly response: CoapResponse }
  /** The observed resource, the first time included. `sequence` rises, but for its wrap at 24 bits. */
  | {
      readonly kind: "notification";
      readonly id: RequestId;
      readonly sequence: number;
      readonly response: CoapResponse;
    }
  | { readonly kind: "failed"; readonly id: RequestId; readonly reason: RequestFailureReason }
  | {
      readonly kind: "observation-ended";
      readonly observation: ExchangeId;
      readonly reason: ObservationEnd;
    }
  /** Counted already; for a log. */
  | { readonly kind: "discarded"; readonly reason: CoapDiscardReason };
