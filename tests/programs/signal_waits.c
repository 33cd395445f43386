/* Waits in the kernel, on sockets with timeouts, with masks: a signal sent to the thread or the process ends them with
 * EINTR, or they go on, as the kernel has it for each (signal(7)); what is left of a time is told. */
// threads
// libs: -lrt
#include "wait_test.h"
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

static char dir[200], path[256], fifo[256];
static int semset, queue, empty_queue, lock_fd, pipes[2], timed[2], full_timed[2], listener, full_listener, epfd;
static int inotify, event, timer, signals_fd;
static pid_t child;
static mqd_t mq, full_mq;
static sem_t *shared_sem;
static uint32_t *shared_word;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sockaddr_un full_address;
static aio_context_t aio;

struct message {
	long type;
	char text[1000];
};

/* Waits that the kernel does itself. */

static int w_semop(void)
{
	struct sembuf op = {0, -1, 0};
	return semop(semset, &op, 1);
}

static int w_semtimedop(void)
{
	struct sembuf op = {0, -1, 0};
	struct timespec ts = {100, 0};
	return semtimedop(semset, &op, 1, &ts);
}

static void end_sem(void)
{
	struct sembuf op = {0, 1, 0};
	SYS(semop(semset, &op, 1));
}

static int w_msgrcv(void)
{
	struct message m;
	return msgrcv(empty_queue, &m, sizeof(m.text), 0, 0) < 0 ? -1 : 0;
}

static void end_msgrcv(void)
{
	struct message m = {.type = 1};
	SYS(msgsnd(empty_queue, &m, 1, 0));
}

static int w_msgsnd(void)
{
	struct message m = {.type = 1};
	return msgsnd(queue, &m, sizeof(m.text), 0);
}

static void fill_queue(void)
{
	struct message m = {.type = 1};
	while (msgsnd(queue, &m, sizeof(m.text), IPC_NOWAIT) == 0)
		;
	CHECK_EQ(errno, EAGAIN);
}

static void end_msgsnd(void)
{
	struct message m;
	SYS(msgrcv(queue, &m, sizeof(m.text), 0, 0));
}

static int w_mq_receive(void)
{
	char text[8];
	return mq_receive(mq, text, sizeof(text), NULL) < 0 ? -1 : 0;
}

static int w_mq_timedreceive(void)
{
	char text[8];
	struct timespec ts = after_ms(CLOCK_REALTIME, 100000);
	return mq_timedreceive(mq, text, sizeof(text), NULL, &ts) < 0 ? -1 : 0;
}

static void end_mq(void)
{
	SYS(mq_send(mq, "x", 1, 0));
}

static int w_mq_send(void)
{
	return mq_send(full_mq, "x", 1, 0);
}

static void fill_mq(void)
{
	struct timespec past = {0, 0};
	while (mq_timedsend(full_mq, "x", 1, 0, &past) == 0)
		;
}

static void end_mq_send(void)
{
	char text[8];
	SYS(mq_receive(full_mq, text, sizeof(text), NULL));
}

static int own_description(int (*fn)(int))
{
	int fd = (int)SYS(open(path, O_RDWR)), result = fn(fd), saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static int flock_exclusive(int fd)
{
	return flock(fd, LOCK_EX);
}

static int w_flock(void)
{
	return own_description(flock_exclusive);
}

static void take_flock(void)
{
	SYS(flock(lock_fd, LOCK_EX));
}

static void end_flock(void)
{
	SYS(flock(lock_fd, LOCK_UN));
}

static int ofd_lock(int fd)
{
	struct flock l = {.l_type = F_WRLCK};
	return fcntl(fd, F_OFD_SETLKW, &l);
}

static int w_ofd_lock(void)
{
	return own_description(ofd_lock);
}

static void take_ofd(void)
{
	struct flock l = {.l_type = F_WRLCK};
	SYS(fcntl(lock_fd, F_OFD_SETLK, &l));
}

static void end_ofd(void)
{
	struct flock l = {.l_type = F_UNLCK};
	SYS(fcntl(lock_fd, F_OFD_SETLK, &l));
}

static int unlock_record(int result)
{
	struct flock l = {.l_type = F_UNLCK};
	if (result == 0)
		SYS(fcntl(lock_fd, F_SETLK, &l));
	return result;
}

/* A record lock belongs to the process: a child holds it. */
static int w_setlkw(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = 10, .l_len = 1};
	return unlock_record(fcntl(lock_fd, F_SETLKW, &l));
}

