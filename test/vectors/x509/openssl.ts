/**
 * Files made with OpenSSL 3.0.22 for these tests; the commands stand above each.
 * Keys in them protect nothing.
 */
import { fromBase64 } from "../../../src/base/bytes.ts";

const base64 = (text: string): Uint8Array => {
  const bytes = fromBase64(text);
  if (bytes === null) throw new Error("a vector is damaged");
  return bytes;
};

/** What opens {@link KEYS}. */
export const PASSWORD = "sesame";

/** A maker's root on RSA-2048, a P-384 leaf below it signed with PSS, and the root's CRL that revokes the leaf. */
export const CHAIN: Readonly<Record<"rsaRoot" | "p384Leaf" | "crl", Uint8Array>> = {
  // openssl req -x509 -new -newkey rsa:2048 -subj "/C=DE/O=Ma,ker/CN=Old Root" -sha256
  rsaRoot: base64(`
  MIIDMjCCAhqgAwIBAgIUNY8x3P/hb/w9Ixccpsci1z5yzGQwDQYJKoZIhvcNAQELBQAwMTELMAkGA1UEBhMCREUxDzANBgNV
  BAoMBk1hLGtlcjERMA8GA1UEAwwIT2xkIFJvb3QwHhcNMjYxMTIyMjI0NTUwWhcNMzYxMTE5MjI0NTUwWjAxMQswCQYDVQQG
  EwJERTEPMA0GA1UECgwGTWEsa2VyMREwDwYDVQQDDAhPbGQgUm9vdDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEB
  AK5yoKcmW5lYKQ406U9LYeHleo9x2QA2k/6spKjm7VdTJGav/Cm5BI9pse626VurezQm05N9FO+7dWxKW9JbEU3DMPdMo8ME
  uGFDp09x7blXhr5tSDKwX+54Wl7NM/KnJKHZyERLwNMGuN2/DmNxYC6Lqy01b399SBgy+tWgjtvOTwrSGHYKP5lKYQ6/gvcg
  +aIE7eEY+08bg9abeeZs6uEK8mRDgsZyX/VHa7OxsgSh2BDauWscAD1+GpwQREQqUmh7wz5hhuPwg2puPDCsBxhuzuDGEQAD
  SUH8AGX+tz/sYhpnzNnGesJCd121Q/J3uIS0kTP/dwDh6G8nEXeBnQcCAwEAAaNCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNV
  HQ8BAf8EBAMCAQYwHQYDVR0OBBYEFIs5X29c97BdWlkLuv+pASAe6AWmMA0GCSqGSIb3DQEBCwUAA4IBAQCfyfvp2OxXjCbT
  yDedtaFElh8FWllzJazxQ1NArzP5nIATrK8a2k8IwrGNnS3usn5BwPy21TxDH6g/UFaT91e8U0DJPmhR5D8Ec4MyKpY+PdCS
  GfvERkV1eOA5u+sbyAZRTsZhuLXYE3XjS6kMF2QrxXkYdsLCy9y3IydjKvKoJLzXmUbwUamR0fBZ+ZUk+S7MQ0S7h6XxCUQd
  hOdPW9i+tZRx0TBQ1iTN1ZZ8VghCK2pHNpWkNgEDeQ8T2X3iUXqBGjx/yBFdLQn+3jW6tqKZmzk5qPPXQF+sL7o4Rse634lX
  CVAe5dO/uDAJRfQ/hiLX9YZokGqhAQwQGPs9pTd6`),
  // openssl ca -rand_serial -startdate 20261122000000Z -enddate 99991231235959Z
  //   -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32, all kinds of names
  p384Leaf: base64(`
  MIIDbjCCAiKgAwIBAgIUeDcHpY52xN2sZ+idEpIb7xzDJYkwQQYJKoZIhvcNAQEKMDSgDzANBglghkgBZQMEAgEFAKEcMBoG
  CSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgEgMDExCzAJBgNVBAYTAkRFMQ8wDQYDVQQKDAZNYSxrZXIxETAPBgNVBAMM
  CE9sZCBSb290MCAXDTI2MTEyMjAwMDAwMFoYDzk5OTkxMjMxMjM1OTU5WjAPMQ0wCwYDVQQDDARsYW1wMHYwEAYHKoZIzj0C
  AQYFK4EEACIDYgAEVVscsRWhWsIM0YZ6eI+Ick82FKnwfUAW5HU2I/CFP504xskq3X3BI4j5rRzuhm4ELxi0BgBhk0Ohw/QZ
  85Yp/rf23EoRqiPBYx1B6NuBspe8Rma3e5vm2KceATzPDQNJo4HjMIHgMB8GA1UdIwQYMBaAFIs5X29c97BdWlkLuv+pASAe
  6AWmMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDAjB5BgNVHREEcjBwgg5sYW1wLmhvbWUuYXJwYYYfdXJu
  OmhvbWVjYTpkZXY6YWJjZGVmZ2hpamtsbW5vcIcEwKgBAYcQ/oAAAAAAAAAAAAAAAAAAAYELYUBiLmV4YW1wbGWgGAYIKwYB
  BQUHCASgDDAKBgQqAwQFBAIBAjAdBgNVHQ4EFgQUwnMSejMP9QB1I1Gyc4aT4YfnyzswQQYJKoZIhvcNAQEKMDSgDzANBglg
  hkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgEgA4IBAQB4li/JD9PpxqfWqL8Y5JFQYQLawRcK
  oZFpzPgOS4CalxDS8Wam6iF1PAtlos353Eys4wVaPCXaopW6isrMYH66dAouT3P5SHNPypzivhvqPYav2uGYoO7NNf30Ti2u
  qgPrr0yZ0MgD0KBLcY4qDbxizN29sDY72PE9tOPYXXmyCPRBRqh1xGMw2wHAGZ2Z/ZHrsFNUSiVuDW9TmVqRQOtMEhUWVMEX
  ZTMAYUTnmT0jrulm8+OWXovsaJDGNzoj4ZIBNYLjh/5z/ux0GBe8EInUyXfnZxawGV2MwMKPI1O2wCZqVZ5Mt91dplPX6YWA
  Gxr9y0wH6U05RTPUyEFoVzYN`),
  // openssl ca -revoke leaf.pem -crl_reason superseded; openssl ca -gencrl, number 41aa
  crl: base64(`
  MIIB4zCBzAIBATANBgkqhkiG9w0BAQsFADAxMQswCQYDVQQGEwJERTEPMA0GA1UECgwGTWEsa2VyMREwDwYDVQQDDAhPbGQg
  Um9vdBcNMjYxMTIyMjI0NjMxWhcNMjYxMTI5MjI0NjMxWjA1MDMCFHg3B6WOdsTdrGfonRKSG+8cwyWJFw0yNjExMjIyMjQ2
  MzFaMAwwCgYDVR0VBAMKAQSgMDAuMB8GA1UdIwQYMBaAFIs5X29c97BdWlkLuv+pASAe6AWmMAsGA1UdFAQEAgJBqjANBgkq
  hkiG9w0BAQsFAAOCAQEABoEmNKoF7VpSUqHxKao0h1dJU0lb6Bn/vzrnGNylSVeJVw2BXt9ur97JyRcNwrApDTUt/VBovGFj
  NQr4GQTdClN8nJYL5IddySiSSoHRqg+l3hWTeJJH1r0toElJpnx/6BToHoHrNswrduG4ts2VTnw/JN76+Evehg5E8zQveSNs
  mWcKL+xKfDiW2YAq38iDeUPsdhE94qcoE1sZfQRkZklei2whEI4g+0/vp/1h6m6Kk7L4jFoGC+Z1ot80qVoZLidBckADcDxh
  mbWMhEUTzx6Pr6j8hs/xx2NLYPQwpBUjge6XKc374l74j3ULOYKyFGUQ6myQr0KNyrvvx/C6og==`),
};

