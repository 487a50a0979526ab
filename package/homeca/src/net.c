/* Sockets: none of them blocks, none is inherited. An address is text, and the number of an interface where it needs one. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host.h"

enum {
	/* In one call: more than any datagram. */
	MOST_RECEIVED = 65536,
	BACKLOG = 256,
	HOPS = 255,
};

union address {
	struct sockaddr any;
	struct sockaddr_in ip4;
	struct sockaddr_in6 ip6;
	struct sockaddr_un local;
	struct sockaddr_storage room;
};

static uint8_t received[MOST_RECEIVED];

/* The length of the address, or 0 for text that is none. */
static socklen_t parse(const char *text, int port, int interface, union address *to)
{
	memset(to, 0, sizeof *to);
	if (port < 0 || port > 65535)
		return 0;
	if (inet_pton(AF_INET, text, &to->ip4.sin_addr) == 1) {
		to->ip4.sin_family = AF_INET;
		to->ip4.sin_port = htons((uint16_t)port);
		return sizeof to->ip4;
	}
	if (inet_pton(AF_INET6, text, &to->ip6.sin6_addr) == 1) {
		to->ip6.sin6_family = AF_INET6;
		to->ip6.sin6_port = htons((uint16_t)port);
		to->ip6.sin6_scope_id = interface < 0 ? 0 : (uint32_t)interface;
		return sizeof to->ip6;
	}
	return 0;
}

/* From arguments: address, port and interface. False with an exception pending; `*length` is 0 for no address. */
static int taken(JSContext *ctx, JSValueConst *argv, union address *to, socklen_t *length)
{
	const char *text;
	int port, interface;

	if (!host_int(ctx, argv[1], &port) || !host_int(ctx, argv[2], &interface))
		return 0;
	text = host_text(ctx, argv[0]);
	if (text == NULL)
		return 0;
	*length = parse(text, port, interface, to);
	JS_FreeCString(ctx, text);
	return 1;
}

/* [first, address, port] */
static JSValue shown(JSContext *ctx, JSValue first, const union address *from)
{
	char text[INET6_ADDRSTRLEN] = "";
	JSValue result = JS_NewArray(ctx);
	int port = 0;

	if (from->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &from->ip4.sin_addr, text, sizeof text);
		port = ntohs(from->ip4.sin_port);
	} else if (from->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &from->ip6.sin6_addr, text, sizeof text);
		port = ntohs(from->ip6.sin6_port);
	}
	JS_SetPropertyUint32(ctx, result, 0, first);
	JS_SetPropertyUint32(ctx, result, 1, JS_NewString(ctx, text));
	JS_SetPropertyUint32(ctx, result, 2, JS_NewInt32(ctx, port));
	return result;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

/* The descriptor, or -1 with errno; an IPv6 socket takes IPv6 only. */
static int opened(int family, int type, int reuse)
{
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if ((family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) ||
	    (reuse && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)) {
		int failed = errno;

		close(fd);
		errno = failed;
		return -1;
	}
	return fd;
}

static JSValue bound(JSContext *ctx, int fd, const union address *to, socklen_t length, int backlog)
{
	if (fd < 0)
		return host_errno(ctx, errno);
	if (bind(fd, &to->any, length) < 0 || (backlog > 0 && listen(fd, backlog) < 0)) {
		int failed = errno;

		close(fd);
		return host_errno(ctx, failed);
	}
	return JS_NewInt32(ctx, fd);
}

/* udp(address, port, interface, reuse) -> descriptor, bound. EINVAL for no address; as bind(2). */
static JSValue net_udp(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	union address to;
	socklen_t length;
	int reuse;

	(void)this, (void)argc;
	if (!taken(ctx, argv, &to, &length) || !host_int(ctx, argv[3], &reuse))
		return JS_EXCEPTION;
	if (length == 0)
		return host_errno(ctx, EINVAL);
	return bound(ctx, opened(to.any.sa_family, SOCK_DGRAM, reuse), &to, length, 0);
}

/* tcpListen(address, port, interface) -> descriptor, listening. EINVAL for no address; as bind(2). */
static JSValue net_tcp_listen(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	union address to;
	socklen_t length;

	(void)this, (void)argc;
	if (!taken(ctx, argv, &to, &length))
		return JS_EXCEPTION;
	if (length == 0)
		return host_errno(ctx, EINVAL);
	return bound(ctx, opened(to.any.sa_family, SOCK_STREAM, 1), &to, length, BACKLOG);
}