static void child_takes_lock(void)
{
	int ready[2];
	char c;
	SYS(pipe(ready));
	child = (pid_t)SYS(fork());
	if (child == 0) {
		struct flock l = {.l_type = F_WRLCK, .l_start = 10, .l_len = 1};
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		fcntl(lock_fd, F_SETLK, &l);
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
}

static void kill_child(void)
{
	SYS(kill(child, SIGKILL));
	CHECK(strcmp(reap(child), "signal SIGKILL") == 0);
}

static int w_fifo_read(void)
{
	int fd = open(fifo, O_RDONLY);
	return fd < 0 ? -1 : close(fd);
}

static void end_fifo_read(void)
{
	close((int)SYS(open(fifo, O_WRONLY)));
}

static int w_fifo_write(void)
{
	int fd = open(fifo, O_WRONLY);
	return fd < 0 ? -1 : close(fd);
}

static void end_fifo_write(void)
{
	close((int)SYS(open(fifo, O_RDONLY)));
}

static int w_getevents(void)
{
	struct io_event events[1];
	struct timespec ts = {100, 0};
	return syscall(SYS_io_getevents, aio, 1, 1, events, &ts) < 0 ? -1 : 0;
}

/* Any child, where nothing tells a poller. */
static void make_child(void)
{
	child = (pid_t)SYS(fork());
	if (child == 0) {
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		for (;;)
			pause();
	}
}

static int w_wait(void)
{
	int status;
	return wait(&status) < 0 ? -1 : 0;
}

static int w_waitid(void)
{
	siginfo_t info;
	return waitid(P_ALL, 0, &info, WEXITED);
}

static int w_waitpid(void)
{
	int status;
	return waitpid(child, &status, WUNTRACED) < 0 ? -1 : 0;
}

static void end_child(void)
{
	SYS(kill(child, SIGKILL));
}

static int w_shared_sem(void)
{
	return sem_wait(shared_sem);
}

static int w_shared_sem_timed(void)
{
	struct timespec ts = after_ms(CLOCK_REALTIME, 100000);
	return sem_timedwait(shared_sem, &ts);
}

static void end_shared_sem(void)
{
	SYS(sem_post(shared_sem));
}

static int futex_wait(uint32_t *word, int op, struct timespec *ts)
{
	return (int)syscall(SYS_futex, word, op, 0, ts, NULL, ~0U);
}

static uint32_t private_word;

static int w_futex(void)
{
	return futex_wait(&private_word, FUTEX_WAIT_PRIVATE, NULL);
}

static int w_futex_timed(void)
{
	struct timespec ts = {100, 0};
	return futex_wait(&private_word, FUTEX_WAIT_PRIVATE, &ts);
}

static int w_futex_bitset(void)
{
	struct timespec ts = after_ms(CLOCK_MONOTONIC, 100000);
	return futex_wait(&private_word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, &ts);
}

static void end_futex(void)
{
	syscall(SYS_futex, &private_word, FUTEX_WAKE_PRIVATE, 1);
}

static int w_futex_shared(void)
{
	return futex_wait(shared_word, FUTEX_WAIT, NULL);
}

static int w_futex_shared_timed(void)
{
	struct timespec ts = {100, 0};
	return futex_wait(shared_word, FUTEX_WAIT, &ts);
}

static void end_futex_shared(void)
{
	syscall(SYS_futex, shared_word, FUTEX_WAKE, 1);
}

/* Sockets with timeouts. */

static int w_recv_timed(void)
{
	char c;
	return recv(timed[0], &c, 1, 0) == 1 ? 0 : -1;
}

static int w_read_timed(void)
{
	char c;
	return read(timed[0], &c, 1) == 1 ? 0 : -1;
}

static int w_recvmsg_timed(void)
{
	char c;
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	return recvmsg(timed[0], &msg, 0) == 1 ? 0 : -1;
}

static int w_recvmmsg_timed(void)
{
	char c;
	struct iovec iov = {&c, 1};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	return recvmmsg(timed[0], &msg, 1, 0, NULL) == 1 ? 0 : -1;
}

static void end_timed(void)
{
	SYS(send(timed[1], "", 1, 0));
}

static void fill_timed(void)
{
	static char page[4096];
	while (send(full_timed[0], page, sizeof(page), MSG_DONTWAIT) > 0)
		;
	while (send(full_timed[0], page, 1, MSG_DONTWAIT) > 0)
		;
}

static int w_send_timed(void)
{
	return send(full_timed[0], "", 1, 0) == 1 ? 0 : -1;
}

static int w_write_timed(void)
{
	return write(full_timed[0], "", 1) == 1 ? 0 : -1;
}

static void end_send_timed(void)
{
	static char page[65536];
	while (recv(full_timed[1], page, sizeof(page), MSG_DONTWAIT) > 0)
		;
}

/* A part was sent: that is the result, not EINTR. */
static int w_send_much(void)
{
	static char much[4 << 20];
	ssize_t n;
	end_send_timed();
	n = send(full_timed[0], much, sizeof(much), 0);
	if (n < 0)
		return -1;
	CHECK(n < (ssize_t)sizeof(much));
	errno = 0;
	return -1;
}

static int w_accept_timed(void)
{
	int fd = accept(listener, NULL, NULL);
	return fd < 0 ? -1 : close(fd);
}

static void connect_to(int to)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	int fd = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(getsockname(to, (struct sockaddr *)&address, &length));
	SYS(connect(fd, (struct sockaddr *)&address, length));
	close(fd);
}

