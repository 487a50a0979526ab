import fc from "fast-check";
import { assert, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { mono } from "../../../src/base/machine.ts";
import { DuplicateCache, type Exchange, LIFETIME } from "../../../src/proto/radius/duplicates.ts";

const LIMITS = { maxEntries: 6, maxResponseOctets: 100, maxPendingPerClient: 4 };

function exchange(key: string, requestId: number, name: string): Exchange {
  const client = { name, prefix: "::1", secret: hex("00") };
  return { key, requestId, code: 1, authenticator: new Uint8Array(16), client };
}

test("property: whatever is asked and answered, entries, octets and each client's share stay bounded", () => {
  const step = fc.record({
    act: fc.constantFrom("admit", "finish", "forget", "wait"),
    key: fc.nat(9),
    client: fc.constantFrom("attic", "cellar"),
    amount: fc.nat(60),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const cache = new DuplicateCache(LIMITS);
      const waiting = new Map<string, Exchange>();
      let now = 0;
      for (const [number, { act, key, client, amount }] of steps.entries()) {
        const name = `${key}`;
        if (act === "wait") now += amount * 1000;
        cache.expire(mono(now));
        if (act === "admit") {
          waiting.delete(name);
          const asked = exchange(name, number, client);
          if (cache.admit(asked, mono(now))) waiting.set(name, asked);
        }
        if (act === "forget") cache.forget(name);
        const asked = waiting.get(name);
        if (act === "finish" && asked !== undefined) {
          const current = cache.awaiting(name, asked.requestId);
          if (current !== null) cache.finish(current, new Uint8Array(amount), mono(now));
        }

        assert.ok(cache.size <= LIMITS.maxEntries);
        assert.ok(cache.responseOctets <= LIMITS.maxResponseOctets);
        const pending = [...waiting].filter(
          ([key, { requestId }]) => cache.awaiting(key, requestId) !== null,
        );
        for (const name of ["attic", "cellar"]) {
          const own = pending.filter(([, { client }]) => client.name === name);
          assert.ok(own.length <= LIMITS.maxPendingPerClient);
        }
        const { wakeAt } = cache;
        assert.equal(wakeAt === null, cache.size === 0);
        assert.ok(wakeAt === null || (wakeAt > now && wakeAt <= now + LIFETIME));
      }
      cache.expire(mono(now + LIFETIME));
      assert.deepEqual([cache.size, cache.responseOctets, cache.wakeAt], [0, 0, null]);
    }),
  );
});

test("a response too large for the cache is sent once and not kept", () => {
  const cache = new DuplicateCache(LIMITS);
  const asked = exchange("a", 1, "attic");
  assert.ok(cache.admit(asked, mono(0)));
  cache.finish(asked, new Uint8Array(LIMITS.maxResponseOctets + 1), mono(0));
  assert.deepEqual([cache.size, cache.responseOctets, cache.find("a")], [0, 0, null]);
});

test("places freed by answers, expiry or forgetting are a client's again", () => {
  const cache = new DuplicateCache(LIMITS);
  const fill = (from: number, now: number): number =>
    [0, 1, 2, 3, 4].filter((at) =>
      cache.admit(exchange(`${from + at}`, from + at, "attic"), mono(now)),
    ).length;
  assert.equal(fill(0, 0), 4);
  cache.forget("0");
  cache.finish(exchange("1", 1, "attic"), hex("00"), mono(0));
  assert.equal(fill(10, 0), 2);
  cache.expire(mono(LIFETIME));
  assert.equal(cache.size, 0);
  assert.equal(fill(20, LIFETIME), 4);
});
