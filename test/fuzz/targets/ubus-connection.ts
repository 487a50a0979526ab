/**
 * A client's end of the bus: whatever comes, in whatever pieces, it says the
 * same as for one piece, ends at most once and is silent then, and answers what
 * it is asked. The first octet is the length of the pieces, 0 for one.
 */
import { toHex } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { UbusConnection } from "../../../src/proto/ubus/connection.ts";
import type { UbusInput, UbusRequest } from "../../../src/proto/ubus/connection.ts";
import { encodeMessage } from "../../../src/proto/ubus/message.ts";
import { Choices } from "../choices.ts";
import { hold } from "../expect.ts";

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const size = choices.octet();
  const input = choices.rest();
  const whole = converse(input, input.length);
  if (size > 0) hold(converse(input, size) === whole, "pieces make no difference");
}

/** What was said, as text. One look-up is under way, so that answers have somewhere to go. */
function converse(input: Uint8Array, size: number): string {
  const connection = new UbusConnection(mono(0));
  const said: string[] = [];
  const asked: UbusRequest[] = [];
  let ended = false;
  const tell = (told: UbusInput): void => {
    const before = ended;
    const outputs = connection.handle(told, mono(1));
    hold(!before || outputs.length === 0, "it is silent once it has failed");
    for (const output of outputs) {
      hold(!ended, "failed comes last");
      said.push(output.kind === "send" ? toHex(output.bytes) : output.kind);
      if (output.kind === "failed") ended = true;
      if (output.kind === "request" && output.request.wantsAnswer) asked.push(output.request);
    }
  };
  tell({ kind: "bytes", bytes: encodeMessage({ type: 0, seq: 0, peer: 1024 }) });
  tell({ kind: "lookup", call: 1, path: "*" });
  for (let at = 0; at < input.length; at += Math.max(size, 1)) {
    tell({ kind: "bytes", bytes: input.slice(at, at + Math.max(size, 1)) });
  }
  for (const request of asked) {
    const fields = { method: request.method, all: [...request.data.values()] };
    tell({ kind: "answer", request, status: 0, fields });
  }
  tell({ kind: "ended" });
  hold(ended && connection.wakeAt === null, "it ends with its connection");
  return said.join("\n");
}
