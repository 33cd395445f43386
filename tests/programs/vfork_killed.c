/* Children that are killed as soon as they are there, before their exec say: who made them goes on. */
// threads
#include "test.h"
#include <spawn.h>

#define THREADS 4
#define EACH 250

extern char **environ;

/* Kills whatever child it sees, but itself, until the parent has gone. */
static void kill_children(pid_t parent)
{
	char path[64], list[4096];

	while (getppid() == parent) {
		snprintf(path, sizeof(path), "/proc/%d/task", parent);
		DIR *tasks = opendir(path);
		for (struct dirent *d; tasks && (d = readdir(tasks));) {
			snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", parent, d->d_name);
			int fd = open(path, O_RDONLY);
			ssize_t n = fd < 0 ? 0 : read(fd, list, sizeof(list) - 1);
			if (fd >= 0)
				close(fd);
			list[n > 0 ? n : 0] = 0;
			char *at = list;
			for (long pid; (pid = strtol(at, &at, 10)) > 0;)
				if (pid != getpid())
					kill((pid_t)pid, SIGKILL);
		}
		if (tasks)
			closedir(tasks);
	}
	_exit(0);
}

static void *spawns(void *arg)
{
	char *argv[] = {"true", NULL};

	for (int i = 0; i < EACH; i++) {
		pid_t pid = 0;
		int err = posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ), status;

		CHECK_EQ(err, 0);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
		      (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
	}
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];
	pid_t self = getpid();

	if (SYS(fork()) == 0)
		kill_children(self);
	for (int i = 0; i < THREADS; i++)
		t[i] = start(spawns, NULL);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	puts("all made and reaped");
	return 0;
}