static void end_accept(void)
{
	connect_to(listener);
}

static int w_connect_timed(void)
{
	return connect_timed(&full_address, 100000);
}

static void fill_listener(void)
{
	fill_backlog(&full_address);
}

static void end_connect(void)
{
	close((int)SYS(accept(full_listener, NULL, NULL)));
}

/* Waits for many, with masks; the mask of such a call lets the signal in (see the list). */

static sigset_t no_signals;

static int w_ppoll(void)
{
	struct pollfd p = {.fd = pipes[0], .events = POLLIN};
	struct timespec ts = {100, 0}, *given = &ts;
	int result = (int)syscall(SYS_ppoll, &p, 1, given, &no_signals, 8);
	CHECK(ts.tv_sec < 100 && ts.tv_sec > 10);
	return result == 1 ? 0 : -1;
}

static int w_pselect(void)
{
	fd_set set;
	struct timespec ts = {100, 0};
	FD_ZERO(&set);
	FD_SET(pipes[0], &set);
	return pselect(pipes[0] + 1, &set, NULL, NULL, &ts, &no_signals) == 1 ? 0 : -1;
}

static int w_select(void)
{
	fd_set set;
	struct timeval tv = {100, 0};
	int result, saved;
	FD_ZERO(&set);
	FD_SET(pipes[0], &set);
	result = select(pipes[0] + 1, &set, NULL, NULL, &tv);
	saved = errno;
	CHECK(tv.tv_sec < 100 && tv.tv_sec > 10);
	errno = saved;
	return result == 1 ? 0 : -1;
}

static int w_epoll_pwait(void)
{
	struct epoll_event e;
	return epoll_pwait(epfd, &e, 1, 100000, &no_signals) == 1 ? 0 : -1;
}

static int w_epoll_pwait2(void)
{
	struct epoll_event e;
	struct timespec ts = {100, 0};
	return epoll_pwait2(epfd, &e, 1, &ts, NULL) == 1 ? 0 : -1;
}

