/** The messages of RFC 7252, Appendix A, put into octets as Figures 16, 17 and 20 to 22 draw or describe them. */
import { hex } from "../../../src/base/bytes.ts";

/** Figure 16: GET /temperature, and its response in the acknowledgement. */
export const GET_TEMPERATURE: Uint8Array = hex(`
  40 01 7d34
  bb 74656d7065726174757265`);
export const PIGGYBACKED: Uint8Array = hex(`
  60 45 7d34
  ff 32322e332043`);

/** Figure 17: the same with the token 20. */
export const GET_WITH_TOKEN: Uint8Array = hex(`
  41 01 7d35 20
  bb 74656d7065726174757265`);
export const PIGGYBACKED_WITH_TOKEN: Uint8Array = hex(`
  61 45 7d35 20
  ff 32322e332043`);

/** Figure 20: a separate response, and the two acknowledgements. */
export const GET_SLOW: Uint8Array = hex(`
  41 01 7d38 53
  bb 74656d7065726174757265`);
export const SLOW_ACKNOWLEDGED: Uint8Array = hex("60 00 7d38");
export const SEPARATE: Uint8Array = hex(`
  41 45 ad7b 53
  ff 32322e332043`);
export const SEPARATE_ACKNOWLEDGED: Uint8Array = hex("60 00 ad7b");

/** Figure 21: a separate response that nobody waits for any more is reset. */
export const UNEXPECTED: Uint8Array = hex(`
  41 45 ad7c 64
  ff 32322e332043`);
export const UNEXPECTED_RESET: Uint8Array = hex("70 00 ad7c");

/** Figure 22: nothing of this is confirmable. */
export const GET_NON: Uint8Array = hex(`
  51 01 7d40 75
  bb 74656d7065726174757265`);
export const CONTENT_NON: Uint8Array = hex(`
  51 45 ad7d 75
  ff 32322e332043`);
