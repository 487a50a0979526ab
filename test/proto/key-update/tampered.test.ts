/** Somebody between the two ends who changes what passes. */
import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { toHex } from "../../../src/base/bytes.ts";
import type { NewKey } from "../../../src/proto/key-update/device.ts";
import type { HomeUpdate } from "../../../src/proto/key-update/home.ts";
import { KeyUpdateFailure } from "../../../src/proto/key-update/failure.ts";
import {
  encodeReveal,
  parseCommitment,
  parseConfirmation,
  parseReveal,
  parseShare,
} from "../../../src/proto/key-update/messages.ts";
import { deviceOf, homeOf, run, START } from "./pair.ts";
import type { Messages } from "./pair.ts";

const crypto = providers.at(-1)!;
const STEPS = ["commitment", "share", "reveal", "confirmation"] as const;
type Step = (typeof STEPS)[number];

interface Result {
  readonly key: NewKey | null;
  readonly update: HomeUpdate | null;
}

/** One run in which `change` is applied to one message; either end may stop it. */
function tampered(
  withShare: boolean,
  step: Step,
  change: (body: Uint8Array) => Uint8Array,
): Result {
  const device = deviceOf(crypto, { withShare });
  const home = homeOf(crypto);
  const passed = (at: Step, body: Uint8Array): Uint8Array => (at === step ? change(body) : body);
  let update: HomeUpdate | null = null;
  let sent = device.handle({ kind: "start" }, START);
  for (const [there, back] of [
    ["commitment", "share"],
    ["reveal", "confirmation"],
  ] as const) {
    const [request] = sent;
    if (request?.kind !== "send") return { key: null, update };
    const body = passed(there, request.body);
    const outputs = there === "commitment" ? home.commit(body) : home.reveal(body);
    for (const output of outputs) if (output.kind === "updated") update = output.update;
    const answer = outputs.find((output) => output.kind === "answer");
    if (answer === undefined) return { key: null, update };
    sent = device.handle({ kind: "answer", body: passed(back, answer.body) }, START);
  }
  const [last] = sent;
  return { key: last?.kind === "updated" ? last.key : null, update };
}

test("untouched, both ends finish with the same key", () => {
  const { key, update } = tampered(true, "commitment", (body) => body);
  assert.ok(key !== null && update !== null);
  assert.deepEqual(key.publicKey, update.publicKey);
});

const LENGTHS: Readonly<Record<Step, number>> = {
  commitment: 36,
  share: 104,
  reveal: 207,
  confirmation: 36,
};

test("property: with any octet of any message changed, HomeCA accepts nothing that the device does not have", () => {
  const place = fc
    .constantFrom(...STEPS)
    .chain((step) => fc.tuple(fc.constant(step), fc.nat(LENGTHS[step] - 1)));
  const flipped = fc.property(place, fc.integer({ min: 1, max: 255 }), ([step, at], by) => {
    const { key, update } = tampered(true, step, (body) =>
      body.map((octet, index) => (index === at ? octet ^ by : octet)),
    );
    assert.equal(key, null, "the device finished");
    // HomeCA is done before the confirmation is on its way; a device without one keeps its present
    // key, which HomeCA believes until the new one has been used.
    assert.equal(update !== null, step === "confirmation");
  });
  fc.assert(flipped, { numRuns: 60 });
});

test("in paper mode no octet of the reveal can be changed either", () => {
  for (const at of [0, 2, 40, 75, 100, 138]) {
    const { key, update } = tampered(false, "reveal", (body) =>
      body.map((octet, index) => (index === at ? octet ^ 0x10 : octet)),
    );
    assert.ok(key === null && update === null, String(at));
  }
});

test("R is neither taken away, nor added, nor swapped", () => {
  const keyShare = crypto.p256.base(new Uint8Array(32).fill(7));
  const cases: readonly (readonly [boolean, Uint8Array | null])[] = [
    [true, null],
    [false, keyShare],
    [true, keyShare],
  ];
  for (const [withShare, other] of cases) {
    const { key, update } = tampered(withShare, "reveal", (body) =>
      encodeReveal({ ...parseReveal(body), keyShare: other }),
    );
    assert.ok(key === null && update === null);
  }
});

test("property: any octets are a message or malformed, and so is every strict prefix of a good one", () => {
  const parsers: Readonly<Record<Step, (body: Uint8Array) => unknown>> = {
    commitment: parseCommitment,
    share: parseShare,
    reveal: parseReveal,
    confirmation: parseConfirmation,
  };
  const { messages } = run(deviceOf(crypto), homeOf(crypto));
  const survives = (step: Step, body: Uint8Array): void => {
    try {
      parsers[step](body);
    } catch (failure) {
      assert.ok(failure instanceof KeyUpdateFailure, toHex(body));
      assert.equal(failure.reason, "malformed");
    }
  };
  const steps = fc.constantFrom(...STEPS);
  fc.assert(fc.property(steps, fc.uint8Array({ maxLength: 220 }), survives));
  for (const step of STEPS) {
    const good = messages[step satisfies keyof Messages];
    assert.equal(good.length, LENGTHS[step]);
    for (let length = 0; length < good.length; length++) {
      assert.throws(() => parsers[step](good.subarray(0, length)), KeyUpdateFailure);
    }
  }
});

test("a message is deterministic: fields in another order, or one more, are refused", () => {
  const { messages } = run(deviceOf(crypto, { withShare: false }), homeOf(crypto));
  const [first, second] = [messages.share.subarray(1, 69), messages.share.subarray(69)];
  const swapped = Uint8Array.of(0xa2, ...second, ...first);
  const more = Uint8Array.of(0xa3, ...first, ...second, 3, 0);
  for (const body of [swapped, more]) assert.throws(() => parseShare(body), KeyUpdateFailure);
});
