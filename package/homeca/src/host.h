/*
 * The C host of HomeCA: what script may ask of the system, and nothing else.
 *
 * Every function of the global object `nativeHost` returns its result, or an error number
 * of the system as a negative integer; a wrong argument is -EINVAL or a
 * TypeError. Nothing here decides anything: names, order and policy are script.
 */
#ifndef HOMECA_HOST_H
#define HOMECA_HOST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <quickjs.h>

/* A function table of one file of this folder. */
struct host_functions {
	const JSCFunctionListEntry *entries;
	int count;
};

extern const struct host_functions sys_functions;
extern const struct host_functions loop_functions;
extern const struct host_functions file_functions;
extern const struct host_functions net_functions;
extern const struct host_functions run_functions;
extern const struct host_functions hash_functions;

/* Results. */
JSValue host_errno(JSContext *ctx, int number);
JSValue host_bytes(JSContext *ctx, const void *bytes, size_t length);
JSValue host_result(JSContext *ctx, long long result);

/*
 * Arguments. Each returns false where the argument is not what it must be, with
 * an exception pending.
 */
int host_int(JSContext *ctx, JSValueConst value, int *to);
int host_long(JSContext *ctx, JSValueConst value, int64_t *to);
/* Text without a NUL inside; to be given back by JS_FreeCString. NULL on error. */
const char *host_text(JSContext *ctx, JSValueConst value);
/* `length` octets from `offset` of an ArrayBuffer; NULL on error. Valid until script runs again. */
const uint8_t *host_part(JSContext *ctx, JSValueConst buffer, JSValueConst offset,
			 JSValueConst length, size_t *size);

/* loop.c */
void loop_init(JSContext *ctx);
int loop_run(void);
void loop_free(void);
void loop_unwatch(int fd);
/* What a callback threw, with its stack, on the log; the exception is gone after. */
void loop_report(JSContext *ctx);

/* sys.c */
void sys_init(int argc, char **argv);
void sys_line(int severity, const char *text);

/* Closes a descriptor that nobody else has closed. */
void host_close(int fd);

#endif
