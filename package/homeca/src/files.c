/* Files as system calls; in which order they are durable is script. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

enum {
	/* Of one file. */
	MOST_READ = 64 * 1024 * 1024,
	FIRST_READ = 4096,
	/* How a file is opened. */
	OPEN_CREATE = 1,
	OPEN_FOLDER = 2,
};

static JSValue read_all(JSContext *ctx, int fd)
{
	size_t room = FIRST_READ, have = 0;
	uint8_t *bytes = malloc(room);
	JSValue result;
	int failed = bytes == NULL ? ENOMEM : 0;

	while (failed == 0) {
		ssize_t got;

		if (have == room) {
			uint8_t *more = room >= MOST_READ ? NULL : realloc(bytes, room * 2);

			if (more == NULL) {
				failed = room >= MOST_READ ? EFBIG : ENOMEM;
				break;
			}
			bytes = more;
			room *= 2;
		}
		got = read(fd, bytes + have, room - have);
		if (got == 0)
			break;
		if (got > 0)
			have += (size_t)got;
		else if (errno != EINTR)
			failed = errno;
	}
	result = failed != 0 ? host_errno(ctx, failed) : host_bytes(ctx, bytes, have);
	if (bytes != NULL)
		explicit_bzero(bytes, have);
	free(bytes);
	return result;
}

/* read(path) -> ArrayBuffer. As open(2) and read(2); EFBIG beyond 64 MiB. */
static JSValue file_read(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *path = host_text(ctx, argv[0]);
	JSValue result;
	int fd;

	(void)this, (void)argc;
	if (path == NULL)
		return JS_EXCEPTION;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	JS_FreeCString(ctx, path);
	if (fd < 0)
		return host_errno(ctx, errno);
	result = read_all(ctx, fd);
	close(fd);
	return result;
}

/* facts(path) -> [mode, size, uid, 0 file | 1 folder | 2 socket | 3 other], of a link itself. As lstat(2). */
static JSValue file_facts(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *path = host_text(ctx, argv[0]);
	struct stat facts;
	JSValue result;
	int failed, kind;

	(void)this, (void)argc;
	if (path == NULL)
		return JS_EXCEPTION;
	failed = lstat(path, &facts) < 0 ? errno : 0;
	JS_FreeCString(ctx, path);
	if (failed != 0)
		return host_errno(ctx, failed);
	kind = S_ISREG(facts.st_mode) ? 0 : S_ISDIR(facts.st_mode) ? 1 : S_ISSOCK(facts.st_mode) ? 2 : 3;
	result = JS_NewArray(ctx);
	JS_SetPropertyUint32(ctx, result, 0, JS_NewInt32(ctx, (int)(facts.st_mode & 07777)));
	JS_SetPropertyUint32(ctx, result, 1, JS_NewInt64(ctx, facts.st_size));
	JS_SetPropertyUint32(ctx, result, 2, JS_NewInt64(ctx, facts.st_uid));
	JS_SetPropertyUint32(ctx, result, 3, JS_NewInt32(ctx, kind));
	return result;
}

/* list(folder) -> names, in no order, without . and .. As opendir(3). */
static JSValue file_list(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *path = host_text(ctx, argv[0]);
	struct dirent *entry;
	uint32_t count = 0;
	JSValue result;
	DIR *folder;

	(void)this, (void)argc;
	if (path == NULL)
		return JS_EXCEPTION;
	folder = opendir(path);
	JS_FreeCString(ctx, path);
	if (folder == NULL)
		return host_errno(ctx, errno);
	result = JS_NewArray(ctx);
	while ((entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		JS_SetPropertyUint32(ctx, result, count++, JS_NewString(ctx, entry->d_name));
	}
	closedir(folder);
	return result;
}

/* open(path, flags, mode) -> descriptor, to read and write. 1: make it, EEXIST where it is there; 2: a folder, to sync it. A file never through a link: ELOOP. */
static JSValue file_open(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *path;
	int flags, mode, how, fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[1], &flags) || !host_int(ctx, argv[2], &mode))
		return JS_EXCEPTION;
	path = host_text(ctx, argv[0]);
	if (path == NULL)
		return JS_EXCEPTION;
	how = O_CLOEXEC | ((flags & OPEN_FOLDER) != 0 ? O_RDONLY | O_DIRECTORY : O_RDWR | O_NOFOLLOW);
	if ((flags & OPEN_CREATE) != 0)
		how |= O_CREAT | O_EXCL;
	fd = open(path, how, (mode_t)mode);
	JS_FreeCString(ctx, path);
	return host_result(ctx, fd);
}

