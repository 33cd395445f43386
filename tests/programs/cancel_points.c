/* pthread_cancel ends a thread that is blocked in each kind of wait, and one that is about to block. */
// threads
#include "test.h"
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/un.h>

#define ROUNDS 20

static int pipe_fds[2], full_pipe[2], pair[2], listener;
static sem_t never, ready;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_t forever;
static pid_t child;

static void w_read(void)
{
	char c;
	read(pipe_fds[0], &c, 1);
}

static void w_write(void)
{
	static char page[65536];
	write(full_pipe[1], page, sizeof(page));
}

static void w_recv(void)
{
	char c;
	recv(pair[0], &c, 1, 0);
}

static void w_accept(void)
{
	accept(listener, NULL, NULL);
}

static void w_poll(void)
{
	struct pollfd p = {.fd = pipe_fds[0], .events = POLLIN};
	poll(&p, 1, -1);
}

static void w_select(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(pipe_fds[0], &set);
	select(pipe_fds[0] + 1, &set, NULL, NULL, NULL);
}

static void w_epoll(void)
{
	struct epoll_event event;
	static int epfd;
	if (epfd == 0)
		epfd = epoll_create1(0);
	epoll_wait(epfd, &event, 1, -1);
}

static void w_nanosleep(void)
{
	struct timespec ts = {100, 0};
	nanosleep(&ts, NULL);
}

static void w_clock_nanosleep(void)
{
	struct timespec ts = after_ms(CLOCK_MONOTONIC, 100000);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void w_sleep(void)
{
	sleep(100);
}

static void w_pause(void)
{
	pause();
}

static void w_sem_wait(void)
{
	sem_wait(&never);
}

static void w_sem_timedwait(void)
{
	struct timespec ts = after_ms(CLOCK_REALTIME, 100000);
	sem_timedwait(&never, &ts);
}

static void unlock(void *arg)
{
	PT(pthread_mutex_unlock(arg));
}

static void w_cond_wait(void)
{
	pthread_mutex_lock(&lock);
	pthread_cleanup_push(unlock, &lock);
	pthread_cond_wait(&cond, &lock);
	pthread_cleanup_pop(1);
}

static void w_cond_timedwait(void)
{
	struct timespec ts = after_ms(CLOCK_REALTIME, 100000);
	pthread_mutex_lock(&lock);
	pthread_cleanup_push(unlock, &lock);
	pthread_cond_timedwait(&cond, &lock, &ts);
	pthread_cleanup_pop(1);
}

static void w_join(void)
{
	pthread_join(forever, NULL);
}

static void w_waitpid(void)
{
	waitpid(child, NULL, 0);
}

static void w_sigwait(void)
{
	sigset_t set = one_signal(SIGUSR2);
	int sig;
	sigwait(&set, &sig);
}

static void w_sigsuspend(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigsuspend(&set);
}

static const struct {
	const char *name;
	void (*wait)(void);
} waits[] = {
    {"read", w_read},
    {"write", w_write},
    {"recv", w_recv},
    {"accept", w_accept},
    {"poll", w_poll},
    {"select", w_select},
    {"epoll_wait", w_epoll},
    {"nanosleep", w_nanosleep},
    {"clock_nanosleep", w_clock_nanosleep},
    {"sleep", w_sleep},
    {"pause", w_pause},
    {"sem_wait", w_sem_wait},
    {"sem_timedwait", w_sem_timedwait},
    {"pthread_cond_wait", w_cond_wait},
    {"pthread_cond_timedwait", w_cond_timedwait},
    {"pthread_join", w_join},
    {"waitpid", w_waitpid},
    {"sigwait", w_sigwait},
    {"sigsuspend", w_sigsuspend},
};

static void count_cleanup(void *arg)
{
	(*(int *)arg)++;
}

static int cleanups;

static void *run(void *arg)
{
	pthread_cleanup_push(count_cleanup, &cleanups);
	SYS(sem_post(&ready));
	for (;;)
		waits[(long)arg].wait();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *stays(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void set_up(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char page[4096] = {0};

	SYS(pipe(pipe_fds));
	SYS(pipe(full_pipe));
	SYS(fcntl(full_pipe[1], F_SETFL, O_NONBLOCK));
	while (write(full_pipe[1], page, sizeof(page)) > 0)
		;
	SYS(fcntl(full_pipe[1], F_SETFL, 0));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	listener = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	/* An abstract address that the kernel chooses. */
	SYS(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)));
	SYS(listen(listener, 5));
	SYS(sem_init(&never, 0, 0));
	SYS(sem_init(&ready, 0, 0));
	block_signal(SIGUSR2);
	child = (pid_t)SYS(fork());
	if (child == 0)
		for (;;)
			pause();
	forever = start(stays, NULL);
}

int main(void)
{
	unsigned seed = test_seed();

	set_up();
	for (long i = 0; i < (long)ARRAY_LEN(waits); i++) {
		cleanups = 0;
		for (int round = 0; round < ROUNDS; round++) {
			pthread_t t = start(run, (void *)i);

			while (sem_wait(&ready) != 0)
				;
			if (rnd(&seed) % 2)
				sleep_us(rnd(&seed) % 500);
			PT(pthread_cancel(t));
			CHECK(join(t) == PTHREAD_CANCELED);
		}
		PT(pthread_mutex_trylock(&lock));
		PT(pthread_mutex_unlock(&lock));
		printf("%s: %d\n", waits[i].name, cleanups);
	}
	kill(child, SIGKILL);
	printf("child %s\n", reap(child));
	return 0;
}
