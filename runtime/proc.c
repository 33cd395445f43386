/* What the runtime reads and writes in /proc: without libc, and with a descriptor that no child of a fork inherits. */
#include "proc.h"

#include <fcntl.h>

#include "mem.h"
#include "poller.h"
#include "proc_reader.h"
#include "sys_x86_64.h"

#define PATH_SIZE 64

static char *append(char *at, const char *text)
{
	size_t n = __builtin_strlen(text);
	memcpy(at, text, n);
	return at + n;
}

static char *append_number(char *at, int number)
{
	char digits[12];
	size_t n = 0;
	do
		digits[n++] = (char)('0' + number % 10);
	while (number /= 10);
	while (n)
		*at++ = digits[--n];
	return at;
}

static void make_path(char path[PATH_SIZE], const char *before, int number, const char *after)
{
	*append(append_number(append(path, before), number), after) = '\0';
}

static int proc_open(const char *before, int number, const char *after, int mode)
{
	char path[PATH_SIZE];
	make_path(path, before, number, after);
	return fd_lend(SYS_openat, AT_FDCWD, (long)path, mode | O_CLOEXEC, 0);
}

size_t proc_read_from(int fd, char *buf, size_t size)
{
	size_t n = 0;
	long got;
	while (n < size && (got = sys(SYS_read, fd, buf + n, size - n)) > 0)
		n += (size_t)got;
	return n;
}

static size_t read_and_release(int fd, char *buf, size_t size)
{
	if (fd < 0)
		return 0;
	size_t n = proc_read_from(fd, buf, size);
	fd_release(fd);
	return n;
}

size_t proc_read(const char *before, int number, const char *after, char *buf, size_t size)
{
	return read_and_release(proc_open(before, number, after, O_RDONLY), buf, size);
}

size_t proc_read_unseen(const char *before, int number, const char *after, char *buf, size_t size)
{
	char path[PATH_SIZE];
	make_path(path, before, number, after);
	long n = proc_reader_read(path, buf, size);
	return n < 0 ? proc_read(before, number, after, buf, size) : (size_t)n;
}

void proc_write(const char *before, int number, const char *after, const char *buf, size_t size)
{
	int fd = proc_open(before, number, after, O_WRONLY);
	if (fd < 0)
		return;
	sys(SYS_write, fd, buf, size);
	fd_release(fd);
}

int proc_open_self(const char *file)
{
	char path[PATH_SIZE];
	*append(append(path, "/proc/self/"), file) = '\0';
	return fd_lend(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
}

long proc_link_of(int fd, char *buf, size_t size)
{
	char path[PATH_SIZE];
	*append_number(append(path, "/proc/self/fd/"), fd) = '\0';
	return sys(SYS_readlink, path, buf, size);
}

static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

bool proc_field(const char *p, const char *end, const char *key, unsigned base, uint64_t *value)
{
	size_t len = __builtin_strlen(key);
	while (p + len <= end && memcmp(p, key, len))
		p++;
	if (p + len > end)
		return false;
	p += len;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	*value = 0;
	for (; p < end; p++) {
		unsigned digit = hex_digit(*p);
		if (digit >= base)
			break;
		*value = *value * base + digit;
	}
	return true;
}

/* proc(5): the state follows the name in parentheses. */
static char state_of(int tid)
{
	char stat[64];
	size_t n = proc_read_unseen("/proc/self/task/", tid, "/stat", stat, sizeof(stat));
	while (n && stat[n - 1] != ')')
		n--;
	return n && n + 1 < sizeof(stat) ? stat[n + 1] : '?';
}

bool proc_sleeps(int tid)
{
	char state = state_of(tid);
	return state == 'S' || state == 'D';
}

bool proc_runs(int tid)
{
	return state_of(tid) == 'R';
}

/* The directory's "stat" begins with the number. */
int proc_pid_of(int fd)
{
	char text[512];
	uint64_t pid = 0;
	size_t n = proc_read("/proc/self/fdinfo/", fd, "", text, sizeof(text));
	if (!proc_field(text, text + n, "\nPid:", 10, &pid)) {
		n = read_and_release(
		    fd_lend(SYS_openat, fd, (long)"stat", O_RDONLY | O_CLOEXEC, 0), text, sizeof(text));
		proc_field(text, text + n, "", 10, &pid);
	}
	return (int)pid;
}
