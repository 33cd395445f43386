/* poll's and select's odd arguments: no descriptors, negative ones, closed ones, too many, wrong timeouts, masks. */
// threads
#include "io_test.h"
#include <sys/epoll.h>
#include <sys/select.h>

/* Volatile: the compiler would object. */
static volatile nfds_t too_many = 10000000;
static volatile int minus_one = -1;

static void ignore(int sig)
{
	(void)sig;
}

static void polls(void)
{
	struct pollfd p[2] = {{.fd = -1, .events = POLLIN}, {.fd = -7, .events = POLLOUT}};
	struct timespec wrong = {0, NSEC_PER_SEC}, negative = {-1, 0};

	SAY("poll, all negative", poll(p, 2, 1));
	p[0].fd = 9999;
	SAY("poll, closed", poll(p, 1, -1));
	printf("revents %x\n", p[0].revents);
	SAY("poll, nothing, 0", poll(NULL, 0, 0));
	SAY("poll, too many", poll(p, too_many, 0));
	SAY("ppoll, 1000000000 ns", ppoll(p, 1, &wrong, NULL));
	SAY("ppoll, -1 s", ppoll(p, 1, &negative, NULL));
}

static void selects(void)
{
	struct timeval zero = {0, 0}, wrong = {0, -1}, far = {0, 3000000};
	struct timespec wrong_ts = {0, NSEC_PER_SEC};
	fd_set set;
	int p[2];

	SYS(pipe(p));
	FD_ZERO(&set);
	SAY("select, none", select(0, NULL, NULL, NULL, &zero));
	SAY("select, -1", select(-1, NULL, NULL, NULL, &zero));
	SAY("select, negative us", select(1, NULL, NULL, NULL, &wrong));
	SAY("pselect, 1000000000 ns", pselect(1, NULL, NULL, NULL, &wrong_ts, NULL));
	FD_SET(p[0], &set);
	SYS(close(p[0]));
	SAY("select, closed", select(p[0] + 1, &set, NULL, NULL, &zero));
	SAY("select, closed, no timeout", select(p[0] + 1, &set, NULL, NULL, NULL));
	FD_ZERO(&set);
	FD_SET(p[1], &set);
	SAY("select, hung up pipe, microseconds over a second", select(p[1] + 1, NULL, &set, NULL, &far));
}

/* A mask that lets a pending signal in ends the wait at once. */
static void masks(void)
{
	struct epoll_event ev;
	int ep = (int)SYS(epoll_create1(0));
	sigset_t none;

	sigemptyset(&none);
	set_handler(SIGUSR1, ignore, SA_RESTART);
	block_signal(SIGUSR1);
	PT(pthread_kill(pthread_self(), SIGUSR1));
	SAY("ppoll with a mask", ppoll(NULL, 0, NULL, &none));
	PT(pthread_kill(pthread_self(), SIGUSR1));
	SAY("pselect with a mask", pselect(0, NULL, NULL, NULL, NULL, &none));
	PT(pthread_kill(pthread_self(), SIGUSR1));
	SAY("epoll_pwait with a mask", epoll_pwait(ep, &ev, 1, -1, &none));
	PT(pthread_kill(pthread_self(), SIGUSR1));
	SAY("epoll_pwait2 with a mask", epoll_pwait2(ep, &ev, 1, NULL, &none));
	SYS(close(ep));
	unblock_signal(SIGUSR1);
}

static void epolls(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct timespec wrong = {0, NSEC_PER_SEC};
	int ep = (int)SYS(epoll_create1(0)), file = scratch_file();

	SAY("epoll_wait, none asked for", epoll_wait(ep, &ev, 0, 0));
	SAY("epoll_wait, -1 asked for", epoll_wait(ep, &ev, minus_one, 0));
	SAY("epoll_wait, no epoll", epoll_wait(file, &ev, 1, 0));
	SAY("epoll_wait, closed", epoll_wait(9999, &ev, 1, 0));
	SAY("epoll_pwait2, 1000000000 ns", epoll_pwait2(ep, &ev, 1, &wrong, NULL));
	SAY("add a file", epoll_ctl(ep, EPOLL_CTL_ADD, file, &ev));
	SAY("add itself", epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev));
	SAY("add a closed one", epoll_ctl(ep, EPOLL_CTL_ADD, 9999, &ev));
	SAY("mod what is not there", epoll_ctl(ep, EPOLL_CTL_MOD, 1, &ev));
	SAY("del what is not there", epoll_ctl(ep, EPOLL_CTL_DEL, 1, &ev));
	SAY("unknown operation", epoll_ctl(ep, 9, 1, &ev));
}

static void *body(void *arg)
{
	polls();
	selects();
	masks();
	epolls();
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
