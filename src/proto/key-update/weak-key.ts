/**
 * Keys that anybody may hold: small multiples of the generator, which a
 * device without a random source counts up to, and sample keys that were
 * shipped in products before. A hit does not end a key update, it means that
 * showing this key proves nothing.
 */
import { toHex } from "../../base/bytes.ts";
import type { Crypto } from "../../base/crypto/crypto.ts";

/** Multiples of the generator that are looked at, on either side of zero. */
export const SMALL_MULTIPLES: number = 2 ** 16;

/** x coordinates of keys whose scalars are published, with where. */
const PUBLISHED: ReadonlySet<string> = new Set([
  // RFC 6979 A.2.5
  "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
  // RFC 9500 §2.3, testECCP256
  "422548f88fb782ffb5eca3744452c72a1e558fbd6f73be5e48e93232cc45c5b1",
  // RFC 9052 C.7: "11", meriadoc.brandybuck@…, peregrin.took@…
  "bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff",
  "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d",
  "98f50a4ff6c05861c8860d13a638ea56c3f5ad7590bbfbf054e1c7b4d91d6280",
  // RFC 5903 §8.1, initiator and responder
  "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180",
  "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63",
  // RFC 7515 A.3
  "7fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445",
  // RFC 7517 A.1
  "30a0424cd21c2944838a2d75c92b37e76ea20d9f00893a3b4eee8a3c0aafec3e",
  // RFC 7518 C: Alice, Bob
  "808d060082c176eed3e776a4ac598cc8672c1779f974eecc9b03411ca5b9495d",
  "c1e349cb61ec70248ce801034c3834e1b88ebe1161cb25af38741f785fcfc4c4",
  // Sample key of tinydtls, in the examples of Contiki and RIOT
  "36dfe2c6f9f2ed29da0a9a8f62684e916375ba10300c28c5e47cfbf25fa58f52",
  // MCUboot's root-ec-p256.pem
  "2acb403ce8feed5ba44995a1a91daee8dbbe1937cd14fb2f245737e5953988d9",
]);

/**
 * Whether somebody besides the device is likely to hold this key's scalar.
 * Costs as much as three key agreements; asked once per key.
 *
 * @param point - 65 octets, SEC 1 uncompressed, on the curve
 */
export function isWeakKey(crypto: Crypto, point: Uint8Array): boolean {
  return (
    PUBLISHED.has(toHex(point.subarray(1, 33))) ||
    crypto.p256.isSmallMultiple(point, SMALL_MULTIPLES)
  );
}
