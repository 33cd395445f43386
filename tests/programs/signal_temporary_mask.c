/* Calls that wait under a mask of their own: a signal that only this mask lets through interrupts them, whether it
 * comes before or meanwhile; the handler runs under that mask, and the old one is back afterwards. Also in a thread
 * that has a kernel thread of its own. */
// threads
#include "test.h"
#include <linux/aio_abi.h>
#include <sys/epoll.h>
#include <sys/fsuid.h>
#include <sys/select.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static aio_context_t aio;
static int epfd, pipe_fds[2];
static volatile sig_atomic_t handled, open_inside;
static _Atomic int entered;

static long w_ppoll(const sigset_t *mask, struct timespec *ts)
{
	struct pollfd p = {.fd = pipe_fds[0], .events = POLLIN};
	return ppoll(&p, 1, ts, mask);
}

static long w_pselect(const sigset_t *mask, struct timespec *ts)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(pipe_fds[0], &set);
	return pselect(pipe_fds[0] + 1, &set, NULL, NULL, ts, mask);
}

static long w_epoll_pwait(const sigset_t *mask, struct timespec *ts)
{
	struct epoll_event e;
	return epoll_pwait(epfd, &e, 1, ts ? (int)(ts->tv_sec * 1000 + ts->tv_nsec / 1000000) : -1, mask);
}

static long w_epoll_pwait2(const sigset_t *mask, struct timespec *ts)
{
	struct epoll_event e;
	return syscall(SYS_epoll_pwait2, epfd, &e, 1, ts, mask, 8L);
}

static long w_io_pgetevents(const sigset_t *mask, struct timespec *ts)
{
	struct io_event e[2];
	struct {
		const sigset_t *mask;
		size_t size;
	} sig = {mask, 8};
	return syscall(SYS_io_pgetevents, aio, 1L, 2L, e, ts, &sig);
}

static long w_sigsuspend(const sigset_t *mask, struct timespec *ts)
{
	(void)ts;
	return sigsuspend(mask);
}

static const struct wait {
	const char *name;
	long (*call)(const sigset_t *, struct timespec *);
	bool timed;
} waits[] = {
    {"ppoll", w_ppoll, true},
    {"pselect", w_pselect, true},
    {"epoll_pwait", w_epoll_pwait, true},
    {"epoll_pwait2", w_epoll_pwait2, true},
    {"io_pgetevents", w_io_pgetevents, true},
    {"sigsuspend", w_sigsuspend, false},
};

static bool blocks(int sig)
{
	sigset_t now;

	PT(pthread_sigmask(SIG_SETMASK, NULL, &now));
	return sigismember(&now, sig);
}

static void on_usr1(int sig)
{
	(void)sig;
	handled++;
	/* Itself, since it is being handled; not USR2, which the wait let through; HUP as the wait had it. */
	open_inside = blocks(SIGUSR1) && !blocks(SIGUSR2) && blocks(SIGHUP);
}

static void on_other(int sig)
{
	(void)sig;
	CHECK(!"a blocked signal's handler");
}

struct job {
	const struct wait *wait;
	bool bound;
	int round;
};

static sigset_t waiting_mask(void)
{
	sigset_t mask = one_signal(SIGHUP);
	return mask;
}

static void times_out(const struct job *j)
{
	struct timespec ts = {0, 5 * NSEC_PER_MSEC};
	sigset_t mask = waiting_mask();
	long long begin = now_ns();

	if (!j->wait->timed)
		return;
	PT(pthread_kill(pthread_self(), SIGHUP));
	CHECK_EQ(j->wait->call(&mask, &ts), 0);
	CHECK(now_ns() - begin >= 5 * NSEC_PER_MSEC);
	CHECK_EQ(handled, 0);
	sigset_t hup = one_signal(SIGHUP);
	struct timespec zero = {0, 0};
	CHECK_EQ(sigtimedwait(&hup, NULL, &zero), SIGHUP);
}

