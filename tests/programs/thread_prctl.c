/* What prctl keeps for each thread: timer slack and the parent-death signal, seen by their thread alone; the signal
 * comes.
 */
// threads
#include "test.h"
#include <sys/prctl.h>

static pthread_barrier_t barrier;

static int death_signal(void)
{
	int sig = -1;

	SYS(prctl(PR_GET_PDEATHSIG, &sig));
	return sig;
}

static void *inherits(void *arg)
{
	printf("slack inherited %d", prctl(PR_GET_TIMERSLACK));
	SYS(prctl(PR_SET_TIMERSLACK, 5));
	SYS(prctl(PR_SET_TIMERSLACK, 0));
	printf(", back to %d\n", prctl(PR_GET_TIMERSLACK));
	return arg;
}

static void *sets(void *arg)
{
	SYS(prctl(PR_SET_TIMERSLACK, 1234567));
	SYS(prctl(PR_SET_PDEATHSIG, SIGUSR2));
	printf("death signal 99: %s\n", prctl(PR_SET_PDEATHSIG, 99) ? strerrorname_np(errno) : "0");
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	printf("own slack %d, death signal %d\n", prctl(PR_GET_TIMERSLACK), death_signal());
	join(start(inherits, NULL));
	SYS(prctl(PR_SET_PDEATHSIG, 0));
	printf("cleared %d\n", death_signal());
	return arg;
}

static void *asks(void *arg)
{
	pthread_barrier_wait(&barrier);
	CHECK(prctl(PR_GET_TIMERSLACK) != 1234567);
	CHECK_EQ(death_signal(), 0);
	pthread_barrier_wait(&barrier);
	return arg;
}

/* By one thread; whether it takes it back, perhaps on another kernel thread. */
static void *wants_to_die(void *arg)
{
	SYS(prctl(PR_SET_PDEATHSIG, SIGTERM));
	sleep_us(2000);
	if (arg)
		SYS(prctl(PR_SET_PDEATHSIG, 0));
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return arg;
}

static _Atomic int *ended;

static void on_term(int sig)
{
	*ended = sig;
	_exit(0);
}

/* The child of a child, whose parent ends; it asked for the signal in a thread, and took it back in another, or not. */
static void orphan(bool takes_back)
{
	int p[2];
	pid_t pid;
	char c;

	*ended = 0;
	SYS(pipe(p));
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		int inner[2];

		SYS(pipe(inner));
		if (SYS(fork()) == 0) {
			pid_t parent = getppid();

			set_handler(SIGTERM, on_term, 0);
			start(wants_to_die, takes_back ? &barrier : NULL);
			pthread_barrier_wait(&barrier);
			close(inner[0]);
			SYS(write(inner[1], "x", 1));
			WAIT_UNTIL(getppid() != parent);
			sleep_us(takes_back ? 20000 : 20000000);
			_exit(0);
		}
		close(inner[1]);
		SYS(read(inner[0], &c, 1));
		_exit(0);
	}
	close(p[1]);
	CHECK(strcmp(reap(pid), "exit 0") == 0);
	CHECK_EQ(read(p[0], &c, 1), 0); /* nobody holds the other end any more */
	close(p[0]);
	printf("parent gone: signal %d\n", (int)*ended);
}

int main(void)
{
	pthread_t t, u;

	ended = mmap(NULL, sizeof(*ended), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	PT(pthread_barrier_init(&barrier, NULL, 2));
	t = start(sets, NULL);
	u = start(asks, NULL);
	join(t);
	join(u);
	orphan(false);
	orphan(true);
	return 0;
}
