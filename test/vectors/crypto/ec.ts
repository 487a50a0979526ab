/** Elliptic curve vectors, as hexadecimal. */
import type { EcCurve, EcdhGroup, HashName } from "../../../src/base/crypto/crypto.ts";

export interface Agreement {
  readonly source: string;
  readonly group: EcdhGroup;
  readonly scalar: string;
  readonly publicKey: string;
  readonly peer: string;
  readonly shared: string;
}

const ALICE = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
const BOB = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";

const INITIATOR_256 = `04 dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180
    5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3`;
const RESPONDER_256 = `04 d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63
    56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab`;
const SHARED_256 = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de";

const INITIATOR_384 = `04 667842d7d180ac2cde6f74f37551f55755c7645c20ef73e3
    1634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa
    9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ad
    a024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c`;
const RESPONDER_384 = `04 e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d
    83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571
    dcfbec7aacf3196472169e838430367f66eebe3c6e70c416
    dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c`;
const SHARED_384 = `11187331c279962d93d604243fd592cb9d0a926f422e4718
    7521287e7156c5c4d603135569b9e9d09cf5d4a270f59746`;

export const AGREEMENTS: readonly Agreement[] = [
  {
    source: "RFC 7748 §6.1, Alice",
    group: "X25519",
    scalar: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
    publicKey: ALICE,
    peer: BOB,
    shared: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
  },
  {
    source: "RFC 7748 §6.1, Bob",
    group: "X25519",
    scalar: "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
    publicKey: BOB,
    peer: ALICE,
    shared: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
  },
  {
    source: "RFC 5903 §8.1, initiator",
    group: "P-256",
    scalar: "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
    publicKey: INITIATOR_256,
    peer: RESPONDER_256,
    shared: SHARED_256,
  },
  {
    source: "RFC 5903 §8.1, responder",
    group: "P-256",
    scalar: "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
    publicKey: RESPONDER_256,
    peer: INITIATOR_256,
    shared: SHARED_256,
  },
  {
    source: "RFC 5903 §8.2, initiator",
    group: "P-384",
    scalar: `099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f16
      0647b67414dce655e35b538041e649ee3faef896783ab194`,
    publicKey: INITIATOR_384,
    peer: RESPONDER_384,
    shared: SHARED_384,
  },
  {
    source: "RFC 5903 §8.2, responder",
    group: "P-384",
    scalar: `41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060
      855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc`,
    publicKey: RESPONDER_384,
    peer: INITIATOR_384,
    shared: SHARED_384,
  },
];

