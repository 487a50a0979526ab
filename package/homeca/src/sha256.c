/*
 * SHA-256 (FIPS 180-4 §6.2), HMAC over it (RFC 2104) and PBKDF2 (RFC 8018
 * §5.2): what script asks for most and does a hundred times slower. Time and
 * memory accesses depend on lengths alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "host.h"

enum { BLOCK = 64, DIGEST = 32, MOST_ITERATIONS = 10000000, MOST_DERIVED = 1024 };

struct sha256 {
	uint32_t state[8];
	uint8_t block[BLOCK];
	uint64_t octets;
};

static const uint32_t ROUND[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turned(uint32_t word, int bits)
{
	return (word >> bits) | (word << (32 - bits));
}

static void compress(uint32_t state[8], const uint8_t *block)
{
	uint32_t w[64], a, b, c, d, e, f, g, h;

	for (int t = 0; t < 16; t++, block += 4)
		w[t] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
	for (int t = 16; t < 64; t++) {
		uint32_t far = w[t - 15], near = w[t - 2];

		w[t] = w[t - 16] + w[t - 7] + (turned(far, 7) ^ turned(far, 18) ^ far >> 3) +
		       (turned(near, 17) ^ turned(near, 19) ^ near >> 10);
	}
	a = state[0], b = state[1], c = state[2], d = state[3];
	e = state[4], f = state[5], g = state[6], h = state[7];
	for (int t = 0; t < 64; t++) {
		uint32_t first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) +
				 ROUND[t] + w[t];
		uint32_t second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) +
				  ((a & b) ^ (a & c) ^ (b & c));

		h = g, g = f, f = e, e = d + first;
		d = c, c = b, b = a, a = first + second;
	}
	state[0] += a, state[1] += b, state[2] += c, state[3] += d;
	state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static void begin(struct sha256 *hash)
{
	static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	memcpy(hash->state, initial, sizeof initial);
	hash->octets = 0;
}

static void add(struct sha256 *hash, const uint8_t *bytes, size_t length)
{
	size_t have = hash->octets % BLOCK;

	hash->octets += length;
	while (length > 0) {
		size_t taken = length < BLOCK - have ? length : BLOCK - have;

		memcpy(hash->block + have, bytes, taken);
		bytes += taken;
		length -= taken;
		have += taken;
		if (have < BLOCK)
			return;
		compress(hash->state, hash->block);
		have = 0;
	}
}

static void finish(struct sha256 *hash, uint8_t digest[DIGEST])
{
	static const uint8_t padding[BLOCK] = { 0x80 };
	uint64_t bits = hash->octets * 8;
	size_t have = hash->octets % BLOCK;
	uint8_t length[8];

	for (int at = 0; at < 8; at++)
		length[at] = (uint8_t)(bits >> (56 - 8 * at));
	add(hash, padding, (have < 56 ? 56 : 120) - have);
	add(hash, length, sizeof length);
	for (int at = 0; at < DIGEST; at++)
		digest[at] = (uint8_t)(hash->state[at / 4] >> (24 - 8 * (at % 4)));
}

struct hmac {
	struct sha256 inner, outer;
};

static void key_hmac(struct hmac *mac, const uint8_t *key, size_t length)
{
	uint8_t block[BLOCK] = { 0 };

	if (length > BLOCK) {
		begin(&mac->inner);
		add(&mac->inner, key, length);
		finish(&mac->inner, block);
	} else {
		memcpy(block, key, length);
	}
	for (int at = 0; at < BLOCK; at++)
		block[at] ^= 0x36;
	begin(&mac->inner);
	add(&mac->inner, block, BLOCK);
	for (int at = 0; at < BLOCK; at++)
		block[at] ^= 0x36 ^ 0x5c;
	begin(&mac->outer);
	add(&mac->outer, block, BLOCK);
}

/* Over one message in two parts; the key stays for the next. */
static void hmac(const struct hmac *keyed, const uint8_t *first, size_t first_length,
		 const uint8_t *second, size_t second_length, uint8_t digest[DIGEST])
{
	struct hmac mac = *keyed;

	add(&mac.inner, first, first_length);
	add(&mac.inner, second, second_length);
	finish(&mac.inner, digest);
	add(&mac.outer, digest, DIGEST);
	finish(&mac.outer, digest);
}

