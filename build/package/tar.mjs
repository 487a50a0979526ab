// tar as POSIX has it (ustar), written so that the same entries give the same bytes, and read back.

const BLOCK = 512;
const TYPES = { file: "0", link: "2", directory: "5" };

/**
 * @param entries - `{ path, kind, mode, bytes?, target? }` in the order wanted; a path begins with "./" and has at
 *   most 100 octets, that of a directory ends in "/"
 * @param seconds - when all of them were changed, since 1970
 * @returns a Buffer with the two closing blocks; everything belongs to root
 */
export function writeTar(entries, seconds) {
  const parts = entries.flatMap((entry) => {
    const bytes = entry.kind === "file" ? entry.bytes : Buffer.alloc(0);
    return [header(entry, bytes.length, seconds), bytes, padding(bytes.length)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function header({ path, kind, mode, target = "" }, size, seconds) {
  if (Buffer.byteLength(path) > 100 || Buffer.byteLength(target) > 100) {
    throw new RangeError(`${path} is too long for tar: shorten it`);
  }
  const block = Buffer.alloc(BLOCK);
  const octal = (number, at, length) =>
    block.write(`${number.toString(8).padStart(length - 1, "0")}\0`, at);
  block.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(seconds, 136, 12);
  block.write(TYPES[kind], 156);
  block.write(target, 157);
  block.write("ustar\u000000", 257);
  block.write("root", 265);
  block.write("root", 297);
  // The sum counts its own field as blanks.
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, octet) => total + octet, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

const padding = (size) => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** The entries of a tar that has what {@link writeTar} writes. @throws Error for anything else */
export function readTar(bytes) {
  const entries = [];
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const block = bytes.subarray(at, at + BLOCK);
    if (block.every((octet) => octet === 0)) return entries;
    const text = (from, length) => block.toString("latin1", from, from + length).split("\0", 1)[0];
    const kind = Object.keys(TYPES).find((name) => TYPES[name] === text(156, 1));
    if (text(257, 6) !== "ustar" || kind === undefined) throw new Error(`no tar entry at ${at}`);
    const size = Number.parseInt(text(124, 12), 8);
    entries.push({
      path: text(0, 100),
      kind,
      mode: Number.parseInt(text(100, 8), 8),
      owner: Number.parseInt(text(108, 8), 8),
      group: Number.parseInt(text(116, 8), 8),
      seconds: Number.parseInt(text(136, 12), 8),
      target: text(157, 100),
      bytes: bytes.subarray(at + BLOCK, at + BLOCK + size),
    });
    at += BLOCK + size + padding(size).length;
  }
  throw new Error("a tar without its end");
}
