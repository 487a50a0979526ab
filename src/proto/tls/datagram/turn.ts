/**
 * The end of a turn: what we say once all that a datagram, or the time, brought
 * has been worked through. The two versions differ in what tells a side that it
 * was heard, and so in all of this.
 *
 * @see RFC 6347 §4.2.4; RFC 9147 §5.8 and §7
 */
import type { Mono } from "../../../base/machine.ts";
import type { Acknowledging } from "./acknowledging.ts";
import type { Flights } from "./flights.ts";
import { DatagramContentType } from "./wire.ts";

/** What a turn found out. */
export interface Turn {
  readonly role: "client" | "server";
  readonly began: "handshake" | "established";
  ended: "handshake" | "established";
  /** Handshake records came, new or not. */
  heard: boolean;
  /** A part of the peer's next flight came. */
  progressed: boolean;
  /** Something in front of what came is missing. */
  disrupted: boolean;
  /** The end of what the peer sent last came again. */
  repeated: boolean;
}

/**
 * Our flight is answered by the whole of the peer's, which is when the next one
 * of ours is there, or nothing is left to be said. Whoever ends the handshake is
 * not answered: repeats alone tell it that it was not heard.
 */
export function endTurn12(turn: Turn, flights: Flights, now: Mono): void {
  const isOver = turn.began === "handshake" && turn.ended === "established";
  if (flights.isPending) flights.flush(now, isOver ? "last" : "awaits-answer");
  else if (isOver) flights.answered(now);
  else if (turn.repeated) flights.onRepeat(now);
}

/**
 * Any part of the peer's next flight answers ours during the handshake, after
 * it nothing but an ACK does. The client's last flight is one that nothing
 * answers; what the server sends behind it does not count.
 */
export function endTurn13(
  turn: Turn,
  flights: Flights,
  acknowledging: Acknowledging,
  now: Mono,
): void {
  const { role, began, ended, heard, progressed, disrupted, repeated } = turn;
  if (began === "handshake" && progressed) flights.answered(now);
  const isHeardWhole = role === "server" && ended === "established";
  const answers = flights.isPending && !isHeardWhole;
  if (answers) acknowledging.clear();
  else if (repeated && flights.isAnswerOut) flights.onRepeat(now);
  else if (heard) {
    const ends = isHeardWhole && began === "handshake";
    // Both are said at once: that all is there, and that something is missing.
    const soon = ends || (!flights.gatherAcks && (began === "established" || disrupted));
    acknowledging.dueBy(soon ? now : now + flights.ackDelayMs);
  }
  // In front of a flight, which may make the peer use keys that our ACK is not under.
  acknowledge(turn, flights, acknowledging, now);
  flights.flush(now, answers ? "awaits-answer" : "awaits-ack");
  if (ended === "established") flights.becomeLate();
}

function acknowledge(
  { ended }: Turn,
  flights: Flights,
  acknowledging: Acknowledging,
  now: Mono,
): void {
  const { writer, recordRoom } = flights;
  const body = acknowledging.take(now, writer.epoch, recordRoom);
  if (body === null) return;
  flights.record(DatagramContentType.ack, body);
  // During the handshake each ACK names all there is of the flight: the one before may be lost.
  if (ended === "established") acknowledging.clear();
}
