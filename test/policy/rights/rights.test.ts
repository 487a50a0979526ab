import fc from "fast-check";
import { assert, test } from "#kit";
import { hex } from "../../../src/base/bytes.ts";
import { RegistryFailure } from "../../../src/policy/registry/failure.ts";
import { METHODS } from "../../../src/policy/rights/aif.ts";
import { RightsFailure } from "../../../src/policy/rights/failure.ts";
import { NO_GROUPS, ownGroups } from "../../../src/policy/rights/groups.ts";
import { may } from "../../../src/policy/rights/may.ts";
import type { Asked } from "../../../src/policy/rights/may.ts";
import { aclOf, MAX_RIGHTS, parseRights, rightsOf } from "../../../src/policy/rights/rights.ts";
import type { Right, RightsTarget } from "../../../src/policy/rights/rights.ts";
import { words } from "../../../src/policy/rights/words.ts";
import type { Names } from "../../../src/policy/rights/words.ts";
import { anyGroups, anyRights, DEVICES, PATHS } from "./arbitrary.ts";

const [LAMP, SENSOR, COFFEE] = DEVICES;
const KITCHEN = new Map([["Küche", new Set<string>([COFFEE])]]);

const device = (id: string): RightsTarget => ({ kind: "device", id });
const right = (target: RightsTarget, ...allow: Right["allow"]): Right => ({ target, allow });

const READS_TEMPERATURE = right(device(SENSOR), { path: "/s/temp", methods: ["GET"], created: [] });
const MAKES_COFFEE = right(
  { kind: "group", name: "Küche" },
  {
    path: "/a/make-coffee",
    methods: ["POST"],
    created: ["GET", "DELETE"],
  },
);

const anyAsked: fc.Arbitrary<Asked> = fc.record({
  path: fc.constantFrom(null, "/x", ...PATHS),
  method: fc.constantFrom(...METHODS),
  createdThrough: fc.constantFrom(null, ...PATHS),
});

test("without a rule nothing may be asked", () => {
  for (const method of METHODS) {
    assert.ok(!may([], KITCHEN, COFFEE, { path: "/a/make-coffee", method }));
  }
});

test("a rule covers its target, path and method, and nothing beside them", () => {
  const asks = (target: string, path: string, method: Asked["method"]): boolean =>
    may([READS_TEMPERATURE], NO_GROUPS, target, { path, method });
  assert.ok(asks(SENSOR, "/s/temp", "GET"));
  assert.ok(!asks(LAMP, "/s/temp", "GET"));
  assert.ok(!asks(SENSOR, "/s/temp", "PUT"));
});

test("a path matches whole: no prefix, no child, no query, no other case (RFC 9237 §2.2)", () => {
  for (const path of ["/", "/s", "/s/temp/", "/s/temp/1", "/s/temp?x=1", "/S/temp", "/s/tem"]) {
    assert.ok(!may([READS_TEMPERATURE], NO_GROUPS, SENSOR, { path, method: "GET" }), path);
  }
});

test("a request whose options name no resource may not be made", () => {
  const any = right({ kind: "any" }, { path: "/", methods: [...METHODS], created: [...METHODS] });
  assert.ok(!may([any], NO_GROUPS, LAMP, { path: null, method: "GET", createdThrough: "/" }));
});

test("a group is what the target's list says, and a group that is not there has nobody", () => {
  const asked: Asked = { path: "/a/make-coffee", method: "POST" };
  assert.ok(may([MAKES_COFFEE], KITCHEN, COFFEE, asked));
  assert.ok(!may([MAKES_COFFEE], KITCHEN, LAMP, asked));
  assert.ok(!may([MAKES_COFFEE], NO_GROUPS, COFFEE, asked));
});

