/** A bundle of certificates and lists, and what a server wants of requests: bounded, and written again the same. */
import { DerFailure } from "../../../src/base/der.ts";
import {
  encodeBundle,
  MAX_BUNDLED_CERTIFICATES,
  MAX_BUNDLED_LISTS,
  parseBundle,
} from "../../../src/proto/x509/cms.ts";
import type { Bundle } from "../../../src/proto/x509/cms.ts";
import { encodeCsrAttributes, parseCsrAttributes } from "../../../src/proto/x509/csr-attributes.ts";
import { X509Failure } from "../../../src/proto/x509/failure.ts";
import { hold, holdSame, leavesNothing, valueOf } from "../expect.ts";

const OWN = [DerFailure, X509Failure];

export function fuzz(bytes: Uint8Array): void {
  const bundle = valueOf(() => parseBundle(bytes), OWN);
  if (bundle !== null) {
    leavesNothing(parseBundle, bytes, OWN);
    const { certificates, lists } = bundle;
    hold(certificates.length + lists.length > 0, "a bundle holds something");
    hold(certificates.length <= MAX_BUNDLED_CERTIFICATES, "certificates are bounded");
    hold(lists.length <= MAX_BUNDLED_LISTS, "lists are bounded");
    const ours = written(bundle);
    holdSame(written(parseBundle(ours)), ours, "what we write we read and write again");
  }
  const attributes = valueOf(() => parseCsrAttributes(bytes), OWN);
  if (attributes === null) return;
  const again = parseCsrAttributes(encodeCsrAttributes(attributes));
  hold(again.curve === attributes.curve && again.linking === attributes.linking, "a wish stays");
}

function written({ certificates, lists }: Bundle): Uint8Array {
  const ders = (all: readonly { readonly der: Uint8Array }[]): Uint8Array[] =>
    all.map(({ der }) => der);
  return encodeBundle(ders(certificates), ders(lists));
}
