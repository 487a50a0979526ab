import { assert, test } from "#kit";
import { noble } from "../../../../src/base/crypto/noble.ts";
import type { Machine, Mono } from "../../../../src/base/machine.ts";
import { mono } from "../../../../src/base/machine.ts";
import { parseAck, ReceivedRecords } from "../../../../src/proto/tls/datagram/ack.ts";
import { cutDatagram } from "../../../../src/proto/tls/datagram/cut.ts";
import { Flight } from "../../../../src/proto/tls/datagram/flight.ts";
import type { FlightPiece } from "../../../../src/proto/tls/datagram/flight.ts";
import {
  MAX_RECORDS_PER_TRANSMISSION,
  packFlight,
  sealDatagram,
} from "../../../../src/proto/tls/datagram/fragmenter.ts";
import { Reassembler } from "../../../../src/proto/tls/datagram/reassembly.ts";
import { EpochReader13, EpochWriter13 } from "../../../../src/proto/tls/datagram/record13.ts";
import { FlightTimer, PathMtu } from "../../../../src/proto/tls/datagram/retransmission.ts";
import { DatagramContentType } from "../../../../src/proto/tls/datagram/wire.ts";
import { SUITES_13 } from "../../../../src/proto/tls/suites.ts";
import { ContentType } from "../../../../src/proto/tls/wire.ts";
import { LossyLink, machineEnd } from "../../../kit/lossy-link.ts";
import type { LinkEnd, LinkOptions } from "../../../kit/lossy-link.ts";

const SUITE = SUITES_13.TLS_AES_128_GCM_SHA256;
const EPOCH = 2;
const BODIES = [60, 1500, 0, 700];

/** Counts what comes in and never says anything. */
function listener(seen: string[]): LinkEnd {
  return {
    wakeAt: null,
    receive: (datagram, now) => {
      seen.push(`${now}:${datagram[0]}`);
      return [];
    },
    wake: () => [],
  };
}

function heard(options: Omit<LinkOptions, "seed">, seed = "one"): string[] {
  const seen: string[] = [];
  const link = new LossyLink(listener([]), listener(seen), { seed, ...options });
  for (let octet = 0; octet < 200; octet++) link.send("left", [Uint8Array.of(octet)]);
  assert.equal(
    link.run(() => false),
    false,
  );
  assert.equal(link.sent, 200);
  return seen;
}

test("a good link carries all datagrams in order after its latency", () => {
  const all = Array.from({ length: 200 }, (_, octet) => `20:${octet}`);
  assert.deepEqual(heard({}), all);
});

test("a bad link loses, doubles and reorders as often as it says, and the same for the same seed", () => {
  const lossy = heard({ loss: 0.3 });
  assert.ok(lossy.length > 110 && lossy.length < 170, `${lossy.length} of 200 arrived`);
  const doubled = heard({ duplication: 0.5 });
  assert.ok(doubled.length > 260 && doubled.length < 340, `${doubled.length} for 200 arrived`);
  const order = heard({ jitterMs: 50 }).map((entry) => Number(entry.split(":")[1]));
  assert.ok(order.some((octet, at) => at > 0 && octet < order[at - 1]!));
  assert.deepEqual(heard({ loss: 0.3 }), lossy);
  assert.notEqual(heard({ loss: 0.3 }, "two").join(), lossy.join());
});

test("a link drops what is longer than its path, and stops at its limit of time", () => {
  const seen: string[] = [];
  const link = new LossyLink(listener([]), listener(seen), { seed: "mtu", mtu: 100 });
  link.send("left", [new Uint8Array(101), new Uint8Array(100)]);
  link.run(() => false, 19);
  assert.deepEqual([seen.length, link.lost], [0, 1]);
  link.run(() => false);
  assert.deepEqual([seen.length, link.now], [1, 20]);
});

const KEYS = {
  key: new Uint8Array(16),
  iv: new Uint8Array(12),
  recordNumberKey: new Uint8Array(16),
};
const OPTIONS = { suite: SUITE, keys: KEYS, epoch: EPOCH };

type In = { readonly kind: "datagram"; readonly bytes: Uint8Array } | { readonly kind: "timeout" };

/** Sends one flight until all of it is acknowledged. */
class Sender implements Machine<In, Uint8Array> {
  readonly flight: Flight;
  gaveUp = false;
  readonly #writer = new EpochWriter13(noble, OPTIONS);
  readonly #reader = new EpochReader13(noble, OPTIONS);
  readonly #timer = new FlightTimer();
  readonly #path = new PathMtu();

