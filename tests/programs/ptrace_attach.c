// timeout: 120
// threads
/*
 * A tracer attaches to a busy process and leaves it again, hundreds of times: as gdb does (every thread stops), as
 * strace does (it seizes, and stops at every call), and one that lets it run. No call fails, no answer is wrong, no
 * signal is lost, nothing stays stopped. The tracer keeps to itself what the process did not ask for: gdb swallows the
 * signals that it does not know.
 */
#include <dirent.h>
#include <sys/ptrace.h>

#include "test.h"

#define PAIRS 4
#define ROUNDS 100
#define THREADS 256

enum way { STOPS, SYSCALLS, RUNS, WAYS };

/* The process. */

static _Atomic int stop;
static _Atomic long exchanges, handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void *serves(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t x;

	while (SYS(read(fd, &x, sizeof(x))) == sizeof(x)) {
		x = x * 2654435761u + 1;
		CHECK_EQ(SYS(write(fd, &x, sizeof(x))), sizeof(x));
	}
	return NULL;
}

static void *asks(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t answer;

	for (uint64_t x = 1; !stop; x++) {
		CHECK_EQ(SYS(write(fd, &x, sizeof(x))), sizeof(x));
		CHECK_EQ(SYS(read(fd, &answer, sizeof(answer))), sizeof(answer));
		CHECK_EQ(answer, x * 2654435761u + 1);
		exchanges++;
	}
	close(fd);
	return NULL;
}

static void *sleeps(void *arg)
{
	while (!stop) {
		long long before = now_ns();

		sleep_us(300);
		CHECK(now_ns() - before >= 300000);
	}
	return arg;
}

static void *computes(void *arg)
{
	for (volatile unsigned long x = 1; !stop; x++)
		;
	return arg;
}

/* One at a time, so that each one is seen to arrive. */
static void *signals(void *arg)
{
	pthread_t *to = arg;

	for (long sent = 0; !stop; sent++) {
		PT(pthread_kill(*to, SIGUSR1));
		WAIT_UNTIL(handled > sent);
	}
	return NULL;
}

static void be_busy(int ready, int end)
{
	pthread_t server[PAIRS], client[PAIRS], other[3];
	char c = 0;

	set_handler(SIGUSR1, on_signal, SA_RESTART);
	for (int i = 0; i < PAIRS; i++) {
		int sv[2];

		SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
		server[i] = start(serves, (void *)(intptr_t)sv[0]);
		client[i] = start(asks, (void *)(intptr_t)sv[1]);
	}
	other[0] = start(sleeps, NULL);
	other[1] = start(computes, NULL);
	other[2] = start(signals, &server[0]);
	WAIT_UNTIL(exchanges > 100 && handled > 3);
	SYS(write(ready, &c, 1));
	CHECK_EQ(SYS(read(end, &c, 1)), 0);
	stop = 1;
	for (int i = 0; i < 3; i++)
		join(other[i]);
	for (int i = 0; i < PAIRS; i++) {
		join(client[i]);
		join(server[i]);
	}
	exit(0);
}

/* The tracer. */

static pid_t process;
static struct tracee {
	pid_t tid;
	int held; /* the signal at which it stands */
	bool stop_pending;
} tracees[THREADS];
static int count;

static struct tracee *tracee_of(pid_t tid)
{
	for (int i = 0; i < count; i++)
		if (tracees[i].tid == tid)
			return &tracees[i];
	return NULL;
}

static bool attach_one(pid_t tid, enum way way)
{
	long failed =
	    way == STOPS ? ptrace(PTRACE_ATTACH, tid, 0, 0) : ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD);

	if (failed && errno == EPERM && count == 0)
		test_skip("a child cannot be traced here");
	if (failed) { /* it has ended meanwhile */
		CHECK(errno == ESRCH || errno == EPERM);
		return false;
	}
	if (way != STOPS)
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	CHECK(count < THREADS);
	tracees[count++] = (struct tracee){.tid = tid};
	return true;
}