static JSValue connecting(JSContext *ctx, int fd, const union address *to, socklen_t length)
{
	if (fd < 0)
		return host_errno(ctx, errno);
	if (connect(fd, &to->any, length) < 0 && errno != EINPROGRESS) {
		int failed = errno;

		close(fd);
		return host_errno(ctx, failed);
	}
	return JS_NewInt32(ctx, fd);
}

/* tcpConnect(address, port, interface) -> descriptor; once writable, failure() says how it went. As connect(2). */
static JSValue net_tcp_connect(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	union address to;
	socklen_t length;

	(void)this, (void)argc;
	if (!taken(ctx, argv, &to, &length))
		return JS_EXCEPTION;
	if (length == 0)
		return host_errno(ctx, EINVAL);
	return connecting(ctx, opened(to.any.sa_family, SOCK_STREAM, 0), &to, length);
}

/* False with an exception pending; `*failed` is ENAMETOOLONG where it does not fit. */
static int local_name(JSContext *ctx, JSValueConst value, union address *to, int *failed)
{
	const char *path = host_text(ctx, value);

	if (path == NULL)
		return 0;
	memset(to, 0, sizeof *to);
	to->local.sun_family = AF_UNIX;
	*failed = strlen(path) >= sizeof to->local.sun_path ? ENAMETOOLONG : 0;
	if (*failed == 0)
		memcpy(to->local.sun_path, path, strlen(path) + 1);
	JS_FreeCString(ctx, path);
	return 1;
}

/* localConnect(path) -> descriptor. As connect(2): ENOENT, ECONNREFUSED, EACCES, EAGAIN; ENAMETOOLONG. */
static JSValue net_local_connect(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	union address to;
	int failed;

	(void)this, (void)argc;
	if (!local_name(ctx, argv[0], &to, &failed))
		return JS_EXCEPTION;
	if (failed != 0)
		return host_errno(ctx, failed);
	return connecting(ctx, opened(AF_UNIX, SOCK_STREAM, 0), &to, sizeof to.local);
}

/* localListen(path, mode) -> descriptor; the name is born with the mode. As bind(2): EADDRINUSE where the name is there; ENAMETOOLONG. */
static JSValue net_local_listen(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	union address to;
	int failed, mode;
	mode_t before;
	JSValue result;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[1], &mode) || !local_name(ctx, argv[0], &to, &failed))
		return JS_EXCEPTION;
	if (failed != 0)
		return host_errno(ctx, failed);
	before = umask((mode_t)(0777 & ~mode));
	result = bound(ctx, opened(AF_UNIX, SOCK_STREAM, 0), &to, sizeof to.local, BACKLOG);
	umask(before);
	return result;
}

/* accept(fd) -> [descriptor, address, port]; no address of a local one. As accept(2): EAGAIN for nobody. */
static JSValue net_accept(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	union address from;
	socklen_t length = sizeof from;
	int fd, got;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd))
		return JS_EXCEPTION;
	memset(&from, 0, sizeof from);
	got = accept4(fd, &from.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return got < 0 ? host_errno(ctx, errno) : shown(ctx, JS_NewInt32(ctx, got), &from);
}

/* bound(fd) -> [0, address, port]. As getsockname(2). */
static JSValue net_bound(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	union address own;
	socklen_t length = sizeof own;
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd))
		return JS_EXCEPTION;
	memset(&own, 0, sizeof own);
	if (getsockname(fd, &own.any, &length) < 0)
		return host_errno(ctx, errno);
	return shown(ctx, JS_NewInt32(ctx, 0), &own);
}

/* failure(fd) -> 0, or what became of it, as getsockopt(2) SO_ERROR tells. */
static JSValue net_failure(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int fd, failed;
	socklen_t length = sizeof failed;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd))
		return JS_EXCEPTION;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length) < 0)
		failed = errno;
	return host_errno(ctx, failed);
}

