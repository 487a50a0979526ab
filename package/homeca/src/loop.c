/*
 * The one loop: descriptors that are watched, one time to wake at, signals.
 * Script is called for each, and for nothing else; promises go on after it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

enum {
	/* Watched at once: 256 connections of each of two TCP listeners, 64 local ones, sockets, pipes of programs, and room. */
	MOST_WATCHED = 1024,
	/* In one turn: of more the rest is told at once. */
	MOST_REJECTED = 32,
	/* Lines of a stack: more tells nothing new. */
	MOST_LINES = 8,
	READABLE = 1,
	WRITABLE = 2,
	/* Script that works for so long without coming back is stopped. */
	DEFAULT_RUN_MS = 20000,
};

static JSContext *context;
static JSValue on_ready, on_wake, on_signal;
/* The first is the signals'. */
static struct pollfd watched[MOST_WATCHED + 1];
static nfds_t watched_count;
/* As it was when we looked: script is told of these. */
static struct pollfd ready[MOST_WATCHED + 1];
static nfds_t ready_count;
static double wake_at = -1;
static int exit_status = -1;
static double run_began = -1;
static double most_run_ms = DEFAULT_RUN_MS;
/* Promises that failed in this turn and have no handler yet. */
static struct {
	JSValue promise, reason;
} rejected[MOST_REJECTED];
static int rejected_count;

static double clock_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1000.0 + (double)now.tv_nsec / 1e6;
}

static double now_ms(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

/* What script that does not come back uses up; others on the machine cost it nothing. */
static double worked_ms(void)
{
	return clock_of(CLOCK_PROCESS_CPUTIME_ID);
}

static int is_overdue(JSRuntime *runtime, void *opaque)
{
	(void)runtime, (void)opaque;
	return run_began >= 0 && worked_ms() - run_began > most_run_ms;
}

static void drop_rejected(JSContext *ctx, int at)
{
	JS_FreeValue(ctx, rejected[at].promise);
	JS_FreeValue(ctx, rejected[at].reason);
	rejected[at] = rejected[--rejected_count];
}

/* A promise that failed may get its handler in the same turn: whether nobody cares is known at the end of it. */
static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, int is_handled,
			 void *opaque)
{
	(void)opaque;
	if (!is_handled && rejected_count < MOST_REJECTED) {
		rejected[rejected_count].promise = JS_DupValue(ctx, promise);
		rejected[rejected_count++].reason = JS_DupValue(ctx, reason);
	} else if (!is_handled) {
		JS_Throw(ctx, JS_DupValue(ctx, reason));
		loop_report(ctx);
	}
	for (int at = 0; is_handled && at < rejected_count; at++) {
		if (JS_VALUE_GET_PTR(rejected[at].promise) != JS_VALUE_GET_PTR(promise))
			continue;
		drop_rejected(ctx, at);
		break;
	}
}

static void report_rejected(JSContext *ctx)
{
	while (rejected_count > 0) {
		JS_Throw(ctx, JS_DupValue(ctx, rejected[0].reason));
		drop_rejected(ctx, 0);
		loop_report(ctx);
	}
}

void loop_init(JSContext *ctx)
{
	sigset_t set;

	context = ctx;
	on_ready = on_wake = on_signal = JS_UNDEFINED;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* EPIPE and EFBIG tell enough. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	watched[0].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	watched[0].events = POLLIN;
	watched_count = 1;
	JS_SetInterruptHandler(JS_GetRuntime(ctx), is_overdue, NULL);
	JS_SetHostPromiseRejectionTracker(JS_GetRuntime(ctx), on_rejection, NULL);
	run_began = worked_ms();
}

void loop_report(JSContext *ctx)
{
	JSValue fault = JS_GetException(ctx);
	JSValue stack = JS_IsObject(fault) ? JS_GetPropertyStr(ctx, fault, "stack") : JS_UNDEFINED;
	const char *texts[] = { JS_ToCString(ctx, fault), JS_ToCString(ctx, stack) };

	for (int which = 0; which < 2; which++) {
		const char *text = texts[which] == NULL ? "?" : texts[which];

		if (which == 1 && !JS_IsString(stack))
			break;
		for (int line = 0; line < MOST_LINES && *text != '\0'; line++) {
			char shown[512];
			size_t length = strcspn(text, "\n");

			snprintf(shown, sizeof shown, "bug: %.*s", (int)(length > 480 ? 480 : length), text);
			sys_line(LOG_ERR, shown);
			text += length + (text[length] == '\n');
		}
	}
	for (int which = 0; which < 2; which++)
		if (texts[which] != NULL)
			JS_FreeCString(ctx, texts[which]);
	JS_FreeValue(ctx, stack);
	JS_FreeValue(ctx, fault);
}

/* Every promise that can go on does; what one of them threw ends that one. */
static void settle(void)
{
	JSContext *ctx;
	int done;

	while ((done = JS_ExecutePendingJob(JS_GetRuntime(context), &ctx)) != 0)
		if (done < 0)
			loop_report(ctx);
	report_rejected(context);
}

/* Whether it came back. */
static int call(JSValueConst function, int argc, JSValueConst *argv)
{
	JSValue result;
	int failed;

	if (!JS_IsFunction(context, function))
		return 1;
	run_began = worked_ms();
	result = JS_Call(context, function, JS_UNDEFINED, argc, argv);
	failed = JS_IsException(result);
	if (failed)
		loop_report(context);
	JS_FreeValue(context, result);
	settle();
	run_began = -1;
	return !failed;
}

static void take_signals(void)
{
	struct signalfd_siginfo got;

	while (read(watched[0].fd, &got, sizeof got) == (ssize_t)sizeof got) {
		JSValue number = JS_NewInt32(context, (int)got.ssi_signo);

		call(on_signal, 1, (JSValueConst *)&number);
	}
}

