import { assert, test } from "#kit";
import { faultText, MAX_FRAMES } from "../../src/base/fault.ts";
import { SHOWN_CHARACTERS } from "../../src/base/text.ts";

function thrown(body: () => void): Error {
  try {
    body();
  } catch (fault) {
    if (fault instanceof Error) return fault;
  }
  return assert.fail("nothing was thrown");
}

function failDeeply(depth: number): void {
  if (depth > 0) failDeeply(depth - 1);
  else throw new RangeError("too deep");
}

test("this engine's own fault is told by name, message and place, each once", () => {
  const text = faultText(thrown(() => failDeeply(0)));
  assert.match(text, /^RangeError: too deep; at failDeeply [^;]+/u);
  assert.equal(text.split("too deep").length, 2);
});

test("of a deep stack the innermost frames are told", () => {
  const text = faultText(thrown(() => failDeeply(40)));
  assert.equal(text.split("; at failDeeply").length, MAX_FRAMES + 1);
});

test("stacks of V8 and of QuickJS become the same line, and nothing in the message passes for a frame", () => {
  const fault = new TypeError("oops\u001b[2J\n  at home");
  const line = "TypeError: oops\\x1b[2J\\x0a  at home; at decide (a.js:1:2)";
  fault.stack = "TypeError: oops\u001b[2J\n  at home\n    at decide (a.js:1:2)";
  assert.equal(faultText(fault), line);
  fault.stack = "    at decide (a.js:1:2)\n";
  assert.equal(faultText(fault), line);
});

test("a long message is cut, and what is no Error is told as text", () => {
  const fault = new Error("x".repeat(1000));
  fault.stack = "";
  assert.equal(faultText(fault).length, SHOWN_CHARACTERS);
  assert.equal(faultText("no\nerror"), "no\\x0aerror");
  assert.equal(faultText(undefined), "undefined");
});
