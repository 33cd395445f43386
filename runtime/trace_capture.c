/* The memory that a call's arguments point to, as it is at the call's end: what strace would show of it. */
#include <linux/limits.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "mem.h"
#include "trace_internal.h"

#define VECTORS 4
#define STRINGS 16
#define STRING_CHUNK 64
#define ADDRESS_MOST 128 /* sizeof(struct sockaddr_storage) */
#define STRUCT_MOST 4096 /* of one argument, whatever the user wants of strings */

static const struct trace_arg table[TRACE_CALLS][6] = {
#define ARG(type, capture) CAPTURE_##capture
#define CALL(number, name, groups, ...) [number] = {__VA_ARGS__},
#include "trace_calls.def"
#undef ARG
#undef CALL
};

struct pen {
	uint8_t *at;
	const uint8_t *end;
	uint32_t most; /* of a string or buffer */
};

static uint64_t argument(const struct regs *r, unsigned i)
{
	const uint64_t args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
	return args[i];
}

/* `of` bytes are there, `n` of them are wanted. What cannot be read is left out. */
static size_t piece(struct pen *p, unsigned arg, unsigned part, uint64_t from, size_t n, uint64_t of)
{
	struct trace_capture *c = (void *)p->at;
	size_t room = (size_t)(p->end - p->at);
	if (!from || room < sizeof(*c) + 8)
		return 0;
	if (n > room - sizeof(*c))
		n = room - sizeof(*c);
	n = trace_peek(c->bytes, (const void *)from, n);
	if (!n && of)
		return 0;
	*c = (struct trace_capture){
	    (uint8_t)arg, (uint8_t)part, (uint16_t)n, of > UINT32_MAX ? UINT32_MAX : (uint32_t)of};
	p->at += (sizeof(*c) + n + 7) & ~7UL;
	return n;
}

/* Whole, or not at all. */
static void whole(struct pen *p, unsigned arg, unsigned part, uint64_t from, size_t n)
{
	uint8_t *before = p->at;
	if (piece(p, arg, part, from, n, n) != n)
		p->at = before;
}

static void bytes(struct pen *p, unsigned arg, unsigned part, uint64_t from, uint64_t n)
{
	size_t most = p->most > ADDRESS_MOST ? p->most : ADDRESS_MOST;
	if (n)
		piece(p, arg, part, from, n < most ? n : most, n);
}

/* How long it is, is only known when it has been read; it may end right before memory that is not there. */
static void string(struct pen *p, unsigned arg, unsigned part, uint64_t from, size_t most)
{
	char chunk[STRING_CHUNK];
	size_t length = 0, got = sizeof(chunk);
	bool ends = false;
	while (!ends && got == sizeof(chunk) && length <= most) {
		size_t to_page = 4096 - (from + length) % 4096;
		size_t n = to_page < sizeof(chunk) ? to_page : sizeof(chunk);
		size_t i = 0;
		got = trace_peek(chunk, (const void *)(from + length), n);
		while (i < got && chunk[i])
			i++;
		ends = i < got;
		length += i;
		got = got == n ? sizeof(chunk) : 0;
	}
	if (length || ends)
		piece(p, arg, part, from, length < most ? length : most, length);
}

static void vector(struct pen *p, unsigned arg, const struct iovec *iov, size_t count, uint64_t limit)
{
	for (size_t i = 0; i < count && i < VECTORS && limit; i++) {
		uint64_t n = iov[i].iov_len < limit ? iov[i].iov_len : limit;
		bytes(p, arg, (unsigned)i + 1, (uint64_t)iov[i].iov_base, n);
		limit -= n;
	}
}

static void iovec(struct pen *p, unsigned arg, unsigned part, uint64_t from, uint64_t count, uint64_t limit)
{
	struct iovec few[VECTORS];
	size_t n = count < VECTORS ? count : VECTORS;
	if (trace_peek(few, (const void *)from, n * sizeof(*few)) != n * sizeof(*few))
		return;
	piece(p, arg, part, from, n * sizeof(*few), count * sizeof(*few));
	vector(p, arg, few, n, limit);
}

