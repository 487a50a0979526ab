/**
 * The server's end of HTTP: whatever comes, in whatever pieces, it asks at most
 * one question at a time, refuses at most once, is silent after it has closed,
 * and says the same as for one piece. The first octet is the length of the
 * pieces, 0 for one.
 */
import { sameBytes, toHex } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { CONTINUE } from "../../../src/proto/http/response.ts";
import { HttpServer } from "../../../src/proto/http/server.ts";
import type { HttpInput, HttpOutput, HttpRequest } from "../../../src/proto/http/server.ts";
import { Choices } from "../choices.ts";
import { hold } from "../expect.ts";

const MAX_BODY = 4096;

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const size = choices.octet();
  const input = choices.rest();
  const whole = converse(input, input.length);
  if (size > 0) hold(converse(input, size) === whole, "pieces make no difference");
}

/** What was said and asked, as text. */
function converse(input: Uint8Array, size: number): string {
  const server = new HttpServer({ maxBodyBytes: MAX_BODY, maxRequests: 20 }, mono(0));
  const said: string[] = [];
  let closed = false;
  const tell = (told: HttpInput): void => {
    const before = closed;
    const outputs: HttpOutput[] = server.handle(told, mono(1));
    hold(!before || outputs.length === 0, "it is silent once it has closed");
    for (const output of outputs) {
      hold(!closed, "close comes last");
      if (output.kind === "send") {
        // Who has sent the body already is not asked for it: that alone depends on the pieces.
        if (!sameBytes(output.bytes, CONTINUE)) said.push(toHex(output.bytes));
      } else if (output.kind === "close") closed = true;
      else if (output.kind === "refused") said.push(output.reason);
      else {
        said.push(shown(output.request));
        const body = output.request.body;
        tell({ kind: "response", response: { status: 200, fields: [], body } });
      }
    }
  };
  for (let at = 0; at < input.length; at += Math.max(size, 1)) {
    tell({ kind: "bytes", bytes: input.slice(at, at + Math.max(size, 1)) });
  }
  tell({ kind: "ended" });
  hold(closed, "it ends with its client");
  return said.join("\n");
}

function shown({ method, path, query, fields, body }: HttpRequest): string {
  hold(path.startsWith("/") && !/[\s#?]/.test(path), "a path is a path");
  hold(body.length <= MAX_BODY, "a body is bounded");
  for (const [name, value] of fields) {
    hold(name === name.toLowerCase() && !/[\s:]/.test(name), "a field's name is a token");
    hold(!/[\r\n\0]/.test(value), "a field's value is one line");
  }
  return [method, path, query, toHex(body), ...[...fields].flat()].join(" ");
}
