/* Signals that come all the time, for another thread, do not disturb one that waits: its time runs out when it should,
 * and no call of its own ends with EINTR. */
// threads
// libs: -lrt
#include "wait_test.h"
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/time.h>

#define WAIT_MS 60

static int semset, queue, pipes[2], timed[2], full_timed[2], listener, full_listener, epfd;
static mqd_t mq;
static aio_context_t aio;
static struct sockaddr_un full_address;
static sem_t *shared_sem;
static uint32_t *shared_word, private_word;
static const struct timespec wait_time = {0, WAIT_MS *NSEC_PER_MSEC};

static int w_semtimedop(void)
{
	struct sembuf op = {0, -1, 0};
	return semtimedop(semset, &op, 1, &wait_time);
}

static int w_mq_receive(void)
{
	char text[8];
	struct timespec ts = after_ms(CLOCK_REALTIME, WAIT_MS);
	return (int)mq_timedreceive(mq, text, sizeof(text), NULL, &ts);
}

static int w_getevents(void)
{
	struct io_event events[1];
	struct timespec ts = wait_time;
	return (int)syscall(SYS_io_getevents, aio, 1, 1, events, &ts);
}

static int w_shared_sem(void)
{
	struct timespec ts = after_ms(CLOCK_REALTIME, WAIT_MS);
	return sem_timedwait(shared_sem, &ts);
}

static int w_futex(void)
{
	return (int)syscall(SYS_futex, &private_word, FUTEX_WAIT_PRIVATE, 0, &wait_time, NULL, 0);
}

static int w_futex_shared(void)
{
	return (int)syscall(SYS_futex, shared_word, FUTEX_WAIT, 0, &wait_time, NULL, 0);
}

static int w_recv(void)
{
	char c;
	return (int)recv(timed[0], &c, 1, 0);
}

static int w_send(void)
{
	return (int)send(full_timed[0], "", 1, 0);
}

static int w_accept(void)
{
	return accept(listener, NULL, NULL);
}

static int w_connect(void)
{
	return connect_timed(&full_address, WAIT_MS);
}

static int w_poll(void)
{
	struct pollfd p = {.fd = pipes[0], .events = POLLIN};
	return poll(&p, 1, WAIT_MS);
}

static int w_select(void)
{
	fd_set set;
	struct timeval tv = {0, WAIT_MS * 1000};
	FD_ZERO(&set);
	FD_SET(pipes[0], &set);
	return select(pipes[0] + 1, &set, NULL, NULL, &tv);
}

static int w_epoll(void)
{
	struct epoll_event e;
	return epoll_wait(epfd, &e, 1, WAIT_MS);
}

static int w_sigtimedwait(void)
{
	sigset_t set = one_signal(SIGURG);
	return sigtimedwait(&set, NULL, &wait_time);
}

static int w_nanosleep(void)
{
	return nanosleep(&wait_time, NULL);
}

static const struct {
	const char *name;
	int (*block)(void);
} waits[] = {
    {"semtimedop", w_semtimedop},
    {"mq_timedreceive", w_mq_receive},
    {"io_getevents", w_getevents},
    {"sem_timedwait, shared", w_shared_sem},
    {"futex", w_futex},
    {"futex, shared", w_futex_shared},
    {"recv", w_recv},
    {"send", w_send},
    {"accept", w_accept},
    {"connect", w_connect},
    {"poll", w_poll},
    {"select", w_select},
    {"epoll_wait", w_epoll},
    {"sigtimedwait", w_sigtimedwait},
    {"nanosleep", w_nanosleep},
};

static pid_t main_tid;
static volatile sig_atomic_t ticks;

static void on_alarm(int sig)
{
	(void)sig;
	CHECK_EQ(own_tid(), main_tid);
	ticks++;
}

static struct result {
	int value, error, started;
	long long took;
} results[ARRAY_LEN(waits)];

static void *run(void *arg)
{
	size_t i = (size_t)arg;
	struct result *r = &results[i];
	long long begin = now_ns();

	r->value = waits[i].block();
	r->error = r->value < 0 ? errno : 0;
	r->took = now_ns() - begin;
	return NULL;
}

static void set_up(void)
{
	struct timeval timeout = {0, WAIT_MS * 1000};
	struct epoll_event e = {.events = EPOLLIN};
	static char page[4096];

	semset = (int)SYS(semget(IPC_PRIVATE, 1, 0600));
	queue = (int)SYS(msgget(IPC_PRIVATE, 0600));
	mq = small_queue();
	SYS(syscall(SYS_io_setup, 4, &aio));
	shared_sem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared_sem != MAP_FAILED);
	SYS(sem_init(shared_sem, 1, 0));
	shared_word = (uint32_t *)(shared_sem + 1);
	SYS(pipe(pipes));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, timed));
	SYS(setsockopt(timed[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, full_timed));
	SYS(setsockopt(full_timed[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
	while (send(full_timed[0], page, sizeof(page), MSG_DONTWAIT) > 0)
		;
	while (send(full_timed[0], page, 1, MSG_DONTWAIT) > 0)
		;
	listener = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(bind(listener, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)));
	SYS(listen(listener, 5));
	SYS(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	full_listener = listen_briefly(&full_address);
	fill_backlog(&full_address);
	epfd = (int)SYS(epoll_create1(0));
	SYS(epoll_ctl(epfd, EPOLL_CTL_ADD, pipes[0], &e));
}

/* All of them at once, and one by one. */
static void round_of(size_t from, size_t count)
{
	pthread_t threads[ARRAY_LEN(waits)];

	block_signal(SIGALRM);
	for (size_t i = from; i < from + count; i++)
		threads[i] = start(run, (void *)i);
	unblock_signal(SIGALRM);
	for (size_t i = from; i < from + count; i++)
		join(threads[i]);
	for (size_t i = from; i < from + count; i++) {
		struct result *r = &results[i];

		printf("%s: %d %s\n", waits[i].name, r->value, r->error ? strerrorname_np(r->error) : "0");
		CHECK(r->took >= (WAIT_MS - 1) * NSEC_PER_MSEC);
		if (r->took > 20 * WAIT_MS * NSEC_PER_MSEC)
			printf("... it took too long\n");
		fprintf(stderr, "%s: %lld ms\n", waits[i].name, r->took / NSEC_PER_MSEC);
	}
}

int main(void)
{
	struct itimerval tick = {{0, 3000}, {0, 3000}}, off = {{0, 0}, {0, 0}};

	set_up();
	main_tid = own_tid();
	set_handler(SIGALRM, on_alarm, SA_RESTART);
	SYS(setitimer(ITIMER_REAL, &tick, NULL));
	round_of(0, ARRAY_LEN(waits));
	for (size_t i = 0; i < ARRAY_LEN(waits); i++)
		round_of(i, 1);
	SYS(setitimer(ITIMER_REAL, &off, NULL));
	CHECK(ticks > 10);
	semctl(semset, 0, IPC_RMID);
	msgctl(queue, IPC_RMID, NULL);
	return 0;
}
