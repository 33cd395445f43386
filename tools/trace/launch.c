/* Starts a program on green threads that finds the tool's memory in its environment. */
#include "tools/trace/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/green.h"

static void set_variable(const struct memory *m)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), m->fd);
	if (setenv(TRACE_VARIABLE, path, 1))
		die(EXIT_OURS, TRACE_VARIABLE ": %s", strerror(errno));
}

/* Waits for the tool's word; without one the tool is gone. */
static _Noreturn void become(const char *path, char **argv, int go, int report)
{
	char word;

	if (read(go, &word, 1) != 1)
		_exit(EXIT_OURS);
	execvp(path, argv);
	int error = errno;
	_exit(write(report, &error, sizeof(error)) == sizeof(error) ? EXIT_OURS : EXIT_UNUSABLE);
}

static struct program program;
static int go = -1, report = -1;

void target_find(struct target *t, const char *name)
{
	program_find(&program, name);
	t->path = program.path;
}

/* Before the tool changes what a child would find: signals, limits, files that others' code opens. */
void target_fork(struct target *t, const struct memory *m, char **argv)
{
	int to[2], from[2];

	library_preload(&program);
	set_variable(m);
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		die(EXIT_OURS, "pipe: %s", strerror(errno));
	fflush(NULL);
	t->pid = fork();
	if (t->pid < 0)
		die(EXIT_OURS, "fork: %s", strerror(errno));
	if (t->pid == 0) {
		close(to[1]);
		become(program.path, argv, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	go = to[1];
	report = from[0];
	t->child = true;
	t->pidfd = pidfd_open(t->pid, 0);
}

void target_launch(struct target *t)
{
	int error;

	if (write(go, "", 1) != 1)
		die(EXIT_OURS, "%s: it is gone", program.path);
	close(go);
	/* The pipe's end without a word: it was closed by a successful exec. */
	if (read(report, &error, sizeof(error)) == sizeof(error)) {
		waitpid(t->pid, NULL, 0);
		die(error == ENOENT ? EXIT_NOT_FOUND : EXIT_UNUSABLE, "%s: %s", program.path, strerror(error));
	}
	close(report);
}