test("what the asker created itself may be asked by the dynamic methods alone (RFC 9237 §2.3)", () => {
  const own = (method: Asked["method"]): Asked => ({
    path: "/a/make-coffee/7",
    method,
    createdThrough: "/a/make-coffee",
  });
  assert.ok(may([MAKES_COFFEE], KITCHEN, COFFEE, own("DELETE")));
  assert.ok(!may([MAKES_COFFEE], KITCHEN, COFFEE, own("POST")));
  assert.ok(!may([MAKES_COFFEE], KITCHEN, COFFEE, { path: "/a/make-coffee/7", method: "DELETE" }));
  assert.ok(!may([MAKES_COFFEE], KITCHEN, COFFEE, { path: "/a/make-coffee", method: "DELETE" }));
});

test("property: what no rule names in full is refused", () => {
  fc.assert(
    fc.property(
      anyRights,
      anyGroups,
      fc.constantFrom(...DEVICES),
      anyAsked,
      (rights, groups, target, asked) => {
        // The slow, obvious twin: every rule as the list of all that it allows.
        const allowed = rights.flatMap(({ target: meant, allow }) => {
          const targets =
            meant.kind === "any"
              ? DEVICES
              : meant.kind === "device"
                ? [meant.id]
                : [...(groups.get(meant.name) ?? [])];
          return targets.flatMap((id) =>
            allow.flatMap(({ path, methods, created }) => [
              ...methods.map((method) => `${id} ${method} ${path}`),
              ...created.map((method) => `${id} ${method} by ${path}`),
            ]),
          );
        });
        const expected =
          asked.path !== null &&
          (allowed.includes(`${target} ${asked.method} ${asked.path}`) ||
            (asked.createdThrough !== null &&
              allowed.includes(`${target} ${asked.method} by ${asked.createdThrough}`)));
        assert.equal(may(rights, groups, target, asked), expected);
      },
    ),
  );
});

test("property: less rules or smaller groups never allow more", () => {
  fc.assert(
    fc.property(
      anyRights,
      anyGroups,
      fc.constantFrom(...DEVICES),
      anyAsked,
      fc.nat(5),
      (rights, groups, target, asked, at) => {
        const fewer = rights.filter((_, index) => index !== at);
        if (may(fewer, groups, target, asked)) assert.ok(may(rights, groups, target, asked));
        if (may(rights, NO_GROUPS, target, asked)) assert.ok(may(rights, groups, target, asked));
      },
    ),
  );
});

test("property: rights survive the certificate's extension and the record's JSON", () => {
  fc.assert(
    fc.property(anyRights, fc.constantFrom(...DEVICES), anyAsked, (rights, target, asked) => {
      assert.deepEqual(parseRights(JSON.parse(JSON.stringify(rights))), rights);
      const signed = rightsOf(aclOf(rights));
      assert.deepEqual(
        signed.map((one) => one.target),
        rights.map((one) => one.target),
      );
      const before = may(rights, KITCHEN, target, asked);
      assert.equal(may(signed, KITCHEN, target, asked), before);
    }),
  );
});

test("rights past a bound of the certificate are refused", () => {
  const reason = (rights: readonly Right[]): string =>
    assert.throws(() => aclOf(rights), RightsFailure).reason;
  const long = Array.from({ length: 4 }, (_, at) => ({
    path: `/${"x".repeat(240)}${at}`,
    methods: ["GET"] as const,
    created: [],
  }));
  assert.equal(
    reason(Array.from({ length: MAX_RIGHTS + 1 }, () => READS_TEMPERATURE)),
    "too-many-rights",
  );
  assert.equal(
    reason(Array.from({ length: 5 }, () => right({ kind: "any" }, ...long))),
    "rights-too-long",
  );
  assert.equal(reason([right(device("short"), ...READS_TEMPERATURE.allow)]), "bad-device");
  assert.equal(
    reason([right({ kind: "group", name: " x" }, ...READS_TEMPERATURE.allow)]),
    "bad-group",
  );
});

test("rules of an extension that make no rights refuse all of it", () => {
  const reason = (...rules: Parameters<typeof rightsOf>[0]): string =>
    assert.throws(() => rightsOf(rules), RightsFailure).reason;
  const [good] = aclOf([READS_TEMPERATURE]);
  const { aif } = good!;
  assert.equal(reason(good!, { target: { kind: "any" }, aif: hex("80") }), "no-permission");
  assert.equal(reason({ target: { kind: "device", id: hex("00") }, aif }), "bad-device");
  assert.equal(reason({ target: { kind: "group", name: "a\u202eb" }, aif }), "bad-group");
  assert.equal(reason(...Array.from({ length: MAX_RIGHTS + 1 }, () => good!)), "too-many-rights");
});

