/** COSE messages of RFC 9052, as hexadecimal. */

/** Appendix C.2.1: one ES256 signature, empty external data. */
export const SIGN1_C21 = `d2 84 43 a10126 a1 04 42 3131
  54 546869732069732074686520636f6e74656e742e
  5840 8eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e
       2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36`;

/** Appendix C.7.1: the public key whose identifier is "11". */
export const KEY_11 = `04 bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff
  20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e`;

/** Appendix C.7.2: its private key. */
export const KEY_11_SCALAR = "57c92077664146e876760c9520d054aa93c3afb04e306705db6090308507b4d3";
