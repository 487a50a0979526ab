/** One end under test: what goes in and comes out by kind, and messages written by hand. */
import { seeded } from "#kit";
import { mono, type Mono } from "../../../src/base/machine.ts";
import {
  type CoapConfig,
  CoapEndpoint,
  type CoapInput,
  type CoapOutput,
} from "../../../src/proto/coap/endpoint.ts";
import {
  encodeMessage,
  type Message,
  type Option,
  parseMessage,
} from "../../../src/proto/coap/message.ts";
import type { CoapRequest } from "../../../src/proto/coap/request.ts";

export type OutputOf<Kind extends CoapOutput["kind"]> = Extract<
  CoapOutput,
  { readonly kind: Kind }
>;

export function only<Kind extends CoapOutput["kind"]>(
  outputs: readonly CoapOutput[],
  kind: Kind,
): OutputOf<Kind>[] {
  return outputs.filter((output): output is OutputOf<Kind> => output.kind === kind);
}

/** What is sent, parsed. */
export function sent(outputs: readonly CoapOutput[]): Message[] {
  return only(outputs, "send").map(({ bytes }) => parseMessage(bytes));
}

/** An endpoint and a clock that the test moves. */
export class End {
  readonly endpoint: CoapEndpoint;
  now: Mono = mono(0);

  constructor(config: Partial<CoapConfig> = {}, seed = "end") {
    this.endpoint = new CoapEndpoint({ random: seeded(seed), ...config });
  }

  handle(input: CoapInput): CoapOutput[] {
    return this.endpoint.handle(input, this.now);
  }

  receive(message: Message | Uint8Array): CoapOutput[] {
    const bytes = message instanceof Uint8Array ? message.slice() : encodeMessage(message);
    return this.handle({ kind: "datagram", bytes });
  }

  ask(id: number, request: CoapRequest): CoapOutput[] {
    return this.handle({ kind: "request", id, request });
  }

  /** Lets this many milliseconds pass, waking the endpoint whenever it wants. */
  pass(milliseconds: number): CoapOutput[] {
    const until = this.now + milliseconds;
    const outputs: CoapOutput[] = [];
    for (let at = this.endpoint.wakeAt; at !== null && at <= until; at = this.endpoint.wakeAt) {
      this.now = mono(Math.max(at, this.now));
      outputs.push(...this.handle({ kind: "timeout" }));
    }
    this.now = mono(until);
    return outputs;
  }
}

/** A message with what is not named left out: a confirmable GET without token. */
export function message(changes: Partial<Message> = {}): Message {
  const nothing = new Uint8Array();
  const get = { type: "CON", code: 1, messageId: 1, options: [] } as const;
  return { ...get, token: nothing, payload: nothing, ...changes };
}

/** An option by its number, of text or a number in the fewest octets. */
export function option(number: number, value: string | number | Uint8Array = ""): Option {
  if (value instanceof Uint8Array) return { number, value };
  if (typeof value === "string") {
    return { number, value: Uint8Array.from(value, (character) => character.charCodeAt(0)) };
  }
  const octets: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return { number, value: Uint8Array.from(octets) };
}

/** The first value of an option as a number; null where it is absent. */
export function uintOf({ options }: Message, number: number): number | null {
  const found = options.find((each) => each.number === number);
  return found === undefined ? null : found.value.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** A block option's value as RFC 7959 §3 writes it: NUM/M/SIZE. */
export function blockOf(of: Message, number: 23 | 27): string | null {
  const value = uintOf(of, number);
  return value === null ? null : `${value >> 4}/${(value >> 3) & 1}/${2 ** ((value & 7) + 4)}`;
}
