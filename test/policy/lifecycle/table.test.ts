import { assert, test } from "#kit";
import { eventsOf, LifecycleFailure, step } from "../../../src/policy/lifecycle/step.ts";
import {
  BEGINNINGS,
  EVENTS,
  FORGETTABLE,
  STATES,
  TRANSITIONS,
} from "../../../src/policy/lifecycle/table.ts";
import type { Event, State } from "../../../src/policy/lifecycle/table.ts";

const events = Object.keys(EVENTS) as Event[];
const edges = STATES.flatMap((from) =>
  events.flatMap((event) => {
    const to = TRANSITIONS[from][event];
    return to === undefined ? [] : [{ from, event, to }];
  }),
);

test("every pair of state and event is either in the table or refused in one sentence", () => {
  let legal = 0;
  for (const state of STATES) {
    for (const event of events) {
      const expected = TRANSITIONS[state][event];
      if (expected === undefined) {
        const failure = assert.throws(() => step(state, event), LifecycleFailure);
        assert.match(failure.message, /^A device that is [a-z]+ cannot take "[a-z]+"; [^.]+\.$/);
        assert.deepEqual([failure.state, failure.event], [state, event]);
      } else {
        assert.equal(step(state, event), expected);
        legal++;
      }
    }
  }
  assert.equal(legal, edges.length);
});

test("the sentence names what the state can take", () => {
  assert.deepEqual(eventsOf("pending"), ["prove", "approve", "deny"]);
  const { message } = assert.throws(() => step("denied", "join"), LifecycleFailure);
  assert.match(message, /now is: approve\.$/);
});

test("every state but the beginnings is reached, and every event is used", () => {
  const reached = new Set<State>([...Object.values(BEGINNINGS), ...edges.map(({ to }) => to)]);
  assert.deepEqual(
    STATES.filter((state) => !reached.has(state)),
    [],
  );
  const used = new Set(edges.map(({ event }) => event));
  assert.deepEqual(
    events.filter((event) => !used.has(event)),
    [],
  );
});

test("only an approved or returning device becomes active", () => {
  const toActive = edges.filter(({ to }) => to === "active").map(({ from }) => from);
  assert.deepEqual(toActive, ["approved", "dormant"]);
});

test("out of denied, revoked and released only the owner's own word leads", () => {
  const ended: readonly State[] = ["denied", "revoked", "released"];
  const out = edges.filter(({ from }) => ended.includes(from)).map(({ event }) => event);
  assert.deepEqual([...new Set(out)], ["approve", "readmit"]);
});

test("a record is forgotten only where its device can hold no valid certificate", () => {
  const holds: readonly State[] = ["approved", "active", "dormant"];
  for (const state of STATES) assert.equal(FORGETTABLE.has(state), !holds.includes(state), state);
});