static void end_pipe(void)
{
	SYS(write(pipes[1], "", 1));
}

static void clear_pipe(void)
{
	struct pollfd p = {.fd = pipes[0], .events = POLLIN};
	char c;
	while (poll(&p, 1, 0) == 1)
		CHECK_EQ(read(pipes[0], &c, 1), 1);
}

/* Special files. */

static int w_inotify(void)
{
	char text[4096];
	return read(inotify, text, sizeof(text)) > 0 ? 0 : -1;
}

static void end_inotify(void)
{
	SYS(chmod(path, 0600));
}

static int w_eventfd(void)
{
	uint64_t n;
	return read(event, &n, 8) == 8 ? 0 : -1;
}

static void end_eventfd(void)
{
	uint64_t n = 1;
	SYS(write(event, &n, 8));
}

static int w_timerfd(void)
{
	uint64_t n;
	return read(timer, &n, 8) == 8 ? 0 : -1;
}

static void end_timerfd(void)
{
	struct itimerspec its = {.it_value.tv_nsec = 1};
	SYS(timerfd_settime(timer, 0, &its, NULL));
}

static int w_signalfd(void)
{
	struct signalfd_siginfo info;
	return read(signals_fd, &info, sizeof(info)) > 0 ? 0 : -1;
}

static void end_signalfd(void)
{
	SYS(kill(getpid(), SIGURG));
}

/* Time and signals. */

static int w_sigtimedwait(void)
{
	sigset_t set = one_signal(SIGURG);
	struct timespec ts = {100, 0};
	return sigtimedwait(&set, NULL, &ts) < 0 ? -1 : 0;
}

static int w_sigwait(void)
{
	sigset_t set = one_signal(SIGURG);
	int sig;
	errno = sigwait(&set, &sig);
	return errno ? -1 : 0;
}

static int w_sleep(void)
{
	unsigned left = sleep(100);
	CHECK(left <= 100 && left > 10);
	return -1;
}

static int w_usleep(void)
{
	return usleep(100 * 1000000);
}

static int w_clock_nanosleep(void)
{
	struct timespec ts = {100, 0}, left = {0, 0};
	errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &left);
	CHECK(left.tv_sec <= 100 && left.tv_sec > 10);
	return errno ? -1 : 0;
}

static int w_mutex_timed(void)
{
	struct timespec ts = after_ms(CLOCK_REALTIME, 100000);
	PT(pthread_mutex_timedlock(&lock, &ts));
	PT(pthread_mutex_unlock(&lock));
	return 0;
}

static void take_mutex(void)
{
	PT(pthread_mutex_lock(&lock));
}

static void give_mutex(void)
{
	PT(pthread_mutex_unlock(&lock));
}

static int w_lockf(void)
{
	SYS(lseek(lock_fd, 10, SEEK_SET));
	return unlock_record(lockf(lock_fd, F_LOCK, 1));
}

