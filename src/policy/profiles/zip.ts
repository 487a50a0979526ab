/** Several files in one: a ZIP archive without compression, so that one download brings them all. */
import { concat, utf8, Writer } from "../../base/bytes.ts";
import type { ProfileFile } from "./facts.ts";

/** 1 January 1980, where the format's time begins: the same files make the same archive. */
const DATE = 0x0021;
/** Version of the format that is needed to read it: 1.0. */
const VERSION = 10;

/** @param files - at most a handful of small ones with names in ASCII @see PKWARE's APPNOTE.TXT 6.3 §4.3 */
export function zip(files: readonly Pick<ProfileFile, "name" | "bytes">[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const described = description(name, bytes);
    const part = concat(Uint8Array.of(0x50, 0x4b, 3, 4), described, utf8(name), bytes);
    directory.push(
      Uint8Array.of(0x50, 0x4b, 1, 2, VERSION, 0),
      described,
      // No comment, disk 0, no attributes, and where the file begins.
      new Uint8Array(10),
      little(offset, 4),
      utf8(name),
    );
    parts.push(part);
    offset += part.length;
  }
  const listed = concat(...directory);
  const end = concat(
    Uint8Array.of(0x50, 0x4b, 5, 6, 0, 0, 0, 0),
    little(files.length, 2),
    little(files.length, 2),
    little(listed.length, 4),
    little(offset, 4),
    new Uint8Array(2),
  );
  return concat(...parts, listed, end);
}

/** What stands of a file both before it and in the directory. */
function description(name: string, bytes: Uint8Array): Uint8Array {
  return concat(
    little(VERSION, 2),
    // No flags; stored as it is; midnight.
    new Uint8Array(6),
    little(DATE, 2),
    little(crc32(bytes), 4),
    little(bytes.length, 4),
    little(bytes.length, 4),
    little(utf8(name).length, 2),
    new Uint8Array(2),
  );
}

function little(value: number, octets: 2 | 4): Uint8Array {
  const writer = new Writer();
  for (let at = 0; at < octets; at++) writer.u8((value >>> (8 * at)) & 0xff);
  return writer.bytes();
}

/** CRC-32 with the polynomial of IEEE 802.3, bit by bit: the files are small. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * 0xedb88320);
  }
  return ~crc >>> 0;
}
