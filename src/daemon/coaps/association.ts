/** One device's association: its CoAP endpoint, who it is, and what it observes. */
import { sameBytes } from "../../base/bytes.ts";
import type { Mono, RandomSource } from "../../base/machine.ts";
import { CoapEndpoint } from "../../proto/coap/endpoint.ts";
import type { CoapInput, CoapOutput, ExchangeId } from "../../proto/coap/events.ts";
import type { CoapRequest } from "../../proto/coap/request.ts";
import type { CoapResponse } from "../../proto/coap/response.ts";
import type { Caller } from "../../policy/devices/resource.ts";

/** What an association asks of the desk around it. */
export interface AssociationDesk {
  readonly random: RandomSource;
  send(bytes: Uint8Array): void;
  /** The answer, with what it changes stored already; `observable` for a request that may be observed. */
  serve(request: CoapRequest, caller: Caller): CoapResponse;
  observable(request: CoapRequest): boolean;
  /** The same for one that is asked again to see whether it is answered otherwise by now. */
  look(request: CoapRequest, caller: Caller): CoapResponse;
}

interface Observation {
  readonly request: CoapRequest;
  told: CoapResponse;
}

export class Association {
  readonly caller: Caller;
  readonly #desk: AssociationDesk;
  readonly #endpoint: CoapEndpoint;
  readonly #observations = new Map<ExchangeId, Observation>();

  constructor(caller: Caller, desk: AssociationDesk) {
    this.caller = caller;
    this.#desk = desk;
    this.#endpoint = new CoapEndpoint({ random: desk.random });
  }

  get wakeAt(): Mono | null {
    return this.#endpoint.wakeAt;
  }

  receive(bytes: Uint8Array, now: Mono): void {
    this.#handle({ kind: "datagram", bytes }, now);
  }

  timeout(now: Mono): void {
    this.#handle({ kind: "timeout" }, now);
  }

  /** Tells what has changed of what is observed. */
  refresh(now: Mono): void {
    for (const [observation, state] of this.#observations) {
      const response = this.#desk.look(state.request, this.caller);
      if (isSame(response, state.told)) continue;
      state.told = response;
      if (response.code >> 5 !== 2) this.#observations.delete(observation);
      this.#handle({ kind: "notify", observation, response }, now);
    }
  }

  #handle(input: CoapInput, now: Mono): void {
    for (const output of this.#endpoint.handle(input, now)) this.#carryOut(output, now);
  }

  #carryOut(output: CoapOutput, now: Mono): void {
    switch (output.kind) {
      case "send":
        return this.#desk.send(output.bytes);
      case "request":
        return this.#answer(output.exchange, output.request, now);
      case "observation-ended":
        this.#observations.delete(output.observation);
        return;
      // The home asks its devices nothing yet; what is discarded the endpoint counts.
      case "response":
      case "notification":
      case "failed":
      case "discarded":
        return;
    }
  }

  #answer(exchange: ExchangeId, request: CoapRequest, now: Mono): void {
    const response = this.#desk.serve(request, this.caller);
    const observe = request.observe === "register" && this.#desk.observable(request);
    if (observe && response.code >> 5 === 2) {
      this.#observations.set(exchange, { request: { ...request, observe: null }, told: response });
    }
    this.#handle({ kind: "respond", exchange, response, observe }, now);
  }
}

function isSame(a: CoapResponse, b: CoapResponse): boolean {
  return a.code === b.code && sameBytes(a.payload, b.payload);
}
