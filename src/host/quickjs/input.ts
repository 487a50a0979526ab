/** All that comes through a descriptor until its end: standard input, whatever it is. */
import { concat } from "../../base/bytes.ts";
import { HostFailure } from "../host.ts";
import { READABLE } from "./loop.ts";
import type { Loop } from "./loop.ts";
import { errnoOf, native } from "./native.ts";

/** Null where it is more than `most` octets. @throws {@link HostFailure} as read(2) */
export function readAll(loop: Loop, fd: number, most: number): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let length = 0;
    loop.watch(fd, READABLE, () => {
      const got = native.receive(fd);
      if (typeof got === "number") {
        const errno = errnoOf(got);
        if (errno === null || errno === "EAGAIN" || errno === "EINTR") return;
        loop.unwatch(fd);
        return reject(new HostFailure("read standard input", errno));
      }
      length += got.byteLength;
      parts.push(new Uint8Array(got));
      if (got.byteLength > 0 && length <= most) return;
      loop.unwatch(fd);
      resolve(length > most ? null : concat(...parts));
    });
  });
}