/** Requests for the P-256 key of {@link KEYS}. */
export const REQUESTS: Readonly<Record<"full" | "bare", Uint8Array>> = {
  // openssl req -new -key d.key: CN=lamp, O=Maker, challengePassword binding12,
  //   extensionRequest with subjectAltName and extendedKeyUsage
  full: base64(`
  MIIBRjCB7QIBADAfMQ0wCwYDVQQDDARsYW1wMQ4wDAYDVQQKDAVNYWtlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGva
  pSCkXVuTDq9WX/46yckjo4hnZxxjqiCkA3mVS5DFRez0gZTrZAo0XCSg87jR8XmG9/fkiS75jX1e2Y+tyf6gbDAYBgkqhkiG
  9w0BCQcxCwwJYmluZGluZzEyMFAGCSqGSIb3DQEJDjFDMEEwKgYDVR0RBCMwIYYfdXJuOmhvbWVjYTpkZXY6YWJjZGVmZ2hp
  amtsbW5vcDATBgNVHSUEDDAKBggrBgEFBQcDAjAKBggqhkjOPQQDAgNIADBFAiBwqwVbxJ4FUCOr1FM6uO5ifsVtcMHG/WfG
  Iuo3+McxAwIhANmeKGn6EX/EwUTelEMqrBtu7tk9QHuj3WPIlI95q6qp`),
  // openssl req -new -key d.key -subj "/CN=bare"
  bare: base64(`
  MIHKMHECAQAwDzENMAsGA1UEAwwEYmFyZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGvapSCkXVuTDq9WX/46yckjo4hn
  ZxxjqiCkA3mVS5DFRez0gZTrZAo0XCSg87jR8XmG9/fkiS75jX1e2Y+tyf6gADAKBggqhkjOPQQDAgNJADBGAiEA6Wi8HzqJ
  p64byFwpNsaUllZIUPpSg8qm3/+NbhkbN3wCIQDbzKlR0401rbUmzr+sIb6DZ+RrNXlpe7BjgNPEgBmqyA==`),
};

