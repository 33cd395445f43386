/* Each signal against each kind of wait, with and without SA_RESTART: EINTR or restarted, as signal(7) has it. */
// threads
// timeout: 120
#include "test.h"
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/un.h>

/* What becomes of a wait when a handler has run. */
enum rule { RESTARTS, NEVER_RESTARTS, NEVER_INTERRUPTED };

static const struct {
	const char *name;
	int number;
} signals[] = {
    {"HUP", SIGHUP},
    {"INT", SIGINT},
    {"USR1", SIGUSR1},
    {"USR2", SIGUSR2},
    {"ALRM", SIGALRM},
    {"TERM", SIGTERM},
    {"CHLD", SIGCHLD},
    {"WINCH", SIGWINCH},
    {"IO", SIGIO},
    {"RTMIN", 0 /* below */},
};

static int pipe_fds[2], full_pipe[2], pair[2], full_pair[2], timed_pair[2], listener, full_listener, lock_file, child;
static struct sockaddr_un full_address;
static socklen_t full_address_length;
static char path[4096];
static sem_t sem;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool flag;
static pthread_t joined;

/* The two ends of each wait: block() answers 0, or -1 and errno, as the call did; finish() lets it succeed. */

static int block_read(void)
{
	char c;
	return read(pipe_fds[0], &c, 1) == 1 ? 0 : -1;
}

static int block_readv(void)
{
	char c;
	struct iovec iov = {&c, 1};
	return readv(pipe_fds[0], &iov, 1) == 1 ? 0 : -1;
}

static void finish_pipe(void)
{
	CHECK_EQ(write(pipe_fds[1], "", 1), 1);
}

static void clear_pipe(void)
{
	char page[64];
	SYS(fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK));
	while (read(pipe_fds[0], page, sizeof(page)) > 0)
		;
	SYS(fcntl(pipe_fds[0], F_SETFL, 0));
}

static void fill(int fd)
{
	static char page[4096];
	int flags = fcntl(fd, F_GETFL);
	SYS(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
	while (write(fd, page, sizeof(page)) > 0)
		;
	while (write(fd, page, 1) > 0)
		;
	SYS(fcntl(fd, F_SETFL, flags));
}

static int block_write(void)
{
	return write(full_pipe[1], "", 1) == 1 ? 0 : -1;
}

static void finish_write(void)
{
	char page[65536];
	CHECK(read(full_pipe[0], page, sizeof(page)) > 0);
}

static void refill_pipe(void)
{
	fill(full_pipe[1]);
}

static int block_send(void)
{
	return send(full_pair[1], "", 1, 0) == 1 ? 0 : -1;
}

static void finish_send(void)
{
	char page[65536];
	while (recv(full_pair[0], page, sizeof(page), MSG_DONTWAIT) > 0)
		;
}

static void refill_pair(void)
{
	fill(full_pair[1]);
}

static int block_recv(void)
{
	char c;
	return recv(pair[0], &c, 1, 0) == 1 ? 0 : -1;
}

static int block_recvmsg(void)
{
	char c;
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	return recvmsg(pair[0], &msg, 0) == 1 ? 0 : -1;
}

static void finish_recv(void)
{
	CHECK_EQ(send(pair[1], "", 1, 0), 1);
}

static int block_recv_timeout(void)
{
	char c;
	return recv(timed_pair[0], &c, 1, 0) == 1 ? 0 : -1;
}

static int block_accept(void)
{
	int fd = accept(listener, NULL, NULL);
	return fd < 0 ? -1 : close(fd);
}

static void finish_accept(void)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	int fd = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(getsockname(listener, (struct sockaddr *)&address, &length));
	SYS(connect(fd, (struct sockaddr *)&address, length));
	close(fd);
}

