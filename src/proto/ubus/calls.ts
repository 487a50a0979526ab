/** Calls under way: found again by sequence number and peer, and ended by time. */
import { earliest, mono } from "../../base/machine.ts";
import type { Mono } from "../../base/machine.ts";

/** At once; a router has a handful of services to ask. */
export const MAX_CALLS = 64;

/** How long a call may take unless told: as `ubus call` waits for less than LuCI does, but more than any BSS needs. */
export const CALL_MS = 5000;

/** Answers of one call, and octets of them together: a look-up of everything on a router is 100 and 60 KiB. */
export const MAX_ANSWERS = 1024;
export const MAX_ANSWER_BYTES: number = 0x10_0000;

export type CallKind = "lookup" | "add-object" | "invoke" | "plain";

export interface Call {
  readonly kind: CallKind;
  /** What its user knows it by. */
  readonly call: number;
  readonly seq: number;
  /** As answers must have it: 0 for the bus itself, else the object that was asked. */
  readonly peer: number;
  readonly due: Mono;
  /** Payloads of what has come so far: the messages are read once their end is known. */
  readonly answers: Answer[];
  answerBytes: number;
}

export interface Answer {
  readonly path: string | null;
  readonly object: number | null;
  readonly data: Uint8Array | null;
}

export class Calls {
  readonly #bySeq = new Map<number, Call>();
  #lastSeq = 0;

  get wakeAt(): Mono | null {
    return earliest([...this.#bySeq.values()].map(({ due }) => due));
  }

  /** Null where too many are under way. */
  begin(
    { kind, call, peer }: Pick<Call, "kind" | "call" | "peer">,
    now: Mono,
    timeoutMs: number,
  ): Call | null {
    if (this.#bySeq.size >= MAX_CALLS) return null;
    const seq = this.nextSeq();
    const due = mono(now + timeoutMs);
    const begun: Call = { kind, call, seq, peer, due, answers: [], answerBytes: 0 };
    this.#bySeq.set(seq, begun);
    return begun;
  }

  /** 1 to 65535, none of a call under way. */
  nextSeq(): number {
    do this.#lastSeq = (this.#lastSeq % 0xffff) + 1;
    while (this.#bySeq.has(this.#lastSeq));
    return this.#lastSeq;
  }

  /**
   * The call that a message answers. Any client may send an answer to any other
   * with any sequence number, but only under the number of an object of its own.
   */
  find(seq: number, peer: number): Call | null {
    const call = this.#bySeq.get(seq);
    return call !== undefined && call.peer === peer ? call : null;
  }

  /** False where that is more than is held. */
  add(call: Call, answer: Answer): boolean {
    call.answerBytes += answer.data?.length ?? 0;
    if (call.answers.length >= MAX_ANSWERS || call.answerBytes > MAX_ANSWER_BYTES) return false;
    call.answers.push(answer);
    return true;
  }

  end({ seq }: Call): void {
    this.#bySeq.delete(seq);
  }

  /** Ends those that are due by then, oldest first. */
  endDue(now: Mono): Call[] {
    return this.#endThose(({ due }) => due <= now);
  }

  endAll(): Call[] {
    return this.#endThose(() => true);
  }

  #endThose(wanted: (call: Call) => boolean): Call[] {
    const ended = [...this.#bySeq.values()].filter(wanted);
    for (const call of ended) this.end(call);
    return ended;
  }
}
