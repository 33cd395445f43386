/* Waiting for children from threads: waitpid by id, any, group, WNOHANG; waitid with P_PID, P_PIDFD, P_ALL, WNOWAIT. */
// threads
#include "test.h"

#define THREADS 30

static pthread_mutex_t fork_lock = PTHREAD_MUTEX_INITIALIZER;

/* A child that ends with `code` when told to, by the end of the pipe. */
static pid_t child(int code, int *tell)
{
	int fds[2];
	pid_t pid;

	/* No other child may inherit the write end, which would keep this one waiting. */
	pthread_mutex_lock(&fork_lock);
	SYS(pipe2(fds, O_CLOEXEC));
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		char c;

		close(fds[1]);
		if (read(fds[0], &c, 1) == 1)
			_exit(code);
		_exit(200);
	}
	close(fds[0]);
	pthread_mutex_unlock(&fork_lock);
	*tell = fds[1];
	return pid;
}

static void tell(int fd)
{
	CHECK_EQ(write(fd, "", 1), 1);
	close(fd);
}

static void *tells_later(void *arg)
{
	sleep_us(500);
	tell((int)(long)arg);
	return NULL;
}

static void *waits(void *arg)
{
	int code = (int)(long)arg, fd, status, pidfd;
	siginfo_t info;
	pthread_t t;
	pid_t pid;

	pid = child(code, &fd);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	t = start(tells_later, (void *)(long)fd);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), code);
	join(t);
	CHECK(waitpid(pid, &status, 0) == -1 && errno == ECHILD);

	pid = child(code, &fd);
	t = start(tells_later, (void *)(long)fd);
	SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == code);
	SYS(waitid(P_PID, (id_t)pid, &info, WEXITED));
	CHECK(info.si_pid == pid && info.si_status == code);
	join(t);

	pid = child(code, &fd);
	pidfd = (int)SYS(syscall(SYS_pidfd_open, pid, 0));
	info.si_pid = 0;
	SYS(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG));
	CHECK_EQ(info.si_pid, 0);
	t = start(tells_later, (void *)(long)fd);
	SYS(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED));
	CHECK(info.si_pid == pid && info.si_status == code);
	close(pidfd);
	join(t);
	return NULL;
}

static void any(void)
{
	int fds[10], sum = 0, status;
	siginfo_t info;
	pthread_t t;

	for (int i = 0; i < 10; i++)
		child(i, &fds[i]);
	CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
	for (int i = 0; i < 10; i++) {
		t = start(tells_later, (void *)(long)fds[i]);
		if (i % 3 == 0) {
			CHECK(wait(&status) > 0);
			sum += WEXITSTATUS(status);
		} else if (i % 3 == 1) {
			SYS(waitid(P_ALL, 0, &info, WEXITED));
			sum += info.si_status;
		} else {
			/* 0: any child of the own process group. */
			CHECK(waitpid(0, &status, 0) > 0);
			sum += WEXITSTATUS(status);
		}
		join(t);
	}
	printf("sum %d\n", sum);
	CHECK(wait(NULL) == -1 && errno == ECHILD);
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(waits, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	puts("each its own");
	any();
	return 0;
}
