/* posix_spawn from threads: file actions, attributes, the path search, and the error of a program that is not there. */
// threads
#include "test.h"
#include <spawn.h>

#define THREADS 10

extern char **environ;

static void read_all(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
		length += (size_t)got;
	text[length] = 0;
}

static void *run(void *arg)
{
	char script[64], text[256], want[64];
	char *argv[] = {"sh", "-c", script, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int fds[2];
	pid_t pid;

	for (int i = 0; i < 10; i++) {
		snprintf(script, sizeof(script), "echo out %ld; echo err >&2; pwd; read x || exit %d", (long)arg, i);
		snprintf(want, sizeof(want), "out %ld\nerr\n/\n", (long)arg);
		SYS(pipe2(fds, O_CLOEXEC));
		PT(posix_spawn_file_actions_init(&actions));
		PT(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0));
		PT(posix_spawn_file_actions_adddup2(&actions, fds[1], 1));
		PT(posix_spawn_file_actions_adddup2(&actions, 1, 2));
		PT(posix_spawn_file_actions_addchdir_np(&actions, "/"));
		PT(posix_spawnattr_init(&attr));
		PT(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP));
		if (i % 2)
			PT(posix_spawnp(&pid, "sh", &actions, &attr, argv, environ));
		else
			PT(posix_spawn(&pid, "/bin/sh", &actions, &attr, argv, environ));
		close(fds[1]);
		read_all(fds[0], text, sizeof(text));
		close(fds[0]);
		CHECK(strcmp(text, want) == 0);
		snprintf(want, sizeof(want), "exit %d", i);
		CHECK(strcmp(reap(pid), want) == 0);
		CHECK_EQ(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ), ENOENT);
		PT(posix_spawnattr_destroy(&attr));
		PT(posix_spawn_file_actions_destroy(&actions));
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	run((void *)77L);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	puts("spawned");
	return 0;
}
