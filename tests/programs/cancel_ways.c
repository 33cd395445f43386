/* Every cancellation point: canceled before the call or inside it, deferred and asynchronous, and in a thread that has
 * a kernel thread of its own. Each time the cleanup handlers run in order, and neither descriptor, nor lock, nor child
 * is left behind. */
// threads
// libs: -lrt
#include "io_test.h"
#include "wait_test.h"
#include <aio.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <termios.h>

static int empty_pipe[2], full_pipe[2], pair[2], full_pair[2], dgram[2], listener, full_listener, epfd, event_fd;
static int timer_fd, terminal, terminal_slave, lock_fd, empty_queue, full_queue, file_fd;
static struct sockaddr_un full_address;
static mqd_t mq, full_mq;
static sem_t never, *shared_sem;
static pthread_mutex_t lock;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_t forever;
static pid_t child;
static struct aiocb pending_aio;
static char fifo[PATH_MAX], path[PATH_MAX], big[65536], *page;
static const struct timespec long_time = {1000, 0};
static struct timespec until;

struct message {
	long type;
	char text[1000];
};

static void unlock(void *arg)
{
	/* Error checking: it must be this thread's. */
	CHECK_EQ(pthread_mutex_lock(arg), EDEADLK);
	PT(pthread_mutex_unlock(arg));
}

#define WAIT(name, ...)            \
	static void w_##name(void) \
	{                          \
		__VA_ARGS__        \
	}

WAIT(accept, accept(listener, NULL, NULL);)
WAIT(accept4, accept4(listener, NULL, NULL, SOCK_CLOEXEC);)
WAIT(aio_suspend, const struct aiocb *list[] = {&pending_aio}; aio_suspend(list, 1, NULL);)
WAIT(clock_nanosleep, clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL);)
WAIT(clock_nanosleep_abs, clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);)
WAIT(close, close(-1);)
static void close_fd(void *arg)
{
	close(*(int *)arg);
}
static void w_connect(void)
{
	int fd = (int)SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	pthread_cleanup_push(close_fd, &fd);
	for (;;)
		connect_there(fd, &full_address);
	pthread_cleanup_pop(1);
}
WAIT(creat, creat(fifo, 0600);)
WAIT(open, open(fifo, O_RDONLY);)
WAIT(open_write, open(fifo, O_WRONLY);)
WAIT(openat, openat(AT_FDCWD, fifo, O_RDONLY);)
WAIT(setlkw, struct flock l = {.l_type = F_WRLCK}; fcntl(lock_fd, F_SETLKW, &l);)
WAIT(ofd_setlkw, struct flock l = {.l_type = F_WRLCK}; fcntl(lock_fd, F_OFD_SETLKW, &l);)
WAIT(lockf, lockf(lock_fd, F_LOCK, 0);)
WAIT(fdatasync, fdatasync(file_fd);)
WAIT(fsync, fsync(file_fd);)
WAIT(msync, msync(page, 4096, MS_SYNC);)
WAIT(sync_file_range, sync_file_range(file_fd, 0, 0, SYNC_FILE_RANGE_WRITE);)
WAIT(mq_receive, char text[8]; mq_receive(mq, text, 8, NULL);)
WAIT(mq_timedreceive, char text[8]; mq_timedreceive(mq, text, 8, NULL, &until);)
WAIT(mq_send, for (;;) mq_send(full_mq, "x", 1, 0);)
WAIT(mq_timedsend, for (;;) mq_timedsend(full_mq, "x", 1, 0, &until);)
WAIT(msgrcv, struct message m; msgrcv(empty_queue, &m, sizeof(m.text), 0, 0);)
WAIT(msgsnd, struct message m = {.type = 1}; for (;;) msgsnd(full_queue, &m, sizeof(m.text), 0);)
WAIT(nanosleep, nanosleep(&long_time, NULL);)
WAIT(sleep, sleep(1000);)
WAIT(usleep, usleep(999999999);)
WAIT(pause, pause();)
WAIT(poll, struct pollfd p = {.fd = empty_pipe[0], .events = POLLIN}; poll(&p, 1, -1);)
WAIT(ppoll, struct pollfd p = {.fd = pair[0], .events = POLLIN}; ppoll(&p, 1, NULL, NULL);)
WAIT(select, fd_set set; FD_ZERO(&set); FD_SET(pair[0], &set); select(pair[0] + 1, &set, NULL, NULL, NULL);)
WAIT(pselect, sigset_t mask; sigemptyset(&mask); pselect(0, NULL, NULL, NULL, &long_time, &mask);)
WAIT(epoll_wait, struct epoll_event e; epoll_wait(epfd, &e, 1, -1);)
WAIT(epoll_pwait, struct epoll_event e; sigset_t mask; sigemptyset(&mask); epoll_pwait(epfd, &e, 1, -1, &mask);)
WAIT(epoll_pwait2, struct epoll_event e; epoll_pwait2(epfd, &e, 1, &long_time, NULL);)
WAIT(pread, (void)!pread(file_fd, big, 1, 0);)
WAIT(pwrite, (void)!pwrite(file_fd, big, 1, 0);)
WAIT(preadv, struct iovec v = {big, 1}; (void)!preadv(file_fd, &v, 1, 0);)
WAIT(pwritev, struct iovec v = {big, 1}; (void)!pwritev(file_fd, &v, 1, 0);)
WAIT(read, (void)!read(empty_pipe[0], big, 1);)
WAIT(read_event, uint64_t n; (void)!read(event_fd, &n, 8);)
WAIT(read_timer, uint64_t n; (void)!read(timer_fd, &n, 8);)
WAIT(read_terminal, char c; (void)!read(terminal_slave, &c, 1);)
WAIT(readv, char c; struct iovec v = {&c, 1}; (void)!readv(empty_pipe[0], &v, 1);)
WAIT(preadv2, char c; struct iovec v = {&c, 1}; (void)!preadv2(empty_pipe[0], &v, 1, -1, 0);)
WAIT(write, for (;;)(void) !write(full_pipe[1], big, sizeof(big));)
WAIT(writev, struct iovec v = {big, sizeof(big)}; for (;;)(void) !writev(full_pipe[1], &v, 1);)
WAIT(recv, char c; recv(pair[0], &c, 1, 0);)
WAIT(recv_all, char c[9]; recv(pair[0], c, 9, MSG_WAITALL);)
WAIT(recvfrom, char c; recvfrom(dgram[0], &c, 1, 0, NULL, NULL);)
WAIT(recvmsg, char c; struct iovec v = {&c, 1}; struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
     recvmsg(pair[0], &m, 0);)