/* A Unix socket whose queue is full: connect waits for room. */
static int block_connect(void)
{
	int fd = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	int result = connect(fd, (struct sockaddr *)&full_address, full_address_length), saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static void finish_connect(void)
{
	close((int)SYS(accept(full_listener, NULL, NULL)));
}

static void refill_listener(void)
{
	for (;;) {
		int fd = (int)SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
		int result = connect(fd, (struct sockaddr *)&full_address, full_address_length);
		close(fd);
		if (result == -1) {
			CHECK_EQ(errno, EAGAIN);
			return;
		}
	}
}

static int block_poll(void)
{
	struct pollfd p = {.fd = pipe_fds[0], .events = POLLIN};
	return poll(&p, 1, -1) == 1 ? 0 : -1;
}

static int block_poll_timeout(void)
{
	struct pollfd p = {.fd = pipe_fds[0], .events = POLLIN};
	return poll(&p, 1, 100000) == 1 ? 0 : -1;
}

static int block_select(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(pipe_fds[0], &set);
	return select(pipe_fds[0] + 1, &set, NULL, NULL, NULL) == 1 ? 0 : -1;
}

static int block_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epfd = (int)SYS(epoll_create1(0)), result, saved;
	SYS(epoll_ctl(epfd, EPOLL_CTL_ADD, pipe_fds[0], &event));
	result = epoll_wait(epfd, &event, 1, -1);
	saved = errno;
	close(epfd);
	errno = saved;
	return result == 1 ? 0 : -1;
}

static int block_nanosleep(void)
{
	struct timespec ts = {100, 0}, rest = {0, 0};
	int result = nanosleep(&ts, &rest);
	CHECK(result == 0 || (rest.tv_sec >= 10 && rest.tv_sec <= 100));
	return result;
}

static int block_clock_nanosleep(void)
{
	struct timespec ts = after_ms(CLOCK_MONOTONIC, 100000);
	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	return errno ? -1 : 0;
}

static int block_sem_wait(void)
{
	return sem_wait(&sem);
}

static int block_sem_timedwait(void)
{
	struct timespec ts = after_ms(CLOCK_REALTIME, 100000);
	return sem_timedwait(&sem, &ts);
}

static void finish_sem(void)
{
	SYS(sem_post(&sem));
}

static int block_cond(void)
{
	PT(pthread_mutex_lock(&lock));
	while (!flag)
		PT(pthread_cond_wait(&cond, &lock));
	flag = false;
	PT(pthread_mutex_unlock(&lock));
	return 0;
}

static void finish_cond(void)
{
	PT(pthread_mutex_lock(&lock));
	flag = true;
	PT(pthread_cond_signal(&cond));
	PT(pthread_mutex_unlock(&lock));
}

static int block_mutex(void)
{
	PT(pthread_mutex_lock(&lock));
	PT(pthread_mutex_unlock(&lock));
	return 0;
}

static void prepare_mutex(void)
{
	PT(pthread_mutex_lock(&lock));
}

static void finish_mutex(void)
{
	PT(pthread_mutex_unlock(&lock));
}

static void *wait_for_sem(void *arg)
{
	while (sem_wait(&sem) != 0)
		;
	return arg;
}

static void prepare_join(void)
{
	sigset_t all, old;
	sigfillset(&all);
	PT(pthread_sigmask(SIG_SETMASK, &all, &old));
	joined = start(wait_for_sem, NULL);
	PT(pthread_sigmask(SIG_SETMASK, &old, NULL));
}

static int block_join(void)
{
	PT(pthread_join(joined, NULL));
	return 0;
}

static int block_sigsuspend(void)
{
	sigset_t none;
	sigemptyset(&none);
	return sigsuspend(&none);
}

static int block_pause(void)
{
	return pause();
}

