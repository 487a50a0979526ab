/**
 * The Disconnect-Request client against answers of anybody, every signature
 * good: it never throws for a datagram, each request has one outcome and no
 * request more than its transmissions.
 */
import { utf8 } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { DisconnectClient } from "../../../src/proto/radius/das.ts";
import type { DisconnectOutput } from "../../../src/proto/radius/das.ts";
import { Choices } from "../choices.ts";
import { hold } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

const NAS = { address: "192.0.2.1", port: 3799 };
const MOST_TRANSMISSIONS = 3;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const client = new DisconnectClient(openCrypto);
  const ended = new Set<string>();
  let asked = 0;
  let sent = 0;
  let now = 0;
  const take = (outputs: readonly DisconnectOutput[]): void => {
    for (const output of outputs) {
      if (output.kind === "send") sent++;
      else if (output.kind !== "discarded") {
        hold(!ended.has(output.token), "one outcome");
        ended.add(output.token);
      }
    }
  };
  const ask = (): void => {
    const token = `${asked++}`;
    const to = { ...NAS, secret: utf8("secret"), requireMessageAuthenticator: choices.flag() };
    const session = { callingStationId: "02-00-00-00-00-01" };
    take(client.handle({ kind: "disconnect", token, to, session, unixTime: null }, mono(now)));
  };
  ask();
  while (choices.left > 0) {
    const operation = choices.below(8);
    if (operation === 6) ask();
    else if (operation === 7) {
      now += choices.octet() * 100;
      take(client.handle({ kind: "timeout" }, mono(now)));
    } else {
      const from = operation === 5 ? { ...NAS, port: 1 } : NAS;
      const outputs = client.handle(
        { kind: "datagram", from, bytes: choices.stretch() },
        mono(now),
      );
      hold(outputs.length === 1, "each datagram has one output");
      take(outputs);
    }
  }
  hold(ended.size <= asked && sent <= asked * MOST_TRANSMISSIONS, "bounded by what was asked");
}