WAIT(recvmmsg, char c; struct iovec v = {&c, 1}; struct mmsghdr m = {{.msg_iov = &v, .msg_iovlen = 1}, 0};
     recvmmsg(dgram[0], &m, 1, 0, NULL);)
WAIT(send, for (;;) send(full_pair[0], big, sizeof(big), 0);)
WAIT(sendto, for (;;) sendto(full_pair[0], big, sizeof(big), 0, NULL, 0);)
WAIT(sendmsg, struct iovec v = {big, sizeof(big)}; struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
     for (;;) sendmsg(full_pair[0], &m, 0);)
WAIT(sendmmsg, struct iovec v = {big, sizeof(big)}; struct mmsghdr m = {{.msg_iov = &v, .msg_iovlen = 1}, 0};
     for (;;) sendmmsg(full_pair[0], &m, 1, 0);)
WAIT(splice, splice(empty_pipe[0], NULL, full_pipe[1], NULL, 10, 0);)
WAIT(tee, tee(empty_pipe[0], full_pipe[1], 10, 0);)
WAIT(vmsplice, struct iovec v = {big, sizeof(big)}; for (;;) vmsplice(full_pipe[1], &v, 1, 0);)
WAIT(sem_wait, sem_wait(&never);)
WAIT(sem_timedwait, sem_timedwait(&never, &until);)
WAIT(sem_clockwait, struct timespec t = after_ms(CLOCK_MONOTONIC, 1000000); sem_clockwait(&never, CLOCK_MONOTONIC, &t);)
WAIT(sem_wait_shared, sem_wait(shared_sem);)
WAIT(sem_timedwait_shared, sem_timedwait(shared_sem, &until);)
WAIT(sigsuspend, sigset_t mask; sigemptyset(&mask); sigsuspend(&mask);)
WAIT(sigtimedwait, sigset_t set = one_signal(SIGUSR2); sigtimedwait(&set, NULL, &long_time);)
WAIT(sigwait, sigset_t set = one_signal(SIGUSR2); int sig; sigwait(&set, &sig);)
WAIT(sigwaitinfo, sigset_t set = one_signal(SIGUSR2); sigwaitinfo(&set, NULL);)
WAIT(cond_wait, PT(pthread_mutex_lock(&lock)); pthread_cleanup_push(unlock, &lock);
     for (;;) pthread_cond_wait(&cond, &lock); pthread_cleanup_pop(1);)
WAIT(cond_timedwait, PT(pthread_mutex_lock(&lock)); pthread_cleanup_push(unlock, &lock);
     for (;;) pthread_cond_timedwait(&cond, &lock, &until); pthread_cleanup_pop(1);)
