/** `homeca device ask`: one request to another device of the home. */
import { parseAddress } from "../../base/address.ts";
import { fromUtf8, toHex, utf8 } from "../../base/bytes.ts";
import { oneLine } from "../../base/text.ts";
import { LIST_FILE } from "../../device/agent.ts";
import { askFellow } from "../../device/asking.ts";
import { Revocations } from "../../device/revocations.ts";
import { DEVICE_PORT } from "../../device/server.ts";
import { SessionFailure } from "../../device/session.ts";
import { credentialOf } from "../../device/state.ts";
import type { StateFile } from "../../device/state.ts";
import type { Host } from "../../host/host.ts";
import { optionsOfLocalPart } from "../../policy/rights/local-part.ts";
import { Code, codeText, ContentFormat, isSuccess } from "../../proto/coap/codes.ts";
import type { Method } from "../../proto/coap/codes.ts";
import { coapRequest } from "../../proto/coap/request.ts";
import type { CoapRequest } from "../../proto/coap/request.ts";
import type { Call } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { ExitStatus } from "./exit.ts";
import { json } from "./text.ts";

/** Asks, and writes the answer. @throws CommandFailure for anything but a success */
export async function ask(call: Call, host: Host, file: StateFile): Promise<ExitStatus> {
  const key = credentialOf(file.state);
  if (key === null) {
    throw new CommandFailure(EXIT.refused, "the device belongs to no home yet: run it first");
  }
  const asking = {
    key,
    listed: new Revocations(host, file.beside(LIST_FILE), file),
    to: { address: addressOf(call), port: call.whole("serve-port") ?? DEVICE_PORT },
    device: call.option("device"),
  };
  try {
    const { code, payload } = await askFellow(host, asking, requestOf(call));
    const text = fromUtf8(payload) ?? toHex(payload);
    if (call.words.flags.has("json")) call.write(json({ answer: codeText(code), body: text }));
    else if (isSuccess(code)) call.write(`${printable(text)}\n`);
    if (isSuccess(code)) return EXIT.done;
    throw new CommandFailure(EXIT.refused, `it answered ${codeText(code)}: ${meaningOf(code)}`);
  } catch (failure) {
    if (!(failure instanceof SessionFailure)) throw failure;
    throw new CommandFailure(EXIT.refused, `it was not asked (${failure.reason}): ${ENDS}`);
  }
}

const ENDS =
  "it is not there, or one of the two does not take the other for a device of its home; homeca device show tells what this one is";

function meaningOf(code: number): string {
  switch (code) {
    case Code.FORBIDDEN:
      return "this device has no right to that; the owner grants one with homeca grant";
    case Code.NOT_FOUND:
      return "there is nothing by that path";
    case Code.METHOD_NOT_ALLOWED:
      return "it does not serve this method there";
    case Code.SERVICE_UNAVAILABLE:
      return "it is busy, try again";
    default:
      return "it could not do that";
  }
}

function addressOf(call: Call): string {
  const address = call.words.operands[1];
  if (address !== undefined && parseAddress(address) !== null) return address;
  throw new CommandFailure(EXIT.usage, "ADDRESS is missing or no IP address: write 192.168.1.31");
}

function requestOf(call: Call): CoapRequest {
  const path = call.words.operands[2] ?? "";
  const parts = optionsOfLocalPart(path);
  if (parts === null) {
    throw new CommandFailure(EXIT.usage, "PATH is missing or no path: write /temperature");
  }
  const wanted = (call.option("method") ?? "GET").toUpperCase();
  const method = SERVED_METHODS.find((one) => one === wanted);
  if (method === undefined) {
    throw new CommandFailure(EXIT.usage, "--method is not GET, POST, PUT or DELETE: correct it");
  }
  const body = call.option("body");
  return coapRequest(method, parts.path, {
    query: parts.query,
    ...(body === null ? {} : { contentFormat: ContentFormat.TEXT, payload: utf8(body) }),
  });
}

const SERVED_METHODS: readonly Method[] = ["GET", "POST", "PUT", "DELETE"];

/** Lines stay lines; whatever else another device sends is made safe for a terminal. */
function printable(text: string): string {
  return text
    .replace(/\n$/u, "")
    .split("\n")
    .map((line) => oneLine(line, 16_384))
    .join("\n");
}
