/* Cancellation of threads blocked in the kernel's own waits, and at cancellation points that do not block; a cancel
 * that races with the thread's end and with who joins it. */
// threads
// libs: -lrt
#include "wait_test.h"
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <threads.h>

static char dir[200], path[256], fifo[256];
static int empty_queue, full_queue, lock_fd, pipes[2], full_pipe[2], pair[2], full_pair[2], full_listener;
static struct sockaddr_un full_address;
static mqd_t mq, full_mq;
static sem_t *shared_sem, never;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pid_t child;
static FILE *stream;

struct message {
	long type;
	char text[1000];
};

static void w_msgrcv(void)
{
	struct message m;
	msgrcv(empty_queue, &m, sizeof(m.text), 0, 0);
}

static void w_msgsnd(void)
{
	struct message m = {.type = 1};
	for (;;)
		msgsnd(full_queue, &m, sizeof(m.text), 0);
}

static void w_mq_receive(void)
{
	char text[8];
	mq_receive(mq, text, sizeof(text), NULL);
}

static void w_mq_timedreceive(void)
{
	char text[8];
	struct timespec ts = after_ms(CLOCK_REALTIME, 100000);
	mq_timedreceive(mq, text, sizeof(text), NULL, &ts);
}

static void w_mq_send(void)
{
	for (;;)
		mq_send(full_mq, "x", 1, 0);
}

static void w_mq_timedsend(void)
{
	struct timespec ts = after_ms(CLOCK_REALTIME, 100000);
	for (;;)
		mq_timedsend(full_mq, "x", 1, 0, &ts);
}

static void w_setlkw(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = 10, .l_len = 1};
	fcntl(lock_fd, F_SETLKW, &l);
}

static void w_lockf(void)
{
	lseek(lock_fd, 10, SEEK_SET);
	lockf(lock_fd, F_LOCK, 1);
}

static void w_open(void)
{
	open(fifo, O_RDONLY);
}

static void w_openat(void)
{
	openat(AT_FDCWD, fifo, O_WRONLY);
}

static void w_creat(void)
{
	creat(fifo, 0600);
}

static void w_wait(void)
{
	wait(NULL);
}

static void w_waitid(void)
{
	siginfo_t info;
	waitid(P_PID, (id_t)child, &info, WEXITED);
}

static void w_readv(void)
{
	char c;
	struct iovec iov = {&c, 1};
	(void)!readv(pipes[0], &iov, 1);
}

static void w_writev(void)
{
	static char page[65536];
	struct iovec iov = {page, sizeof(page)};
	for (;;)
		(void)!writev(full_pipe[1], &iov, 1);
}

static void w_getc(void)
{
	getc(stream);
}

static void w_recvfrom(void)
{
	char c;
	recvfrom(pair[0], &c, 1, 0, NULL, NULL);
}