/* receiveFrom(fd) -> [ArrayBuffer, address, port], one datagram. As recvfrom(2): EAGAIN for none. */
static JSValue net_receive_from(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	union address from;
	socklen_t length = sizeof from;
	ssize_t got;
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd))
		return JS_EXCEPTION;
	memset(&from, 0, sizeof from);
	got = recvfrom(fd, received, sizeof received, 0, &from.any, &length);
	if (got < 0)
		return host_errno(ctx, errno);
	return shown(ctx, host_bytes(ctx, received, (size_t)got), &from);
}

/* sendTo(fd, address, port, interface, buffer, offset, length) -> octets sent. EINVAL for no address; as sendto(2). */
static JSValue net_send_to(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	union address to;
	const uint8_t *bytes;
	socklen_t length;
	size_t size;
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd) || !taken(ctx, argv + 1, &to, &length))
		return JS_EXCEPTION;
	bytes = host_part(ctx, argv[4], argv[5], argv[6], &size);
	if (bytes == NULL)
		return JS_EXCEPTION;
	if (length == 0)
		return host_errno(ctx, EINVAL);
	return host_result(ctx, sendto(fd, bytes, size, MSG_NOSIGNAL, &to.any, length));
}

/* receive(fd) -> ArrayBuffer, empty at the end; sockets and pipes. As read(2): EAGAIN for nothing yet. */
static JSValue net_receive(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	ssize_t got;
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd))
		return JS_EXCEPTION;
	got = read(fd, received, sizeof received);
	return got < 0 ? host_errno(ctx, errno) : host_bytes(ctx, received, (size_t)got);
}

/* send(fd, buffer, offset, length) -> octets taken; sockets and pipes. As write(2): EAGAIN for no room. */
static JSValue net_send(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const uint8_t *bytes;
	size_t size;
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd))
		return JS_EXCEPTION;
	bytes = host_part(ctx, argv[1], argv[2], argv[3], &size);
	return bytes == NULL ? JS_EXCEPTION : host_result(ctx, write(fd, bytes, size));
}

/* end(fd) -> 0: our half is over. As shutdown(2): ENOTCONN. */
static JSValue net_end(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int fd;

	(void)this, (void)argc;
	return host_int(ctx, argv[0], &fd) ? host_result(ctx, shutdown(fd, SHUT_WR)) : JS_EXCEPTION;
}

/* reset(fd) -> 0: closed, and the peer of a TCP connection told so at once. Cannot fail. */
static JSValue net_reset(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	int fd;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd))
		return JS_EXCEPTION;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	host_close(fd);
	return JS_NewInt32(ctx, 0);
}

static int join4(int fd, const char *group, int interface)
{
	struct ip_mreqn request = { .imr_ifindex = interface };

	if (inet_pton(AF_INET, group, &request.imr_multiaddr) != 1) {
		errno = EINVAL;
		return -1;
	}
	/* Else it would hear what others have joined on other links. */
	if (set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
}

static int join6(int fd, const char *group, int interface)
{
	struct ipv6_mreq request = { .ipv6mr_interface = (unsigned int)interface };

	if (inet_pton(AF_INET6, group, &request.ipv6mr_multiaddr) != 1) {
		errno = EINVAL;
		return -1;
	}
	return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request);
}

/* join(fd, group, interface) -> 0: hears that group on that link alone. EINVAL for no group; as setsockopt(2). */
static JSValue net_join(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	const char *group;
	int fd, interface, result;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd) || !host_int(ctx, argv[2], &interface))
		return JS_EXCEPTION;
	group = host_text(ctx, argv[1]);
	if (group == NULL)
		return JS_EXCEPTION;
	result = strchr(group, ':') == NULL ? join4(fd, group, interface) : join6(fd, group, interface);
	if (result < 0)
		result = -errno;
	JS_FreeCString(ctx, group);
	return JS_NewInt32(ctx, result);
}

/* through(fd, interface, is6) -> 0: multicast leaves by that link, all with a TTL of 255, and is heard here too. As setsockopt(2). */
static JSValue net_through(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	int fd, interface, is6, failed;

	(void)this, (void)argc;
	if (!host_int(ctx, argv[0], &fd) || !host_int(ctx, argv[1], &interface) ||
	    !host_int(ctx, argv[2], &is6))
		return JS_EXCEPTION;
	if (is6) {
		failed = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, interface) < 0 ||
			 set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS) < 0 ||
			 set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOPS) < 0 ||
			 set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1) < 0;
	} else {
		struct ip_mreqn link = { .imr_ifindex = interface };

		failed = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &link, sizeof link) < 0 ||
			 set(fd, IPPROTO_IP, IP_MULTICAST_TTL, HOPS) < 0 ||
			 set(fd, IPPROTO_IP, IP_TTL, HOPS) < 0 || set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1) < 0;
	}
	return failed ? host_errno(ctx, errno) : JS_NewInt32(ctx, 0);
}