static const struct wait {
	const char *name;
	int (*block)(void);
	void (*prepare)(void);
	void (*finish)(void); /* lets it succeed; NULL: nothing does but a signal */
	void (*clean)(void);  /* after a wait that ended with EINTR */
} waits[] = {
    {"semop", w_semop, NULL, end_sem, NULL},
    {"semtimedop", w_semtimedop, NULL, end_sem, NULL},
    {"msgrcv", w_msgrcv, NULL, end_msgrcv, NULL},
    {"msgsnd", w_msgsnd, fill_queue, end_msgsnd, NULL},
    {"mq_receive", w_mq_receive, NULL, end_mq, NULL},
    {"mq_timedreceive", w_mq_timedreceive, NULL, end_mq, NULL},
    {"mq_send", w_mq_send, fill_mq, end_mq_send, NULL},
    {"flock", w_flock, take_flock, end_flock, end_flock},
    {"F_OFD_SETLKW", w_ofd_lock, take_ofd, end_ofd, end_ofd},
    {"F_SETLKW", w_setlkw, child_takes_lock, kill_child, kill_child},
    {"lockf", w_lockf, child_takes_lock, kill_child, kill_child},
    {"open of a FIFO to read", w_fifo_read, NULL, end_fifo_read, NULL},
    {"open of a FIFO to write", w_fifo_write, NULL, end_fifo_write, NULL},
    {"io_getevents", w_getevents, NULL, NULL, NULL},
    {"wait", w_wait, make_child, end_child, kill_child},
    {"waitid", w_waitid, make_child, end_child, kill_child},
    {"waitpid", w_waitpid, make_child, end_child, kill_child},
    {"sem_wait, shared", w_shared_sem, NULL, end_shared_sem, NULL},
    {"sem_timedwait, shared", w_shared_sem_timed, NULL, end_shared_sem, NULL},
    {"futex", w_futex, NULL, end_futex, NULL},
    {"futex, timed", w_futex_timed, NULL, end_futex, NULL},
    {"futex, bitset", w_futex_bitset, NULL, end_futex, NULL},
    {"futex, shared", w_futex_shared, NULL, end_futex_shared, NULL},
    {"futex, shared, timed", w_futex_shared_timed, NULL, end_futex_shared, NULL},
    {"recv, timed", w_recv_timed, NULL, end_timed, NULL},
    {"read, timed", w_read_timed, NULL, end_timed, NULL},
    {"recvmsg, timed", w_recvmsg_timed, NULL, end_timed, NULL},
    {"recvmmsg, timed", w_recvmmsg_timed, NULL, end_timed, NULL},
    {"send, timed", w_send_timed, fill_timed, end_send_timed, NULL},
    {"write, timed", w_write_timed, fill_timed, end_send_timed, NULL},
    {"send of much", w_send_much, fill_timed, NULL, NULL},
    {"accept, timed", w_accept_timed, NULL, end_accept, NULL},
    {"connect, timed", w_connect_timed, fill_listener, end_connect, NULL},
    {"ppoll", w_ppoll, NULL, end_pipe, clear_pipe},
    {"pselect", w_pselect, NULL, end_pipe, clear_pipe},
    {"select", w_select, NULL, end_pipe, clear_pipe},
    {"epoll_pwait", w_epoll_pwait, NULL, end_pipe, clear_pipe},
    {"epoll_pwait2", w_epoll_pwait2, NULL, end_pipe, clear_pipe},
    {"inotify", w_inotify, NULL, end_inotify, NULL},
    {"eventfd", w_eventfd, NULL, end_eventfd, NULL},
    {"timerfd", w_timerfd, NULL, end_timerfd, NULL},
    {"signalfd", w_signalfd, NULL, end_signalfd, NULL},
    {"sigtimedwait", w_sigtimedwait, NULL, end_signalfd, NULL},
    {"sigwait", w_sigwait, NULL, end_signalfd, NULL},
    {"sleep", w_sleep, NULL, NULL, NULL},
    {"usleep", w_usleep, NULL, NULL, NULL},
    {"clock_nanosleep", w_clock_nanosleep, NULL, NULL, NULL},
    {"pthread_mutex_timedlock", w_mutex_timed, take_mutex, give_mutex, give_mutex},
};

static const struct wait *waiting;
static volatile int blocking, done, result, error;
static int handled;
static pid_t target;

static void on_signal(int sig)
{
	(void)sig;
	CHECK_EQ(own_tid(), target);
	__atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
}

static void *run(void *arg)
{
	target = own_tid();
	unblock_signal(SIGUSR1);
	blocking = 1;
	result = waiting->block();
	error = errno;
	done = 1;
	while (done != 2)
		sleep_us(50);
	return arg;
}