static void w_recvmsg(void)
{
	char c;
	struct iovec iov = {&c, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	recvmsg(pair[0], &msg, 0);
}

static void w_send(void)
{
	static char page[65536];
	for (;;)
		send(full_pair[0], page, sizeof(page), 0);
}

static void w_sendto(void)
{
	static char page[65536];
	for (;;)
		sendto(full_pair[0], page, sizeof(page), 0, NULL, 0);
}

static void w_sendmsg(void)
{
	static char page[65536];
	struct iovec iov = {page, sizeof(page)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	for (;;)
		sendmsg(full_pair[0], &msg, 0);
}

static void w_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	for (;;)
		connect_there(fd, &full_address);
}

static void w_pselect(void)
{
	pselect(0, NULL, NULL, NULL, NULL, NULL);
}

static void w_ppoll(void)
{
	ppoll(NULL, 0, NULL, NULL);
}

static void w_usleep(void)
{
	usleep(100000000);
}

static void w_thrd_sleep(void)
{
	struct timespec ts = {100, 0};
	thrd_sleep(&ts, NULL);
}

static void w_sigwaitinfo(void)
{
	sigset_t set = one_signal(SIGUSR2);
	sigwaitinfo(&set, NULL);
}

static void w_sigtimedwait(void)
{
	sigset_t set = one_signal(SIGUSR2);
	struct timespec ts = {100, 0};
	sigtimedwait(&set, NULL, &ts);
}

static void w_shared_sem(void)
{
	sem_wait(shared_sem);
}

static void w_shared_sem_timed(void)
{
	struct timespec ts = after_ms(CLOCK_REALTIME, 100000);
	sem_timedwait(shared_sem, &ts);
}

static void w_sem_clockwait(void)
{
	struct timespec ts = after_ms(CLOCK_MONOTONIC, 100000);
	sem_clockwait(&never, CLOCK_MONOTONIC, &ts);
}

static void unlock(void *arg)
{
	PT(pthread_mutex_unlock(arg));
}

static void w_cond_clockwait(void)
{
	struct timespec ts = after_ms(CLOCK_MONOTONIC, 100000);
	PT(pthread_mutex_lock(&lock));
	pthread_cleanup_push(unlock, &lock);
	for (;;)
		pthread_cond_clockwait(&cond, &lock, CLOCK_MONOTONIC, &ts);
	pthread_cleanup_pop(1);
}

static void w_system(void)
{
	(void)!system("exec sleep 100");
}

static void w_computes(void)
{
	PT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
	for (;;)
		;
}

/* These do not block: the thread comes to them canceled. */

static void p_close(void)
{
	close(-1);
}

static void p_fsync(void)
{
	fsync(lock_fd);
}

static void p_fdatasync(void)
{
	fdatasync(lock_fd);
}

static void p_msync(void)
{
	msync(shared_sem, 4096, MS_SYNC);
}

static void p_pread(void)
{
	char c;
	(void)!pread(lock_fd, &c, 1, 0);
}

static void p_pwrite(void)
{
	(void)!pwrite(lock_fd, "", 1, 0);
}

static void p_nanosleep(void)
{
	struct timespec ts = {0, 1};
	nanosleep(&ts, NULL);
}

static void p_waitpid(void)
{
	waitpid(-1, NULL, WNOHANG);
}

static void p_testcancel(void)
{
	pthread_testcancel();
}

static void p_poll(void)
{
	poll(NULL, 0, 0);
}

static void p_tcdrain(void)
{
	extern int tcdrain(int);
	tcdrain(-1);
}

static const struct point {
	const char *name;
	void (*wait)(void);
} waits[] =
    {
	{"msgrcv", w_msgrcv},
	{"msgsnd", w_msgsnd},
	{"mq_receive", w_mq_receive},
	{"mq_timedreceive", w_mq_timedreceive},
	{"mq_send", w_mq_send},
	{"mq_timedsend", w_mq_timedsend},
	{"F_SETLKW", w_setlkw},
	{"lockf", w_lockf},
	{"open", w_open},
	{"openat", w_openat},
	{"creat", w_creat},
	{"wait", w_wait},
	{"waitid", w_waitid},
	{"readv", w_readv},
	{"writev", w_writev},
	{"getc", w_getc},
	{"recvfrom", w_recvfrom},
	{"recvmsg", w_recvmsg},
	{"send", w_send},
	{"sendto", w_sendto},
	{"sendmsg", w_sendmsg},
	{"connect", w_connect},
	{"pselect", w_pselect},
	{"ppoll", w_ppoll},
	{"usleep", w_usleep},
	{"thrd_sleep", w_thrd_sleep},
	{"sigwaitinfo", w_sigwaitinfo},
	{"sigtimedwait", w_sigtimedwait},
	{"sem_wait, shared", w_shared_sem},
	{"sem_timedwait, shared", w_shared_sem_timed},
	{"sem_clockwait", w_sem_clockwait},
	{"pthread_cond_clockwait", w_cond_clockwait},
	{"system", w_system},
	{"computing, asynchronous", w_computes},
},
  passes[] = {
      {"close", p_close},
      {"fsync", p_fsync},
      {"fdatasync", p_fdatasync},
      {"msync", p_msync},
      {"pread", p_pread},
      {"pwrite", p_pwrite},
      {"nanosleep", p_nanosleep},
      {"waitpid", p_waitpid},
      {"pthread_testcancel", p_testcancel},
      {"poll", p_poll},
      {"tcdrain", p_tcdrain},
};

static volatile int there, cleaned;
static volatile bool go;

static void clean(void *arg)
{
	(void)arg;
	cleaned++;
}

static void *blocks(void *arg)
{
	const struct point *p = arg;
	pthread_cleanup_push(clean, NULL);
	there = 1;
	p->wait();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *comes_canceled(void *arg)
{
	const struct point *p = arg;
	pthread_cleanup_push(clean, NULL);
	PT(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL));
	there = 1;
	while (!go)
		sched_yield();
	PT(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL));
	p->wait();
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_one(const struct point *p, bool beforehand)
{
	pthread_t t;
	void *value;

	there = cleaned = 0;
	go = false;
	t = start(beforehand ? comes_canceled : blocks, (void *)p);
	WAIT_UNTIL(there);
	if (!beforehand)
		sleep_us(3000);
	PT(pthread_cancel(t));
	go = true;
	value = join(t);
	printf("%s: %s, cleaned %d\n", p->name, value == PTHREAD_CANCELED ? "canceled" : "returned", cleaned);
	fflush(stdout);
}

/* The cancel may find the thread at any point of its life, joined by another at the same time. */

#define RACES 4000

static void *short_life(void *arg)
{
	struct timespec ts = {0, 1000};

	if ((long)arg % 3 == 0)
		PT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
	for (long i = (long)arg % 7; i > 0; i--)
		sched_yield();
	if ((long)arg % 2)
		nanosleep(&ts, NULL);
	return (void *)1;
}

static void *joins(void *arg)
{
	void *value = join(*(pthread_t *)arg);
	CHECK(value == (void *)1 || value == PTHREAD_CANCELED);
	return value;
}

static void races(void)
{
	int canceled = 0;

	for (long i = 0; i < RACES; i++) {
		pthread_t t = start(short_life, (void *)i), joiner;

		for (long k = i % 5; k > 0; k--)
			sched_yield();
		PT(pthread_cancel(t));
		joiner = start(joins, &t);
		canceled += join(joiner) == PTHREAD_CANCELED;
	}
	CHECK(canceled > 0);
}

static void make_child(void)
{
	int ready[2];
	char c;

	SYS(pipe(ready));
	child = (pid_t)SYS(fork());
	if (child == 0) {
		struct flock l = {.l_type = F_WRLCK, .l_start = 10, .l_len = 1};
		fcntl(lock_fd, F_SETLK, &l);
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
}

static void set_up(void)
{
	const char *tmp = getenv("TMPDIR");
	struct msqid_ds ds;

	snprintf(dir, sizeof(dir), "%s/cancel_kinds.XXXXXX", tmp ? tmp : "/tmp");
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	lock_fd = (int)SYS(open(path, O_RDWR | O_CREAT, 0600));
	SYS(mkfifo(fifo, 0600));
	empty_queue = (int)SYS(msgget(IPC_PRIVATE, 0600));
	full_queue = (int)SYS(msgget(IPC_PRIVATE, 0600));
	SYS(msgctl(full_queue, IPC_STAT, &ds));
	ds.msg_qbytes = 4096;
	SYS(msgctl(full_queue, IPC_SET, &ds));
	mq = small_queue();
	full_mq = small_queue();
	shared_sem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared_sem != MAP_FAILED);
	SYS(sem_init(shared_sem, 1, 0));
	SYS(sem_init(&never, 0, 0));
	SYS(pipe(pipes));
	SYS(pipe(full_pipe));
	stream = fdopen(dup(pipes[0]), "r");
	CHECK(stream);
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, full_pair));
	full_listener = listen_briefly(&full_address);
	fill_backlog(&full_address);
	make_child();
}

static void tear_down(void)
{
	if (child == 0)
		return;
	msgctl(empty_queue, IPC_RMID, NULL);
	msgctl(full_queue, IPC_RMID, NULL);
	unlink(path);
	unlink(fifo);
	rmdir(dir);
}

int main(void)
{
	set_up();
	atexit(tear_down);
	block_signal(SIGUSR2);
	for (size_t i = 0; i < ARRAY_LEN(waits); i++)
		cancel_one(&waits[i], false);
	for (size_t i = 0; i < ARRAY_LEN(passes); i++)
		cancel_one(&passes[i], true);
	races();
	SYS(kill(child, SIGKILL));
	CHECK(strcmp(reap(child), "signal SIGKILL") == 0);
	/* Nothing is left of what system() began. */
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	return 0;
}
