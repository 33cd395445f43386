/* Writing where nobody reads, pipes and sockets: SIGPIPE blocked, ignored, handled, suppressed, and by default fatal.
 */
// threads
#include "test.h"
#include <sys/resource.h>

static volatile sig_atomic_t handled;
static char is_socket;
static volatile pid_t handled_by;

static void on_pipe(int sig)
{
	(void)sig;
	handled_by = own_tid();
	handled++;
}

static int broken(bool sockets)
{
	int fds[2];

	if (sockets)
		SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	else
		SYS(pipe(fds));
	close(fds[0]);
	return fds[1];
}

static void write_broken(int fd)
{
	CHECK_EQ(write(fd, "x", 1), -1);
	CHECK_EQ(errno, EPIPE);
}

static void *blocked(void *arg)
{
	struct timespec zero = {0, 0};
	sigset_t set = one_signal(SIGPIPE), pending;
	int fd = broken(arg != NULL);
	siginfo_t info;

	block_signal(SIGPIPE);
	for (int i = 0; i < 100; i++) {
		write_broken(fd);
		SYS(sigpending(&pending));
		CHECK_EQ(sigismember(&pending, SIGPIPE), 1);
		CHECK_EQ(sigtimedwait(&set, &info, &zero), SIGPIPE);
		SYS(sigpending(&pending));
		CHECK_EQ(sigismember(&pending, SIGPIPE), 0);
	}
	close(fd);
	return NULL;
}

/* The pending signal is the writing thread's own: another does not see it. */
static void *sees_none(void *arg)
{
	sigset_t pending;

	SYS(sigpending(&pending));
	CHECK_EQ(sigismember(&pending, SIGPIPE), 0);
	return arg;
}

static void *blocked_and_others(void *arg)
{
	struct timespec zero = {0, 0};
	sigset_t set = one_signal(SIGPIPE);
	int fd = broken(arg != NULL);

	block_signal(SIGPIPE);
	write_broken(fd);
	join(start(sees_none, NULL));
	CHECK_EQ(sigtimedwait(&set, NULL, &zero), SIGPIPE);
	close(fd);
	return NULL;
}

static void *ignored(void *arg)
{
	int fd = broken(arg != NULL);

	for (int i = 0; i < 100; i++)
		write_broken(fd);
	close(fd);
	return NULL;
}

static void *handles(void *arg)
{
	int fd = broken(arg != NULL);

	for (int i = 0; i < 100; i++) {
		handled = 0;
		write_broken(fd);
		CHECK_EQ(handled, 1);
		CHECK_EQ(handled_by, own_tid());
	}
	close(fd);
	return NULL;
}

static void *suppressed(void *arg)
{
	int fd = broken(true);

	(void)arg;
	for (int i = 0; i < 100; i++)
		CHECK(send(fd, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	close(fd);
	return NULL;
}

static void *dies(void *arg)
{
	struct rlimit none = {0, 0};
	int fd = broken(arg != NULL);

	setrlimit(RLIMIT_CORE, &none);
	if (write(fd, "x", 1)) {
	}
	return NULL;
}

static void in_child(const char *what, void *(*fn)(void *), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		join(start(fn, arg));
		_exit(0);
	}
	printf("%s: %s\n", what, reap(pid));
}

static void *both(const char *what, void *(*fn)(void *))
{
	join(start(fn, NULL));
	join(start(fn, &is_socket));
	puts(what);
	return NULL;
}

int main(void)
{
	both("blocked", blocked);
	both("blocked, seen by the writer alone", blocked_and_others);
	set_handler(SIGPIPE, SIG_IGN, 0);
	both("ignored", ignored);
	set_handler(SIGPIPE, on_pipe, 0);
	both("handled by the writer", handles);
	set_handler(SIGPIPE, SIG_DFL, 0);
	join(start(suppressed, NULL));
	puts("MSG_NOSIGNAL");
	in_child("default, pipe", dies, NULL);
	in_child("default, socket", dies, &is_socket);
	return 0;
}