static void message(struct pen *p, unsigned arg, uint64_t from, uint64_t limit)
{
	struct msghdr m;
	if (trace_peek(&m, (const void *)from, sizeof(m)) != sizeof(m))
		return;
	whole(p, arg, 0, from, sizeof(m));
	if (m.msg_name && m.msg_namelen)
		piece(p, arg, 5, (uint64_t)m.msg_name, m.msg_namelen < ADDRESS_MOST ? m.msg_namelen : ADDRESS_MOST,
		    m.msg_namelen);
	iovec(p, arg, 6, (uint64_t)m.msg_iov, m.msg_iovlen, limit);
	if (m.msg_control && m.msg_controllen)
		piece(p, arg, 7, (uint64_t)m.msg_control, m.msg_controllen < 256 ? m.msg_controllen : 256,
		    m.msg_controllen);
}

static void strings(struct pen *p, unsigned arg, uint64_t from)
{
	uint32_t count = 0;
	uint64_t at;
	while (count < 65536 && trace_peek(&at, (const void *)(from + 8 * count), 8) == 8 && at) {
		if (count < STRINGS)
			string(p, arg, count, at, p->most);
		count++;
	}
	struct trace_capture *c = (void *)p->at;
	if ((size_t)(p->end - p->at) < sizeof(*c) + 8)
		return;
	*c = (struct trace_capture){(uint8_t)arg, STRINGS, sizeof(count), sizeof(count)};
	memcpy(c->bytes, &count, sizeof(count));
	p->at += sizeof(*c) + 8;
}

static void of_array(struct pen *p, unsigned arg, uint64_t from, uint64_t count, size_t each)
{
	if (each == 1) {
		bytes(p, arg, 0, from, count);
		return;
	}
	if (!count || count > (1UL << 24))
		return;
	uint64_t all = count * each;
	size_t n = all < STRUCT_MOST ? all : STRUCT_MOST / each * each;
	piece(p, arg, 0, from, n, all);
}

static void capture(struct pen *p, unsigned i, const struct trace_arg *a, const struct regs *r, long result)
{
	uint64_t from = argument(r, i);
	uint64_t moved = result > 0 ? (uint64_t)result : 0;
	uint64_t limit = a->size ? moved : UINT64_MAX;
	int length = 0;
	if (!from)
		return;
	switch ((enum trace_capture_kind)a->kind) {
	case CAPTURE_NO_:
		break;
	case CAPTURE_STRING_:
		string(p, i, 0, from, p->most);
		break;
	case CAPTURE_PATH_:
		string(p, i, 0, from, PATH_MAX - 1);
		break;
	case CAPTURE_BYTES_:
		bytes(p, i, 0, from, argument(r, a->from));
		break;
	case CAPTURE_RESULT_:
		of_array(p, i, from, moved, a->size);
		break;
	case CAPTURE_STRUCT_:
		whole(p, i, 0, from, a->size);
		break;
	case CAPTURE_ARRAY_:
		of_array(p, i, from, argument(r, a->from), a->size);
		break;
	case CAPTURE_LENGTH_AT_:
		if (trace_peek(&length, (const void *)argument(r, a->from), sizeof(length)) == sizeof(length) &&
		    length > 0)
			piece(p, i, 0, from, length < ADDRESS_MOST ? (size_t)length : ADDRESS_MOST, (uint64_t)length);
		break;
	case CAPTURE_IOVEC_:
		iovec(p, i, 0, from, argument(r, a->from), limit);
		break;
	case CAPTURE_MESSAGE_:
		message(p, i, from, limit);
		break;
	case CAPTURE_STRINGS_:
		strings(p, i, from);
		break;
	}
}

uint8_t *trace_capture(uint8_t *at, const uint8_t *end, const struct regs *r, long result)
{
	struct pen p = {at, end, atomic_load_explicit(&trace_control->capture, memory_order_relaxed)};
	if (!p.most || r->nr >= TRACE_CALLS)
		return at;
	for (unsigned i = 0; i < 6; i++)
		capture(&p, i, &table[r->nr][i], r, result);
	return p.at;
}
