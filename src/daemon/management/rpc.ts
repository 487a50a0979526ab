/**
 * One JSON-RPC message in, one answer out, in the form uhttpd gives ubus:
 * `call` with `[session, object, method, arguments]`, answered by
 * `[status, result]`; `list` with `[session, object]`.
 *
 * @see https://www.jsonrpc.org/specification
 */
import { visible } from "../../base/text.ts";
import { HostFailure } from "../../host/host.ts";
import type { Log } from "../log.ts";
import { ManagementFailure, ubusStatus } from "./failure.ts";
import { callMethod, methodNamed, OBJECT, signatures } from "./methods.ts";
import type { Answer, HomeService } from "./service.ts";

/** Calls in one batch; LuCI sends those of one tick together. */
export const MAX_BATCH = 32;

type Id = string | number | null;

interface Reply {
  readonly jsonrpc: "2.0";
  readonly id: Id;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

const PARSE_ERROR = [-32_700, "Parse error"] as const;
const INVALID_REQUEST = [-32_600, "Invalid request"] as const;
const METHOD_NOT_FOUND = [-32_601, "Method not found"] as const;
const INVALID_PARAMS = [-32_602, "Invalid parameters"] as const;
const OBJECT_NOT_FOUND = [-32_000, "Object not found"] as const;

/** Answers text that is one message or a batch of them. Never throws, never rejects. */
export function answerText(text: string, service: HomeService, log: Log): Answer<string> {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return JSON.stringify(refusal(null, PARSE_ERROR));
  }
  if (!Array.isArray(message)) return written(answerMessage(message, service, log));
  if (message.length === 0 || message.length > MAX_BATCH) {
    return JSON.stringify(refusal(null, INVALID_REQUEST));
  }
  const replies = message.map((each) => answerMessage(each, service, log));
  return replies.some((reply) => reply instanceof Promise)
    ? Promise.all(replies.map(async (reply) => reply)).then((all) => JSON.stringify(all))
    : JSON.stringify(replies);
}

/** What is answered to a line that is no text or too long. */
export function unreadable(): string {
  return JSON.stringify(refusal(null, PARSE_ERROR));
}

function written(reply: Answer<Reply>): Answer<string> {
  return reply instanceof Promise
    ? reply.then((value) => JSON.stringify(value))
    : JSON.stringify(reply);
}

function answerMessage(message: unknown, service: HomeService, log: Log): Answer<Reply> {
  if (!isRecord(message)) return refusal(null, INVALID_REQUEST);
  const { jsonrpc, id = null, method, params } = message;
  if (jsonrpc !== "2.0" || typeof method !== "string" || !isId(id)) {
    return refusal(isId(id) ? id : null, INVALID_REQUEST);
  }
  if (method !== "call" && method !== "list") return refusal(id, METHOD_NOT_FOUND);
  // The session is for uhttpd; who may open the socket is root already.
  if (!Array.isArray(params) || typeof params[0] !== "string") return refusal(id, INVALID_PARAMS);
  if (method === "list") return { jsonrpc: "2.0", id, result: listed(params.slice(1)) };
  const [, object, called, given = {}] = params;
  if (typeof object !== "string" || typeof called !== "string" || params.length > 4) {
    return refusal(id, INVALID_PARAMS);
  }
  if (object !== OBJECT) return refusal(id, OBJECT_NOT_FOUND);
  const success = (result: object): Reply => ({ jsonrpc: "2.0", id, result: [0, result] });
  const failure = (cause: unknown): Reply => ({ jsonrpc: "2.0", id, result: failed(cause, log) });
  try {
    const answer = callByName(called, given, service);
    return answer instanceof Promise ? answer.then(success, failure) : success(answer);
  } catch (cause) {
    return failure(cause);
  }
}

/** @throws ManagementFailure, now or in the promise */
export function callByName(name: string, given: unknown, service: HomeService): Answer<object> {
  const method = methodNamed(name);
  if (method === null) {
    const sentence = `there is no method '${visible(name, 64)}': call list for those there are`;
    throw new ManagementFailure("unknown-method", sentence);
  }
  return callMethod(method, service, given);
}

/** `[status, { reason, message }]`: ubus alone has no room for a sentence. */
function failed(cause: unknown, log: Log): readonly [number, object] {
  const { reason, message } = toManagementFailure(cause, log);
  return [ubusStatus(reason), { reason, message }];
}

/** What is answered for whatever was thrown; faults of ours go to the log. */
export function toManagementFailure(cause: unknown, log: Log): ManagementFailure {
  if (cause instanceof ManagementFailure) return cause;
  if (cause instanceof HostFailure) {
    log.error(`management: ${visible(cause.message)}`);
    const sentence = `the system refused (${visible(cause.message)}): free space or rights, then try again`;
    return new ManagementFailure("host-failed", sentence);
  }
  log.fault("management", cause);
  const sentence = "HomeCA has a fault: the log's last lines say which, please report it";
  return new ManagementFailure("internal-fault", sentence);
}

/** Without a name all objects by name; with names those of them there are. */
function listed(names: readonly unknown[]): object {
  return names.length === 0 || names.includes(OBJECT) || names.includes("*")
    ? { [OBJECT]: signatures() }
    : {};
}

function refusal(id: Id, [code, message]: readonly [number, string]): Reply {
  return { jsonrpc: "2.0", id, error: { code, message } };
}

function isId(id: unknown): id is Id {
  return id === null || typeof id === "string" || typeof id === "number";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