/* Until no thread is found that was not there before. */
static void attach(enum way way)
{
	char path[64];
	bool found = true;

	snprintf(path, sizeof(path), "/proc/%d/task", process);
	for (count = 0; found;) {
		DIR *d = opendir(path);
		struct dirent *e;

		CHECK(d);
		for (found = false; (e = readdir(d));)
			if (atoi(e->d_name) > 0 && !tracee_of(atoi(e->d_name)))
				found |= attach_one(atoi(e->d_name), way);
		closedir(d);
	}
}

/* What it stands at: 0, or a signal. */
static int signal_of(int status)
{
	int sig = WSTOPSIG(status);

	return sig == (SIGTRAP | 0x80) || status >> 16 ? 0 : sig;
}

static bool ended(struct tracee *t, int status)
{
	if (WIFSTOPPED(status))
		return false;
	CHECK(t->tid != process);
	t->tid = 0;
	return true;
}

static void await_stop(struct tracee *t, enum way way)
{
	int status;

	if (!t->tid)
		return;
	CHECK_EQ(waitpid(t->tid, &status, __WALL), t->tid);
	if (ended(t, status))
		return;
	t->held = signal_of(status);
	t->stop_pending = way == STOPS && t->held != SIGSTOP;
	if (way == STOPS && t->held == SIGSTOP)
		t->held = 0;
}

static int passed_on(int sig)
{
	return sig == SIGUSR1 ? sig : 0;
}

static void go_on(struct tracee *t, enum way way, int sig)
{
	if (t->tid)
		ptrace(way == SYSCALLS ? PTRACE_SYSCALL : PTRACE_CONT, t->tid, 0, passed_on(sig));
}

static void let_run(enum way way, long long ns)
{
	long long until = now_ns() + ns;

	for (int i = 0; i < count; i++)
		go_on(&tracees[i], way, tracees[i].held);
	do {
		int status;
		pid_t tid = (pid_t)SYS(waitpid(-1, &status, __WALL | WNOHANG));
		struct tracee *t = tracee_of(tid);

		if (tid && t && !ended(t, status))
			go_on(t, way, signal_of(status));
	} while (now_ns() < until);
	for (int i = 0; i < count; i++)
		if (tracees[i].tid)
			ptrace(PTRACE_INTERRUPT, tracees[i].tid, 0, 0);
	for (int i = 0; i < count; i++)
		await_stop(&tracees[i], way);
}

/* A stop that is still to come is taken back by SIGCONT, as gdb does. */
static void detach(void)
{
	for (int i = 0; i < count; i++) {
		struct tracee *t = &tracees[i];

		if (t->tid && t->stop_pending)
			syscall(SYS_tgkill, process, t->tid, SIGCONT);
		if (t->tid)
			SYS(ptrace(PTRACE_DETACH, t->tid, 0, passed_on(t->held)));
	}
}

static void trace(enum way way)
{
	attach(way);
	for (int i = 0; i < count; i++)
		await_stop(&tracees[i], way);
	if (way != STOPS)
		let_run(way, NSEC_PER_MSEC);
	detach();
	sleep_us(500);
}

int main(void)
{
	int ready[2], end[2], status;
	char c;

	SYS(pipe(ready));
	SYS(pipe(end));
	process = (pid_t)SYS(fork());
	if (process == 0) {
		close(end[1]);
		be_busy(ready[1], end[0]);
	}
	close(ready[1]);
	CHECK_EQ(SYS(read(ready[0], &c, 1)), 1);
	for (int i = 0; i < ROUNDS * WAYS; i++)
		trace(i % WAYS);
	close(end[1]);
	CHECK_EQ(SYS(waitpid(process, &status, 0)), process);
	CHECK_EQ(status, 0);
	puts("ok");
	return 0;
}
