/** What happens to a device, for people and for programs. */
import type { DeviceEvent } from "../../device/agent.ts";
import { dayText } from "../../policy/admission/reasons.ts";
import type { Call } from "./command.ts";

/** One line: JSON where that is asked for, else the text. */
export function say(call: Call, object: object, text: string): void {
  call.write(call.words.flags.has("json") ? `${JSON.stringify(object)}\n` : `${text}\n`);
}

/** Nothing of it is secret. */
export function plain(event: DeviceEvent): object {
  switch (event.kind) {
    case "joined":
      return { kind: event.kind, home: event.owner.serverName };
    case "lives":
      return { kind: event.kind, periodSeconds: event.answer.periodSeconds };
    case "waits-for-owner":
    case "approved":
    case "key-agreed":
    case "certified":
    case "renewed":
    case "released":
    case "release-refused":
    case "list-refused":
    case "home-lost":
    case "pairing":
    case "found":
    case "failed":
      return event;
  }
}

export function sentence(event: DeviceEvent): string {
  switch (event.kind) {
    case "waits-for-owner":
      return "waiting for the owner to say yes";
    case "approved":
      return "the owner said yes";
    case "key-agreed":
      return `agreed on a new key; the home must show the number ${event.code}`;
    case "certified":
      return `got a certificate until ${dayText(event.notAfter)}`;
    case "joined":
      return `belongs to ${event.owner.serverName ?? "a home"} now`;
    case "lives":
      return "reported to the home";
    case "renewed":
      return `renewed its certificate until ${dayText(event.notAfter)}`;
    case "released":
      return "belongs to nobody now: what it had of the home is erased, and the home knows";
    case "release-refused":
      return `was not released (${event.reason})`;
    case "list-refused":
      return "the revocation list it was sent is not its home's, or damaged: it keeps the one it has";
    case "home-lost":
      return "its home is lost: run homeca device pair to let another one have it";
    case "pairing":
      return "asks the home it finds to be taken in; it belongs to its old one until then";
    case "found":
      return "its home is there again";
    case "failed":
      return `did not work (${event.reason}); again in ${Math.ceil(event.againMs / 1000)} seconds`;
  }
}