  constructor() {
    const pieces = BODIES.map((length, seq): FlightPiece => {
      const body = new Uint8Array(length).fill(seq);
      return { kind: "message", epoch: EPOCH, message: { type: 11, seq, body } };
    });
    this.flight = new Flight(pieces);
  }

  get wakeAt(): Mono | null {
    return this.#timer.wakeAt;
  }

  start(now: Mono): Uint8Array[] {
    this.#timer.start(now);
    return this.#transmit();
  }

  handle(input: In, now: Mono): Uint8Array[] {
    if (input.kind === "timeout") {
      const verdict = this.#timer.expire(now);
      this.gaveUp ||= verdict === "give-up";
      if (verdict !== "retransmit") return [];
      this.#path.flightLost(this.#timer.retransmissions);
      return this.#transmit();
    }
    let more = false;
    for (const record of cutDatagram(input.bytes, 0).records) {
      const result = this.#reader.open(record);
      if (result.kind === "discarded") continue;
      const numbers = parseAck(result.content, EPOCH);
      if (typeof numbers === "string") assert.fail(numbers);
      more = this.flight.acknowledge(numbers) || more;
    }
    if (this.flight.acknowledged) this.#timer.answered(now);
    if (!more || this.flight.acknowledged) return [];
    this.#timer.restart(now);
    return this.#transmit();
  }

  #transmit(): Uint8Array[] {
    const plan = packFlight(this.flight, {
      mtu: this.#path.octets,
      overhead: () => this.#writer.overhead,
      maxRecords: MAX_RECORDS_PER_TRANSMISSION,
    });
    return plan.map((datagram) => sealDatagram(datagram, this.flight, () => this.#writer));
  }
}

/** Takes the flight in and acknowledges what it has, a while after something came. */
class Receiver implements Machine<In, Uint8Array> {
  readonly bodies: number[] = [];
  wakeAt: Mono | null = null;
  readonly #writer = new EpochWriter13(noble, OPTIONS);
  readonly #reader = new EpochReader13(noble, OPTIONS);
  readonly #reassembler = new Reassembler(2 ** 14);
  readonly #received = new ReceivedRecords();

  handle(input: In, now: Mono): Uint8Array[] {
    if (input.kind === "timeout") {
      this.wakeAt = null;
      const body = this.#received.encode(EPOCH, 1000);
      return [this.#writer.seal(DatagramContentType.ack, body).record];
    }
    for (const record of cutDatagram(input.bytes, 0).records) {
      const result = this.#reader.open(record);
      if (result.kind === "discarded") continue;
      assert.equal(result.type, ContentType.handshake);
      const taken = this.#reassembler.push(EPOCH, result.content);
      assert.ok(taken.acknowledgeable);
      this.#received.add(result.number);
      this.wakeAt ??= mono(now + 250);
      for (let next = this.#reassembler.next(); next !== null; next = this.#reassembler.next()) {
        this.bodies.push(next.body.length);
      }
    }
    return [];
  }
}

test("at 30 % loss, doubling and reordering every flight arrives whole and is known to have", () => {
  for (let seed = 0; seed < 60; seed++) {
    const [sender, receiver] = [new Sender(), new Receiver()];
    const asInput = (bytes: Uint8Array): In => ({ kind: "datagram", bytes });
    const left = machineEnd(sender, asInput, (datagram) => [datagram]);
    const right = machineEnd(receiver, asInput, (datagram) => [datagram]);
    const link = new LossyLink(left, right, {
      seed: `flight ${seed}`,
      loss: 0.3,
      duplication: 0.1,
      jitterMs: 200,
    });
    link.send("left", sender.start(link.now));
    assert.ok(
      link.run(() => sender.flight.acknowledged),
      `seed ${seed}: gave up ${sender.gaveUp}`,
    );
    assert.deepEqual(receiver.bodies, BODIES);
  }
});

test("on a path that is shorter than we think, halving finds a size that passes", () => {
  const [sender, receiver] = [new Sender(), new Receiver()];
  const asInput = (bytes: Uint8Array): In => ({ kind: "datagram", bytes });
  const left = machineEnd(sender, asInput, (datagram) => [datagram]);
  const right = machineEnd(receiver, asInput, (datagram) => [datagram]);
  const longest: number[] = [];
  const onSent = (from: string, datagram: Uint8Array): void => {
    if (from === "left") longest.push(datagram.length);
  };
  const link = new LossyLink(left, right, { seed: "short", mtu: 500, onSent });
  link.send("left", sender.start(link.now));
  assert.ok(link.run(() => sender.flight.acknowledged));
  assert.equal(Math.max(...longest), 1200);
  assert.deepEqual(receiver.bodies, BODIES);
});
