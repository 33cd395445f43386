/* SIGSEGV and SIGBUS of another process's meet a thread that computes and that other signals meet all the time: each is
 * handled, though the thread makes no call. Nobody can block these two for good in a library's own handler, which needs
 * them, so that they come to that too. */
// threads
#include "test.h"

#define ROUNDS 1000

static struct {
	unsigned segv, bus, done;
} * handled;
static sem_t begun;

static void on_sent(int sig)
{
	__atomic_fetch_add(sig == SIGSEGV ? &handled->segv : &handled->bus, 1, __ATOMIC_RELEASE);
}

static void on_usr1(int sig)
{
	(void)sig;
}

static void sends(pid_t parent, int sig, unsigned *count, unsigned wanted)
{
	SYS(kill(parent, sig));
	while (__atomic_load_n(count, __ATOMIC_ACQUIRE) != wanted) {
		CHECK_EQ(getppid(), parent);
		sched_yield();
	}
}

static void *has_child(void *arg)
{
	int status;
	pid_t parent = getpid(), pid = (pid_t)SYS(fork());

	if (pid == 0) {
		for (unsigned i = 1; i <= ROUNDS; i++) {
			sends(parent, SIGSEGV, &handled->segv, i);
			sends(parent, SIGBUS, &handled->bus, i);
		}
		_exit(0);
	}
	SYS(sem_post(&begun));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	__atomic_store_n(&handled->done, 1, __ATOMIC_RELEASE);
	return arg;
}

static void *interrupts(void *arg)
{
	while (!__atomic_load_n(&handled->done, __ATOMIC_ACQUIRE)) {
		PT(pthread_kill(*(pthread_t *)arg, SIGUSR1));
		sched_yield();
	}
	return NULL;
}

int main(void)
{
	pthread_t self = pthread_self(), parent, interrupter;

	handled = mmap(NULL, sizeof(*handled), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(handled != MAP_FAILED);
	SYS(sem_init(&begun, 0, 0));
	set_handler(SIGSEGV, on_sent, SA_RESTART);
	set_handler(SIGBUS, on_sent, SA_RESTART);
	set_handler(SIGUSR1, on_usr1, SA_RESTART);
	parent = start(has_child, NULL);
	SYS(sem_wait(&begun));
	interrupter = start(interrupts, &self);
	while (!__atomic_load_n(&handled->done, __ATOMIC_ACQUIRE))
		; /* no call */
	join(interrupter);
	join(parent);
	printf("%u SIGSEGV, %u SIGBUS handled\n", handled->segv, handled->bus);
	return 0;
}
