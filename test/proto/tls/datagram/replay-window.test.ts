import fc from "fast-check";
import { assert, test } from "#kit";
import { REPLAY_WINDOW, ReplayWindow } from "../../../../src/proto/tls/datagram/replay-window.ts";
import { MAX_SEQUENCE } from "../../../../src/proto/tls/datagram/wire.ts";

function marked(...sequences: readonly number[]): ReplayWindow {
  const window = new ReplayWindow();
  for (const sequence of sequences) window.mark(sequence);
  return window;
}

test("RFC 6347 §4.1.2.6: a new window takes any number, and each only once", () => {
  const window = new ReplayWindow();
  assert.equal(window.highest, -1);
  for (const sequence of [0, 5, 3, MAX_SEQUENCE]) {
    assert.ok(window.isFresh(sequence));
    window.mark(sequence);
    assert.ok(!window.isFresh(sequence));
  }
  assert.equal(window.highest, MAX_SEQUENCE);
});

test("asking changes nothing: only mark moves the window", () => {
  const window = marked(10);
  assert.ok(window.isFresh(1_000_000));
  assert.equal(window.highest, 10);
  assert.ok(window.isFresh(9));
});

test("the window reaches 64 numbers back and no further", () => {
  const window = marked(1000);
  assert.ok(window.isFresh(1000 - REPLAY_WINDOW + 1));
  assert.ok(!window.isFresh(1000 - REPLAY_WINDOW));
  window.mark(1000 - REPLAY_WINDOW);
  assert.ok(
    window.isFresh(1000 - REPLAY_WINDOW + 1),
    "a late mark beyond the window marks nobody else",
  );
});

test("property: the window says what a list of all numbers would", () => {
  // Steps around the sizes of a word and of the window, where shifts go wrong.
  const step = fc.oneof(
    fc.integer({ min: -70, max: 70 }),
    fc.constantFrom(-64, -63, -32, -31, 31, 32, 33, 63, 64, 65),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      let highest = -1;
      let at = 200;
      for (const by of steps) {
        at = Math.max(0, at + by);
        const expected = !seen.has(at) && at > highest - REPLAY_WINDOW;
        assert.equal(window.isFresh(at), expected, `${at} under ${highest}`);
        if (!expected) continue;
        window.mark(at);
        seen.add(at);
        highest = Math.max(highest, at);
        assert.equal(window.highest, highest);
      }
    }),
  );
});
