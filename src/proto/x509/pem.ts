/** Textual encodings (RFC 7468): base64 between labelled lines. */
import { fromBase64, toBase64 } from "../../base/bytes.ts";

const LINE_LENGTH = 64;

/** Characters of the longest text looked through. */
export const MAX_PEM_LENGTH = 1_048_576;

export type PemLabel =
  | "CERTIFICATE"
  | "CERTIFICATE REQUEST"
  | "X509 CRL"
  | "PRIVATE KEY"
  | "ENCRYPTED PRIVATE KEY"
  | "PUBLIC KEY";

/** One block: lines of 64 characters, a line feed after each. */
export function encodePem(label: PemLabel, der: Uint8Array): string {
  const lines = toBase64(der).match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/**
 * The contents of all blocks with this label, in order; other blocks and what
 * stands around them are passed over. Null where a block is cut short, is
 * closed by another label or does not hold canonical base64 in whole lines.
 */
export function decodePem(label: PemLabel, text: string): readonly Uint8Array[] | null {
  if (text.length > MAX_PEM_LENGTH) return null;
  const blocks: Uint8Array[] = [];
  let open: string | null = null;
  let body: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const boundary = /^-----(BEGIN|END) ([A-Z0-9 ]+)-----[ \t]*$/.exec(line);
    if (boundary === null) {
      if (open !== null) body.push(line);
    } else if (boundary[1] === "BEGIN") {
      if (open !== null) return null;
      open = boundary[2]!;
      body = [];
    } else {
      if (open !== boundary[2]) return null;
      const der = open === label ? blockBytes(body) : null;
      if (open === label && der === null) return null;
      if (der !== null) blocks.push(der);
      open = null;
    }
  }
  return open === null ? blocks : null;
}

function blockBytes(lines: readonly string[]): Uint8Array | null {
  if (!lines.every((line) => /^[A-Za-z0-9+/=]+[ \t]*$/.test(line))) return null;
  return fromBase64(lines.join(""));
}
