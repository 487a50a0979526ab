/**
 * A CoAP endpoint with a hostile peer, a caller that answers, asks and
 * notifies, and a clock that runs: nothing is thrown, nothing grows beyond its
 * bound, and a request is over once.
 */
import { mono } from "../../../src/base/machine.ts";
import { CoapEndpoint, type CoapInput, type CoapOutput } from "../../../src/proto/coap/endpoint.ts";
import { COAP_LIMITS } from "../../../src/proto/coap/parameters.ts";
import { coapRequest } from "../../../src/proto/coap/request.ts";
import { coapResponse } from "../../../src/proto/coap/response.ts";
import { Choices } from "../choices.ts";
import { hold } from "../expect.ts";

const MAX_STEPS = 64;

class Play {
  readonly #choices: Choices;
  readonly #endpoint = new CoapEndpoint({ random: (length) => new Uint8Array(length) });
  readonly #asked = new Set<number>();
  #now = mono(0);
  #exchange = 0;
  #nextId = 0;

  constructor(bytes: Uint8Array) {
    this.#choices = new Choices(bytes);
  }

  run(): void {
    for (let step = 0; step < MAX_STEPS && this.#choices.left > 0; step++) {
      const input = this.#next();
      if (input === null) continue;
      for (const output of this.#endpoint.handle(input, this.#now)) this.#note(output);
      this.#check();
    }
  }

  #next(): CoapInput | null {
    const choices = this.#choices;
    switch (choices.below(6)) {
      case 0:
        return { kind: "datagram", bytes: choices.stretch() };
      case 1: {
        const response = coapResponse(choices.pick([0x45, 0x84]), { payload: this.#body() });
        return { kind: "respond", exchange: this.#exchange, response, observe: choices.flag() };
      }
      case 2: {
        const response = coapResponse(choices.pick([0x45, 0x84]), { payload: this.#body() });
        return { kind: "notify", observation: choices.below(16), response };
      }
      case 3: {
        const id = this.#nextId++;
        this.#asked.add(id);
        const observes = coapRequest("GET", ["a"], { observe: "register" });
        const puts = coapRequest("PUT", ["a"], { payload: this.#body() });
        return { kind: "request", id, request: choices.flag() ? observes : puts };
      }
      case 4: {
        const id = choices.below(16);
        this.#asked.delete(id);
        return { kind: "cancel", id };
      }
      default:
        this.#now = mono(this.#now + choices.below(65_536));
        return { kind: "timeout" };
    }
  }

  #body(): Uint8Array {
    return new Uint8Array(this.#choices.below(8) * 300);
  }

  #note(output: CoapOutput): void {
    if (output.kind === "request") this.#exchange = output.exchange;
    if (output.kind !== "response" && output.kind !== "failed") return;
    hold(this.#asked.delete(output.id), "a request is over once");
  }

  #check(): void {
    const { holdings, wakeAt } = this.#endpoint;
    hold(holdings.exchanges <= COAP_LIMITS.maxExchanges, "exchanges are bounded");
    hold(holdings.remembered <= COAP_LIMITS.maxRemembered, "repeats are bounded");
    hold(holdings.rememberedOctets <= COAP_LIMITS.maxRememberedOctets, "answers are bounded");
    hold(holdings.bodiesComing <= COAP_LIMITS.maxBodies, "bodies are bounded");
    hold(holdings.bodiesServed <= COAP_LIMITS.maxServedBodies, "served bodies are bounded");
    hold(holdings.observations <= COAP_LIMITS.maxObservations, "observations are bounded");
    hold(holdings.requests <= COAP_LIMITS.maxRequests, "requests are bounded");
    hold(wakeAt === null || wakeAt > this.#now, "what is due is done");
  }
}

export function fuzz(bytes: Uint8Array): void {
  new Play(bytes).run();
}
