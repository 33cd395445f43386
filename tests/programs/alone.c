/* A thread that talks to another process, and nobody else about, goes on on a kernel thread of its own: whatever then
 * happens to it is as for any other. */
// threads
// exit: 3
// stats: went on alone [1-9]
#include "io_test.h"
#include <sys/prctl.h>

enum { TALKS = 200, ROUNDS = 50, PAIRS = 40 };

static _Atomic int *kept; /* by the other process */

/* The other process's side: sends back what comes, but keeps what begins with a k. */
static void echo(int listener)
{
	struct pollfd p[PAIRS + 9] = {{.fd = listener, .events = POLLIN}};
	int n = 1;
	char buf[64];

	for (;;) {
		SYS(poll(p, (nfds_t)n, -1));
		if (p[0].revents) {
			CHECK(n < (int)ARRAY_LEN(p));
			p[n++] = (struct pollfd){.fd = (int)SYS(accept(listener, NULL, NULL)), .events = POLLIN};
		}
		for (int i = n - 1; i > 0; i--) {
			ssize_t got = p[i].revents ? read(p[i].fd, buf, sizeof(buf)) : 1;

			if (got <= 0) {
				SYS(close(p[i].fd));
				p[i] = p[--n];
			} else if (p[i].revents && buf[0] == 'k') {
				(*kept)++;
			} else if (p[i].revents) {
				write_full(p[i].fd, buf, (size_t)got);
			}
		}
	}
}

static struct sockaddr_in address;

static void talk(int fd, int times)
{
	char c;

	for (int i = 0; i < times; i++) {
		write_full(fd, "x", 1);
		CHECK_EQ(read(fd, &c, 1), 1);
	}
}

static int talks(void)
{
	int fd = tcp_connect(&address);

	talk(fd, TALKS);
	return fd;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static int turns;

static void *other_side(void *arg)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < ROUNDS; i++) {
		while (turns != 2 * i + 1)
			pthread_cond_wait(&turn, &lock);
		turns++;
		pthread_cond_broadcast(&turn);
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

static void with_locks(void)
{
	int fd = talks();
	pthread_t t = start(other_side, NULL);

	for (int i = 0; i < ROUNDS; i++) {
		talk(fd, i % 3 ? 1 : TALKS);
		pthread_mutex_lock(&lock);
		turns++;
		pthread_cond_broadcast(&turn);
		while (turns != 2 * i + 2)
			pthread_cond_wait(&turn, &lock);
		pthread_mutex_unlock(&lock);
	}
	join(t);
	SYS(close(fd));
	printf("locks: %d turns\n", turns);
}

static pthread_t handled_by;
static volatile sig_atomic_t handled;

static void handles(int sig)
{
	(void)sig;
	handled_by = pthread_self();
	handled++;
}

struct reader {
	int fd;
};

/* Alone by the time that it reads what will not come. */
static void *reads_silence(void *arg)
{
	struct reader *r = arg;
	char c = 0;
	ssize_t got;

	talk(r->fd, TALKS);
	write_full(r->fd, "k", 1);
	got = read(r->fd, &c, 1);
	return (void *)(long)(got == -1 ? -errno : got ? c : 0);
}

/* Until that one waits in the read behind its last word. */
static pthread_t start_reader(struct reader *r)
{
	int before = *kept;
	pthread_t t = start(reads_silence, r);

	while (*kept == before)
		sleep_us(100);
	let_it_block();
	return t;
}

static void with_signals(bool restarts)
{
	struct sigaction sa = {.sa_handler = handles, .sa_flags = restarts ? SA_RESTART : 0};
	struct reader r = {.fd = tcp_connect(&address)};
	pthread_t t = start_reader(&r);

	SYS(sigaction(SIGUSR1, &sa, NULL));
	handled = 0;
	PT(pthread_kill(t, SIGUSR1));
	while (!handled)
		sched_yield();
	CHECK(pthread_equal(handled_by, t));
	let_it_block();
	if (restarts)
		SYS(shutdown(r.fd, SHUT_RDWR));
	printf("signal, %s: %ld\n", restarts ? "restarted" : "interrupted", (long)join(t));
	SYS(close(r.fd));
}

static void cancelled(void)
{
	struct reader r = {.fd = tcp_connect(&address)};
	pthread_t t = start_reader(&r);
	void *ret;

	PT(pthread_cancel(t));
	PT(pthread_join(t, &ret));
	printf("cancelled: %d\n", ret == PTHREAD_CANCELED);
	SYS(close(r.fd));
}

/* The number goes, and is another file's: the read stays with what it began with. */
static void closed_meanwhile(void)
{
	struct reader r = {.fd = tcp_connect(&address)};
	int keep = (int)SYS(dup(r.fd)), null = (int)SYS(open("/dev/null", O_RDWR | O_CLOEXEC));
	pthread_t t = start_reader(&r);

	SYS(dup2(null, r.fd));
	write_full(keep, "y", 1);
	printf("closed meanwhile: %c\n", (char)(long)join(t));
	SYS(close(keep));
	SYS(close(null));
	SYS(close(r.fd));
}

static void timed(void)
{
	struct timeval tv = {0, 20000};
	int fd = talks();
	char c;

	SYS(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	SAY("timeout", read(fd, &c, 1));
	SYS(fcntl(fd, F_SETFL, O_NONBLOCK));
	SAY("O_NONBLOCK", read(fd, &c, 1));
	SYS(close(fd));
}

static void forks(void)
{
	int fd = talks();
	pid_t pid = SYS(fork());

	if (pid == 0) {
		talk(fd, 3);
		_exit(7);
	}
	printf("fork: %s\n", reap(pid));
	talk(fd, TALKS);
	SYS(close(fd));
}

/* One is alone, and the rest have the hub. */
static void *sleeps(void *arg)
{
	for (int i = 0; i < 100; i++)
		sleep_us(100);
	return arg;
}

static void others_go_on(void)
{
	struct reader r = {.fd = tcp_connect(&address)};
	pthread_t t = start_reader(&r), others[10];

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		others[i] = start(sleeps, NULL);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		join(others[i]);
	write_full(r.fd, "z", 1);
	printf("others go on: %c\n", (char)(long)join(t));
	SYS(close(r.fd));
}

/* More than are let go, one after the other: all stay where they are. */
static void many(void)
{
	struct reader r[PAIRS];
	pthread_t t[PAIRS];

	for (int i = 0; i < PAIRS; i++) {
		r[i] = (struct reader){.fd = tcp_connect(&address)};
		t[i] = start_reader(&r[i]);
	}
	for (int i = 0; i < PAIRS; i++) {
		write_full(r[i].fd, "w", 1);
		CHECK_EQ((long)join(t[i]), 'w');
		SYS(close(r[i].fd));
	}
	puts("many");
}

static void *does_all(void *arg)
{
	with_locks();
	with_signals(false);
	with_signals(true);
	cancelled();
	closed_meanwhile();
	timed();
	forks();
	others_go_on();
	many();
	talks();
	/* in exit it is alone */
	exit(3);
	return arg;
}

int main(void)
{
	int listener = tcp_listen(PAIRS, &address);
	pid_t pid;

	kept = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(kept != MAP_FAILED);
	pid = SYS(fork());
	if (pid == 0) {
		SYS(prctl(PR_SET_PDEATHSIG, SIGKILL));
		echo(listener);
	}
	SYS(close(listener));
	start(does_all, NULL);
	for (;;)
		pause();
}
