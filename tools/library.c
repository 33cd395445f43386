/* Where libgreen.so is: beside this program, or where both were installed; and how it is preloaded. */
#include "tools/green.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *real(const char *path)
{
	static char out[PATH_MAX];
	return realpath(path, out) && access(out, R_OK) == 0 ? out : NULL;
}

static const char *beside(const char *relative)
{
	char path[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	snprintf(strrchr(path, '/') + 1, 32, "%s", relative);
	return real(path);
}

/* The dynamic linker only warns about a preload that it cannot load. */
static void check(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct elf elf;
	const char *why = elf_read(fd, &elf);

	if (why)
		die(EXIT_OURS, "%s: %s", path, why);
	close(fd);
	/* ld.so(8): names are separated by spaces or colons, which cannot be escaped; $ORIGIN and the like are
	 * expanded. */
	if (path[strcspn(path, " :$\t\n")])
		die(EXIT_OURS, "%s: LD_PRELOAD cannot name a path with a space, a colon or a dollar sign", path);
}

static const char *find(void)
{
	const char *path = beside("../lib/libgreen.so");

	if (!path)
		path = beside("libgreen.so");
	if (!path)
		path = real(GREEN_LIBDIR "/libgreen.so");
	if (!path)
		die(EXIT_OURS, "libgreen.so: found neither beside this program nor in " GREEN_LIBDIR);
	check(path);
	return path;
}

void library_preload(const struct program *program)
{
	const char *old = getenv("LD_PRELOAD");
	char *value;

	if (asprintf(&value, "%s%s%s%s%s", program->asan, *program->asan ? ":" : "", find(), old && *old ? ":" : "",
		old ? old : "") < 0 ||
	    setenv("LD_PRELOAD", value, 1))
		die(EXIT_OURS, "LD_PRELOAD: %s", strerror(errno));
	free(value);
}
