import fc from "fast-check";
import { assert, test } from "#kit";
import { fromUtf8, utf8 } from "../../../src/base/bytes.ts";
import {
  encodeLinks,
  filterLinks,
  link,
  LinkFormatFailure,
  MAX_LINK_ATTRIBUTES,
  MAX_LINK_FORMAT_OCTETS,
  MAX_LINKS,
  parseLinks,
} from "../../../src/proto/coap/link-format.ts";

// RFC 6690 §5, the second example of a GET of /.well-known/core and the one with several attributes.
const SENSORS = `</sensors/temp>;if="sensor",</sensors/light>;if="sensor"`;
const MORE_SENSORS =
  `</sensors>;ct=40;title="Sensor Index",` +
  `</sensors/temp>;rt="temperature-c";if="sensor",` +
  `</sensors/light>;rt="light-lux";if="sensor",` +
  `<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",` +
  `</t>;anchor="/sensors/temp";rel="alternate"`;

// RFC 9148 §4.1: the links of an EST-coaps server.
const EST =
  `</est/crts>;rt="ace.est.crts";ct="281 287",` +
  `</est/sen>;rt="ace.est.sen";ct="281 287",` +
  `</est/sren>;rt="ace.est.sren";ct="281 287",` +
  `</h/crl>;rt="homeca.crl";ct=42;obs`;

function targets(list: string, ...query: string[]): string {
  return filterLinks(parseLinks(utf8(list)), query)
    .map(({ target }) => target)
    .join(" ");
}

function reasonOf(list: string): string {
  const { reason, at } = assert.throws(() => parseLinks(utf8(list)), LinkFormatFailure);
  return `${reason} at ${at}`;
}

test("RFC 6690 §5: the examples are read, and encode to the same text", () => {
  for (const list of [SENSORS, MORE_SENSORS, EST]) {
    assert.equal(fromUtf8(encodeLinks(parseLinks(utf8(list)))), list);
  }
  assert.deepEqual(parseLinks(utf8(MORE_SENSORS))[0], {
    target: "/sensors",
    attributes: [
      { name: "ct", value: "40" },
      { name: "title", value: "Sensor Index" },
    ],
  });
});

test("numbers stand bare, flags alone, and all else is quoted", () => {
  const links = [link("/h/crl", { rt: "homeca.crl", ct: 42, obs: true, title: 'a "b" \\' })];
  const text = `</h/crl>;rt="homeca.crl";ct=42;obs;title="a \\"b\\" \\\\"`;
  assert.equal(fromUtf8(encodeLinks(links)), text);
  assert.deepEqual(parseLinks(utf8(text)), links);
});

test("RFC 6690 §4.1: an rt is one of those in the list, and * stands for all that begins so", () => {
  assert.equal(targets(EST, "rt=ace.est.sen"), "/est/sen");
  assert.equal(targets(EST, "rt=ace.est*"), "/est/crts /est/sen /est/sren");
  assert.equal(targets(EST, "rt=ace.est"), "");
  assert.equal(targets(`</a>;rt="x y",</b>;rt="xy"`, "rt=y"), "/a");
});

test("RFC 6690 §4.1: href is the target, and several filters have to fit at once", () => {
  assert.equal(targets(EST, "href=/est/s*"), "/est/sen /est/sren");
  assert.equal(targets(EST, "href=/h/crl"), "/h/crl");
  assert.equal(targets(EST, "href=/est*", "rt=ace.est.sren"), "/est/sren");
  assert.equal(targets(EST, "ct=287"), "/est/crts /est/sen /est/sren");
  assert.equal(targets(EST, "obs"), "/h/crl");
  assert.equal(targets(MORE_SENSORS, "title=Sensor Index"), "/sensors");
  assert.equal(targets(EST, "nothing=*"), "");
});

test("what is no list of links is refused where it goes wrong", () => {
  assert.equal(reasonOf("/a"), "malformed at 0");
  assert.equal(reasonOf("</a"), "malformed at 0");
  assert.equal(reasonOf("</a b>"), "malformed at 0");
  assert.equal(reasonOf("</a>,"), "malformed at 5");
  assert.equal(reasonOf("</a> </b>"), "malformed at 4");
  assert.equal(reasonOf("</a>;"), "malformed at 5");
  assert.equal(reasonOf("</a>;rt="), "malformed at 8");
  assert.equal(reasonOf(`</a>;rt="x`), "malformed at 8");
  assert.equal(reasonOf(`</a>;rt="x\n"`), "malformed at 8");
  const failure = assert.throws(() => parseLinks(Uint8Array.of(0xff)), LinkFormatFailure);
  assert.equal(failure.reason, "malformed");
  assert.deepEqual(parseLinks(utf8("")), []);
});

test("bounds: octets of the list, links, attributes of one", () => {
  const many = (count: number): string => Array.from({ length: count }, () => "</a>").join();
  assert.equal(parseLinks(utf8(many(MAX_LINKS))).length, MAX_LINKS);
  assert.match(reasonOf(many(MAX_LINKS + 1)), /^too-many-links/);
  const wide = (count: number): string => `</a>${";a=1".repeat(count)}`;
  assert.equal(parseLinks(utf8(wide(MAX_LINK_ATTRIBUTES)))[0]?.attributes.length, 16);
  assert.match(reasonOf(wide(MAX_LINK_ATTRIBUTES + 1)), /^too-many-attributes/);
  const longest = `<${"a".repeat(MAX_LINK_FORMAT_OCTETS - 2)}>`;
  assert.equal(parseLinks(utf8(longest)).length, 1);
  assert.equal(reasonOf(`${longest},`), "too-long at 0");
});

test("a target, a name or a value that the grammar has no place for is the caller's fault", () => {
  for (const target of ["/a>", "/a b", "/ä", "<"]) {
    assert.throws(() => encodeLinks([link(target, {})]), RangeError);
  }
  assert.throws(() => encodeLinks([link("/a", { "r t": "x" })]), RangeError);
  assert.throws(() => encodeLinks([link("/a", { rt: "x\ny" })]), RangeError);
});

test("property: any octets are read or refused, and what was read encodes to what reads the same", () => {
  const likely = fc
    .array(fc.constantFrom("<", ">", "/a", ";", ",", "rt", "=", '"', "\\", " ", "1", "ä"))
    .map((parts) => utf8(parts.join("")));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), likely), (bytes) => {
      try {
        const links = parseLinks(bytes);
        assert.deepEqual(parseLinks(encodeLinks(links)), links);
      } catch (failure) {
        if (!(failure instanceof LinkFormatFailure)) throw failure;
      }
    }),
  );
});
