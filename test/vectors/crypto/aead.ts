/**
 * AEAD vectors, as hexadecimal; `sealed` is the ciphertext with the tag behind
 * it. Those from Wycheproof (https://github.com/C2SP/wycheproof, Apache-2.0)
 * are of testvectors_v1/aes_ccm_test.json.
 */
import type { AeadName } from "../../../src/base/crypto/crypto.ts";

export interface AeadVector {
  readonly source: string;
  readonly algorithm: AeadName;
  readonly key: string;
  readonly nonce: string;
  readonly associated: string;
  readonly plaintext: string;
  readonly sealed: string;
}

/** The four blocks of the GCM specification's cases 3 and 4. */
const GCM_TEXT = `d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
  1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39`;
const GCM_ASSOCIATED = "feedfacedeadbeeffeedfacedeadbeefabaddad2";

export const AEAD: readonly AeadVector[] = [
  {
    source: "GCM specification (McGrew, Viega), case 1: nothing at all",
    algorithm: "aes-128-gcm",
    key: "00".repeat(16),
    nonce: "00".repeat(12),
    associated: "",
    plaintext: "",
    sealed: "58e2fccefa7e3061367f1d57a4e7455a",
  },
  {
    source: "GCM specification, case 2: one block",
    algorithm: "aes-128-gcm",
    key: "00".repeat(16),
    nonce: "00".repeat(12),
    associated: "",
    plaintext: "00".repeat(16),
    sealed: "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf",
  },
  {
    source: "GCM specification, case 4: a part of a block, associated octets",
    algorithm: "aes-128-gcm",
    key: "feffe9928665731c6d6a8f9467308308",
    nonce: "cafebabefacedbaddecaf888",
    associated: GCM_ASSOCIATED,
    plaintext: GCM_TEXT,
    sealed: `42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
      21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091
      5bc94fbc3221a5db94fae95ae7121a47`,
  },
  {
    source: "GCM specification, case 13: nothing at all",
    algorithm: "aes-256-gcm",
    key: "00".repeat(32),
    nonce: "00".repeat(12),
    associated: "",
    plaintext: "",
    sealed: "530f8afbc74536b9a963b4f1c4cb738b",
  },
  {
    source: "GCM specification, case 16: a part of a block, associated octets",
    algorithm: "aes-256-gcm",
    key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
    nonce: "cafebabefacedbaddecaf888",
    associated: GCM_ASSOCIATED,
    plaintext: GCM_TEXT,
    sealed: `522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
      8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
      76fc6ece0f4e1768cddf8853bb2d551b`,
  },
  {
    source: "NIST SP 800-38C §C.3",
    algorithm: "aes-128-ccm-8",
    key: "404142434445464748494a4b4c4d4e4f",
    nonce: "101112131415161718191a1b",
    associated: "000102030405060708090a0b0c0d0e0f10111213",
    plaintext: "202122232425262728292a2b2c2d2e2f3031323334353637",
    sealed: "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951",
  },
  {
    source: "Wycheproof 359: nothing at all",
    algorithm: "aes-128-ccm-8",
    key: "5afb73f37d05147566a7ac9734eba3ff",
    nonce: "026dd125c98ef1507f6d1d15",
    associated: "",
    plaintext: "",
    sealed: "a4c4b136625f0243",
  },
  {
    source: "Wycheproof 364",
    algorithm: "aes-128-ccm-8",
    key: "03ad5f472b978c5f72b7b1c29080374c",
    nonce: "770dcc2ea1c2d9f6c904947d",
    associated: "972c90e387f0af936b1c9db0ebfebbe9",
    plaintext: "78470511caf12cb882628092bb573bde8c",
    sealed: "3fb22c2c366c0a46ba1640eccb544dbdd23ec7c4888a1288fc",
  },
  {
    source: "Wycheproof 1: nothing at all",
    algorithm: "aes-128-ccm",
    key: "bedcfb5a011ebc84600fcb296c15af0d",
    nonce: "438a547a94ea88dce46c6c85",
    associated: "",
    plaintext: "",
    sealed: "25d1a38495a7dea45bda049705627d10",
  },
  {
    source: "Wycheproof 13",
    algorithm: "aes-128-ccm",
    key: "d97c9b043bdccfd59491a995e78f1696",
    nonce: "ef423240358830df915506a3",
    associated: "3ddba7b3ab69c8b2",
    plaintext: "f047594a5cffda64303a80b2fa6a957169",
    sealed: "e0caf2a9d50f70ecaa43b4a287c3b34a99cff4c61882b413b686ff35b63a3a73de",
  },
  {
    source: "Wycheproof 456: associated octets only",
    algorithm: "aes-256-ccm-8",
    key: "882107ab29053d4b44c87b5bb94937211c20528da9ac490f6c574caecdcd2f17",
    nonce: "e6a13537bb7f2af749b31823",
    associated: "e9ee32e6f197e40204682dac42dd4c75",
    plaintext: "",
    sealed: "5773c725f2f94617",
  },
  {
    source: "Wycheproof 460",
    algorithm: "aes-256-ccm-8",
    key: "47f664e6790f3e25bc410d847f38662f045f0aa3641429edf8099f4b4df32f06",
    nonce: "f092a357b5ef0c975ee169c4",
    associated: "338b4cc60ec151fa283c1cb10e722d9d",
    plaintext: "b01dfe724166a2bc98cbb96cf540028a0e",
    sealed: "d7746f186aabfa36685481ec8a7f0022e841158292a1d87cfd",
  },
  {
    source: "Wycheproof 169",
    algorithm: "aes-256-ccm",
    key: "f60c6a1b625725f76c7037b48fe3577fa7f7b87b1bd5a982176d182306ffb870",
    nonce: "f0384fb876121410633d993d",
    associated: "9aaf299eeea78f79",
    plaintext: "63858ca3e2ce69887b578a3c167b421c9c",
    sealed: "f05e290bbbc61927fa65760648dcca88b0b721be96a6b95c0931fb243dd1287c70",
  },
  {
    source: "RFC 8439 §2.8.2",
    algorithm: "chacha20-poly1305",
    key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    nonce: "070000004041424344454647",
    associated: "50515253c0c1c2c3c4c5c6c7",
    plaintext: `4c616469657320616e642047656e746c656d656e206f662074686520636c6173
      73206f66202739393a204966204920636f756c64206f6666657220796f75206f
      6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73
      637265656e20776f756c642062652069742e`,
    sealed: `d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
      3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
      92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
      3ff4def08e4b7a9de576d26586cec64b6116
      1ae10b594f09e26a7e902ecbd0600691`,
  },
];

/** NIST SP 800-38A §F.2.5, AES-256-CBC: four whole blocks, to which PKCS#7 padding adds a fifth. */
export const CBC = {
  key: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
  iv: "000102030405060708090a0b0c0d0e0f",
  plaintext: `6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51
    30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710`,
  ciphertext: `f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d
    39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b`,
} as const;