test("a record's rights are read strictly", () => {
  const allow = [{ path: "/s/temp", methods: ["GET"], created: [] }];
  const good = { target: { kind: "device", id: SENSOR }, allow };
  assert.deepEqual(parseRights([good]), [READS_TEMPERATURE]);
  assert.deepEqual(parseRights([]), []);
  for (const bad of [
    null,
    {},
    [null],
    [{}],
    [{ ...good, more: 1 }],
    [{ ...good, allow: [] }],
    [{ ...good, allow: [...allow, ...allow] }],
    [{ ...good, target: { kind: "all" } }],
    [{ ...good, target: { kind: "any", id: SENSOR } }],
    [{ ...good, target: { kind: "device", id: "AAAAAAAAAAAAAAAA" } }],
    [{ ...good, target: { kind: "device", id: "aaaaaaaaaaaaaaaaa" } }],
    [{ ...good, target: { kind: "group", name: "" } }],
    [{ ...good, target: { kind: "group", name: "ü".repeat(33) } }],
    [{ ...good, allow: [{ ...allow[0], path: "s/temp" }] }],
    [{ ...good, allow: [{ ...allow[0], path: "/s/../temp" }] }],
    [{ ...good, allow: [{ ...allow[0], methods: [] }] }],
    [{ ...good, allow: [{ ...allow[0], methods: ["get"] }] }],
    [{ ...good, allow: [{ ...allow[0], methods: ["GET", "GET"] }] }],
    [{ ...good, allow: [{ path: "/s/temp", methods: ["GET"] }] }],
    Array.from({ length: MAX_RIGHTS + 1 }, () => good),
  ]) {
    assert.throws(() => parseRights(bad), RegistryFailure, JSON.stringify(bad));
  }
});

test("property: any JSON is read as rights or refused", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      try {
        parseRights(json);
      } catch (failure) {
        assert.ok(failure instanceof RegistryFailure);
      }
    }),
  );
});

test("a device is in the groups that it knows of, and nobody else is", () => {
  const groups = ownGroups(COFFEE, ["Küche"]);
  const asked: Asked = { path: "/a/make-coffee", method: "POST" };
  assert.ok(may([MAKES_COFFEE], groups, COFFEE, asked));
  assert.ok(!may([MAKES_COFFEE], groups, LAMP, asked));
  assert.ok(!may([MAKES_COFFEE], ownGroups(COFFEE, ["lights"]), COFFEE, asked));
});

test("rights in words", () => {
  const names: Names = {
    device: (id) => (id === SENSOR ? "Bathroom sensor" : null),
    resource: (_, path) => (path === "/s/temp" ? "temperature" : null),
  };
  const led = { path: "/a/led", methods: ["GET", "FETCH", "PUT", "iPATCH"], created: [] } as const;
  assert.equal(words(READS_TEMPERATURE, names), "may read the temperature of Bathroom sensor");
  assert.equal(
    words(right(device(LAMP), led), names),
    `may read, set and change /a/led of ${LAMP}`,
  );
  assert.equal(
    words(right({ kind: "any" }, ...READS_TEMPERATURE.allow, led), names),
    "may read the temperature, and read, set and change /a/led of every device",
  );
  assert.equal(
    words(MAKES_COFFEE, names),
    "may use /a/make-coffee and read and delete what it created through /a/make-coffee of every device in the group Küche",
  );
  const own = right({ kind: "any" }, { path: "/log", methods: [], created: ["DELETE"] });
  assert.equal(words(own, names), "may delete what it created through /log of every device");
});

test("names from outside are made safe to show", () => {
  const names: Names = { device: () => "a\u202eb", resource: () => "x\n" };
  assert.equal(words(READS_TEMPERATURE, names), "may read the x\\x0a of a\\u{202e}b");
});
