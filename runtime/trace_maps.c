/* Which file's code lies where: /proc/self/maps when tracing begins, then each mapping of code as it is made. */
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/mman.h>

#include "clock.h"
#include "mem.h"
#include "poller.h"
#include "proc.h"
#include "trace_internal.h"

#define RANGES 512
#define CHUNK 16384

/* For trace_is_code(): what was ever mapped. Only the last one grows. */
static struct {
	uint64_t start, end;
} ranges[RANGES];
static _Atomic uint32_t range_count;
static struct spin lock;

bool trace_is_code(uint64_t address)
{
	uint32_t n = atomic_load_explicit(&range_count, memory_order_acquire);
	for (uint32_t i = 0; i < n; i++)
		if (address - ranges[i].start < ranges[i].end - ranges[i].start)
			return true;
	return false;
}

static void remember(uint64_t start, uint64_t end)
{
	uint32_t n = atomic_load(&range_count), i = 0;
	while (i < n && (ranges[i].start != start || ranges[i].end != end))
		i++;
	if (i < n || n == RANGES)
		return;
	ranges[n].start = start;
	ranges[n].end = end;
	atomic_store_explicit(&range_count, n + 1, memory_order_release);
}

static void tell(uint64_t start, uint64_t end, uint64_t offset, const char *path, size_t length)
{
	struct trace_writer w;
	spin_lock(&lock);
	remember(start, end);
	spin_unlock(&lock);
	if (length >= PATH_MAX)
		length = PATH_MAX - 1;
	struct trace_map *m = trace_write(&w, sizeof(*m) + PATH_MAX, TRACE_MAP, 0);
	if (!m)
		return;
	m->at = (uint64_t)clock_now();
	m->start = start, m->end = end, m->offset = offset;
	memcpy(m->path, path, length);
	m->path[length] = '\0';
	trace_written(&w, sizeof(*m) + length + 1);
}

/* Another thread may have been in the middle of it. */
void trace_maps_reset_in_child(void)
{
	lock = (struct spin){0};
}

static const char *hex(const char *p, const char *end, uint64_t *value)
{
	for (*value = 0; p < end; p++) {
		unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
				 : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a' + 10)
							  : 16;
		if (digit > 15)
			break;
		*value = *value * 16 + digit;
	}
	return p;
}

static const char *skip_word(const char *p, const char *end)
{
	while (p < end && *p != ' ')
		p++;
	while (p < end && *p == ' ')
		p++;
	return p;
}

/* proc_pid_maps(5): start-end perms offset device inode path. */
static void tell_line(const char *p, const char *end)
{
	uint64_t from, to, offset;
	p = hex(p, end, &from);
	p = hex(p + 1, end, &to);
	const char *perms = p + 1;
	if (perms + 4 >= end || perms[2] != 'x')
		return;
	p = hex(perms + 5, end, &offset);
	p = skip_word(skip_word(p + (p < end), end), end);
	if (p < end && (*p == '/' || *p == '['))
		tell(from, to, offset, p, (size_t)(end - p));
}

/* Whole lines of what has been read; how much of it that was. */
static size_t tell_lines(const char *text, size_t n)
{
	size_t done = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n')
			continue;
		tell_line(text + done, text + i);
		done = i + 1;
	}
	return done;
}

void trace_maps_tell(void)
{
	int fd = proc_open_self("maps");
	char *text = fd < 0 ? NULL : pages_alloc(CHUNK);
	size_t have = 0;
	long got;
	while (text && have < CHUNK && (got = sys(SYS_read, fd, text + have, CHUNK - have)) > 0) {
		size_t n = have + (size_t)got, done = tell_lines(text, n);
		have = n - done;
		memmove(text, text + done, have);
	}
	if (text)
		pages_free(text, CHUNK);
	if (fd >= 0)
		fd_release(fd);
}

void trace_mapped(const struct regs *r, long at)
{
	char path[PATH_MAX];
	if (at < 0 || !(r->rdx & PROT_EXEC) || r->r10 & MAP_ANONYMOUS)
		return;
	long n = proc_link_of((int)r->r8, path, sizeof(path));
	if (n > 0)
		tell((uint64_t)at, ((uint64_t)at + r->rsi + 4095) & ~4095UL, r->r9, path, (size_t)n);
}