WAIT(cond_clockwait, struct timespec t = after_ms(CLOCK_MONOTONIC, 1000000); PT(pthread_mutex_lock(&lock));
     pthread_cleanup_push(unlock, &lock); for (;;) pthread_cond_clockwait(&cond, &lock, CLOCK_MONOTONIC, &t);
     pthread_cleanup_pop(1);)
WAIT(join, pthread_join(forever, NULL);)
WAIT(timedjoin, pthread_timedjoin_np(forever, NULL, &until);)
WAIT(clockjoin, struct timespec t = after_ms(CLOCK_MONOTONIC, 1000000);
     pthread_clockjoin_np(forever, NULL, CLOCK_MONOTONIC, &t);)
WAIT(testcancel, pthread_testcancel();)
WAIT(tcdrain, tcdrain(terminal_slave);)
WAIT(wait, wait(NULL);)
WAIT(waitpid, waitpid(child, NULL, 0);)
WAIT(waitpid_any, waitpid(-1, NULL, 0);)
WAIT(waitid, siginfo_t info; waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);)
WAIT(waitid_all, siginfo_t info; waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);)
WAIT(system, (void)!system("exec sleep 1000");)
WAIT(getrandom, (void)!getrandom(big, 4, 0);)

enum { PASSES = 1, BLOCKS = 2, NOT_ASYNC = 4 };
static const struct point {
	const char *name;
	void (*call)(void);
	int how;
} points[] = {
#define P(name)                         \
	{                               \
#name, w_##name, PASSES \
	}
#define B(name)                         \
	{                               \
#name, w_##name, BLOCKS \
	}
    B(accept),
    B(accept4),
    B(aio_suspend),
    B(clock_nanosleep),
    B(clock_nanosleep_abs),
    P(close),
    B(connect),
    B(creat),
    B(open),
    B(open_write),
    B(openat),
    B(setlkw),
    B(ofd_setlkw),
    B(lockf),
    P(fdatasync),
    P(fsync),
    P(msync),
    P(sync_file_range),
    B(mq_receive),
    B(mq_timedreceive),
    B(mq_send),
    B(mq_timedsend),
    B(msgrcv),
    B(msgsnd),
    B(nanosleep),
    B(sleep),
    B(usleep),
    B(pause),
    B(poll),
    B(ppoll),
    B(select),
    B(pselect),
    B(epoll_wait),
    B(epoll_pwait),
    B(epoll_pwait2),
    P(pread),
    P(pwrite),
    P(preadv),
    P(pwritev),
    B(read),
    B(read_event),
    B(read_timer),
    B(read_terminal),
    B(readv),
    B(preadv2),
    B(write),
    B(writev),
    B(recv),
    B(recv_all),
    B(recvfrom),
    B(recvmsg),
    B(recvmmsg),
    B(send),
    B(sendto),
    B(sendmsg),
    B(sendmmsg),
    B(splice),
    B(tee),
    B(vmsplice),
    B(sem_wait),
    B(sem_timedwait),
    B(sem_clockwait),
    B(sem_wait_shared),
    B(sem_timedwait_shared),
    B(sigsuspend),
    B(sigtimedwait),
    B(sigwait),
    B(sigwaitinfo),
    B(join),
    B(timedjoin),
    B(clockjoin),
    P(testcancel),
    P(tcdrain),
    B(wait),
    B(waitpid),
    B(waitpid_any),
    B(waitid),
    B(waitid_all),
    P(getrandom),
    /* Take locks of libc's or of their own: not to be canceled asynchronously. */
    {"cond_wait", w_cond_wait, BLOCKS | NOT_ASYNC},
    {"cond_timedwait", w_cond_timedwait, BLOCKS | NOT_ASYNC},
    {"cond_clockwait", w_cond_clockwait, BLOCKS | NOT_ASYNC},
    {"system", w_system, BLOCKS | NOT_ASYNC},
};

struct run {
	const struct point *point;
	bool before, async, bound;
	char order[4];
	_Atomic int there, canceled;
};

static void note(struct run *r, char c)
{
	size_t n = strlen(r->order);

	CHECK(n < sizeof(r->order) - 1);
	r->order[n] = c;
}

static void outer(void *arg)
{
	note(arg, 'o');
}

static void inner(void *arg)
{
	note(arg, 'i');
}

