import fc from "fast-check";
import { assert, test } from "#kit";
import { blankRecord } from "../../../src/policy/registry/record.ts";
import type { DeviceClass, DeviceRecord } from "../../../src/policy/registry/record.ts";
import type { State } from "../../../src/policy/lifecycle/table.ts";
import { METHODS } from "../../../src/policy/rights/aif.ts";
import { ownGroups } from "../../../src/policy/rights/groups.ts";
import { may } from "../../../src/policy/rights/may.ts";
import type { Right } from "../../../src/policy/rights/rights.ts";
import { verdictOf, verdictSentence } from "../../../src/policy/rights/why.ts";
import type { RightsVerdict } from "../../../src/policy/rights/why.ts";
import { anyRights, DEVICES, GROUPS, PATHS } from "./arbitrary.ts";

const [LAMP, SENSOR] = DEVICES;

const record = (
  id: string,
  more: Partial<DeviceRecord> = {},
  state: State = "active",
  kind: DeviceClass = "aware",
): DeviceRecord => ({ ...blankRecord(id, kind, state), ...more });

const READS: Right = {
  target: { kind: "device", id: SENSOR },
  allow: [{ path: "/s/temp", methods: ["GET"], created: [] }],
};
const LIGHTS: Right = {
  target: { kind: "group", name: "lights" },
  allow: [{ path: "/a/led", methods: ["PUT"], created: [] }],
};
const lamp = record(LAMP, { rights: [READS, LIGHTS] });
const sensor = record(SENSOR);
const toSensor = { target: { kind: "device", id: SENSOR }, asked: sensor } as const;

test("each verdict: what is in the way comes before what is not granted", () => {
  const dormant = record(SENSOR, {}, "dormant");
  const phone = record(SENSOR, {}, "active", "certificate");
  const rows: readonly (readonly [RightsVerdict, ReturnType<typeof verdictOf>])[] = [
    ["allowed", verdictOf(lamp, { ...toSensor, path: "/s/temp", method: "GET" })],
    ["allowed", verdictOf(lamp, { ...toSensor, path: "/s/temp", method: null })],
    ["allowed", verdictOf(lamp, { ...toSensor, path: null, method: null })],
    ["other-method", verdictOf(lamp, { ...toSensor, path: "/s/temp", method: "PUT" })],
    ["other-method", verdictOf(lamp, { ...toSensor, path: null, method: "DELETE" })],
    ["other-path", verdictOf(lamp, { ...toSensor, path: "/a/led", method: "PUT" })],
    [
      "no-right",
      verdictOf(sensor, { target: READS.target, asked: lamp, path: null, method: null }),
    ],
    ["itself", verdictOf(sensor, { ...toSensor, path: "/s/temp", method: "GET" })],
    ["target-out", verdictOf(lamp, { ...toSensor, asked: dormant, path: null, method: null })],
    ["no-server", verdictOf(lamp, { ...toSensor, asked: phone, path: null, method: null })],
    [
      "asker-out",
      verdictOf(record(LAMP, { rights: [READS] }, "revoked"), {
        ...toSensor,
        path: "/s/temp",
        method: "GET",
      }),
    ],
  ];
  for (const [expected, found] of rows) assert.equal(found, expected);
});

test("a group is meant by rights against it and against all, and by none against one device", () => {
  const group = { target: LIGHTS.target, asked: null } as const;
  assert.equal(verdictOf(lamp, { ...group, path: "/a/led", method: "PUT" }), "allowed");
  assert.equal(verdictOf(lamp, { ...group, path: "/s/temp", method: "GET" }), "other-path");
  const all = { target: { kind: "any" }, asked: null } as const;
  assert.equal(verdictOf(lamp, { ...all, path: null, method: null }), "no-right");
  const grouped = record(SENSOR, { groups: ["lights"] });
  const asked = { ...toSensor, asked: grouped, path: "/a/led", method: "PUT" } as const;
  assert.equal(verdictOf(lamp, asked), "allowed");
});

test("between two members the verdict is what whoever enforces rights says", () => {
  const anyGroupNames = fc.subarray([...GROUPS]);
  fc.assert(
    fc.property(
      anyRights,
      anyGroupNames,
      fc.constantFrom(...PATHS),
      fc.constantFrom(...METHODS),
      (rights, groups, path, method) => {
        const asked = record(SENSOR, { groups });
        const verdict = verdictOf(record(LAMP, { rights }), { ...toSensor, asked, path, method });
        const isAllowed = may(rights, ownGroups(SENSOR, groups), SENSOR, { path, method });
        assert.equal(verdict === "allowed", isAllowed);
      },
    ),
  );
});

test("every verdict is one sentence that names who is in the way", () => {
  const verdicts: readonly RightsVerdict[] = [
    ...(["allowed", "asker-out", "target-out", "other-method", "other-path", "no-right"] as const),
  ];
  for (const verdict of verdicts) {
    for (const path of [null, "/s/temp"]) {
      const text = verdictSentence(
        verdict,
        { asker: "Lamp", target: "Oven" },
        { path, method: "GET" },
      );
      assert.match(
        text,
        verdict === "asker-out" ? /^Lamp may [^.]*\.$/u : /^Lamp may .*Oven[^.]*\.$/u,
      );
    }
  }
  const text = verdictSentence(
    "allowed",
    { asker: "Lamp", target: "Oven" },
    { path: "/s", method: "GET" },
  );
  assert.equal(text, "Lamp may ask GET /s of Oven: you granted it.");
});
