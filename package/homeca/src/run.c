/* Programs: by their words, never through a shell, with PATH and LC_ALL=C and nothing else of our surroundings. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

enum { MOST_WORDS = 256 };

static void free_words(JSContext *ctx, const char **words, int count)
{
	for (int at = 0; at < count; at++)
		JS_FreeCString(ctx, words[at]);
}

static void close_pipes(int pipes[3][2])
{
	for (int at = 0; at < 3; at++)
		for (int end = 0; end < 2; end++)
			if (pipes[at][end] >= 0)
				close(pipes[at][end]);
}

/* 0, or an error number. `pipes[n]` becomes descriptor n of the program. */
static int start(const char **words, int pipes[3][2], pid_t *pid)
{
	char path[4096];
	const char *found = getenv("PATH");
	char locale[] = "LC_ALL=C";
	char *environment[] = { path, locale, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int failed;

	snprintf(path, sizeof path, "PATH=%s", found == NULL ? "/usr/sbin:/usr/bin:/sbin:/bin" : found);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	for (int at = 0; at < 3; at++)
		posix_spawn_file_actions_adddup2(&actions, pipes[at][at == 0 ? 0 : 1], at);
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	/* The words are only read; the signature is older than const. */
	failed = posix_spawnp(pid, words[0], &actions, &attributes, (char *const *)(uintptr_t)words, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static JSValue started(JSContext *ctx, pid_t pid, int pipes[3][2])
{
	JSValue result = JS_NewArray(ctx);

	JS_SetPropertyUint32(ctx, result, 0, JS_NewInt32(ctx, pid));
	for (int at = 0; at < 3; at++) {
		int own = at == 0 ? 1 : 0;
		int fd = pipes[at][own];

		pipes[at][own] = -1;
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		JS_SetPropertyUint32(ctx, result, (uint32_t)at + 1, JS_NewInt32(ctx, fd));
	}
	return result;
}

/* spawn(words) -> [pid, its input, its output, its errors]. As posix_spawnp(3): ENOENT, EACCES, and pipe(2)'s. */
static JSValue run_spawn(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *words[MOST_WORDS + 1];
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int count = 0, failed = 0;
	JSValue result;
	pid_t pid;

	(void)this, (void)argc;
	for (; count < MOST_WORDS; count++) {
		JSValue word = JS_GetPropertyUint32(ctx, argv[0], (uint32_t)count);

		if (JS_IsUndefined(word))
			break;
		words[count] = host_text(ctx, word);
		JS_FreeValue(ctx, word);
		if (words[count] == NULL) {
			free_words(ctx, words, count);
			return JS_EXCEPTION;
		}
	}
	words[count] = NULL;
	if (count == 0 || count == MOST_WORDS)
		failed = count == 0 ? EINVAL : E2BIG;
	for (int at = 0; at < 3 && failed == 0; at++)
		if (pipe2(pipes[at], O_CLOEXEC) < 0)
			failed = errno;
	if (failed == 0)
		failed = start(words, pipes, &pid);
	result = failed == 0 ? started(ctx, pid, pipes) : host_errno(ctx, failed);
	close_pipes(pipes);
	free_words(ctx, words, count);
	return result;
}

/* reap(pid) -> its exit status, or 128 and the signal's number; EAGAIN while it runs, ECHILD as E10 for no child of ours. */
static JSValue run_reap(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int pid, status;
	pid_t ended;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &pid))
		return JS_EXCEPTION;
	ended = waitpid(pid, &status, WNOHANG);
	if (ended < 0)
		return host_errno(ctx, errno);
	if (ended == 0)
		return host_errno(ctx, EAGAIN);
	return JS_NewInt32(ctx, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* kill(pid) -> 0: it ends at once. As kill(2) with SIGKILL; EINVAL for what is no single process. */
static JSValue run_kill(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int pid;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &pid))
		return JS_EXCEPTION;
	return pid <= 1 ? host_errno(ctx, EINVAL) : host_result(ctx, kill(pid, SIGKILL));
}

static const JSCFunctionListEntry entries[] = {
	JS_CFUNC_DEF("spawn", 1, run_spawn),
	JS_CFUNC_DEF("reap", 1, run_reap),
	JS_CFUNC_DEF("kill", 1, run_kill),
};

const struct host_functions run_functions = { entries, sizeof entries / sizeof entries[0] };
