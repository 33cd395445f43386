/* Threads do a random mix of everything that waits, under signals, cancels and forks; what they count must add up.
 *
 * Arguments: seconds and workers. A watchdog process ends a run that hangs and says what every worker was at; with
 * TORTURE_KEEP in the environment it leaves it as it is, to be looked at. TEST_SEED repeats a mix, not its timing. */
// threads
#include "test.h"
#include <sys/fsuid.h>
#include <sys/time.h>

#define WORKERS_MAX 64
#define LOCKS 4
#define BOXES 8
#define PATIENCE 20 /* seconds that a run may take longer than asked for */

static struct shared {
	struct {
		unsigned long done;
		const char *at;
	} worker[WORKERS_MAX];
	const char *phase;
} * shared;

struct worker {
	pthread_t thread, partner;
	unsigned seed;
	int number;
	int there[2], back[2], socket[2]; /* to the partner, which sends everything back */
	sem_t asked, answered;
	unsigned long questions, answers;
};
static struct worker workers[WORKERS_MAX];
static int worker_count = 12;
static long long end;

static struct {
	pthread_mutex_t lock;
	unsigned long sum;
} locks[LOCKS];
static unsigned long lock_turns;

static pthread_mutex_t desk = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t desk_asked = PTHREAD_COND_INITIALIZER, desk_served = PTHREAD_COND_INITIALIZER;
static unsigned long tickets, served;
static bool desk_closes;

static pthread_rwlock_t book_lock = PTHREAD_RWLOCK_INITIALIZER;
static unsigned long book[2], book_writes;

static pthread_mutex_t box_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char *boxes[BOXES];

static unsigned long queued_sent, queued_handled, handled, canceled, cleaned, born, gone;
static pthread_barrier_t all_done;

static void count(unsigned long *what)
{
	__atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

static unsigned long get(unsigned long *what)
{
	return __atomic_load_n(what, __ATOMIC_RELAXED);
}

static void on_queued(int sig)
{
	(void)sig;
	count(&queued_handled);
}

static void on_other(int sig)
{
	(void)sig;
	count(&handled);
}

/* Whole transfers, whatever interrupts them. */
static void send_all(int fd, const unsigned char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done == -1 && errno == EINTR)
			continue;
		CHECK(done > 0);
		p += done;
		n -= (size_t)done;
	}
}

static size_t receive_all(int fd, unsigned char *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t done = read(fd, p + at, n - at);

		if (done == -1 && errno == EINTR)
			continue;
		CHECK(done >= 0);
		if (!done)
			break;
		at += (size_t)done;
	}
	return at;
}

static void sem_wait_all(sem_t *sem)
{
	while (sem_wait(sem) == -1)
		CHECK(errno == EINTR);
}

static void *echoes(void *arg)
{
	struct worker *w = arg;
	unsigned char chunk[3000];
	ssize_t got;

	for (;;) {
		got = read(w->there[0], chunk, sizeof(chunk));
		if (got == -1 && errno == EINTR)
			continue;
		CHECK(got >= 0);
		if (!got)
			return NULL;
		send_all(w->back[1], chunk, (size_t)got);
	}
}

static void *answers(void *arg)
{
	struct worker *w = arg;
	pthread_t echo = start(echoes, w);

	for (;;) {
		sem_wait_all(&w->asked);
		if (w->questions == 0)
			break;
		w->answers = w->questions + 1;
		SYS(sem_post(&w->answered));
	}
	join(echo);
	return NULL;
}

static void *serves(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&desk);
	while (!desk_closes || served != tickets) {
		if (served == tickets) {
			pthread_cond_wait(&desk_asked, &desk);
			continue;
		}
		served++;
		pthread_cond_broadcast(&desk_served);
	}
	pthread_mutex_unlock(&desk);
	return NULL;
}

static void does_lock(struct worker *w)
{
	unsigned which = rnd(&w->seed) % LOCKS;

	pthread_mutex_lock(&locks[which].lock);
	unsigned long was = locks[which].sum;
	if (rnd(&w->seed) % 4 == 0)
		sched_yield();
	locks[which].sum = was + 1;
	pthread_mutex_unlock(&locks[which].lock);
	count(&lock_turns);
}

static void does_desk(struct worker *w)
{
	(void)w;
	pthread_mutex_lock(&desk);
	unsigned long mine = ++tickets;
	pthread_cond_signal(&desk_asked);
	while (served < mine)
		pthread_cond_wait(&desk_served, &desk);
	pthread_mutex_unlock(&desk);
}

