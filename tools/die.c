/* The ends that are not a success. */
#include "tools/green.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(int status, const char *format, ...)
{
	va_list args;

	fputs("green: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}

void close_stdout(void)
{
	if (fclose(stdout) != 0)
		die(EXIT_OURS, "standard output: %s", strerror(errno));
}