static void *runs(void *arg)
{
	struct run *r = arg;

	if (r->bound)
		setfsuid(geteuid());
	pthread_cleanup_push(outer, r);
	pthread_cleanup_push(inner, r);
	if (r->before) {
		PT(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL));
		r->there = 1;
		WAIT_UNTIL(r->canceled);
		if (r->async)
			PT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
		PT(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL)); /* with both, here already */
	} else {
		if (r->async)
			PT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
		r->there = 1;
	}
	r->point->call();
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_one(const struct point *p, bool before, bool async, bool bound)
{
	struct run r = {.point = p, .before = before, .async = async, .bound = bound};
	pthread_t t = start(runs, &r);

	WAIT_UNTIL(r.there);
	if (!before)
		sleep_us(1500);
	PT(pthread_cancel(t));
	r.canceled = 1;
	bool canceled = join(t) == PTHREAD_CANCELED;
	if (!canceled || strcmp(r.order, "io") != 0) {
		fprintf(stderr, "%s, %s, %s%s: %s, cleaned up: %s\n", p->name, before ? "before" : "inside",
		    async ? "asynchronous" : "deferred", bound ? ", own kernel thread" : "",
		    canceled ? "canceled" : "returned", r.order);
		exit(1);
	}
}

static void make_child(void)
{
	int ready[2];
	char c;

	SYS(pipe(ready));
	child = (pid_t)SYS(fork());
	if (child == 0) {
		int fd = (int)SYS(open(path, O_RDWR));
		struct flock l = {.l_type = F_WRLCK};
		SYS(fcntl(fd, F_SETLK, &l));
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
}

static void *stays(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void fill_pipe(void)
{
	SYS(pipe2(full_pipe, O_CLOEXEC));
	SYS(fcntl(full_pipe[1], F_SETFL, O_NONBLOCK));
	while (write(full_pipe[1], big, 4096) > 0)
		;
	SYS(fcntl(full_pipe[1], F_SETFL, 0));
}

static void set_up(void)
{
	struct msqid_ds ds;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	pthread_mutexattr_t attr;
	struct epoll_event e = {.events = EPOLLIN};

	until = after_ms(CLOCK_REALTIME, 1000000);
	strcpy(path, scratch_path("file"));
	strcpy(fifo, scratch_path("fifo"));
	lock_fd = (int)SYS(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	SYS(mkfifo(fifo, 0600));
	file_fd = scratch_file();
	SYS(ftruncate(file_fd, 4096));
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file_fd, 0);
	empty_queue = (int)SYS(msgget(IPC_PRIVATE, 0600));
	full_queue = (int)SYS(msgget(IPC_PRIVATE, 0600));
	SYS(msgctl(full_queue, IPC_STAT, &ds));
	ds.msg_qbytes = 4096;
	SYS(msgctl(full_queue, IPC_SET, &ds));
	mq = small_queue();
	full_mq = small_queue();
	shared_sem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED && shared_sem != MAP_FAILED);
	SYS(sem_init(shared_sem, 1, 0));
	SYS(sem_init(&never, 0, 0));
	PT(pthread_mutexattr_init(&attr));
	PT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK));
	PT(pthread_mutex_init(&lock, &attr));
	SYS(pipe2(empty_pipe, O_CLOEXEC));
	fill_pipe();
	unix_pair(pair);
	unix_pair(full_pair);
	SYS(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, dgram));
	listener = (int)SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	SYS(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)));
	SYS(listen(listener, 5));
	full_listener = listen_briefly(&full_address);
	fill_backlog(&full_address);
	event_fd = (int)SYS(eventfd(0, EFD_CLOEXEC));
	timer_fd = (int)SYS(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	epfd = (int)SYS(epoll_create1(EPOLL_CLOEXEC));
	SYS(epoll_ctl(epfd, EPOLL_CTL_ADD, empty_pipe[0], &e));
	SYS(openpty(&terminal, &terminal_slave, NULL, NULL, NULL));
	make_child();
	forever = start(stays, NULL);
	pending_aio = (struct aiocb){.aio_fildes = empty_pipe[0], .aio_buf = big, .aio_nbytes = 1};
	SYS(aio_read(&pending_aio));
}

static void tear_down(void)
{
	SYS(msgctl(empty_queue, IPC_RMID, NULL));
	SYS(msgctl(full_queue, IPC_RMID, NULL));
	unlink(path);
	unlink(fifo);
	SYS(kill(child, SIGKILL));
	CHECK(strcmp(reap(child), "signal SIGKILL") == 0);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

int main(void)
{
	block_signal(SIGUSR2);
	set_up();
	join(
	    start(runs, &(struct run){.point = &points[5]})); /* close(-1) comes back: what a thread leaves open once */
	int before = descriptors();
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		const struct point *p = &points[i];

		for (int way = 0; way < 8; way++) {
			if ((way & 1 && p->how & NOT_ASYNC) || (!(way & 2) && !(p->how & BLOCKS)))
				continue;
			cancel_one(p, way & 2, way & 1, way & 4);
		}
		CHECK_EQ(descriptors(), before);
		PT(pthread_mutex_trylock(&lock));
		PT(pthread_mutex_unlock(&lock));
		printf("%s\n", p->name);
		fflush(stdout);
	}
	tear_down();
	return 0;
}