/* sha256(buffer, offset, length, rounds) -> ArrayBuffer of 32 octets: the hash, or its hash, and so on. EINVAL out of bounds. */
static JSValue hash_sha256(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	uint8_t digest[DIGEST];
	struct sha256 hash;
	const uint8_t *bytes;
	size_t size;
	int rounds;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[3], &rounds))
		return JS_EXCEPTION;
	bytes = host_part(ctx, argv[0], argv[1], argv[2], &size);
	if (bytes == NULL)
		return JS_EXCEPTION;
	if (rounds < 1 || rounds > MOST_ITERATIONS)
		return host_errno(ctx, EINVAL);
	for (int round = 0; round < rounds; round++) {
		begin(&hash);
		if (round == 0)
			add(&hash, bytes, size);
		else
			add(&hash, digest, DIGEST);
		finish(&hash, digest);
	}
	return host_bytes(ctx, digest, DIGEST);
}

/* hmacSha256(key, offset, length, message, offset, length) -> ArrayBuffer of 32 octets. Cannot fail. */
static JSValue hash_hmac(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	uint8_t digest[DIGEST];
	const uint8_t *key, *message;
	size_t key_size, size;
	struct hmac mac;

	(void)this, (void)argc;
	key = host_part(ctx, argv[0], argv[1], argv[2], &key_size);
	message = key == NULL ? NULL : host_part(ctx, argv[3], argv[4], argv[5], &size);
	if (message == NULL)
		return JS_EXCEPTION;
	key_hmac(&mac, key, key_size);
	hmac(&mac, message, size, message, 0, digest);
	explicit_bzero(&mac, sizeof mac);
	return host_bytes(ctx, digest, DIGEST);
}

/* pbkdf2Sha256(password, offset, length, salt, offset, length, iterations, octets) -> ArrayBuffer. EINVAL out of bounds. */
static JSValue hash_pbkdf2(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	uint8_t derived[MOST_DERIVED + DIGEST];
	const uint8_t *password, *salt;
	size_t password_size, salt_size;
	int iterations, length;
	struct hmac mac;
	JSValue result;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[6], &iterations) || !host_int(ctx, argv[7], &length))
		return JS_EXCEPTION;
	password = host_part(ctx, argv[0], argv[1], argv[2], &password_size);
	salt = password == NULL ? NULL : host_part(ctx, argv[3], argv[4], argv[5], &salt_size);
	if (salt == NULL)
		return JS_EXCEPTION;
	if (iterations < 1 || iterations > MOST_ITERATIONS || length < 1 || length > MOST_DERIVED)
		return host_errno(ctx, EINVAL);
	key_hmac(&mac, password, password_size);
	for (int at = 0, block = 1; at < length; at += DIGEST, block++) {
		uint8_t number[4] = { 0, 0, (uint8_t)(block >> 8), (uint8_t)block };
		uint8_t round[DIGEST];

		hmac(&mac, salt, salt_size, number, sizeof number, round);
		memcpy(derived + at, round, DIGEST);
		for (int done = 1; done < iterations; done++) {
			hmac(&mac, round, DIGEST, round, 0, round);
			for (int octet = 0; octet < DIGEST; octet++)
				derived[at + octet] ^= round[octet];
		}
	}
	result = host_bytes(ctx, derived, (size_t)length);
	explicit_bzero(&mac, sizeof mac);
	explicit_bzero(derived, sizeof derived);
	return result;
}

static const JSCFunctionListEntry entries[] = {
	JS_CFUNC_DEF("sha256", 4, hash_sha256),
	JS_CFUNC_DEF("hmacSha256", 6, hash_hmac),
	JS_CFUNC_DEF("pbkdf2Sha256", 8, hash_pbkdf2),
};

const struct host_functions hash_functions = { entries, sizeof entries / sizeof entries[0] };
