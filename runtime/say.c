/* One line on stderr, without libc: it may be said on any stack, at any time. */
#include "say.h"

#include <stdarg.h>
#include <sys/stat.h>

#include "sys_x86_64.h"

static enum { ANY, NONE, KNOWN } stderr_at_start = ANY;
static struct stat first;

void say_begin(void)
{
	stderr_at_start = sys(SYS_fstat, 2, &first) == 0 ? KNOWN : NONE;
}

bool say_heard(void)
{
	struct stat now;
	if (stderr_at_start != KNOWN)
		return stderr_at_start == ANY;
	return sys(SYS_fstat, 2, &now) == 0 && now.st_dev == first.st_dev && now.st_ino == first.st_ino;
}

struct line {
	char text[512];
	unsigned length;
};

static void put(struct line *l, char c)
{
	if (l->length < sizeof(l->text) - 1)
		l->text[l->length++] = c;
}

static void put_string(struct line *l, const char *s)
{
	while (*s)
		put(l, *s++);
}

static void put_number(struct line *l, uint64_t n, unsigned base)
{
	char digits[24];
	int i = 0;
	do
		digits[i++] = "0123456789abcdef"[n % base];
	while (n /= base);
	while (i)
		put(l, digits[--i]);
}

static void put_signed(struct line *l, int n)
{
	if (n < 0)
		put(l, '-');
	put_number(l, n < 0 ? -(uint64_t)n : (uint64_t)n, 10);
}

static void vsay(int fd, const char *format, va_list args)
{
	struct line l = {.length = 0};
	put_string(&l, "libgreen: ");
	for (; *format; format++) {
		if (*format != '%') {
			put(&l, *format);
			continue;
		}
		switch (*++format) {
		case 'd':
			put_signed(&l, va_arg(args, int));
			break;
		case 'u':
			put_number(&l, va_arg(args, unsigned), 10);
			break;
		case 'l':
			put_number(&l, va_arg(args, unsigned long), 10);
			break;
		case 'x':
			put_string(&l, "0x");
			put_number(&l, va_arg(args, unsigned long), 16);
			break;
		case 's':
			put_string(&l, va_arg(args, const char *));
			break;
		}
	}
	l.text[l.length++] = '\n';
	sys(SYS_write, fd, l.text, l.length);
}

void say(const char *format, ...)
{
	va_list args;
	if (!say_heard())
		return;
	va_start(args, format);
	vsay(2, format, args);
	va_end(args);
}

void say_to(int fd, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsay(fd, format, args);
	va_end(args);
}