/** RFC 7748 §5.2: a scalar, a u coordinate and what they give; the second u has the bit set that is masked. */
export const X25519_FUNCTION: readonly (readonly [string, string, string])[] = [
  [
    "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  ],
  [
    "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
  ],
];

/** The u coordinates of small order, which give zero with every scalar (https://cr.yp.to/ecdh.html). */
export const X25519_SMALL_ORDER: readonly string[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/** SEC 2 §2.4.2 and §2.5.1: the field's prime and the group's order. */
export const FIELD: Readonly<Record<EcCurve, { readonly prime: string; readonly order: string }>> =
  {
    "P-256": {
      prime: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
      order: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    },
    "P-384": {
      prime: `fffffffffffffffffffffffffffffffffffffffffffffffe
      ffffffffffffffffffffffff0000000000000000ffffffff`.replaceAll(/\s/g, ""),
      order: `ffffffffffffffffffffffffffffffffffffffffffffffff
      c7634d81f4372ddf581a0db248b0a77aecec196accc52973`.replaceAll(/\s/g, ""),
    },
  };

export interface Ecdsa {
  readonly hash: HashName;
  /** Text. */
  readonly message: "sample" | "test";
  /** DER. */
  readonly signature: string;
}

/** Deterministic signatures, s not lowered. */
export const RFC_6979: Readonly<
  Record<
    EcCurve,
    { readonly scalar: string; readonly point: string; readonly signatures: readonly Ecdsa[] }
  >
> = {
  /** §A.2.5 */
  "P-256": {
    scalar: "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
    point: `04 60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6
      7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299`,
    signatures: [
      {
        hash: "sha1",
        message: "sample",
        signature: `3044022061340c88c3aaebeb4f6d667f672ca9759a6ccaa9fa8811313039ee4a
          35471d3202206d7f147dac089441bb2e2fe8f7a3fa264b9c475098fdcf6e00d7
          c996e1b8b7eb`,
      },
      {
        hash: "sha256",
        message: "sample",
        signature: `3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0e
          a84eaf3716022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff406
          4dc4ab2f843acda8`,
      },
      {
        hash: "sha384",
        message: "sample",
        signature: `304402200eafea039b20e9b42309fb1d89e213057cbf973dc0cfc8f129edddc8
          00ef771902204861f0491e6998b9455193e34e7b0d284ddd7149a74b95b9261f
          13abde940954`,
      },
      {
        hash: "sha512",
        message: "sample",
        signature: `30450221008496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097
          678eb97f0002202362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f965
          54f61fae3302fe`,
      },
      {
        hash: "sha1",
        message: "test",
        signature: `304402200cbcc86fd6abd1d99e703e1ec50069ee5c0b4ba4b9ac60e409e8ec59
          10d81a89022001b9d7b73dfaa60d5651ec4591a0136f87653e0fd780c3b1bc87
          2ffdeae479b1`,
      },
      {
        hash: "sha256",
        message: "test",
        signature: `3045022100f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3
          b0b7d383670220019f4113742a2b14bd25926b49c649155f267e60d3814b4c0c
          c84250e46f0083`,
      },
      {
        hash: "sha384",
        message: "test",
        signature: `304602210083910e8b48bb0c74244ebdf7f07a1c5413d61472bd941ef3920e62
          3fbccebeb60221008ddbec54cf8cd5874883841d712142a56a8d0f218f5003cb
          0296b6b509619f2c`,
      },
      {
        hash: "sha512",
        message: "test",
        signature: `30440220461d93f31b6540894788fd206c07cfa0cc35f46fa3c91816fff1040a
          d1581a04022039af9f15de0db8d97e72719c74820d304ce5226e32dedae67519
          e840d1194e55`,
      },
    ],
  },
  /** §A.2.6 */
  "P-384": {
    scalar: `6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba
      9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5`,
    point: `04 ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e
      06aae5286b300c64def8f0ea9055866064a254515480bc13
      8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9
      f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720`,
    signatures: [
      {
        hash: "sha1",
        message: "sample",
        signature: `3066023100ec748d839243d6fbef4fc5c4859a7dffd7f3abddf72014540c16d7
          3309834fa37b9ba002899f6fda3a4a9386790d4eb2023100a3bcfa947beef473
          2bf247ac17f71676cb31a847b9ff0cbc9c9ed4c1a5b3facf26f49ca031d48575
          70ccb5ca4424a443`,
      },
      {
        hash: "sha256",
        message: "sample",
        signature: `3065023021b13d1e013c7fa1392d03c5f99af8b30c570c6f98d4ea8e354b63a2
          1d3daa33bde1e888e63355d92fa2b3c36d8fb2cd023100f3aa443fb107745bf4
          bd77cb3891674632068a10ca67e3d45db2266fa7d1feebefdc63eccd1ac42ec0
          cb8668a4fa0ab0`,
      },
      {
        hash: "sha384",
        message: "sample",
        signature: `306602310094edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4
          ea95ad133c81a648152e44acf96e36dd1e80fabe4602310099ef4aeb15f178ce
          a1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e
          7b82c71a38628ac8`,
      },
      {
        hash: "sha512",
        message: "sample",
        signature: `3065023100ed0959d5880ab2d869ae7f6c2915c6d60f96507f9cb3e047c00468
          61da4a799cfe30f35cc900056d7c99cd78824337090230512c8cceee3890a840
          58ce1e22dbc2198f42323ce8aca9135329f03c068e5112dc7cc3ef3446defceb
          01a45c2667fdd5`,
      },
      {
        hash: "sha256",
        message: "test",
        signature: `306402306d6defac9ab64dabafe36c6bf510352a4cc27001263638e5b16d9bb5
          1d451559f918eedaf2293be5b475cc8f0188636b02302d46f3becbcc523d5f1a
          1256bf0c9b024d879ba9e838144c8ba6baeb4b53b47d51ab373f9845c0514eef
          b14024787265`,
      },
      {
        hash: "sha384",
        message: "test",
        signature: `30660231008203b63d3c853e8d77227fb377bcf7b7b772e97892a80f36ab775d
          509d7a5feb0542a7f0812998da8f1dd3ca3cf023db023100ddd0760448d42d8a
          43af45af836fce4de8be06b485e9b61b827c2f13173923e06a739f040649a667
          bf3b828246baa5a5`,
      },
    ],
  },
};
