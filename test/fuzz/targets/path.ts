/**
 * A peer's chain against one anchor, under real cryptography. A peer comes of it
 * only where the first certificate is, octet for octet, one that the anchor
 * signed; a self-signed one only where it is the one of the test; else it is a
 * PathFailure.
 */
import { sameBytes } from "../../../src/base/bytes.ts";
import { unix } from "../../../src/base/machine.ts";
import { PathFailure } from "../../../src/proto/x509/path-failure.ts";
import { parseCertificate } from "../../../src/proto/x509/certificate.ts";
import { validatePath } from "../../../src/proto/x509/path.ts";
import { checkSelfSigned } from "../../../src/proto/x509/self-signed.ts";
import { CHAIN } from "../chain.ts";
import { Choices } from "../choices.ts";
import { hold, valueOf } from "../expect.ts";
import { realCrypto } from "../toy-crypto.ts";

const ANCHOR = parseCertificate(CHAIN.root);

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  const purpose = choices.flag() ? "serverAuth" : "clientAuth";
  const known = choices.flag();
  const chain: Uint8Array[] = [];
  while (choices.left > 0 && chain.length < 6) chain.push(choices.stretch());
  const options = {
    crypto: realCrypto,
    anchors: [ANCHOR],
    at: known ? unix(CHAIN.at) : ("unknown" as const),
    allowUnknownTime: true,
    purpose,
    isRevoked: () => null,
  } as const;
  const peer = valueOf(() => validatePath(chain, options), [PathFailure]);
  if (peer !== null) {
    hold(sameBytes(chain[0]!, CHAIN.leaf), "only what was signed is a peer");
  }
  const alone = valueOf(() => checkSelfSigned(chain, realCrypto), [PathFailure]);
  const ours =
    chain.length > 0 && [CHAIN.selfSigned, CHAIN.root].some((own) => sameBytes(own, chain[0]!));
  hold(alone === null || ours, "only who signed itself is such a peer");
}
