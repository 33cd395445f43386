/* Arguments of calls that move data and wait for it: vectors, offsets, poll, select, epoll. */
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/uio.h>

#include "tools/trace/notation.h"

/* How many of the vector's buffers are captured, as parts 1 and on. */
enum { IOVEC_BUFFERS = 4 };

static void iov_base_print(FILE *out, const struct capture *c, const struct iovec *v, uint64_t size)
{
	if (c)
		buffer_print(out, c, size);
	else if (v->iov_base && !size)
		fputs("\"\"", out);
	else
		address_print(out, (uint64_t)v->iov_base);
}

/* `filled`: by the kernel, with no more bytes in all than the result says. */
void iovec_print(FILE *out, const struct call *c, unsigned arg, unsigned part, uint64_t address, bool filled, bool data)
{
	const struct capture *vector = capture_of(c, arg, part);
	uint64_t left = succeeded(c) ? (uint64_t)c->result : 0;
	size_t i;

	if (!vector) {
		address_print(out, address);
		return;
	}
	fputc('[', out);
	for (i = 0; i < vector->size / sizeof(struct iovec) && i < trace_options.string_size; i++) {
		struct iovec v;
		memcpy(&v, vector->bytes + i * sizeof(v), sizeof(v));
		uint64_t size = filled && left < v.iov_len ? left : v.iov_len;
		left -= filled ? size : 0;
		fputs(i ? ", {iov_base=" : "{iov_base=", out);
		if (data && i < IOVEC_BUFFERS)
			iov_base_print(out, capture_of(c, arg, 1 + (unsigned)i), &v, size);
		else
			address_print(out, (uint64_t)v.iov_base);
		fprintf(out, ", iov_len=%zu}", v.iov_len);
	}
	if (vector->of / sizeof(struct iovec) > i)
		fputs(i ? ", ..." : "...", out);
	fputc(']', out);
}

static void iovec_arg(FILE *out, const struct argument *a)
{
	iovec_print(out, a->call, a->index, 0, a->word, false, true);
}

static void iovec_in_arg(FILE *out, const struct argument *a)
{
	iovec_print(out, a->call, a->index, 0, a->word, true, succeeded(a->call));
}

static void iovec_addresses_arg(FILE *out, const struct argument *a)
{
	iovec_print(out, a->call, a->index, 0, a->word, false, false);
}

PLAIN_TYPE(iovec, iovec_arg);
PLAIN_TYPE(iovec_in, iovec_in_arg);
PLAIN_TYPE(iovec_addresses, iovec_addresses_arg);

/* Where the call began: what it moved is taken off what was captured at its end. */
static bool offset_get(const struct argument *a, int64_t *before, int64_t *after)
{
	const uint8_t *bytes = captured(a->call, a->index, 0, sizeof(*after));

	if (!bytes)
		return false;
	memcpy(after, bytes, sizeof(*after));
	*before = (int64_t)((uint64_t)*after - (succeeded(a->call) ? (uint64_t)a->call->result : 0));
	return true;
}

static void offset_before_arg(FILE *out, const struct argument *a)
{
	int64_t before, after;

	if (offset_get(a, &before, &after))
		fprintf(out, "[%ld]", before);
	else
		address_print(out, a->word);
}

static void offset_moved_arg(FILE *out, const struct argument *a)
{
	int64_t before, after;

	offset_before_arg(out, a);
	if (offset_get(a, &before, &after) && after != before)
		fprintf(out, " => [%ld]", after);
}

PLAIN_TYPE(offset_before, offset_before_arg);
PLAIN_TYPE(offset_moved, offset_moved_arg);

static void fd_pair_print(FILE *out, const uint8_t *bytes)
{
	int fds[2];

	memcpy(fds, bytes, sizeof(fds));
	fprintf(out, "[%d, %d]", fds[0], fds[1]);
}
STRUCT_OUT_TYPE(fd_pair_out, fd_pair_print, 2 * sizeof(int));

FLAG_SET(poll, "POLL???", FLAG(POLLIN), FLAG(POLLPRI), FLAG(POLLOUT), FLAG(POLLRDNORM), FLAG(POLLWRNORM),
    FLAG(POLLRDBAND), FLAG(POLLWRBAND), FLAG(POLLERR), FLAG(POLLHUP), FLAG(POLLNVAL), FLAG(POLLMSG), FLAG(POLLREMOVE),
    FLAG(POLLRDHUP));

static void pollfd_print(FILE *out, const uint8_t *bytes)
{
	struct pollfd p;

	memcpy(&p, bytes, sizeof(p));
	fprintf(out, "{fd=%d", p.fd);
	if (p.fd >= 0) {
		fputs(", events=", out);
		flags_print(out, &poll_set, (uint16_t)p.events);
	}
	fputc('}', out);
}

/* The next argument is how many there are; of none nothing is captured. */
static void pollfds_arg(FILE *out, const struct argument *a)
{
	if (a->word && !a->call->args[a->index + 1])
		fputs("[]", out);
	else
		array_arg(out, a);
}
const struct arg_type type_pollfds = {pollfds_arg, {0}, {sizeof(struct pollfd), pollfd_print}, false, NULL};

static void left_print(FILE *out, const struct call *c, unsigned arg, void (*print)(FILE *, const uint8_t *))
{
	const uint8_t *left = captured(c, arg, 0, sizeof(struct timespec));

	if (!left)
		return;
	fputs(", left ", out);
	print(out, left);
}

