/* Finds the memory of a program that runs on green threads, and makes the program write into it. */
#include "tools/trace/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "tools/green.h"

#define ANSWERS (5 * SECOND)
#define LINK "/memfd:" TRACE_MEMFD " (deleted)"

/* A field of /proc/PID/status; "" if there is none. */
static void status_field(int pid, const char *field, char *out, size_t size)
{
	char path[64], line[256];
	FILE *f;

	*out = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':') {
			snprintf(out, size, "%s", line + strlen(field) + 1 + strspn(line + strlen(field) + 1, " \t"));
			out[strcspn(out, "\n")] = '\0';
		}
	if (f)
		fclose(f);
}

static _Noreturn void refuse(const struct target *t, const char *why)
{
	die(EXIT_OURS, "process %d: %s", t->pid, why);
}

static void find_process(struct target *t, int pid)
{
	char tgid[32];

	t->pid = pid;
	status_field(pid, "Tgid", tgid, sizeof(tgid));
	if (!*tgid)
		refuse(t, "no such process");
	t->pid = atoi(tgid); /* the number may have been a thread's */
	if (t->pid == getpid())
		refuse(t, "is this tool itself");
	t->pidfd = pidfd_open(t->pid, 0);
	if (process_state(t->pid) == 'Z')
		refuse(t, "has ended (a zombie)");
}

static bool is_memory(int dir, const char *name)
{
	char link[64];
	ssize_t n = readlinkat(dir, name, link, sizeof(link));

	return n == (ssize_t)strlen(LINK) && memcmp(link, LINK, (size_t)n) == 0;
}

static int open_memory(const struct target *t, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(EXIT_OURS, "process %d: its memory for the trace: %s", t->pid, strerror(errno));
	return fd;
}

/* -1: it has none. */
static int find_memory(const struct target *t)
{
	char path[64];
	const struct dirent *entry;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/fd", t->pid);
	DIR *dir = opendir(path);
	if (!dir && (errno == EACCES || errno == EPERM))
		refuse(t, "not permitted: it may be traced by its own user, if it has no more privileges, and by root");
	if (!dir)
		refuse(t, errno == ENOENT ? "no such process" : strerror(errno));
	while (fd < 0 && (entry = readdir(dir)))
		if (is_memory(dirfd(dir), entry->d_name))
			fd = open_memory(t, dirfd(dir), entry->d_name);
	closedir(dir);
	return fd;
}

/* What the tool gave it is mapped, and no descriptor is left. */
static bool maps_memory(const struct target *t)
{
	char path[64], line[PATH_MAX + 128];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/maps", t->pid);
	FILE *f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " " LINK "\n") != NULL;
	if (f)
		fclose(f);
	return found;
}

void target_attach(struct target *t, struct memory *m, int pid)
{
	find_process(t, pid);
	int fd = find_memory(t);
	if (fd < 0 && maps_memory(t))
		refuse(t, "was started by `green trace`: no other than that can trace it");
	if (fd < 0)
		refuse(t, "does not run on green threads: it was started without libgreen, or has made no thread yet");
	const char *why = memory_map(m, fd);
	if (why)
		refuse(t, why);
	if (!memory_lock(m))
		refuse(t, "is being traced already");
	if (strchr("Tt", process_state(t->pid)))
		refuse(t, "is stopped; it must run to be traced");
	memory_free_rings(m);
}

void target_wait_for_start(struct target *t, struct memory *m)
{
	const struct timespec pause = {.tv_nsec = MILLISECOND};
	uint64_t end = now() + ANSWERS;

	while (!memory_answered(m)) {
		if (kill(t->pid, 0) && errno == ESRCH)
			refuse(t, "has ended");
		if (now() > end) {
			memory_stop(m);
			refuse(t, strchr("Tt", process_state(t->pid)) ? "is stopped; it must run to be traced"
								      : "does not answer; nothing is changed");
		}
		nanosleep(&pause, NULL);
	}
}
