/* pidfd_send_signal to the own process: as kill() and sigqueue(), a signal that is open is delivered before the call
 * returns, whatever other threads do. */
// threads
#include "test.h"

#include <sys/pidfd.h>

#define EACH 4000
#define BYSTANDERS 6
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static volatile sig_atomic_t handled, last_code, last_value;
static volatile pid_t last_pid;
static _Atomic bool stop;
static int silent[2];

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	last_code = info->si_code;
	last_value = info->si_value.sival_int;
	last_pid = info->si_pid;
	handled++;
}

/* Others run, park and wake beside the sender; they block the signal. */
static void *bystander(void *arg)
{
	char c;

	if ((long)arg % 2)
		CHECK_EQ(read(silent[0], &c, 1), 0);
	else
		while (!stop)
			sched_yield();
	return NULL;
}

static void each_in_time(const char *what, int fd)
{
	for (int i = 0; i < EACH; i++) {
		int before = handled;

		SYS(pidfd_send_signal(fd, SIGINT, NULL, 0));
		CHECK_EQ(handled, before + 1);
		CHECK_EQ(last_code, SI_USER);
		CHECK_EQ(last_pid, getpid());
	}
	printf("%s: each in time\n", what);
}

static long send_info(int fd, int sig, int signo, int code, int value)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = signo;
	info.si_code = code;
	info.si_pid = getpid();
	info.si_value.sival_int = value;
	return pidfd_send_signal(fd, sig, &info, 0);
}

static void with_info(int fd)
{
	for (int i = 0; i < EACH; i++) {
		int before = handled;

		SYS(send_info(fd, SIGINT, SIGINT, SI_QUEUE, i));
		CHECK_EQ(handled, before + 1);
		CHECK_EQ(last_code, SI_QUEUE);
		CHECK_EQ(last_value, i);
	}
	puts("with a value: each in time");
}

static const char *answer(long ret)
{
	return ret == 0 ? "done" : strerrorname_np(errno);
}

static void errors(int fd)
{
	int file = (int)SYS(open("/dev/null", O_RDWR | O_CLOEXEC)), dir = (int)SYS(open("/", O_RDONLY | O_DIRECTORY));

	printf("signal 0: %s\n", answer(pidfd_send_signal(fd, 0, NULL, 0)));
	printf("no such signal: %s\n", answer(pidfd_send_signal(fd, 99, NULL, 0)));
	printf("two signals: %s\n", answer(send_info(fd, SIGINT, SIGTERM, SI_QUEUE, 0)));
	printf("bad info: %s\n", answer(syscall(SYS_pidfd_send_signal, fd, SIGINT, 1L, 0)));
	printf("bad flags: %s\n", answer(pidfd_send_signal(fd, SIGINT, NULL, 1U << 20)));
	printf("closed: %s\n", answer(pidfd_send_signal(-1, SIGINT, NULL, 0)));
	printf("a file: %s\n", answer(pidfd_send_signal(file, SIGINT, NULL, 0)));
	printf("a directory: %s\n", answer(pidfd_send_signal(dir, SIGINT, NULL, 0)));
	close(file);
	close(dir);
}

/* Only who is the process's first thread may say that the kernel sends. */
static void *pretends(void *arg)
{
	printf("as the kernel, from another thread: %s\n", answer(send_info(*(int *)arg, SIGINT, SIGINT, SI_USER, 0)));
	return NULL;
}

static void a_child(void)
{
	int gate[2];
	char c;

	SYS(pipe(gate));
	pid_t pid = (pid_t)SYS(fork());
	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);
		close(gate[1]);
		CHECK_EQ(read(gate[0], &c, 1), 0);
		_exit(0);
	}
	close(gate[0]);
	int fd = (int)SYS(pidfd_open(pid, 0));
	SYS(pidfd_send_signal(fd, SIGTERM, NULL, 0));
	printf("a child: %s\n", reap(pid));
	printf("one that is gone: %s\n", answer(pidfd_send_signal(fd, SIGTERM, NULL, 0)));
	close(gate[1]);
	close(fd);
}

/* Where this kernel has such pidfds. */
static void to_main_thread(void)
{
	int fd = pidfd_open(getpid(), PIDFD_THREAD);

	for (int i = 0; fd >= 0 && i < EACH; i++) {
		int before = handled;

		SYS(pidfd_send_signal(fd, SIGINT, NULL, 0));
		CHECK_EQ(handled, before + 1);
		CHECK_EQ(last_code, SI_TKILL);
	}
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	pthread_t others[BYSTANDERS];
	int fd = pidfd_open(getpid(), 0), dir = (int)SYS(open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	if (fd < 0)
		test_skip("this kernel has no pidfd_open");
	SYS(pipe(silent));
	set_sigaction(SIGINT, on_signal, SA_RESTART);
	block_signal(SIGINT);
	for (long i = 0; i < BYSTANDERS; i++)
		others[i] = start(bystander, (void *)i);
	unblock_signal(SIGINT);
	each_in_time("by a pidfd", fd);
	each_in_time("by /proc/PID", dir);
	with_info(fd);
	to_main_thread();
	errors(fd);
	join(start(pretends, &fd));
	a_child();
	stop = true;
	close(silent[1]);
	for (int i = 0; i < BYSTANDERS; i++)
		join(others[i]);
	return 0;
}