/* `([{fd=3, revents=POLLIN}], left {...})` */
void poll_result_print(FILE *out, const struct call *c, bool with_left)
{
	const struct capture *fds = capture_of(c, 0, 0);
	unsigned shown = 0;

	if (!fds)
		return;
	for (size_t i = 0; i < fds->size / sizeof(struct pollfd); i++) {
		struct pollfd p;
		memcpy(&p, fds->bytes + i * sizeof(p), sizeof(p));
		if (p.fd < 0 || !p.revents)
			continue;
		if (shown == trace_options.string_size) {
			fputs(", ...", out);
			break;
		}
		fprintf(out, "%s{fd=%d, revents=", shown++ ? ", " : " ([", p.fd);
		flags_print(out, &poll_set, (uint16_t)p.revents);
		fputc('}', out);
	}
	if (!shown)
		return;
	fputc(']', out);
	if (with_left)
		left_print(out, c, 2, timespec_print);
	fputc(')', out);
}

static bool fd_is_set(const uint8_t *set, unsigned fd)
{
	return set[fd / 8] & (1U << (fd % 8));
}

/* NULL: it has no member. */
static const uint8_t *fd_set_of(const struct call *c, unsigned arg)
{
	const uint8_t *set = captured(c, arg, 0, sizeof(fd_set));

	for (unsigned fd = 0; set && fd < FD_SETSIZE && fd < (unsigned)c->args[0]; fd++)
		if (fd_is_set(set, fd))
			return set;
	return NULL;
}

static void fd_set_print(FILE *out, const struct call *c, const uint8_t *set)
{
	const char *separator = "[";

	for (unsigned fd = 0; set && fd < FD_SETSIZE && fd < (unsigned)c->args[0]; fd++)
		if (fd_is_set(set, fd)) {
			fprintf(out, "%s%u", separator, fd);
			separator = " ";
		}
	fputs(set ? "]" : "[]", out);
}

/* The call writes its sets over: what was asked for is there only if it failed. */
static void fd_set_arg(FILE *out, const struct argument *a)
{
	if (succeeded(a->call) || !captured(a->call, a->index, 0, sizeof(fd_set)))
		address_print(out, a->word);
	else
		fd_set_print(out, a->call, fd_set_of(a->call, a->index));
}
PLAIN_TYPE(fd_set, fd_set_arg);

/* `(in [3], out [4], left {...})` */
void select_result_print(FILE *out, const struct call *c, bool with_timespec)
{
	static const char *const names[] = {"in ", "out ", "except "};
	const char *separator = " (";

	for (unsigned arg = 1; arg <= 3; arg++) {
		const uint8_t *set = fd_set_of(c, arg);
		if (!set)
			continue;
		fprintf(out, "%s%s", separator, names[arg - 1]);
		fd_set_print(out, c, set);
		separator = ", ";
	}
	if (*separator != ',')
		return;
	left_print(out, c, 4, with_timespec ? timespec_print : timeval_print);
	fputc(')', out);
}

/* A time limit is written over with what is left of it. */
static void time_left_arg(FILE *out, const struct argument *a)
{
	if (succeeded(a->call))
		address_print(out, a->word);
	else
		struct_arg(out, a);
}

const struct arg_type type_time_left = {time_left_arg, {0}, {sizeof(struct timeval), timeval_print}, false, NULL};
const struct arg_type type_timespec_left = {time_left_arg, {0}, {sizeof(struct timespec), timespec_print}, false, NULL};

static void sigset_and_size_print(FILE *out, const uint8_t *bytes)
{
	uint64_t pair[2];

	memcpy(pair, bytes, sizeof(pair));
	fputs("{sigmask=", out);
	address_print(out, pair[0]);
	fprintf(out, ", sigsetsize=%lu}", pair[1]);
}
STRUCT_TYPE(sigset_and_size, sigset_and_size_print, 16);

FLAG_SET(epoll, "EPOLL???", FLAG(EPOLLIN), FLAG(EPOLLPRI), FLAG(EPOLLOUT), FLAG(EPOLLRDNORM), FLAG(EPOLLRDBAND),
    FLAG(EPOLLWRNORM), FLAG(EPOLLWRBAND), FLAG(EPOLLMSG), FLAG(EPOLLERR), FLAG(EPOLLHUP), FLAG(EPOLLRDHUP),
    FLAG(EPOLLEXCLUSIVE), FLAG(EPOLLWAKEUP), FLAG(EPOLLONESHOT), FLAG(EPOLLET));

static void epoll_event_print(FILE *out, const uint8_t *bytes)
{
	struct epoll_event e;

	memcpy(&e, bytes, sizeof(e));
	fputs("{events=", out);
	flags_print(out, &epoll_set, (uint32_t)e.events);
	fprintf(out, ", data={u32=%u, u64=%lu}}", e.data.u32, e.data.u64);
}

static bool epoll_event_counts(const struct argument *a)
{
	return (int)a->call->args[1] != EPOLL_CTL_DEL;
}

static void epoll_event_arg(FILE *out, const struct argument *a)
{
	if (epoll_event_counts(a))
		struct_arg(out, a);
	else
		address_print(out, a->word);
}

const struct arg_type type_epoll_event = {
    epoll_event_arg, {0}, {sizeof(struct epoll_event), epoll_event_print}, false, NULL};

ARRAY_OUT_TYPE(epoll_events_out, epoll_event_print, sizeof(struct epoll_event));