static void does_timed(struct worker *w)
{
	struct timespec until = to_timespec(clock_ns(CLOCK_REALTIME) + rnd(&w->seed) % 2000000);
	sem_t never;
	int err;

	SYS(sem_init(&never, 0, 0));
	while (sem_timedwait(&never, &until) == -1 && errno == EINTR)
		;
	CHECK_EQ(errno, ETIMEDOUT);
	sem_destroy(&never);
	CHECK(clock_ns(CLOCK_REALTIME) >= until.tv_sec * NSEC_PER_SEC + until.tv_nsec);
	until = to_timespec(clock_ns(CLOCK_REALTIME) + rnd(&w->seed) % 2000000);
	pthread_mutex_lock(&box_lock);
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	do
		err = pthread_cond_timedwait(&cond, &box_lock, &until);
	while (err == 0);
	pthread_mutex_unlock(&box_lock);
	CHECK_EQ(err, ETIMEDOUT);
}

static void does_book(struct worker *w)
{
	if (rnd(&w->seed) % 4) {
		PT(pthread_rwlock_rdlock(&book_lock));
		if (rnd(&w->seed) % 2)
			sched_yield();
		CHECK_EQ(book[0], book[1]);
	} else {
		PT(pthread_rwlock_wrlock(&book_lock));
		book[0]++;
		if (rnd(&w->seed) % 2)
			sched_yield();
		book[1]++;
		count(&book_writes);
	}
	PT(pthread_rwlock_unlock(&book_lock));
}

static void does_question(struct worker *w)
{
	w->questions = rnd(&w->seed) | 1;
	SYS(sem_post(&w->asked));
	sem_wait_all(&w->answered);
	CHECK_EQ(w->answers, w->questions + 1);
}

/* No more than a pipe holds at a time, or both would wait for the other to read. */
static void does_pipe(struct worker *w)
{
	unsigned char out[8000], in[sizeof(out)];
	size_t n = 1 + rnd(&w->seed) % sizeof(out);

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)rnd(&w->seed);
	send_all(w->there[1], out, n);
	CHECK_EQ(receive_all(w->back[0], in, n), n);
	CHECK(!memcmp(in, out, n));
}

static void does_poll(struct worker *w)
{
	struct pollfd p = {w->socket[1], POLLIN, 0};
	unsigned char byte = (unsigned char)rnd(&w->seed), got;
	int ready;

	while ((ready = poll(&p, 1, (int)(rnd(&w->seed) % 3))) == -1)
		CHECK(errno == EINTR);
	CHECK_EQ(ready, 0);
	send_all(w->socket[0], &byte, 1);
	while ((ready = poll(&p, 1, -1)) == -1)
		CHECK(errno == EINTR);
	CHECK_EQ(receive_all(w->socket[1], &got, 1), 1);
	CHECK_EQ(got, byte);
}

static void does_sleep(struct worker *w)
{
	struct timespec ts = to_timespec(rnd(&w->seed) % 3000000);
	long long until = now_ns() + ts.tv_nsec;

	while (nanosleep(&ts, &ts) == -1)
		CHECK(errno == EINTR);
	CHECK(now_ns() >= until - 1000000);
}

/* Registers must survive being preempted, and being interrupted by handlers. */
static void does_compute(struct worker *w)
{
	long long until = now_ns() + 1000000 + rnd(&w->seed) % 19000000;
	double first = 1.0 + rnd(&w->seed) % 1000, expected = 0;

	do {
		double x = first;

		for (int i = 0; i < 2000; i++)
			x = x * 1.0000001 + 0.5;
		if (expected == 0)
			expected = x;
		CHECK(x == expected);
	} while (now_ns() < until);
}

static void check_block(unsigned char *p)
{
	size_t n = p[0] * 64u + 1;

	for (size_t i = 1; i < n; i++)
		CHECK_EQ(p[i], (unsigned char)(p[0] + i));
	free(p);
}

static void does_malloc(struct worker *w)
{
	unsigned char first = (unsigned char)rnd(&w->seed), *p = malloc(first * 64u + 1), *old;
	unsigned which = rnd(&w->seed) % BOXES;

	CHECK(p);
	p[0] = first;
	for (size_t i = 1; i < first * 64u + 1; i++)
		p[i] = (unsigned char)(first + i);
	pthread_mutex_lock(&box_lock);
	old = boxes[which];
	boxes[which] = p;
	pthread_mutex_unlock(&box_lock);
	if (old)
		check_block(old);
}

