/**
 * The set-up for LuCI: rpcd's object `homeca-setup`, whose plugin hands each
 * call on to the command line. `list` tells the methods, `call METHOD` takes
 * its arguments as JSON on standard input. A refusal is an answer too: rpcd
 * would turn an exit status into "unknown error".
 */
import { fromUtf8 } from "../../../base/bytes.ts";
import { oneLine, visible } from "../../../base/text.ts";
import { showEdits } from "../../../policy/wireless/show.ts";
import type { Call } from "../command.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import type { ExitStatus } from "../exit.ts";
import { json, MAX_SENTENCE } from "../text.ts";
import { apply, confirm, TRIAL_SECONDS, undo } from "./change.ts";
import { isObject } from "./record.ts";
import type { Place } from "./record.ts";
import { stateOf } from "./state.ts";
import { planFor, WISHES, wishOf } from "./wish.ts";
import type { WishName } from "./wish.ts";

/** As rpcd reads them: a value of each type the argument has. */
const WISH_ARGUMENTS: Readonly<Record<WishName, string>> = {
  radio: "",
  ssid: "",
  network: "",
  security: "",
  country: "",
  subnet: "",
  vlan: "",
};
const METHODS = {
  plan: WISH_ARGUMENTS,
  apply: WISH_ARGUMENTS,
  confirm: {},
  undo: { force: true },
  state: {},
} as const;
type Method = keyof typeof METHODS;

export async function answerRpcd(call: Call, place: Place): Promise<ExitStatus> {
  const [verb = "", name = ""] = call.words.operands;
  if (verb === "list") {
    call.write(json(METHODS));
    return EXIT.done;
  }
  const method = methodNamed(name);
  if (verb !== "call" || method === null) {
    throw new CommandFailure(EXIT.usage, "rpcd says list or call METHOD: run homeca help setup");
  }
  try {
    const given = argumentsOf(await call.system.input());
    call.write(json({ ok: true, ...(await carryOut(call, place, method, given)) }));
  } catch (failure) {
    if (!(failure instanceof CommandFailure)) throw failure;
    call.write(json({ ok: false, message: oneLine(failure.message, MAX_SENTENCE) }));
  }
  return EXIT.done;
}

async function carryOut(
  call: Call,
  place: Place,
  method: Method,
  given: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const { host } = call;
  switch (method) {
    case "plan":
    case "apply": {
      const plan = await planFor(
        host,
        place,
        wishOf((name) => textOf(given, name)),
      );
      const changes = plan.edits.length > 0;
      if (method === "apply" && changes) await apply(host, place, plan);
      const waits = method === "apply" && changes ? TRIAL_SECONDS : 0;
      const { security, vlan } = plan;
      const diff = showEdits(plan.edits);
      return { diff, interface: plan.interface, security, vlan, confirmWithinSeconds: waits };
    }
    case "confirm":
      await confirm(host, place);
      return {};
    case "undo":
      return { replaced: await undo(host, place, given["force"] === true) };
    case "state":
      return stateOf(host, place);
  }
}

function methodNamed(name: string): Method | null {
  switch (name) {
    case "plan":
    case "apply":
    case "confirm":
    case "undo":
    case "state":
      return name;
    default:
      return null;
  }
}

/** What rpcd adds of its own (`ubus_rpc_session`) is not looked at. */
function argumentsOf(input: Uint8Array): Readonly<Record<string, unknown>> {
  const text = fromUtf8(input);
  let value: unknown = null;
  try {
    value = text === null || text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    // Said below.
  }
  if (isObject(value)) return value;
  throw new CommandFailure(EXIT.usage, "the arguments are no JSON object: send one");
}

function textOf(given: Readonly<Record<string, unknown>>, name: WishName): string | null {
  const value = given[name];
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "string" && WISHES.includes(name)) return value;
  throw new CommandFailure(EXIT.usage, `argument '${visible(name)}' is no text: send it in quotes`);
}
