/** A PKCS#12 file under a password that is always right: one key and a few certificates, or a failure of ours. */
import { DerFailure } from "../../../src/base/der.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import { PasswordFailure } from "../../../src/proto/x509/pbes2.ts";
import { parsePfx } from "../../../src/proto/x509/pkcs12.ts";
import type { Pfx } from "../../../src/proto/x509/pkcs12.ts";
import { hold, leavesNothing, valueOf } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

const FAILURES = [DerFailure, X509Failure, PasswordFailure] as const;

export function fuzz(bytes: Uint8Array): void {
  const parse = (encoded: Uint8Array): Pfx => parsePfx(encoded, "password", openCrypto);
  const pfx = valueOf(() => parse(bytes), FAILURES);
  if (pfx === null) return;
  leavesNothing(parse, bytes, FAILURES);
  hold(pfx.certificates.length < 10, "bags are bounded");
  const octets = pfx.certificates.reduce((sum, der) => sum + der.length, pfx.key.scalar.length);
  hold(octets <= bytes.length, "no more comes out than went in");
}
