/* Clocks, randomness, the log, and the words we were called with. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

enum { MOST_RANDOM = 65536 };

static int words_count;
static char **words;
static int to_syslog;

void sys_init(int argc, char **argv)
{
	words_count = argc;
	words = argv;
}

void sys_line(int severity, const char *text)
{
	if (to_syslog)
		syslog(severity, "%s", text);
	else
		fprintf(stderr, "%s\n", text);
}

static double clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1000.0 + (double)(now.tv_nsec / 1000000);
}

/* mono() -> whole milliseconds of CLOCK_MONOTONIC. Cannot fail. */
static JSValue sys_mono(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	(void)this, (void)argc, (void)argv;
	return JS_NewFloat64(ctx, clock_ms(CLOCK_MONOTONIC));
}

/* wall() -> milliseconds since 1970, right or wrong. Cannot fail. */
static JSValue sys_wall(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	(void)this, (void)argc, (void)argv;
	return JS_NewFloat64(ctx, clock_ms(CLOCK_REALTIME));
}

/* random(length) -> ArrayBuffer. Blocks until the kernel's source is ready. EINVAL beyond 64 KiB; ENOSYS of old kernels. */
static JSValue sys_random(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	uint8_t bytes[MOST_RANDOM];
	size_t have = 0;
	JSValue result;
	int length;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &length))
		return JS_EXCEPTION;
	if (length < 0 || length > MOST_RANDOM)
		return host_errno(ctx, EINVAL);
	while (have < (size_t)length) {
		ssize_t got = getrandom(bytes + have, (size_t)length - have, 0);

		if (got >= 0)
			have += (size_t)got;
		else if (errno != EINTR)
			return host_errno(ctx, errno);
	}
	result = host_bytes(ctx, bytes, have);
	explicit_bzero(bytes, have);
	return result;
}

/* randomReady() -> 0, or EAGAIN while random() would block. As getrandom(2) with GRND_NONBLOCK. */
static JSValue sys_random_ready(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	uint8_t one;

	(void)this, (void)argc, (void)argv;
	return getrandom(&one, sizeof one, GRND_NONBLOCK) < 0 ? host_errno(ctx, errno) : JS_NewInt32(ctx, 0);
}

/* openLog(name): from here on lines go to syslog(3), facility daemon. Cannot fail. */
static JSValue sys_open_log(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	static char *name;
	const char *text = host_text(ctx, argv[0]);

	(void)this, (void)argc;
	if (text == NULL)
		return JS_EXCEPTION;
	free(name);
	name = strdup(text);
	JS_FreeCString(ctx, text);
	openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	to_syslog = 1;
	return JS_UNDEFINED;
}

/* log(severity, line): one line to the log; severities of RFC 5424. What cannot be written is lost. */
static JSValue sys_log(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *text;
	int severity;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &severity))
		return JS_EXCEPTION;
	text = host_text(ctx, argv[1]);
	if (text == NULL)
		return JS_EXCEPTION;
	sys_line(severity & 7, text);
	JS_FreeCString(ctx, text);
	return JS_UNDEFINED;
}

/* words() -> what we were called with, the program's name first. */
static JSValue sys_words(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	JSValue list = JS_NewArray(ctx);

	(void)this, (void)argc, (void)argv;
	for (int at = 0; at < words_count; at++)
		JS_SetPropertyUint32(ctx, list, (uint32_t)at, JS_NewString(ctx, words[at]));
	return list;
}

static const struct {
	int number;
	const char *name;
} NAMES[] = {
#define NAMED(name) { name, #name }
	NAMED(E2BIG), NAMED(EACCES), NAMED(EADDRINUSE), NAMED(EADDRNOTAVAIL), NAMED(EAFNOSUPPORT),
	NAMED(EAGAIN), NAMED(EALREADY), NAMED(EBADF), NAMED(EBUSY), NAMED(ECONNABORTED),
	NAMED(ECONNREFUSED), NAMED(ECONNRESET), NAMED(EDESTADDRREQ), NAMED(EDQUOT), NAMED(EEXIST),
	NAMED(EFBIG), NAMED(EHOSTUNREACH), NAMED(EINPROGRESS), NAMED(EINTR), NAMED(EINVAL), NAMED(EIO),
	NAMED(EISCONN), NAMED(EISDIR), NAMED(ELOOP), NAMED(EMFILE), NAMED(EMLINK), NAMED(EMSGSIZE),
	NAMED(ENAMETOOLONG), NAMED(ENETDOWN), NAMED(ENETUNREACH), NAMED(ENFILE), NAMED(ENOBUFS),
	NAMED(ENODEV), NAMED(ENOENT), NAMED(ENOEXEC), NAMED(ENOLCK), NAMED(ENOMEM), NAMED(ENOPROTOOPT),
	NAMED(ENOSPC), NAMED(ENOSYS), NAMED(ENOTCONN), NAMED(ENOTDIR), NAMED(ENOTEMPTY), NAMED(ENOTSOCK),
	NAMED(ENXIO), NAMED(EOPNOTSUPP), NAMED(EPERM), NAMED(EPIPE), NAMED(EPROTONOSUPPORT),
	NAMED(EROFS), NAMED(ESRCH), NAMED(ETIMEDOUT), NAMED(ETXTBSY), NAMED(EXDEV),
#undef NAMED
};

/* errorName(number) -> its symbol, such as ENOENT, or E with the number where this table has none. */
static JSValue sys_error_name(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	char text[16];
	int number;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &number))
		return JS_EXCEPTION;
	for (size_t at = 0; at < sizeof NAMES / sizeof NAMES[0]; at++)
		if (NAMES[at].number == number)
			return JS_NewString(ctx, NAMES[at].name);
	snprintf(text, sizeof text, "E%d", number);
	return JS_NewString(ctx, text);
}

static const JSCFunctionListEntry entries[] = {
	JS_CFUNC_DEF("mono", 0, sys_mono),
	JS_CFUNC_DEF("wall", 0, sys_wall),
	JS_CFUNC_DEF("random", 1, sys_random),
	JS_CFUNC_DEF("randomReady", 0, sys_random_ready),
	JS_CFUNC_DEF("openLog", 1, sys_open_log),
	JS_CFUNC_DEF("log", 2, sys_log),
	JS_CFUNC_DEF("words", 0, sys_words),
	JS_CFUNC_DEF("errorName", 1, sys_error_name),
};

const struct host_functions sys_functions = { entries, sizeof entries / sizeof entries[0] };
