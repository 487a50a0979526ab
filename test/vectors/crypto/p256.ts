/** Points of P-256, SEC 1 uncompressed, as hexadecimal. */

/**
 * k·G: G itself from SEC 2 §2.4.2, the others from the point multiplication
 * vectors for the NIST curves of point-at-infinity.org (`nisttv`).
 */
export const MULTIPLES_OF_G: readonly { readonly scalar: bigint; readonly point: string }[] = [
  {
    scalar: 1n,
    point: `04 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296
      4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5`,
  },
  {
    scalar: 2n,
    point: `04 7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978
      07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1`,
  },
  {
    scalar: 3n,
    point: `04 5ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6e7fd6c
      8734640c4998ff7e374b06ce1a64a2ecd82ab036384fb83d9a79b127a27d5032`,
  },
  {
    scalar: 112233445566778899n,
    point: `04 339150844ec15234807fe862a86be77977dbfb3ae3d96f4c22795513aeaab82f
      b1c14ddfdc8ec1b2583f51e85a5eb3a155840f2034730e9b5ada38b674336a21`,
  },
];

/** RFC 6979 A.2.5. */
export const P256_KEY = {
  scalar: "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
  point: `04 60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6
    7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299`,
} as const;
