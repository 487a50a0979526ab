/** One step through the table of `table.ts`. */
import { EVENTS, TRANSITIONS } from "./table.ts";
import type { Event, State } from "./table.ts";

/** An event that the table does not have for this state; the record stays as it was. */
export class LifecycleFailure extends Error {
  override readonly name = "LifecycleFailure";
  readonly reason = "illegal-transition";
  readonly state: State;
  readonly event: Event;

  constructor(state: State, event: Event) {
    super(sentence(state, event));
    this.state = state;
    this.event = event;
  }
}

/** The state that follows. @throws {@link LifecycleFailure} */
export function step(state: State, event: Event): State {
  const next = TRANSITIONS[state][event];
  if (next === undefined) throw new LifecycleFailure(state, event);
  return next;
}

/** The events that a state takes, in the order of {@link EVENTS}. */
export function eventsOf(state: State): readonly Event[] {
  // Object.keys gives strings; the keys of EVENTS are the events by definition.
  return (Object.keys(EVENTS) as Event[]).filter((event) => TRANSITIONS[state][event]);
}

function sentence(state: State, event: Event): string {
  const possible = eventsOf(state).join(", ");
  return `A device that is ${state} cannot take "${event}"; what it can take now is: ${possible}.`;
}