static void *waits_masked(void *arg)
{
	const struct job *j = arg;
	sigset_t mask = waiting_mask();

	block_signal(SIGUSR1);
	block_signal(SIGUSR2);
	block_signal(SIGHUP);
	if (j->bound)
		setfsuid(geteuid());
	times_out(j);
	/* Pending before the call. */
	PT(pthread_kill(pthread_self(), SIGUSR1));
	CHECK_EQ(handled, 0);
	CHECK_EQ(j->wait->call(&mask, NULL), -1);
	CHECK_EQ(errno, EINTR);
	CHECK_EQ(handled, 1);
	CHECK(open_inside);
	CHECK(blocks(SIGUSR1) && blocks(SIGUSR2) && blocks(SIGHUP));
	/* While it waits, or about to. */
	entered = 1;
	CHECK_EQ(j->wait->call(&mask, NULL), -1);
	CHECK_EQ(errno, EINTR);
	CHECK_EQ(handled, 2);
	CHECK(open_inside);
	CHECK(blocks(SIGUSR1) && blocks(SIGUSR2) && blocks(SIGHUP));
	return arg;
}

static void run(const struct wait *w, bool bound)
{
	for (int round = 0; round < 12; round++) {
		struct job j = {w, bound, round};

		handled = entered = 0;
		pthread_t t = start(waits_masked, &j);
		WAIT_UNTIL(entered);
		if (round % 3)
			sleep_us(round * 100);
		if (round % 2)
			PT(pthread_kill(t, SIGUSR1));
		else
			SYS(kill(getpid(), SIGUSR1)); /* nobody else lets it through */
		join(t);
	}
	printf("%s%s\n", w->name, bound ? ", own kernel thread" : "");
	fflush(stdout);
}

/* What the call itself says: events, none, and errors. */
static void io_pgetevents_answers(void)
{
	char byte = 0;
	struct iocb cb = {
	    .aio_fildes = 0, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (uintptr_t)&byte, .aio_nbytes = 1};
	struct iocb *list[] = {&cb};
	struct io_event e[2];
	sigset_t mask = one_signal(SIGHUP);
	struct {
		const sigset_t *mask;
		size_t size;
	} sig = {&mask, 8}, odd = {&mask, 5}, none = {NULL, 0}, wild = {(sigset_t *)8, 8};
	struct timespec zero = {0, 0};

	cb.aio_fildes = (uint32_t)SYS(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(SYS(syscall(SYS_io_submit, aio, 1L, list)), 1);
		CHECK_EQ(syscall(SYS_io_pgetevents, aio, 1L, 2L, e, NULL,
			     i == 0   ? (void *)&sig
			     : i == 1 ? &none
				      : NULL),
		    1);
		CHECK_EQ(e[0].res, 1);
	}
	CHECK_EQ(syscall(SYS_io_pgetevents, aio, 1L, 2L, e, &zero, &sig), 0);
	CHECK_EQ(syscall(SYS_io_pgetevents, aio, 0L, 2L, e, NULL, &sig), 0);
	CHECK(syscall(SYS_io_pgetevents, aio, 1L, 2L, e, NULL, &odd) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_io_pgetevents, aio, 1L, 2L, e, NULL, &wild) == -1 && errno == EFAULT);
	CHECK(syscall(SYS_io_pgetevents, aio, 1L, 2L, e, NULL, (void *)8) == -1 && errno == EFAULT);
	CHECK(syscall(SYS_io_pgetevents, aio, 1L, 2L, e, (void *)8, &sig) == -1 && errno == EFAULT);
	CHECK(syscall(SYS_io_pgetevents, aio, 3L, 2L, e, NULL, &sig) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_io_pgetevents, (aio_context_t)8, 1L, 2L, e, NULL, &sig) == -1 && errno == EINVAL);
	CHECK(!blocks(SIGHUP));
	close((int)cb.aio_fildes);
	puts("io_pgetevents answers");
}

static void *answers(void *arg)
{
	unblock_signal(SIGHUP);
	io_pgetevents_answers();
	return arg;
}

int main(void)
{
	struct epoll_event e = {.events = EPOLLIN};

	SYS(syscall(SYS_io_setup, 4, &aio));
	SYS(pipe(pipe_fds));
	epfd = (int)SYS(epoll_create1(EPOLL_CLOEXEC));
	SYS(epoll_ctl(epfd, EPOLL_CTL_ADD, pipe_fds[0], &e));
	block_signal(SIGUSR1);
	block_signal(SIGUSR2);
	block_signal(SIGHUP);
	set_handler(SIGUSR1, on_usr1, SA_RESTART);
	set_handler(SIGUSR2, on_other, 0);
	set_handler(SIGHUP, on_other, 0);
	join(start(answers, NULL));
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		run(&waits[i], false);
		run(&waits[i], true);
	}
	return 0;
}
