// An image is the same for a thousand homes and anybody may read it: nothing in it may be a secret.

/** What gives a secret away, and what it is. Text is looked at as Latin-1, so that nothing hides in odd octets. */
const SIGNS = [
  [/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/u, "a private key"],
  [/^untrusted comment:.*secret key/mu, "a secret key of usign"],
  [/^PuTTY-User-Key-File/mu, "a private key of PuTTY"],
  [
    /^[ \t]*(?:option|list)[ \t]+['"]?(?:key|key[1-4]|sae_password|\w*password|\w*passwd|\w*secret|private_key|preshared_key|password_hash)['"]?[ \t]+['"]?[^'"\s]/mu,
    "a secret in UCI",
  ],
  [
    /\buci\b.*\.(?:key|\w*password|\w*secret|private_key|preshared_key)=['"]?[^'"\s]/u,
    "a secret in UCI",
  ],
  [
    /^[ \t]*(?:psk|wpa_passphrase|sae_password|private_key_passwd)[ \t]*=[ \t]*\S/mu,
    "a secret of hostapd or wpa_supplicant",
  ],
  [/^root:\$[0-9a-z]+\$/mu, "a password's hash"],
];

/**
 * Keys in DER begin with a SEQUENCE whose first member is a version: 0 or 1 in PKCS#1, PKCS#8 and SEC 1, 3 in PKCS#12.
 * No certificate, request or public key does.
 */
function isKeyInDer(bytes) {
  if (bytes[0] !== 0x30 || bytes.length < 8) return false;
  const long = bytes[1] & 0x80 ? bytes[1] & 0x7f : 0;
  const version = bytes.subarray(2 + long, 5 + long);
  return version[0] === 0x02 && version[1] === 0x01 && [0, 1, 3].includes(version[2]);
}

/** Places that hold nothing but what a home makes for itself. */
const PLACES = [
  [/^\/etc\/homeca\//u, "the state of a home"],
  [/^\/etc\/dropbear\/dropbear_\w+_host_key$/u, "a host key"],
  [/^\/etc\/uhttpd\.key$/u, "a private key"],
  [/^\/etc\/(?:shadow|passwd)-?$/u, "passwords"],
];

/** One sentence for each entry that must not be in an image. */
export function secretsIn(entries) {
  return entries.flatMap(({ path, bytes }) => {
    const found = secretIn(path, bytes);
    return found === null
      ? []
      : [`${path} is or holds ${found}: take it out, each home makes its own`];
  });
}

function secretIn(path, bytes) {
  const place = PLACES.find(([form]) => form.test(path));
  if (place !== undefined) return place[1];
  if (isKeyInDer(bytes)) return "a private key in DER";
  const text = bytes.toString("latin1");
  return SIGNS.find(([form]) => form.test(text))?.[1] ?? null;
}