static void does_kill(struct worker *w)
{
	struct worker *other = &workers[rnd(&w->seed) % (unsigned)worker_count];
	pthread_t thread = __atomic_load_n(&other->thread, __ATOMIC_ACQUIRE);

	switch (rnd(&w->seed) % 4) {
	case 0:
		PT(pthread_kill(thread, SIGUSR1));
		break;
	case 1:
		PT(pthread_kill(thread, SIGUSR2));
		break;
	case 2:
		SYS(kill(getpid(), rnd(&w->seed) % 2 ? SIGUSR1 : SIGUSR2));
		break;
	case 3:
		/* Counted first: the handler may run before pthread_kill returns. */
		count(&queued_sent);
		if (pthread_kill(thread, SIGRTMIN + 1) != 0)
			__atomic_fetch_sub(&queued_sent, 1, __ATOMIC_RELAXED);
	}
}

static void unlock(void *lock)
{
	PT(pthread_mutex_unlock(lock));
}

static void cleans(void *arg)
{
	(void)arg;
	count(&cleaned);
}

static void *waits(void *arg)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct worker *w = arg;
	sem_t never;
	char c;
	unsigned how = w->seed % 6;

	pthread_cleanup_push(cleans, NULL);
	SYS(sem_init(&never, 0, 0));
	for (;;) {
		switch (how) {
		case 0:
			sem_wait(&never);
			break;
		case 1:
			pthread_mutex_lock(&lock);
			pthread_cleanup_push(unlock, &lock);
			pthread_cond_wait(&cond, &lock);
			pthread_cleanup_pop(1);
			break;
		case 2:
			if (read(w->socket[1], &c, 1) > 0)
				test_fail(__FILE__, __LINE__, "read", "nothing was sent");
			break;
		case 3:
			sleep(1000);
			break;
		case 4:
			poll(NULL, 0, -1);
			break;
		case 5:
			for (volatile int i = 0; i < 100000; i++)
				;
			pthread_testcancel();
		}
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void does_cancel(struct worker *w)
{
	pthread_t t = start(waits, w);

	switch (rnd(&w->seed) % 3) {
	case 0:
		break;
	case 1:
		sched_yield();
		break;
	case 2:
		sleep_us(rnd(&w->seed) % 500);
	}
	if (rnd(&w->seed) % 2)
		pthread_kill(t, SIGUSR2);
	PT(pthread_cancel(t));
	CHECK(join(t) == PTHREAD_CANCELED);
	count(&canceled);
}

static void *is_born(void *arg)
{
	struct worker *w = arg;

	if (w->seed % 8 == 0)
		setfsuid(geteuid()); /* asks for what the kernel keeps per kernel thread */
	if (w->seed % 2)
		sched_yield();
	count(&gone);
	return NULL;
}

static void does_churn(struct worker *w)
{
	pthread_t t[8];
	int n = 1 + (int)(rnd(&w->seed) % 8), detached = (int)(rnd(&w->seed) % 3);

	for (int i = 0; i < n; i++) {
		count(&born);
		t[i] = start(is_born, w);
	}
	for (int i = 0; i < n; i++) {
		if (i < detached)
			PT(pthread_detach(t[i]));
		else
			join(t[i]);
	}
}

static void does_fork(struct worker *w)
{
	int code = (int)(rnd(&w->seed) % 100);
	bool with_thread = rnd(&w->seed) % 4 == 0;
	char text[32];
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		void *p = malloc(1000);

		memset(p, 1, 1000);
		free(p);
		if (with_thread)
			join(start(is_born, w));
		_exit(code);
	}
	snprintf(text, sizeof(text), "exit %d", code);
	const char *how = reap(pid);
	if (strcmp(how, text) != 0)
		test_fail(__FILE__, __LINE__, how, text);
}

/* name, how often among the others */
static const struct {
	void (*fn)(struct worker *w);
	const char *name;
	unsigned weight;
} does[] = {
    {does_lock, "lock", 20},
    {does_desk, "desk", 12},
    {does_timed, "timed", 3},
    {does_book, "book", 12},
    {does_question, "sem", 8},
    {does_pipe, "pipe", 8},
    {does_poll, "poll", 6},
    {does_sleep, "sleep", 4},
    {does_compute, "compute", 2},
    {does_malloc, "malloc", 12},
    {does_kill, "kill", 12},
    {does_cancel, "cancel", 4},
    {does_churn, "churn", 3},
    {does_fork, "fork", 1},
};

static void *works(void *arg)
{
	struct worker *w = arg;
	unsigned weights = 0;

	for (size_t i = 0; i < ARRAY_LEN(does); i++)
		weights += does[i].weight;
	while (now_ns() < end) {
		unsigned which = rnd(&w->seed) % weights;
		size_t i = 0;

		while (which >= does[i].weight)
			which -= does[i++].weight;
		shared->worker[w->number].at = does[i].name;
		does[i].fn(w);
		shared->worker[w->number].done++;
	}
	shared->worker[w->number].at = "barrier";
	pthread_barrier_wait(&all_done); /* nobody sends signals any more */
	shared->worker[w->number].at = "end";
	close(w->there[1]);
	w->questions = 0;
	SYS(sem_post(&w->asked));
	join(w->partner);
	shared->worker[w->number].at = "gone";
	return NULL;
}

