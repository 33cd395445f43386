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

static _Noreturn void become(const char *path, char **argv, int report)
{
	loop_restore_signals();
	execvp(path, argv);
	int error = errno;
	_exit(write(report, &error, sizeof(error)) == sizeof(error) ? EXIT_OURS : EXIT_UNUSABLE);
}

static struct program program;

void target_find(struct target *t, const char *name)
{
	program_find(&program, name);
	t->path = program.path;
}

void target_launch(struct target *t, const struct memory *m, char **argv)
{
	int report[2], error;

	library_preload(&program);
	set_variable(m);
	if (pipe2(report, O_CLOEXEC))
		die(EXIT_OURS, "pipe: %s", strerror(errno));
	fflush(NULL);
	t->pid = fork();
	if (t->pid < 0)
		die(EXIT_OURS, "fork: %s", strerror(errno));
	if (t->pid == 0)
		become(program.path, argv, report[1]);
	close(report[1]);
	/* The pipe's end without a word: it was closed by a successful exec. */
	if (read(report[0], &error, sizeof(error)) == sizeof(error)) {
		waitpid(t->pid, NULL, 0);
		die(error == ENOENT ? EXIT_NOT_FOUND : EXIT_UNUSABLE, "%s: %s", argv[0], strerror(error));
	}
	close(report[0]);
	t->child = true;
	t->pidfd = pidfd_open(t->pid, 0);
}
