/**
 * Packets from elsewhere, octet for octet.
 *
 * All but `MPPE` are printed in RFC 2865 §7 (Rigney et al., June 2000); the secret
 * is "xyzzy5461", the passwords are "arctangent" and, for the card, "challenge".
 * The last State of §7.3 has the length of its 10 octets, 0x0a, as the Length of
 * its packet wants. `MPPE` was computed with Python's hashlib after RFC 2548 §2.4.2.
 */
import { hex, utf8 } from "../../../src/base/bytes.ts";

export const SECRET: Uint8Array = utf8("xyzzy5461");

/** §7.1: "nemo" logs in by telnet through the NAS at 192.168.1.16, port 3. */
export const LOGIN_REQUEST: Uint8Array = hex(`
  01 00 0038 0f403f9473978057bd83d5cb98f4227a
  01 06 6e656d6f
  02 12 0dbe708d93d413ce3196e43f782a0aee
  04 06 c0a80110
  05 06 00000003`);
export const LOGIN_ACCEPT: Uint8Array = hex(`
  02 00 0026 86fe220e7624ba2a1005f6bf9b55e0b2
  06 06 00000001
  0f 06 00000000
  0e 06 c0a80103`);

/** §7.2: "flopsy" by PPP with CHAP, port 20. */
export const FRAMED_REQUEST: Uint8Array = hex(`
  01 01 0047 2aee86f08d0d55969ca5978e0d3367a2
  01 08 666c6f707379
  03 13 16e975 57c316185895f293ff6344077275
  04 06 c0a80110
  05 06 00000014
  06 06 00000002
  07 06 00000001`);
export const FRAMED_ACCEPT: Uint8Array = hex(`
  02 01 0038 15efbc7dab26cfa3dc34d9c03c8601a4
  06 06 00000002
  07 06 00000001
  08 06 fffffffe
  0a 06 00000002
  0d 06 00000001
  0c 06 000005dc`);

/** §7.3: "mopsy" with a challenge-response card, port 7. */
export const CARD_REQUEST: Uint8Array = hex(`
  01 02 0039 f3a47a1f6a6d76710b947ab93041a039
  01 07 6d6f707379
  02 12 33657573778289b570885e15084825c5
  04 06 c0a80110
  05 06 00000007`);
export const CARD_CHALLENGE: Uint8Array = hex(`
  0b 02 004e 36f3c8764ae8c71157403c0c71ff9c45
  12 30 4368616c6c656e67652033323736393433302e2020456e74657220726573706f6e73652061742070726f6d70742e
  18 0a 3332373639343330`);
export const CARD_RESPONSE: Uint8Array = hex(`
  01 03 0043 b122556d428a13d0d6253807c457ecf0
  01 07 6d6f707379
  02 12 692c1f205fc081b919b95195f561a581
  04 06 c0a80110
  05 06 00000007
  18 0a 3332373639343330`);
export const CARD_REJECT: Uint8Array = hex("03 03 0014 a42f4fca45916c4e09c8340f9e746aa0");

/** One MS-MPPE key: what seals it, the key, and salt with ciphertext. */
export const MPPE: Readonly<
  Record<"secret" | "requestAuthenticator" | "salt" | "key" | "sealed", Uint8Array>
> = {
  secret: utf8("testing123"),
  requestAuthenticator: hex("000102030405060708090a0b0c0d0e0f"),
  salt: hex("8001"),
  key: hex("000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f"),
  sealed: hex(`
    8001
    12a4054f091e203ec82fb961b9b618fd
    8f15c5905da6d786c76711ebfbf9b14b
    8303667ce1e1c225c3924927cd3f0bce`),
};
