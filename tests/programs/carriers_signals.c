/* A wait that only the kernel knows, of a thread that waits for a kernel thread first: what a signal does to it is what
 * it does to a wait in the kernel; and its timeout is one. */
// threads
// env: GREEN_MAX_CARRIERS=4
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test.h"

#define BLOCKED 12
#define RESTARTS 20

static int word, locked, record, sem, msg;
static mqd_t queue;
static aio_context_t context;
static pid_t child;

static long errno_of(long ret)
{
	return ret == -1 ? -errno : ret;
}

static long on_futex(void)
{
	return errno_of(syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0));
}

static long on_futex_timed(void)
{
	return errno_of(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &(struct timespec){86400, 0}, NULL, 0));
}

static long on_flock(void)
{
	return errno_of(flock(record, LOCK_EX));
}

static long on_record(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_len = 1};

	return errno_of(fcntl(record, F_OFD_SETLKW, &lock));
}

static long on_semaphore(void)
{
	return errno_of(semop(sem, &(struct sembuf){.sem_op = -1}, 1));
}

static long on_message(void)
{
	char text[sizeof(long) + 1];

	return errno_of(msgrcv(msg, text, 1, 0, 0));
}

static long on_queue(void)
{
	char text[8];

	return errno_of(mq_receive(queue, text, sizeof(text), NULL));
}

static long on_aio(void)
{
	struct io_event event;

	return errno_of(syscall(SYS_io_getevents, context, 1, 1, &event, NULL));
}

static long on_child(void)
{
	return errno_of(waitpid(child, NULL, WUNTRACED));
}

/* restarts: what signal(7) says of a handler with SA_RESTART; the others are interrupted all the same */
static const struct wait {
	const char *name;
	long (*fn)(void);
	bool restarts;
} waits[] = {
    {"futex", on_futex, true},
    {"futex with a timeout", on_futex_timed, false},
    {"flock", on_flock, true},
    {"a record lock", on_record, true},
    {"a semaphore", on_semaphore, false},
    {"a message", on_message, false},
    {"a queue", on_queue, true},
    {"AIO", on_aio, false},
    {"a child", on_child, true},
};

static atomic_long handled;
static atomic_bool done;

static void handler(int sig)
{
	(void)sig;
	atomic_fetch_add(&handled, 1);
}

static void handle(int flags)
{
	SYS(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler, .sa_flags = flags}, NULL));
}

/* One that is restarted again and again is interrupted when the handler does not want that any more. */
static void *sends(void *arg)
{
	pthread_t to = *(pthread_t *)arg;

	while (!atomic_load(&done)) {
		long before = atomic_load(&handled);

		if (before == RESTARTS)
			handle(0);
		PT(pthread_kill(to, SIGUSR1));
		WAIT_UNTIL(atomic_load(&handled) > before);
		sleep_us(500);
	}
	return NULL;
}

static void try(const struct wait *w, bool restart)
{
	pthread_t self = pthread_self(), sender;
	long ret;

	atomic_store(&handled, 0);
	atomic_store(&done, false);
	handle(restart ? SA_RESTART : 0);
	sender = start(sends, &self);
	ret = w->fn();
	atomic_store(&done, true);
	join(sender);
	CHECK_EQ(atomic_load(&handled) > RESTARTS, restart && w->restarts);
	printf("%s: %s\n", w->name, ret >= 0 ? "ended" : strerrorname_np((int)-ret));
}

/* A file has no exceptions, and nobody can be told of one: the sets are empty afterwards. */
static void select_nothing(long us)
{
	struct timeval time = {0, us};
	fd_set except;

	FD_ZERO(&except);
	FD_SET(locked, &except);
	CHECK_EQ(SYS(select(locked + 1, NULL, NULL, &except, &time)), 0);
	CHECK(!FD_ISSET(locked, &except));
}

