/**
 * Encodings of RFC 8949: appendix A, split into what the deterministic subset
 * has and what it refuses, and the ill-formed ones of appendix F.
 */
import { hex } from "../../src/base/bytes.ts";
import type { CborReason } from "../../src/base/cbor.ts";
import * as cbor from "../../src/base/cbor-write.ts";

const oneTo = (last: number): readonly Uint8Array[] =>
  Array.from({ length: last }, (_, at) => cbor.integer(at + 1));

/** Encodings of appendix A with what our writer makes of their diagnostic notation. */
export const APPENDIX_A: readonly (readonly [string, Uint8Array])[] = [
  ["00", cbor.integer(0)],
  ["01", cbor.integer(1)],
  ["0a", cbor.integer(10)],
  ["17", cbor.integer(23)],
  ["1818", cbor.integer(24)],
  ["1819", cbor.integer(25)],
  ["1864", cbor.integer(100)],
  ["1903e8", cbor.integer(1000)],
  ["1a000f4240", cbor.integer(1_000_000)],
  ["1b000000e8d4a51000", cbor.integer(1_000_000_000_000)],
  ["1bffffffffffffffff", cbor.integer(18446744073709551615n)],
  ["c249010000000000000000", cbor.tagged(2, cbor.bytes(hex("010000000000000000")))],
  ["3bffffffffffffffff", cbor.integer(-18446744073709551616n)],
  ["c349010000000000000000", cbor.tagged(3, cbor.bytes(hex("010000000000000000")))],
  ["20", cbor.integer(-1)],
  ["29", cbor.integer(-10)],
  ["3863", cbor.integer(-100)],
  ["3903e7", cbor.integer(-1000)],
  ["f4", cbor.boolean(false)],
  ["f5", cbor.boolean(true)],
  ["f6", cbor.nullValue()],
  [
    "c074323031332d30332d32315432303a30343a30305a",
    cbor.tagged(0, cbor.text("2013-03-21T20:04:00Z")),
  ],
  ["c11a514b67b0", cbor.tagged(1, cbor.integer(1363896240))],
  ["d74401020304", cbor.tagged(23, cbor.bytes(hex("01020304")))],
  ["d818456449455446", cbor.tagged(24, cbor.bytes(hex("6449455446")))],
  [
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
    cbor.tagged(32, cbor.text("http://www.example.com")),
  ],
  ["40", cbor.bytes(hex(""))],
  ["4401020304", cbor.bytes(hex("01020304"))],
  ["60", cbor.text("")],
  ["6161", cbor.text("a")],
  ["6449455446", cbor.text("IETF")],
  ["62225c", cbor.text('"\\')],
  ["62c3bc", cbor.text("\u00fc")],
  ["63e6b0b4", cbor.text("\u6c34")],
  ["64f0908591", cbor.text("\ud800\udd51")],
  ["80", cbor.array()],
  ["83010203", cbor.array(...oneTo(3))],
  [
    "8301820203820405",
    cbor.array(
      cbor.integer(1),
      cbor.array(cbor.integer(2), cbor.integer(3)),
      cbor.array(cbor.integer(4), cbor.integer(5)),
    ),
  ],
  ["98190102030405060708090a0b0c0d0e0f101112131415161718181819", cbor.array(...oneTo(25))],
  ["a0", cbor.map()],
  ["a201020304", cbor.map([1, cbor.integer(2)], [3, cbor.integer(4)])],
  [
    "a26161016162820203",
    cbor.map(["a", cbor.integer(1)], ["b", cbor.array(cbor.integer(2), cbor.integer(3))]),
  ],
  ["826161a161626163", cbor.array(cbor.text("a"), cbor.map(["b", cbor.text("c")]))],
  [
    "a56161614161626142616361436164614461656145",
    cbor.map(
      ...["a", "b", "c", "d", "e"].map((key) => [key, cbor.text(key.toUpperCase())] as const),
    ),
  ],
];

/** Encodings of appendix A that are refused: floats, simple values, indefinite lengths. */
export const APPENDIX_A_REFUSED: readonly (readonly [string, CborReason])[] = [
  ["f90000", "float"],
  ["f98000", "float"],
  ["f93c00", "float"],
  ["fb3ff199999999999a", "float"],
  ["f93e00", "float"],
  ["f97bff", "float"],
  ["fa47c35000", "float"],
  ["fa7f7fffff", "float"],
  ["fb7e37e43c8800759c", "float"],
  ["f90001", "float"],
  ["f90400", "float"],
  ["f9c400", "float"],
  ["fbc010666666666666", "float"],
  ["f97c00", "float"],
  ["f97e00", "float"],
  ["f9fc00", "float"],
  ["fa7f800000", "float"],
  ["fa7fc00000", "float"],
  ["faff800000", "float"],
  ["fb7ff0000000000000", "float"],
  ["fb7ff8000000000000", "float"],
  ["fbfff0000000000000", "float"],
  ["c1fb41d452d9ec200000", "float"],
  ["f7", "unsupported-simple"],
  ["f0", "unsupported-simple"],
  ["f8ff", "unsupported-simple"],
  ["5f42010243030405ff", "indefinite-length"],
  ["7f657374726561646d696e67ff", "indefinite-length"],
  ["9fff", "indefinite-length"],
  ["9f018202039f0405ffff", "indefinite-length"],
  ["9f01820203820405ff", "indefinite-length"],
  ["83018202039f0405ff", "indefinite-length"],
  ["83019f0203ff820405", "indefinite-length"],
  ["9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", "indefinite-length"],
  ["bf61610161629f0203ffff", "indefinite-length"],
  ["826161bf61626163ff", "indefinite-length"],
  ["bf6346756ef563416d7421ff", "indefinite-length"],
];

/** Appendix F: the end too early, reserved information, breaks and chunks out of place. */
export const NOT_WELL_FORMED: readonly (readonly [string, CborReason])[] = [
  ...["", "18", "19", "1a", "1b", "1901", "1a0102", "1b01020304050607", "38", "58", "78", "98"].map(
    (encoding) => [encoding, "truncated"] as const,
  ),
  ...["9a01ff00", "b8", "d8", "41", "61", "5affffffff00", "81", "818181818181818181", "8200"].map(
    (encoding) => [encoding, "truncated"] as const,
  ),
  ...["a1", "a1ff", "a20102", "a100", "a2000000", "c0", "7bffffffffffffffff010203"].map(
    (encoding) => [encoding, "truncated"] as const,
  ),
  ...["1c", "1d", "1e", "3c", "5d", "7e", "9c", "bd", "de", "fc", "fd", "fe"].map(
    (encoding) => [encoding, "reserved-information"] as const,
  ),
  ...["1f", "3f", "df", "ff", "5f", "7f", "9f", "bf", "81ff", "a100ff"].map(
    (encoding) => [encoding, "indefinite-length"] as const,
  ),
  ...["f800", "f801", "f818", "f81f"].map((encoding) => [encoding, "unsupported-simple"] as const),
];
