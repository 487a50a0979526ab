/** Text and its codes: UTF-8, base64, base32, PEM. What is read is written again as it came. */
import {
  fromBase32,
  fromBase64,
  fromBase64Url,
  fromUtf8,
  toBase32,
  toBase64,
  toBase64Url,
  utf8,
} from "../../../src/base/bytes.ts";
import { isHostile, oneLine, visible } from "../../../src/base/text.ts";
import { decodePem, encodePem } from "../../../src/proto/x509/pem.ts";
import { hold, holdSame } from "../expect.ts";

export function fuzz(bytes: Uint8Array): void {
  const text = fromUtf8(bytes);
  if (text === null) return;
  holdSame(utf8(text), bytes, "UTF-8 has one form");
  hold(!isHostile(visible(text)), "what is shown is harmless");
  hold(!/[\n\r]/.test(oneLine(text)), "one line is one line");
  for (const [read, write] of CODES) {
    const octets = read(text);
    // Base64 passes over white space.
    const compact = read === fromBase64 ? text.replaceAll(/\s+/g, "") : text;
    hold(octets === null || write(octets) === compact, "a code has one form");
  }
  const blocks = decodePem("CERTIFICATE", text);
  for (const block of blocks ?? []) {
    const [again, ...more] = decodePem("CERTIFICATE", encodePem("CERTIFICATE", block)) ?? [];
    hold(again !== undefined && more.length === 0, "a block is found again");
    holdSame(again, block, "a block survives");
  }
}

const CODES = [
  [fromBase64, toBase64],
  [fromBase64Url, toBase64Url],
  [fromBase32, toBase32],
] as const;