/* Their time comes, whether there is a kernel thread for them or not. */
static void timeouts(void)
{
	struct timespec now, for_5_ms = {0, 5000000}, past = {1, 0}, at;
	struct io_event event;
	char text[8];
	long long begin = now_ns();

	SYS(clock_gettime(CLOCK_REALTIME, &now));
	at = to_timespec(now.tv_sec * NSEC_PER_SEC + now.tv_nsec + 5 * NSEC_PER_MSEC);
	printf("futex: %ld, ", errno_of(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &for_5_ms, NULL, 0)));
	printf("until: %ld, ",
	    errno_of(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &past, NULL, FUTEX_BITSET_MATCH_ANY)));
	printf("semaphore: %ld, ", errno_of(semtimedop(sem, &(struct sembuf){.sem_op = -1}, 1, &for_5_ms)));
	printf("queue: %ld, ", errno_of(mq_timedreceive(queue, text, sizeof(text), NULL, &at)));
	printf("past: %ld, ", errno_of(mq_timedreceive(queue, text, sizeof(text), NULL, &past)));
	printf("AIO: %ld\n", errno_of(syscall(SYS_io_getevents, context, 1, 1, &event, &for_5_ms)));
	CHECK(now_ns() - begin >= 15 * NSEC_PER_MSEC);
	for (int i = 0; i < 100; i++)
		select_nothing(i % 3);
}

/* Its locks go before its SIGCHLD comes: who waits for one has it, and is not interrupted. */
static void child_releases(void)
{
	int fd = (int)SYS(open("held", O_RDWR | O_CREAT, 0600)), holds[2];
	char c;
	pid_t pid;

	SYS(pipe(holds));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		SYS(flock((int)SYS(open("held", O_RDWR)), LOCK_EX));
		SYS(write(holds[1], "x", 1));
		sleep_us(30000);
		_exit(0);
	}
	CHECK_EQ(SYS(read(holds[0], &c, 1)), 1);
	set_handler(SIGCHLD, handler, 0);
	SYS(flock(fd, LOCK_EX));
	CHECK_EQ(SYS(waitpid(pid, NULL, 0)), pid);
	puts("the child's lock is ours");
}

static void *opens_fifo(void *arg)
{
	SYS(close((int)SYS(open("fifo", O_RDONLY))));
	return arg;
}

static void *sits(void *arg)
{
	char c;

	while (read(*(int *)arg, &c, 1) == -1)
		CHECK_EQ(errno, EINTR);
	return NULL;
}

/* Its end comes with ours: a pipe that nobody else writes to. */
static void start_child(void)
{
	int ends[2];

	SYS(pipe(ends));
	child = (pid_t)SYS(fork());
	if (!child) {
		close(ends[1]);
		sits(&ends[0]);
		_exit(0);
	}
	close(ends[0]);
}

int main(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
	struct mq_attr attr = {.mq_maxmsg = 10, .mq_msgsize = 8};
	pthread_t blocked[BLOCKED];
	int writer;

	start_child();
	locked = (int)SYS(open("locked", O_RDWR | O_CREAT, 0600));
	SYS(flock(locked, LOCK_EX));
	SYS(fcntl(locked, F_OFD_SETLK, &lock));
	record = (int)SYS(open("locked", O_RDWR));
	sem = (int)SYS(semget(IPC_PRIVATE, 1, 0600));
	msg = (int)SYS(msgget(IPC_PRIVATE, 0600));
	queue = (mqd_t)SYS(mq_open("/green-carriers-signals", O_RDWR | O_CREAT, 0600, &attr));
	SYS(mq_unlink("/green-carriers-signals"));
	SYS(syscall(SYS_io_setup, 8, &context));
	SYS(mkfifo("fifo", 0600));
	for (int i = 0; i < BLOCKED; i++)
		blocked[i] = start(opens_fifo, NULL);
	sleep_us(10000);
	for (int restart = 0; restart < 2; restart++)
		for (size_t i = 0; i < ARRAY_LEN(waits); i++)
			try(&waits[i], restart);
	timeouts();
	child_releases();
	SYS(kill(child, SIGKILL));
	SYS(waitpid(child, NULL, 0));
	SYS(semctl(sem, 0, IPC_RMID));
	SYS(msgctl(msg, IPC_RMID, NULL));
	writer = (int)SYS(open("fifo", O_RDWR));
	for (int i = 0; i < BLOCKED; i++)
		join(blocked[i]);
	SYS(close(writer));
	return 0;
}