/* Signals come, each handled. If the wait survives four, then it is restarted; the first may find it not begun. */
static const char *one(const struct wait *w, bool to_process, bool restart)
{
	pthread_t thread;

	waiting = w;
	blocking = done = handled = 0;
	set_handler(SIGUSR1, on_signal, restart ? SA_RESTART : 0);
	if (w->prepare)
		w->prepare();
	thread = start(run, NULL);
	WAIT_UNTIL(blocking);
	for (int i = 1; i <= 4 && !done; i++) {
		sleep_us(1000);
		if (to_process)
			SYS(kill(getpid(), SIGUSR1));
		else
			PT(pthread_kill(thread, SIGUSR1));
		WAIT_UNTIL(__atomic_load_n(&handled, __ATOMIC_SEQ_CST) >= i);
		if (i == 4)
			sleep_us(1000);
	}
	while (!done && !w->finish) {
		PT(pthread_kill(thread, SIGUSR1));
		sleep_us(1000);
	}
	bool survived = !done;
	if (survived)
		w->finish();
	WAIT_UNTIL(done);
	if (!survived && w->clean)
		w->clean();
	done = 2;
	join(thread);
	return survived && result == 0 ? "goes on"
	       : result == 0           ? "done"
	       : error == 0            ? "partial"
				       : strerrorname_np(error);
}

static void set_up(void)
{
	const char *tmp = getenv("TMPDIR");
	struct timeval timeout = {100, 0};
	struct msqid_ds ds;
	sigset_t set = one_signal(SIGURG);
	struct epoll_event e = {.events = EPOLLIN};

	snprintf(dir, sizeof(dir), "%s/signal_waits.XXXXXX", tmp ? tmp : "/tmp");
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	lock_fd = (int)SYS(open(path, O_RDWR | O_CREAT, 0600));
	SYS(mkfifo(fifo, 0600));
	semset = (int)SYS(semget(IPC_PRIVATE, 1, 0600));
	queue = (int)SYS(msgget(IPC_PRIVATE, 0600));
	empty_queue = (int)SYS(msgget(IPC_PRIVATE, 0600));
	SYS(msgctl(queue, IPC_STAT, &ds));
	ds.msg_qbytes = 4096;
	SYS(msgctl(queue, IPC_SET, &ds));
	mq = small_queue();
	full_mq = small_queue();
	shared_sem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared_sem != MAP_FAILED);
	shared_word = (uint32_t *)(shared_sem + 1);
	SYS(sem_init(shared_sem, 1, 0));
	SYS(pipe(pipes));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, timed));
	SYS(setsockopt(timed[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, full_timed));
	SYS(setsockopt(full_timed[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
	listener = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(bind(listener, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)));
	SYS(listen(listener, 5));
	SYS(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	full_listener = listen_briefly(&full_address);
	epfd = (int)SYS(epoll_create1(0));
	SYS(epoll_ctl(epfd, EPOLL_CTL_ADD, pipes[0], &e));
	inotify = (int)SYS(inotify_init());
	SYS(inotify_add_watch(inotify, path, IN_ATTRIB));
	event = (int)SYS(eventfd(0, 0));
	timer = (int)SYS(timerfd_create(CLOCK_MONOTONIC, 0));
	signals_fd = (int)SYS(signalfd(-1, &set, 0));
	SYS(syscall(SYS_io_setup, 4, &aio));
	sigemptyset(&no_signals);
	sigaddset(&no_signals, SIGURG);
}

static void tear_down(void)
{
	semctl(semset, 0, IPC_RMID);
	msgctl(queue, IPC_RMID, NULL);
	msgctl(empty_queue, IPC_RMID, NULL);
	unlink(path);
	unlink(fifo);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	sigset_t all;

	set_up();
	atexit(tear_down);
	/* Main gets none of them. */
	sigfillset(&all);
	PT(pthread_sigmask(SIG_SETMASK, &all, NULL));
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		if (argc > 1 && strcmp(argv[1], waits[i].name) != 0)
			continue;
		fprintf(stderr, "%s\n", waits[i].name);
		printf("%s:", waits[i].name);
		for (int to_process = 0; to_process < 2; to_process++)
			for (int restart = 0; restart < 2; restart++)
				printf(" %s", one(&waits[i], to_process, restart));
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
