/** A PKCS#10 request whose signature always holds: its fields, a DerFailure or an X509Failure. */
import { DerFailure } from "../../../src/base/der.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import { nameText } from "../../../src/proto/x509/name.ts";
import { parseRequest } from "../../../src/proto/x509/request.ts";
import { hold, holdSame, leavesNothing, valueOf } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

export function fuzz(bytes: Uint8Array): void {
  const parse = (encoded: Uint8Array): ReturnType<typeof parseRequest> =>
    parseRequest(encoded, openCrypto);
  const request = valueOf(() => parse(bytes), [DerFailure, X509Failure]);
  if (request === null) return;
  leavesNothing(parse, bytes, [DerFailure, X509Failure]);
  holdSame(request.der, bytes, "the octets as they came");
  hold(request.attributes.size <= 16, "attributes are bounded");
  nameText(request.subject);
}