/** One P-256 key in three files. */
export const KEYS: Readonly<Record<"pkcs8" | "encrypted" | "pfx", Uint8Array>> = {
  // openssl pkcs8 -topk8 -nocrypt
  pkcs8: base64(`
  MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgViY4idlzjZ/nG5huA4gt3mw09GgiJIF+3nMGspkh2QyhRANC
  AARr2qUgpF1bkw6vVl/+OsnJI6OIZ2ccY6ogpAN5lUuQxUXs9IGU62QKNFwkoPO40fF5hvf35Iku+Y19XtmPrcn+`),
  // openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 2048
  encrypted: base64(`
  MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg5rt1E0ZmhnAICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQME
  ASoEEGMOJ6HongAORp04lHD3/scEgZD0o05KnWXA1/EixXbEbQyO49zmED4MTTZH6pk4r8c6N95LRGRxMM6NhRjJ/AImN+BN
  vUfCKipQtTYimBP7f7n6vYvZplKIlv8lfkbiXmsVMtqtJ8m0ESx/ZzX8iVDOPgKCSIShqWrIGGjiqqs/UW/lK+J97GEbL9xI
  IiEJ6rRUIRKunT3tEckvqvKKXOd3whQ=`),
  // openssl pkcs12 -export -name lamp, with a self-signed certificate for CN=self
  pfx: base64(`
  MIIENQIBAzCCA+sGCSqGSIb3DQEHAaCCA9wEggPYMIID1DCCAnIGCSqGSIb3DQEHBqCCAmMwggJfAgEAMIICWAYJKoZIhvcN
  AQcBMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi2F/wT4MNXgQICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQME
  ASoEEIpqIePhCXO+RA5Ot6cj4NSAggHwa/3jl/RWv8/J9V5ZOYOk67xNp5asopmO2VQ1joiNwYoVvNO0wemVuBzlCfG6gqmM
  oQ4K4WPQmPYwwU3wplEaVmVcwtUhgGp8Nzks1vR41a797eNu8C6+i8KbUQ1v64nDUdRHgaGW12zgOaO4wjEKm1KqkdRo8IuP
  qSCuUVEcMZyRI0Z/icz2q1GtTbXyfK+nM4PoRLJ0PDMCtN1LG0yrwY489mJgXsxB++wGOv3rElvqDhYYVMS6NX0ymSRgp869
  slMPTjxRCeVoBIFx/+bkV2+c78nldFMjeeZ+7V9Zo1c2vBZZSzUkHTwNkdxvTGGZswH4T55tF/PAzmlHRG5OxyqmAmDtSV3i
  3ikMA9mlHsySXar8r4S1mXLCi87x7lQuGWYgDaZ2jmaAJ99xsrxDhGbWlCme5xS2qti6IMDLM2jeU01T93HYg6TfnnQjn+kY
  AOoMom4AviUcqFi66ud0haP6KTPWenCTxnJbrKw+YmBZ8glEqcaEEmHYY99fgKEgFC4cBu2JT1mOElSYHWLsO9t2f3NzVEUV
  Iw7WWudJXpXagCrXzOl8f9/Mj9iNG8Igwkr4tH5LyjIBeJZx+k+jAa1hwfkemObpeZFmk2YVHLSvLRKDDdN1lWAelAe5CvNY
  R1d9Gxno4kY/a9qEN7NywTCCAVoGCSqGSIb3DQEHAaCCAUsEggFHMIIBQzCCAT8GCyqGSIb3DQEMCgECoIHvMIHsMFcGCSqG
  SIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiXkV+qvt3YPwICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEENsvRwCO
  +6MyNdaOmWpUKoQEgZCjqEtNp7Rra2tVoycBwIJrZAIzTYRwnAKl7oAhvkUiGrP6iMcnLMW/B99LuIVEjlz+cfRkj9IeYOBA
  n7yfnp3n/NiKqQm5pvr6I8Msd7/WvVIu3vFVh90SKkyRiXbpEgMD0t/L7vhxsIoOnIWTog1o7y432Is4xIpdy5pXvgicyIMO
  pHsCDBF/tw4/ecRjCKExPjAXBgkqhkiG9w0BCRQxCh4IAGwAYQBtAHAwIwYJKoZIhvcNAQkVMRYEFNPdpESH1fDqDO8GXAHe
  xORjKjv5MEEwMTANBglghkgBZQMEAgEFAAQg3GmB+2b2cS+feaRNbEK5DJjbsp4OFcarVVub7/cnje8ECBpChOD9qF9GAgII
  AA==`),
};
