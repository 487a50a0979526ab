import fc from "fast-check";
import { assert, test } from "#kit";
import { concat, hex, utf8 } from "../../../src/base/bytes.ts";
import { Code } from "../../../src/proto/coap/codes.ts";
import {
  encodeProblem,
  MAX_PROBLEM_OCTETS,
  parseProblem,
  PROBLEM_DETAILS_KEY,
  problemResponse,
} from "../../../src/proto/coap/problem.ts";

const WAIT = { title: "Not yet", detail: "The owner has not decided.", code: 7 };

test("RFC 9290 §2: title and detail under -1 and -2, our own under a URI with a map behind it", () => {
  const expected = concat(
    hex("a3 20 67"),
    utf8("Not yet"),
    hex("21 78 1a"),
    utf8("The owner has not decided."),
    hex("78 2d"),
    utf8(PROBLEM_DETAILS_KEY),
    hex("a1 01 07"),
  );
  assert.deepEqual(encodeProblem(WAIT), expected);
  assert.deepEqual(encodeProblem({ title: "No", detail: null, code: null }), hex("a1 20 62 4e6f"));
});

test("an error with problem details says so in its Content-Format", () => {
  const response = problemResponse(Code.SERVICE_UNAVAILABLE, WAIT, 30);
  assert.deepEqual([response.code, response.contentFormat, response.maxAge], [0xa3, 257, 30]);
  assert.deepEqual(parseProblem(response.payload), WAIT);
});

test("RFC 9290 §2: details of others beside ours are passed over", () => {
  const plain = { title: "N", detail: null, code: null };
  for (const other of ["a2 20 61 4e 23 18 84", "a2 20 61 4e 61 78 a1 01 07"]) {
    assert.deepEqual(parseProblem(hex(other)), plain);
  }
});

test("details of another shape are null: no title, other types, more behind them, longer forms", () => {
  const others = [
    "a0",
    "a1 20",
    "a1 20 41 4e",
    "a1 22 61 4e",
    "a1 20 61 4e 00",
    "a1 20 78 01 4e",
    "a1 20 61 ff",
    "b8 01 20 61 4e",
  ];
  for (const other of others) assert.equal(parseProblem(hex(other)), null, other);
  const long = encodeProblem({ ...WAIT, detail: "x".repeat(MAX_PROBLEM_OCTETS) });
  assert.equal(parseProblem(long), null);
});

test("property: a problem is read as it was written, and no strict prefix of it is", () => {
  const problems = fc.record({
    title: fc.string({ maxLength: 300 }),
    detail: fc.option(fc.string({ maxLength: 300 })),
    code: fc.option(fc.nat({ max: 65_535 })),
  });
  fc.assert(
    fc.property(problems, (problem) => {
      const bytes = encodeProblem(problem);
      assert.deepEqual(parseProblem(bytes), problem);
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(parseProblem(bytes.subarray(0, length)), null);
      }
    }),
    { numRuns: 30 },
  );
});

test("property: any octets are read or null", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const problem = parseProblem(concat(hex("a2 20"), bytes));
      if (problem !== null) assert.deepEqual(parseProblem(encodeProblem(problem)), problem);
    }),
  );
});