static void take_ready(void)
{
	/* Script watches and closes meanwhile. */
	ready_count = watched_count;
	memcpy(ready, watched, sizeof ready[0] * ready_count);
	for (nfds_t at = 1; at < ready_count && exit_status < 0; at++) {
		short events = ready[at].revents;
		JSValue told[2];

		if (events == 0)
			continue;
		told[0] = JS_NewInt32(context, ready[at].fd);
		told[1] = JS_NewInt32(context, ((events & ~POLLOUT) != 0 ? READABLE : 0) |
						       ((events & ~POLLIN) != 0 ? WRITABLE : 0));
		call(on_ready, 2, (JSValueConst *)told);
	}
	ready_count = 0;
}

/* Milliseconds for poll(2), rounded up so that nothing is early; -1 for as long as it takes. */
static int patience(void)
{
	double left = wake_at - now_ms();

	if (wake_at < 0)
		return -1;
	if (left <= 0)
		return 0;
	return left > 1e9 ? 1000000000 : (int)left + 1;
}

int loop_run(void)
{
	settle();
	run_began = -1;
	while (exit_status < 0) {
		int count;

		if (watched_count == 1 && wake_at < 0) {
			sys_line(LOG_ERR, "bug: nothing is waited for, and nothing said the end");
			return 70;
		}
		count = poll(watched, watched_count, patience());
		if (count < 0 && errno != EINTR) {
			sys_line(LOG_ERR, "bug: poll failed");
			return 71;
		}
		if (wake_at >= 0 && now_ms() >= wake_at) {
			wake_at = -1;
			/* Stopped halfway it has not said when to wake next: it looks again. */
			if (!call(on_wake, 0, NULL))
				wake_at = now_ms();
		}
		if (count <= 0)
			continue;
		if (watched[0].revents != 0)
			take_signals();
		take_ready();
	}
	return exit_status;
}

void loop_free(void)
{
	while (rejected_count > 0)
		drop_rejected(context, 0);
	JS_FreeValue(context, on_ready);
	JS_FreeValue(context, on_wake);
	JS_FreeValue(context, on_signal);
	close(watched[0].fd);
}

void loop_unwatch(int fd)
{
	/* Its number may be another's before we come to it. */
	for (nfds_t at = 1; at < ready_count; at++)
		if (ready[at].fd == fd)
			ready[at].revents = 0;
	for (nfds_t at = 1; at < watched_count; at++) {
		if (watched[at].fd != fd)
			continue;
		watched[at] = watched[--watched_count];
		return;
	}
}

/* onEvents(ready(fd, events), wake(), signal(number)): whom to call. Cannot fail. */
static JSValue loop_on_events(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	JSValue *kept[] = { &on_ready, &on_wake, &on_signal };

	(void)this, (void)argc;
	for (int at = 0; at < 3; at++) {
		JS_FreeValue(ctx, *kept[at]);
		*kept[at] = JS_DupValue(ctx, argv[at]);
	}
	return JS_UNDEFINED;
}

/* wakeAt(milliseconds of the monotonic clock, or -1 for never). Cannot fail. */
static JSValue loop_wake_at(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	(void)this, (void)argc;
	return JS_ToFloat64(ctx, &wake_at, argv[0]) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

/* watch(fd, events): 1 readable, 2 writable, 0 nothing more. EMFILE where too many are watched. */
static JSValue loop_watch(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int fd, events;
	short wanted;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd) || !host_int(ctx, argv[1], &events))
		return JS_EXCEPTION;
	wanted = (short)(((events & READABLE) != 0 ? POLLIN : 0) | ((events & WRITABLE) != 0 ? POLLOUT : 0));
	if (wanted == 0) {
		loop_unwatch(fd);
		return JS_NewInt32(ctx, 0);
	}
	for (nfds_t at = 1; at < watched_count; at++) {
		if (watched[at].fd == fd) {
			watched[at].events = wanted;
			return JS_NewInt32(ctx, 0);
		}
	}
	if (watched_count > MOST_WATCHED)
		return host_errno(ctx, EMFILE);
	watched[watched_count++] = (struct pollfd){ .fd = fd, .events = wanted };
	return JS_NewInt32(ctx, 0);
}

/* exit(status): ends the loop once this call is over. Cannot fail. */
static JSValue loop_exit(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int status;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &status))
		return JS_EXCEPTION;
	exit_status = status & 255;
	return JS_UNDEFINED;
}

/* limits(memory octets, stack octets, milliseconds of processor time of one call); 0 leaves one as it is. Cannot fail. */
static JSValue loop_limits(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int64_t memory, stack, run;

	(void)this, (void)argc;
	if (!host_long(ctx, argv[0], &memory) || !host_long(ctx, argv[1], &stack) ||
	    !host_long(ctx, argv[2], &run))
		return JS_EXCEPTION;
	if (memory > 0)
		JS_SetMemoryLimit(JS_GetRuntime(ctx), (size_t)memory);
	if (stack > 0)
		JS_SetMaxStackSize(JS_GetRuntime(ctx), (size_t)stack);
	if (run > 0)
		most_run_ms = (double)run;
	return JS_UNDEFINED;
}

static const JSCFunctionListEntry entries[] = {
	JS_CFUNC_DEF("onEvents", 3, loop_on_events),
	JS_CFUNC_DEF("wakeAt", 1, loop_wake_at),
	JS_CFUNC_DEF("watch", 2, loop_watch),
	JS_CFUNC_DEF("exit", 1, loop_exit),
	JS_CFUNC_DEF("limits", 3, loop_limits),
};

const struct host_functions loop_functions = { entries, sizeof entries / sizeof entries[0] };
