import fc from "fast-check";
import { assert, providers, test } from "#kit";
import { unix } from "../../../src/base/machine.ts";
import { blankRecord, withKey } from "../../../src/policy/registry/record.ts";
import type { DeviceRecord } from "../../../src/policy/registry/record.ts";
import { METHODS } from "../../../src/policy/rights/aif.ts";
import {
  certifiedRights,
  isUpToDate,
  retireOthers,
  rightsIn,
  withdrawCarried,
} from "../../../src/policy/rights/certified.ts";
import { targetOf, targetText, withGrant, withoutGrant } from "../../../src/policy/rights/edit.ts";
import { NO_GROUPS } from "../../../src/policy/rights/groups.ts";
import { may } from "../../../src/policy/rights/may.ts";
import { aclOf, parseRights } from "../../../src/policy/rights/rights.ts";
import type { Right } from "../../../src/policy/rights/rights.ts";
import { parseCertificate } from "../../../src/proto/x509/certificate.ts";
import { encodeExtension } from "../../../src/proto/x509/extensions.ts";
import { ACL_OID, aclValueOf } from "../../../src/policy/ca/acl.ts";
import * as der from "../../../src/base/der-write.ts";
import { makeHome, TIME } from "../ca/home.ts";
import { anyRights, DEVICES, PATHS } from "./arbitrary.ts";

const [LAMP, SENSOR] = DEVICES;
const TARGETS = [LAMP, SENSOR, "@lights", "@Küche", "all"] as const;
const anyText = fc.constantFrom(...TARGETS);
const anyMethods = fc.subarray([...METHODS], { minLength: 1 });

test("a target is an id, a group with its mark, or all; nothing else is guessed", () => {
  for (const text of TARGETS) assert.equal(targetText(targetOf(text)!), text);
  for (const text of ["", "lights", "@", "@ x", "ALL", "any", "aaaaaaaaaaaaaaa", "@a\u202eb"]) {
    assert.equal(targetOf(text), null, text);
  }
});

test("property: a grant allows what it says and takes nothing away, and taking it back leaves no more than before", () => {
  fc.assert(
    fc.property(
      anyRights,
      anyText,
      fc.constantFrom(...PATHS),
      anyMethods,
      (rights, to, path, methods) => {
        const target = targetOf(to)!;
        const more = withGrant(rights, target, path, methods);
        assert.deepEqual(parseRights(JSON.parse(JSON.stringify(more))), more);
        for (const id of DEVICES) {
          for (const at of PATHS) {
            for (const method of METHODS) {
              const asked = { path: at, method };
              const before = may(rights, NO_GROUPS, id, asked);
              const isMeant = to === id || to === "all";
              const isNew = isMeant && at === path && methods.includes(method);
              assert.equal(may(more, NO_GROUPS, id, asked), before || isNew);
            }
          }
        }
        const less = withoutGrant(more, target, path, methods);
        const left = less.filter((right) => targetText(right.target) === to);
        const allowed = left.flatMap(({ allow }) => allow.filter((one) => one.path === path));
        assert.ok(allowed.every((one) => !one.methods.some((method) => methods.includes(method))));
        parseRights(less);
      },
    ),
  );
});

test("without a path, or without methods, all of it goes", () => {
  const one = withGrant([], targetOf("@lights")!, "/on", ["GET", "PUT"]);
  const two = withGrant(one, targetOf("@lights")!, "/colour", ["GET"]);
  assert.deepEqual(withoutGrant(two, targetOf("@lights")!, null, null), []);
  assert.deepEqual(withoutGrant(two, targetOf("@lights")!, "/colour", null), one);
  assert.deepEqual(withoutGrant(two, targetOf("all")!, null, null), two);
  assert.deepEqual(withoutGrant(two, targetOf("@lights")!, null, ["GET"]), [
    {
      target: { kind: "group", name: "lights" },
      allow: [{ path: "/on", methods: ["PUT"], created: [] }],
    },
  ]);
});

const READS: readonly Right[] = [
  {
    target: { kind: "device", id: SENSOR },
    allow: [{ path: "/s/temp", methods: ["GET"], created: [] }],
  },
];

test("a certificate is up to date while it says what the record says", () => {
  const home = makeHome(providers[0]!, "certified");
  const blank = blankRecord(LAMP, "aware", "active");
  const able: DeviceRecord = { ...blank, rights: READS };
  const issue = (record: DeviceRecord): ReturnType<typeof parseCertificate> => {
    const grant = { deviceId: record.id, ...certifiedRights(record) };
    return parseCertificate(home.issuing.issueDevice(home.newKey().publicKey, grant, TIME).der);
  };
  const bare = issue(blank);
  const rich = issue(able);
  assert.equal(aclValueOf(bare), null);
  assert.deepEqual(rightsIn(rich), READS);
  assert.deepEqual(rightsIn(bare), []);
  assert.deepEqual(
    [isUpToDate(bare, blank), isUpToDate(bare, able), isUpToDate(rich, able)],
    [true, false, true],
  );
  assert.equal(isUpToDate(rich, blank), false);
  const other = withGrant(READS, targetOf("all")!, "/s/temp", ["GET"]);
  assert.equal(isUpToDate(rich, { rights: other }), false);
  assert.equal(aclOf(READS).length, 1);
});

test("an extension that cannot be read in full gives no right at all", () => {
  const certificateWith = (value: Uint8Array): Parameters<typeof rightsIn>[0] => {
    const { extensions } = parseCertificate(makeHome(providers[0]!).root.certificate.der);
    const all = [{ oid: ACL_OID, critical: false, value }];
    return { extensions: { ...extensions, all } };
  };
  assert.deepEqual(rightsIn(certificateWith(new Uint8Array())), []);
  assert.deepEqual(rightsIn(certificateWith(encodeExtension(ACL_OID, false, der.integer(1)))), []);
  const rule = der.sequence(
    der.tagged(0x82, new Uint8Array()),
    der.octetString(Uint8Array.of(0x80)),
  );
  const value = der.sequence(der.integer(1), der.sequence(rule));
  assert.deepEqual(rightsIn(certificateWith(value)), []);
});

test("what may carry a right is withdrawn so that its device may renew; of renewed ones two stay", () => {
  const certificate = (serial: string, notAfter: number): Parameters<typeof withKey>[1] => ({
    role: "certificate",
    spkiHash: serial.padStart(64, "0"),
    serial,
    issuedAt: unix(1),
    notAfter: unix(notAfter),
  });
  let record = withKey(blankRecord(LAMP, "aware", "active"), {
    role: "first-contact",
    spkiHash: "f".repeat(64),
  });
  for (const [serial, end] of [
    ["01", 50],
    ["02", 200],
    ["03", 200],
    ["04", 200],
  ] as const) {
    record = withKey(record, certificate(serial, end));
  }
  assert.deepEqual(
    withdrawCarried(record, unix(100)),
    ["02", "03", "04"].map((serial) => ({
      kind: "revoke-serial",
      serial,
      reason: "cessationOfOperation",
      at: 100,
    })),
  );
  const { record: after, changes } = retireOthers(record, ["02", "04"], unix(100));
  assert.deepEqual(changes, [
    { kind: "revoke-serial", serial: "03", reason: "superseded", at: 100 },
  ]);
  const left = after.keys.map((key) => (key.role === "certificate" ? key.serial : key.role));
  assert.deepEqual(left, ["first-contact", "01", "02", "04"]);
});
