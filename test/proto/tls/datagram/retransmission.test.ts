import fc from "fast-check";
import { assert, test } from "#kit";
import { mono } from "../../../../src/base/machine.ts";
import {
  FlightTimer,
  INITIAL_MTU,
  INITIAL_TIMEOUT_MS,
  MAX_RETRANSMISSIONS,
  MAX_TIMEOUT_MS,
  MIN_MTU,
  PathMtu,
} from "../../../../src/proto/tls/datagram/retransmission.ts";

/** Lets the timer run out `times` times from `now` on, and says how long each wait was. */
function waits(timer: FlightTimer, now: number, times: number): number[] {
  const lengths: number[] = [];
  for (let at = now, left = times; left > 0; left--) {
    const due: number = timer.wakeAt ?? assert.fail("no timer");
    lengths.push(due - at);
    at = due;
    timer.expire(mono(due));
  }
  return lengths;
}

test("RFC 9147 §5.8.2: one second, doubled at each retransmission up to sixty", () => {
  const timer = new FlightTimer();
  assert.equal(timer.wakeAt, null);
  timer.start(mono(500));
  assert.equal(timer.wakeAt, 1500);
  assert.deepEqual(waits(timer, 500, 8), [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  assert.equal(timer.retransmissions, 8);
});

test("a flight is sent again so many times, and then given up", () => {
  const timer = new FlightTimer();
  timer.start(mono(0));
  let sent = 0;
  for (;;) {
    const due = timer.wakeAt ?? assert.fail("no timer");
    assert.equal(timer.expire(mono(due - 1)), "not-due");
    const verdict = timer.expire(due);
    if (verdict === "give-up") break;
    assert.equal(verdict, "retransmit");
    sent++;
  }
  assert.equal(sent, MAX_RETRANSMISSIONS);
  assert.equal(timer.wakeAt, null);
  assert.equal(timer.expire(mono(1e9)), "not-due");
});

test("RFC 6347 §4.2.4.1: a longer wait stays until a flight comes through at once", () => {
  const timer = new FlightTimer();
  timer.start(mono(0));
  waits(timer, 0, 2);
  timer.answered(mono(3100));
  assert.equal(timer.wakeAt, null);
  timer.start(mono(4000));
  assert.equal(timer.wakeAt, 8000);
  assert.equal(timer.retransmissions, 0);
  timer.answered(mono(4100));
  timer.start(mono(5000));
  assert.equal(timer.wakeAt, 5000 + INITIAL_TIMEOUT_MS);
});

test("a flight that came through at once sets the wait to one and a half round trips, and not below the initial", () => {
  const timer = new FlightTimer({ initialMs: 1000 });
  timer.start(mono(0));
  timer.answered(mono(900));
  timer.start(mono(0));
  assert.equal(timer.wakeAt, 1350);
  timer.answered(mono(10));
  timer.start(mono(0));
  assert.equal(timer.wakeAt, 1000);
  timer.answered(mono(900_000));
  timer.start(mono(0));
  assert.equal(timer.wakeAt, MAX_TIMEOUT_MS);
});

test("without keeping it, the wait is the initial one for each flight", () => {
  const timer = new FlightTimer({ keepBackoff: false });
  timer.start(mono(0));
  waits(timer, 0, 3);
  timer.answered(mono(7900));
  timer.start(mono(8000));
  assert.equal(timer.wakeAt, 9000);
});

test("a flight sent again for the peer's sake waits as long anew, and measures no round trip", () => {
  const timer = new FlightTimer({ initialMs: 1000 });
  timer.restart(mono(5));
  assert.equal(timer.wakeAt, null);
  timer.start(mono(0));
  timer.restart(mono(800));
  assert.equal(timer.wakeAt, 1800);
  assert.equal(timer.retransmissions, 0);
  timer.answered(mono(1700));
  timer.start(mono(2000));
  assert.equal(timer.wakeAt, 3000);
});

test("RFC 9147 §7.1: an ACK waits for a quarter of the timer", () => {
  const timer = new FlightTimer();
  assert.equal(timer.ackDelayMs, 250);
  timer.start(mono(0));
  waits(timer, 0, 1);
  assert.equal(timer.ackDelayMs, 500);
});

test("another initial wait stretches one that runs, and what was doubled stays so", () => {
  const timer = new FlightTimer();
  timer.start(mono(0));
  timer.setInitial(500);
  assert.equal(timer.wakeAt, 500);
  timer.expire(mono(500));
  timer.setInitial(1000);
  assert.equal(timer.wakeAt, 500 + 2000);
});

test("stopped, nothing is due, and the next flight starts as before", () => {
  const timer = new FlightTimer();
  timer.start(mono(0));
  timer.stop();
  assert.equal(timer.wakeAt, null);
  timer.answered(mono(50_000));
  timer.start(mono(60_000));
  assert.equal(timer.wakeAt, 61_000);
});

test("RFC 9147 §4.4: after every second loss of a flight datagrams are half as long, to a floor", () => {
  const path = new PathMtu();
  assert.equal(path.octets, INITIAL_MTU);
  const sizes = [0, 1, 2, 3, 4, 5, 6].map((lost) => {
    path.flightLost(lost);
    return path.octets;
  });
  assert.deepEqual(sizes, [1200, 1200, 600, 600, 300, 300, 300]);
  assert.equal(path.octets, MIN_MTU);
});

test("a path somebody knows stays as long as they say", () => {
  const path = new PathMtu(1400);
  path.flightLost(2);
  assert.equal(path.octets, 1400);
});

test("property: whenever it is woken, a running timer is due later, and waits stay within their bounds", () => {
  const step = fc.tuple(fc.constantFrom("start", "expire", "answered", "restart"), fc.nat(100_000));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const timer = new FlightTimer();
      let now = 0;
      for (const [act, later] of steps) {
        now += later;
        if (act === "start") timer.start(mono(now));
        else if (act === "expire") timer.expire(mono(now));
        else if (act === "answered") timer.answered(mono(now));
        else timer.restart(mono(now));
        const wait = timer.ackDelayMs * 4;
        assert.ok(wait >= INITIAL_TIMEOUT_MS && wait <= MAX_TIMEOUT_MS);
        assert.ok(timer.retransmissions <= MAX_RETRANSMISSIONS);
        if (act !== "answered" && timer.wakeAt !== null) assert.ok(timer.wakeAt > now);
      }
    }),
  );
});