/* write(fd, position, buffer, offset, length) -> 0 once all is written. As pwrite(2). */
static JSValue file_write(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const uint8_t *bytes;
	int64_t position;
	size_t size;
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd) || !host_long(ctx, argv[1], &position))
		return JS_EXCEPTION;
	bytes = host_part(ctx, argv[2], argv[3], argv[4], &size);
	if (bytes == NULL)
		return JS_EXCEPTION;
	while (size > 0) {
		ssize_t wrote = pwrite(fd, bytes, size, (off_t)position);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return host_errno(ctx, errno);
		bytes += wrote;
		size -= (size_t)wrote;
		position += wrote;
	}
	return JS_NewInt32(ctx, 0);
}

/* sync(fd) -> 0 once it is on the medium. As fsync(2). */
static JSValue file_sync(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int fd;

	(void)this, (void)argc;
	return host_int(ctx, argv[0], &fd) ? host_result(ctx, fsync(fd)) : JS_EXCEPTION;
}

/* truncate(fd, length) -> 0. As ftruncate(2). */
static JSValue file_truncate(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int64_t length;
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd) || !host_long(ctx, argv[1], &length))
		return JS_EXCEPTION;
	return host_result(ctx, ftruncate(fd, (off_t)length));
}

/* chmod(fd, mode) -> 0. As fchmod(2). */
static JSValue file_chmod(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int fd, mode;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd) || !host_int(ctx, argv[1], &mode))
		return JS_EXCEPTION;
	return host_result(ctx, fchmod(fd, (mode_t)mode));
}

/* size(fd) -> octets. As fstat(2). */
static JSValue file_size(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	struct stat facts;
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd))
		return JS_EXCEPTION;
	return fstat(fd, &facts) < 0 ? host_errno(ctx, errno) : JS_NewInt64(ctx, facts.st_size);
}

/* close(fd) -> 0; it is watched no more. Cannot fail. */
static JSValue file_close(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd))
		return JS_EXCEPTION;
	host_close(fd);
	return JS_NewInt32(ctx, 0);
}

/* lock(fd) -> 0; EAGAIN where another process has it. It lasts until the descriptor is closed. As flock(2). */
static JSValue file_lock(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int fd;

	(void)this, (void)argc;
	return host_int(ctx, argv[0], &fd) ? host_result(ctx, flock(fd, LOCK_EX | LOCK_NB)) : JS_EXCEPTION;
}

static JSValue on_two(JSContext *ctx, JSValueConst *argv, int (*operation)(const char *, const char *))
{
	const char *from = host_text(ctx, argv[0]);
	const char *to = from == NULL ? NULL : host_text(ctx, argv[1]);
	JSValue result = to == NULL ? JS_EXCEPTION : host_result(ctx, operation(from, to));

	if (to != NULL)
		JS_FreeCString(ctx, to);
	if (from != NULL)
		JS_FreeCString(ctx, from);
	return result;
}

/* rename(from, to) -> 0. As rename(2). */
static JSValue file_rename(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	(void)this, (void)argc;
	return on_two(ctx, argv, rename);
}

/* link(from, to) -> 0; EEXIST where there is such a name. As link(2). */
static JSValue file_link(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	(void)this, (void)argc;
	return on_two(ctx, argv, link);
}

/* unlink(path) -> 0. As unlink(2). */
static JSValue file_unlink(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *path = host_text(ctx, argv[0]);
	JSValue result;

	(void)this, (void)argc;
	if (path == NULL)
		return JS_EXCEPTION;
	result = host_result(ctx, unlink(path));
	JS_FreeCString(ctx, path);
	return result;
}

/* mkdir(path, mode) -> 0. As mkdir(2). */
static JSValue file_mkdir(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *path;
	JSValue result;
	int mode;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[1], &mode))
		return JS_EXCEPTION;
	path = host_text(ctx, argv[0]);
	if (path == NULL)
		return JS_EXCEPTION;
	result = host_result(ctx, mkdir(path, (mode_t)mode));
	JS_FreeCString(ctx, path);
	return result;
}

static const JSCFunctionListEntry entries[] = {
	JS_CFUNC_DEF("read", 1, file_read),
	JS_CFUNC_DEF("facts", 1, file_facts),
	JS_CFUNC_DEF("list", 1, file_list),
	JS_CFUNC_DEF("open", 3, file_open),
	JS_CFUNC_DEF("write", 5, file_write),
	JS_CFUNC_DEF("sync", 1, file_sync),
	JS_CFUNC_DEF("truncate", 2, file_truncate),
	JS_CFUNC_DEF("chmod", 2, file_chmod),
	JS_CFUNC_DEF("size", 1, file_size),
	JS_CFUNC_DEF("close", 1, file_close),
	JS_CFUNC_DEF("lock", 1, file_lock),
	JS_CFUNC_DEF("rename", 2, file_rename),
	JS_CFUNC_DEF("link", 2, file_link),
	JS_CFUNC_DEF("unlink", 1, file_unlink),
	JS_CFUNC_DEF("mkdir", 2, file_mkdir),
};

const struct host_functions file_functions = { entries, sizeof entries / sizeof entries[0] };
