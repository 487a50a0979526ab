/* homecad: the engine, the bundle that is linked in, and the loop. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "host.h"

enum {
	MEMORY_LIMIT = 64 * 1024 * 1024,
	STACK_LIMIT = 512 * 1024,
};

/* From bundle.S: one module, ended by a NUL. */
extern const char bundle[];
extern const char bundle_end[];

JSValue host_errno(JSContext *ctx, int number)
{
	return JS_NewInt32(ctx, -number);
}

JSValue host_bytes(JSContext *ctx, const void *bytes, size_t length)
{
	return JS_NewArrayBufferCopy(ctx, bytes, length);
}

JSValue host_result(JSContext *ctx, long long result)
{
	return result < 0 ? host_errno(ctx, errno) : JS_NewInt64(ctx, result);
}

/* Engines differ in what their own errors take; a text is the same in all of them. */
static void fail(JSContext *ctx, const char *text)
{
	JS_Throw(ctx, JS_NewString(ctx, text));
}

int host_int(JSContext *ctx, JSValueConst value, int *to)
{
	int32_t number;

	if (JS_ToInt32(ctx, &number, value) < 0)
		return 0;
	*to = number;
	return 1;
}

int host_long(JSContext *ctx, JSValueConst value, int64_t *to)
{
	return JS_ToInt64(ctx, to, value) == 0;
}

const char *host_text(JSContext *ctx, JSValueConst value)
{
	size_t length;
	const char *text = JS_ToCStringLen(ctx, &length, value);

	if (text == NULL || strlen(text) == length)
		return text;
	JS_FreeCString(ctx, text);
	fail(ctx, "a NUL in a text");
	return NULL;
}

const uint8_t *host_part(JSContext *ctx, JSValueConst buffer, JSValueConst offset,
			 JSValueConst length, size_t *size)
{
	static const uint8_t nothing[1];
	int64_t from, count;
	size_t whole;
	const uint8_t *bytes = JS_GetArrayBuffer(ctx, &whole, buffer);

	if (!host_long(ctx, offset, &from) || !host_long(ctx, length, &count))
		return NULL;
	if (bytes == NULL && count != 0)
		return NULL;
	if (from < 0 || count < 0 || (uint64_t)from > whole || (uint64_t)count > whole - (size_t)from) {
		fail(ctx, "outside of the buffer");
		return NULL;
	}
	*size = (size_t)count;
	return bytes == NULL ? nothing : bytes + from;
}

void host_close(int fd)
{
	loop_unwatch(fd);
	close(fd);
}

static void lend(JSContext *ctx)
{
	const struct host_functions *all[] = { &sys_functions, &loop_functions, &file_functions,
					       &net_functions, &run_functions, &hash_functions };
	JSValue global = JS_GetGlobalObject(ctx);
	JSValue native = JS_NewObject(ctx);

	for (size_t at = 0; at < sizeof all / sizeof all[0]; at++)
		JS_SetPropertyFunctionList(ctx, native, all[at]->entries, all[at]->count);
	JS_SetPropertyStr(ctx, global, "nativeHost", native);
	JS_FreeValue(ctx, global);
}

int main(int argc, char **argv)
{
	JSRuntime *runtime;
	JSContext *ctx;
	JSValue result;
	int status = 70;

	umask(077);
	sys_init(argc, argv);
	runtime = JS_NewRuntime();
	if (runtime == NULL) {
		sys_line(LOG_ERR, "there is no memory for the engine");
		return status;
	}
	JS_SetMemoryLimit(runtime, MEMORY_LIMIT);
	JS_SetMaxStackSize(runtime, STACK_LIMIT);
	ctx = JS_NewContext(runtime);
	if (ctx == NULL) {
		sys_line(LOG_ERR, "there is no memory for the engine's objects");
		return status;
	}
	lend(ctx);
	loop_init(ctx);
	result = JS_Eval(ctx, bundle, (size_t)(bundle_end - bundle), "homeca", JS_EVAL_TYPE_MODULE);
	if (JS_IsException(result))
		loop_report(ctx);
	else
		status = loop_run();
	JS_FreeValue(ctx, result);
	loop_free();
	JS_FreeContext(ctx);
	JS_FreeRuntime(runtime);
	return status;
}