static int block_flock(void)
{
	int fd = (int)SYS(open(path, O_RDWR)), result = flock(fd, LOCK_EX), saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static void prepare_flock(void)
{
	SYS(flock(lock_file, LOCK_EX));
}

static void finish_flock(void)
{
	SYS(flock(lock_file, LOCK_UN));
}

static void prepare_child(void)
{
	child = (pid_t)SYS(fork());
	if (child == 0) {
		char c;
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		close(pair[1]);
		_exit(recv(pair[0], &c, 1, 0) == 1 ? 0 : 1);
	}
}

static int block_waitpid(void)
{
	int status, result = waitpid(child, &status, 0);
	return result == child ? 0 : -1;
}

static void end_child(void)
{
	finish_recv();
	CHECK(strcmp(reap(child), "exit 0") == 0);
}

static const struct wait {
	const char *name;
	int (*block)(void);
	void (*finish)(void); /* NULL: nothing but a signal ends it */
	enum rule rule;
	void (*prepare)(void);
	void (*clean)(void); /* after a wait that ended with EINTR */
} waits[] = {
    {"read", block_read, finish_pipe, RESTARTS, NULL, NULL},
    {"readv", block_readv, finish_pipe, RESTARTS, NULL, NULL},
    {"write", block_write, finish_write, RESTARTS, refill_pipe, NULL},
    {"send", block_send, finish_send, RESTARTS, refill_pair, NULL},
    {"recv", block_recv, finish_recv, RESTARTS, NULL, NULL},
    {"recvmsg", block_recvmsg, finish_recv, RESTARTS, NULL, NULL},
    {"recv with SO_RCVTIMEO", block_recv_timeout, NULL, NEVER_RESTARTS, NULL, NULL},
    {"accept", block_accept, finish_accept, RESTARTS, NULL, NULL},
    {"connect", block_connect, finish_connect, RESTARTS, refill_listener, NULL},
    {"poll", block_poll, finish_pipe, NEVER_RESTARTS, NULL, clear_pipe},
    {"poll with timeout", block_poll_timeout, finish_pipe, NEVER_RESTARTS, NULL, clear_pipe},
    {"select", block_select, finish_pipe, NEVER_RESTARTS, NULL, clear_pipe},
    {"epoll_wait", block_epoll, finish_pipe, NEVER_RESTARTS, NULL, clear_pipe},
    {"nanosleep", block_nanosleep, NULL, NEVER_RESTARTS, NULL, NULL},
    {"clock_nanosleep", block_clock_nanosleep, NULL, NEVER_RESTARTS, NULL, NULL},
    {"sem_wait", block_sem_wait, finish_sem, RESTARTS, NULL, NULL},
    {"sem_timedwait", block_sem_timedwait, finish_sem, NEVER_RESTARTS, NULL, NULL},
    {"pthread_cond_wait", block_cond, finish_cond, NEVER_INTERRUPTED, NULL, NULL},
    {"pthread_mutex_lock", block_mutex, finish_mutex, NEVER_INTERRUPTED, prepare_mutex, NULL},
    {"pthread_join", block_join, finish_sem, NEVER_INTERRUPTED, prepare_join, NULL},
    {"sigsuspend", block_sigsuspend, NULL, NEVER_RESTARTS, NULL, NULL},
    {"pause", block_pause, NULL, NEVER_RESTARTS, NULL, NULL},
    {"flock", block_flock, finish_flock, RESTARTS, prepare_flock, finish_flock},
    {"waitpid", block_waitpid, finish_recv, RESTARTS, prepare_child, end_child},
};

struct target {
	const struct wait *wait;
	int blocking, done, result, error;
};

static pid_t target_tid;
static int handled;

static void on_signal(int sig)
{
	(void)sig;
	CHECK_EQ(own_tid(), target_tid);
	__atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
}

static void *run(void *arg)
{
	struct target *t = arg;
	sigset_t none;

	target_tid = own_tid();
	sigemptyset(&none);
	PT(pthread_sigmask(SIG_SETMASK, &none, NULL));
	__atomic_store_n(&t->blocking, 1, __ATOMIC_SEQ_CST);
	t->result = t->wait->block();
	t->error = errno;
	__atomic_store_n(&t->done, 1, __ATOMIC_SEQ_CST);
	/* Signals that are still under way must find the thread alive. */
	while (__atomic_load_n(&t->done, __ATOMIC_SEQ_CST) != 2)
		sleep_us(50);
	return NULL;
}

/* Signals until the wait ends with EINTR: one may have come before the thread blocked. */
static void interrupt(struct target *t, pthread_t thread, int sig)
{
	while (!__atomic_load_n(&t->done, __ATOMIC_SEQ_CST)) {
		PT(pthread_kill(thread, sig));
		sleep_us(200);
	}
}

/* A few signals, each handled, none of which may end the wait. */
static void disturb(struct target *t, pthread_t thread, int sig)
{
	for (int i = 1; i <= 3; i++) {
		PT(pthread_kill(thread, sig));
		WAIT_UNTIL(__atomic_load_n(&handled, __ATOMIC_SEQ_CST) >= i);
		CHECK(!__atomic_load_n(&t->done, __ATOMIC_SEQ_CST));
	}
	t->wait->finish();
	WAIT_UNTIL(__atomic_load_n(&t->done, __ATOMIC_SEQ_CST));
}

static const char *one(const struct wait *w, int sig, bool restart)
{
	struct target t = {.wait = w};
	bool interrupted = w->rule == NEVER_RESTARTS || (w->rule == RESTARTS && !restart);
	pthread_t thread;

	handled = 0;
	set_handler(sig, on_signal, restart ? SA_RESTART : 0);
	if (w->prepare)
		w->prepare();
	thread = start(run, &t);
	WAIT_UNTIL(__atomic_load_n(&t.blocking, __ATOMIC_SEQ_CST));
	sleep_us(100);
	if (interrupted)
		interrupt(&t, thread, sig);
	else
		disturb(&t, thread, sig);
	__atomic_store_n(&t.done, 2, __ATOMIC_SEQ_CST);
	join(thread);
	if (interrupted && w->clean)
		w->clean();
	set_handler(sig, SIG_DFL, 0);
	return t.result == 0 ? "done" : strerrorname_np(t.error);
}

static void set_up(void)
{
	struct timeval timeout = {100, 0};
	const char *tmp = getenv("TMPDIR");

	SYS(pipe(pipe_fds));
	SYS(pipe(full_pipe));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, full_pair));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, timed_pair));
	SYS(setsockopt(timed_pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	full_address.sun_family = AF_UNIX;
	listener = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(bind(listener, (struct sockaddr *)&full_address, sizeof(sa_family_t)));
	SYS(listen(listener, 5));
	full_listener = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(bind(full_listener, (struct sockaddr *)&full_address, sizeof(sa_family_t)));
	SYS(listen(full_listener, 1));
	full_address_length = sizeof(full_address);
	SYS(getsockname(full_listener, (struct sockaddr *)&full_address, &full_address_length));
	SYS(sem_init(&sem, 0, 0));
	snprintf(path, sizeof(path), "%s/lock.XXXXXX", tmp ? tmp : "/tmp");
	lock_file = (int)SYS(mkstemp(path));
}

int main(void)
{
	sigset_t all;

	set_up();
	/* Main gets none of them, so that each goes to the thread it is sent to. */
	sigfillset(&all);
	PT(pthread_sigmask(SIG_SETMASK, &all, NULL));
	for (size_t w = 0; w < ARRAY_LEN(waits); w++) {
		for (int restart = 0; restart < 2; restart++) {
			printf("%s, %s:", waits[w].name, restart ? "SA_RESTART" : "plain");
			for (size_t s = 0; s < ARRAY_LEN(signals); s++) {
				int sig = signals[s].number ? signals[s].number : SIGRTMIN;

				fprintf(stderr, "%s %s %d\n", waits[w].name, signals[s].name, restart);
				printf(" %s %s", signals[s].name, one(&waits[w], sig, restart));
			}
			putchar('\n');
			fflush(stdout);
		}
	}
	unlink(path);
	return 0;
}
