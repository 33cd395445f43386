/* One line on stderr, without libc: it may be said on any stack, at any time. */
#include "say.h"

#include <stdarg.h>

#include "sys_x86_64.h"

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

void say(const char *format, ...)
{
	struct line l = {.length = 0};
	va_list args;
	put_string(&l, "libgreen: ");
	va_start(args, format);
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
	va_end(args);
	l.text[l.length++] = '\n';
	sys(SYS_write, 2, l.text, l.length);
}
