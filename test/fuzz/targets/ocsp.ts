/**
 * An OCSP response: read or refused in its own way, whatever the octets. An
 * honest one whose octets were changed says nothing of its certificate, unless
 * what was signed and the signature are as they were.
 */
import { sameBytes } from "../../../src/base/bytes.ts";
import { noble } from "../../../src/base/crypto/noble.ts";
import { unix } from "../../../src/base/machine.ts";
import { parseCertificate } from "../../../src/proto/x509/certificate.ts";
import { REVOCATION_REASONS } from "../../../src/proto/x509/crl.ts";
import {
  checkOcspResponse,
  MAX_OCSP_LENGTH,
  OcspFailure,
  parseOcspResponse,
} from "../../../src/proto/x509/ocsp.ts";
import type { OcspResponse } from "../../../src/proto/x509/ocsp.ts";
import { CHAIN, OCSP } from "../chain.ts";
import { Choices } from "../choices.ts";
import { Edits } from "../edits.ts";
import { hold, leavesNothing, outcome, valueOf } from "../expect.ts";
import { openCrypto } from "../open-crypto.ts";

const OWN = [OcspFailure] as const;
const certificate = parseCertificate(CHAIN.leaf);
const issuer = parseCertificate(CHAIN.root);

export function fuzz(bytes: Uint8Array): void {
  const choices = new Choices(bytes);
  if (choices.flag()) return changed(choices);
  const encoded = choices.rest();
  const response = valueOf(() => parseOcspResponse(encoded), OWN);
  if (response === null) return;
  leavesNothing(parseOcspResponse, encoded, OWN);
  checkForm(response, encoded);
  // With the locks open every check but that of the signature is reached.
  for (const crypto of [openCrypto, noble]) {
    const check = { certificate, issuer, crypto, now: unix(CHAIN.at) };
    outcome(() => checkOcspResponse(response, check), OWN);
  }
}

function checkForm({ certificateId, status, tbs }: OcspResponse, encoded: Uint8Array): void {
  hold(encoded.length <= MAX_OCSP_LENGTH, "the bound");
  hold(/^([0-9a-f]{2}){1,20}$/.test(certificateId.serial), "a serial number in hexadecimal");
  hold(certificateId.issuerKeyHash.length === 20, "a hash");
  hold(tbs.length < encoded.length, "what is signed is within");
  hold(status.kind !== "revoked" || status.reason in REVOCATION_REASONS, "a reason of the list");
}

/** The one honest answer, and what an attacker makes of it. */
function changed(choices: Choices): void {
  const revoked = choices.flag();
  const honest = revoked ? OCSP.revoked : OCSP.good;
  const edits = new Edits(choices);
  const [piece] = edits.pieces(0, honest);
  if (piece === undefined) return;
  const result = outcome(() => {
    const response = parseOcspResponse(piece.content);
    const check = { certificate, issuer, crypto: noble, now: unix(CHAIN.at) };
    return { response, status: checkOcspResponse(response, check) };
  }, OWN);
  if ("failure" in result) return hold(edits.touched, `refused: ${result.failure.message}`);
  const { response, status } = result.value;
  hold(
    sameBytes(response.tbs, parseOcspResponse(honest).tbs),
    "only what was signed says anything",
  );
  hold(status.kind === (revoked ? "revoked" : "good"), "what was signed");
}
