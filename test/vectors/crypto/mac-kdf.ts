/** Vectors of message authentication and key derivation, as hexadecimal unless they are marked as text. */
import type { HashName } from "../../../src/base/crypto/crypto.ts";

interface Hmac {
  readonly source: string;
  readonly key: string;
  readonly message: string;
  readonly mac: Partial<Readonly<Record<HashName, string>>>;
}

export const HMAC: readonly Hmac[] = [
  {
    source: "RFC 2202 §2, §3, case 2",
    key: "4a656665",
    message: "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
    mac: {
      md5: "750c783e6ab0b503eaa86e310a5db738",
      sha1: "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    },
  },
  {
    source: "RFC 2202 §2, case 1",
    key: "0b".repeat(16),
    message: "4869205468657265",
    mac: { md5: "9294727a3638bb1c13f48ef8158bfc9d" },
  },
  {
    source: "RFC 2202 §3, case 6: a key longer than a block",
    key: "aa".repeat(80),
    message: `54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a
      65204b6579202d2048617368204b6579204669727374`,
    mac: { sha1: "aa4ae5e15272d00e95705637ce8a3b55ed402112" },
  },
  {
    source: "RFC 4231 §4.3, case 2",
    key: "4a656665",
    message: "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
    mac: {
      sha256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      sha384: `af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47
        e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649`,
      sha512: `164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554
        9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737`,
    },
  },
  {
    source: "RFC 4231 §4.7, case 6: a key longer than a block",
    key: "aa".repeat(131),
    message: `54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a
      65204b6579202d2048617368204b6579204669727374`,
    mac: {
      sha256: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      sha384: `4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f
        3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952`,
      sha512: `80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352
        6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598`,
    },
  },
];

interface Hkdf {
  readonly source: string;
  readonly hash: HashName;
  readonly inputKey: string;
  readonly salt: string;
  readonly info: string;
  readonly pseudorandomKey: string;
  readonly output: string;
}

export const HKDF: readonly Hkdf[] = [
  {
    source: "RFC 5869 §A.1",
    hash: "sha256",
    inputKey: "0b".repeat(22),
    salt: "000102030405060708090a0b0c",
    info: "f0f1f2f3f4f5f6f7f8f9",
    pseudorandomKey: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
    output: `3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
      34007208d5b887185865`,
  },
  {
    source: "RFC 5869 §A.2: three blocks",
    hash: "sha256",
    inputKey: `000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
      202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f
      404142434445464748494a4b4c4d4e4f`,
    salt: `606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f
      808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f
      a0a1a2a3a4a5a6a7a8a9aaabacadaeaf`,
    info: `b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf
      d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef
      f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff`,
    pseudorandomKey: "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
    output: `b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
      59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
      cc30c58179ec3e87c14c01d5c1f3434f1d87`,
  },
  {
    source: "RFC 5869 §A.3: no salt, no info",
    hash: "sha256",
    inputKey: "0b".repeat(22),
    salt: "",
    info: "",
    pseudorandomKey: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
    output: `8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d
      9d201395faa4b61a96c8`,
  },
  {
    source: "RFC 5869 §A.4",
    hash: "sha1",
    inputKey: "0b".repeat(11),
    salt: "000102030405060708090a0b0c",
    info: "f0f1f2f3f4f5f6f7f8f9",
    pseudorandomKey: "9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243",
    output: `085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2
      c22e422478d305f3f896`,
  },
];

/** Label "test label"; posted to the IETF TLS working group's list, message 03416 of its archive. */
export const PRF_TLS12: readonly {
  readonly hash: HashName;
  readonly secret: string;
  readonly seed: string;
  readonly output: string;
}[] = [
  {
    hash: "sha256",
    secret: "9bbe436ba940f017b17652849a71db35",
    seed: "a0ba9f936cda311827a6f796ffd5198c",
    output: `e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a
      6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab
      4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
      87347b66`,
  },
  {
    hash: "sha384",
    secret: "b80b733d6ceefcdc71566ea48e5567df",
    seed: "cd665cf6a8447dd6ff8b27555edb7465",
    output: `7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd
      e9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd
      8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425
      9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee6
      91c8f3a26854308d5eaa3be85e0990703d73e56f`,
  },
];

/** Password and salt are text. */
export const PBKDF2: readonly {
  readonly source: string;
  readonly hash: HashName;
  readonly password: string;
  readonly salt: string;
  readonly iterations: number;
  readonly output: string;
}[] = [
  {
    source: "RFC 6070 §2, one iteration",
    hash: "sha1",
    password: "password",
    salt: "salt",
    iterations: 1,
    output: "0c60c80f961f0e71f3a9b524af6012062fe037a6",
  },
  {
    source: "RFC 6070 §2, two iterations",
    hash: "sha1",
    password: "password",
    salt: "salt",
    iterations: 2,
    output: "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957",
  },
  {
    source: "RFC 6070 §2, two blocks",
    hash: "sha1",
    password: "passwordPASSWORDpassword",
    salt: "saltSALTsaltSALTsaltSALTsaltSALTsalt",
    iterations: 4096,
    output: "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
  },
  {
    source: "RFC 7914 §11",
    hash: "sha256",
    password: "passwd",
    salt: "salt",
    iterations: 1,
    output: `55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc
      49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783`,
  },
];