static void torture(unsigned seed, long long ns)
{
	struct itimerval often = {{0, 3000}, {0, 3000}}, off = {{0, 0}, {0, 0}};
	pthread_t desk_thread;
	unsigned long sum = 0;

	set_handler(SIGRTMIN + 1, on_queued, SA_RESTART);
	set_handler(SIGUSR1, on_other, SA_RESTART);
	set_handler(SIGUSR2, on_other, 0);
	set_handler(SIGALRM, on_other, SA_RESTART);
	for (int i = 0; i < LOCKS; i++)
		PT(pthread_mutex_init(&locks[i].lock, NULL));
	PT(pthread_barrier_init(&all_done, NULL, (unsigned)worker_count + 1));
	desk_thread = start(serves, NULL);
	end = now_ns() + ns;
	for (int i = 0; i < worker_count; i++) {
		struct worker *w = &workers[i];

		w->number = i;
		w->seed = (seed + (unsigned)i * 7919) | 1;
		SYS(pipe2(w->there, O_CLOEXEC));
		SYS(pipe2(w->back, O_CLOEXEC));
		SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->socket));
		SYS(sem_init(&w->asked, 0, 0));
		SYS(sem_init(&w->answered, 0, 0));
		w->thread = pthread_self(); /* until it is there */
	}
	for (int i = 0; i < worker_count; i++) {
		pthread_t t;

		workers[i].partner = start(answers, &workers[i]);
		t = start(works, &workers[i]);
		__atomic_store_n(&workers[i].thread, t, __ATOMIC_RELEASE);
	}
	SYS(setitimer(ITIMER_REAL, &often, NULL));
	shared->phase = "main at the barrier";
	pthread_barrier_wait(&all_done);
	SYS(setitimer(ITIMER_REAL, &off, NULL));
	shared->phase = "main joins workers";
	for (int i = 0; i < worker_count; i++)
		join(workers[i].thread);
	shared->phase = "main joins the desk";
	pthread_mutex_lock(&desk);
	desk_closes = true;
	pthread_cond_signal(&desk_asked);
	pthread_mutex_unlock(&desk);
	join(desk_thread);
	shared->phase = "main waits for the detached";
	WAIT_UNTIL(get(&gone) == get(&born));
	shared->phase = "main counts";
	for (int i = 0; i < LOCKS; i++)
		sum += locks[i].sum;
	CHECK_EQ(sum, lock_turns);
	CHECK_EQ(served, tickets);
	CHECK_EQ(book[0], book_writes);
	CHECK_EQ(queued_handled, queued_sent);
	CHECK_EQ(cleaned, canceled);
	for (int i = 0; i < BOXES; i++)
		if (boxes[i])
			check_block(boxes[i]);
}

static void report(pid_t pid)
{
	fprintf(stderr, "hang: process %d, %s\n", (int)pid, shared->phase ? shared->phase : "main starts");
	for (int i = 0; i < worker_count; i++)
		fprintf(stderr, "worker %d: %lu done, at %s\n", i, shared->worker[i].done,
		    shared->worker[i].at ? shared->worker[i].at : "nothing");
}

int main(int argc, char **argv)
{
	long long ns = (argc > 1 ? atof(argv[1]) : 1.5) * NSEC_PER_SEC;
	unsigned seed = test_seed();
	long long patience = now_ns() + ns + PATIENCE * NSEC_PER_SEC;
	int status;

	if (argc > 2)
		worker_count = atoi(argv[2]);
	CHECK(worker_count > 0 && worker_count <= WORKERS_MAX);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	pid_t pid = (pid_t)SYS(fork());
	if (pid == 0) {
		torture(seed, ns);
		unsigned long all = 0;
		for (int i = 0; i < worker_count; i++)
			all += shared->worker[i].done;
		fprintf(stderr, "%lu things done, %lu signals handled\n", all, handled + queued_handled);
		exit(0);
	}
	while (SYS(waitpid(pid, &status, WNOHANG)) == 0) {
		if (now_ns() > patience) {
			report(pid);
			if (!getenv("TORTURE_KEEP"))
				kill(pid, SIGKILL);
			_exit(1);
		}
		sleep_us(20000);
	}
	if (status != 0) {
		fprintf(stderr, "ended with status 0x%x\n", (unsigned)status);
		return 1;
	}
	puts("ok");
	return 0;
}