static int prefix_length(const uint8_t *mask, size_t size)
{
	int bits = 0;

	for (size_t at = 0; at < size; at++)
		for (int bit = 0; bit < 8; bit++)
			bits += (mask[at] >> bit) & 1;
	return bits;
}

/* [name, number, address, prefix length], or undefined for an address that is of no use. */
static JSValue link_of(JSContext *ctx, const struct ifaddrs *one)
{
	union address own, mask;
	JSValue first, result;
	int prefix;

	if (one->ifa_addr == NULL || one->ifa_netmask == NULL || (one->ifa_flags & IFF_UP) == 0 ||
	    (one->ifa_flags & IFF_LOOPBACK) != 0)
		return JS_UNDEFINED;
	memset(&own, 0, sizeof own);
	memset(&mask, 0, sizeof mask);
	if (one->ifa_addr->sa_family == AF_INET) {
		memcpy(&own, one->ifa_addr, sizeof own.ip4);
		memcpy(&mask, one->ifa_netmask, sizeof mask.ip4);
		prefix = prefix_length((const uint8_t *)&mask.ip4.sin_addr, 4);
	} else if (one->ifa_addr->sa_family == AF_INET6) {
		memcpy(&own, one->ifa_addr, sizeof own.ip6);
		memcpy(&mask, one->ifa_netmask, sizeof mask.ip6);
		prefix = prefix_length((const uint8_t *)&mask.ip6.sin6_addr, 16);
	} else {
		return JS_UNDEFINED;
	}
	first = JS_NewString(ctx, one->ifa_name);
	result = shown(ctx, first, &own);
	JS_SetPropertyUint32(ctx, result, 2, JS_NewInt32(ctx, prefix));
	JS_SetPropertyUint32(ctx, result, 3, JS_NewInt32(ctx, (int)if_nametoindex(one->ifa_name)));
	return result;
}

/* links() -> [name, address, prefix length, number] for each address of an interface that is up, the loopback's aside. As getifaddrs(3). */
static JSValue net_links(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
	struct ifaddrs *all;
	uint32_t count = 0;
	JSValue result;

	(void)this, (void)argc, (void)argv;
	if (getifaddrs(&all) < 0)
		return host_errno(ctx, errno);
	result = JS_NewArray(ctx);
	for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
		JSValue row = link_of(ctx, one);

		if (!JS_IsUndefined(row))
			JS_SetPropertyUint32(ctx, result, count++, row);
	}
	freeifaddrs(all);
	return result;
}

static const JSCFunctionListEntry entries[] = {
	JS_CFUNC_DEF("udp", 4, net_udp),
	JS_CFUNC_DEF("tcpListen", 3, net_tcp_listen),
	JS_CFUNC_DEF("tcpConnect", 3, net_tcp_connect),
	JS_CFUNC_DEF("localListen", 2, net_local_listen),
	JS_CFUNC_DEF("localConnect", 1, net_local_connect),
	JS_CFUNC_DEF("accept", 1, net_accept),
	JS_CFUNC_DEF("bound", 1, net_bound),
	JS_CFUNC_DEF("failure", 1, net_failure),
	JS_CFUNC_DEF("receiveFrom", 1, net_receive_from),
	JS_CFUNC_DEF("sendTo", 7, net_send_to),
	JS_CFUNC_DEF("receive", 1, net_receive),
	JS_CFUNC_DEF("send", 4, net_send),
	JS_CFUNC_DEF("end", 1, net_end),
	JS_CFUNC_DEF("reset", 1, net_reset),
	JS_CFUNC_DEF("join", 3, net_join),
	JS_CFUNC_DEF("through", 3, net_through),
	JS_CFUNC_DEF("links", 0, net_links),
};

const struct host_functions net_functions = { entries, sizeof entries / sizeof entries[0] };
