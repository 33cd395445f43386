/* Threads pass data through pipes, sockets and semaphores under a storm of signals with SA_RESTART: nothing is lost. */
// threads
#include "test.h"

#define PAIRS 8
#define BYTES 200000

static struct pair {
	int fds[2];
	sem_t turn;
	unsigned seed;
} pairs[PAIRS];
static unsigned handled;

static void on_usr1(int sig)
{
	(void)sig;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

static unsigned char byte_at(const struct pair *p, long at)
{
	return (unsigned char)(at * 31 + (at >> 9) + (long)(p - pairs));
}

static void *sends(void *arg)
{
	struct pair *p = arg;
	unsigned char chunk[5000];
	unsigned random = p->seed;

	for (long at = 0; at < BYTES;) {
		long size = 1 + (long)(rnd(&random) % sizeof(chunk));
		ssize_t done;

		if (size > BYTES - at)
			size = BYTES - at;
		for (long i = 0; i < size; i++)
			chunk[i] = byte_at(p, at + i);
		done = write(p->fds[1], chunk, (size_t)size);
		/* A write that a handler interrupts may be short, once it has written something. */
		CHECK(done > 0);
		at += done;
		SYS(sem_post(&p->turn));
	}
	close(p->fds[1]);
	return NULL;
}

static void *receives(void *arg)
{
	struct pair *p = arg;
	unsigned char chunk[3000];
	ssize_t got;
	long at = 0;

	while ((got = read(p->fds[0], chunk, sizeof(chunk))) > 0) {
		for (long i = 0; i < got; i++)
			CHECK_EQ(chunk[i], byte_at(p, at + i));
		at += got;
		if (at % 7 == 0 && sem_trywait(&p->turn) == -1)
			CHECK_EQ(errno, EAGAIN);
	}
	CHECK_EQ(got, 0);
	return (void *)at;
}

int main(void)
{
	unsigned seed = test_seed();
	pthread_t t[2 * PAIRS];
	long total = 0;
	int left = 2 * PAIRS;
	bool joined[2 * PAIRS] = {false};

	set_handler(SIGUSR1, on_usr1, SA_RESTART);
	for (int i = 0; i < PAIRS; i++) {
		struct pair *p = &pairs[i];

		p->seed = seed + (unsigned)i;
		if (i % 2) {
			SYS(pipe(p->fds));
			SYS(fcntl(p->fds[1], F_SETPIPE_SZ, 4096));
		} else {
			SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fds));
		}
		SYS(sem_init(&p->turn, 0, 0));
		t[2 * i] = start(sends, p);
		t[2 * i + 1] = start(receives, p);
	}
	for (unsigned n = 0; left > 0; n++) {
		for (int i = 0; i < 2 * PAIRS; i++) {
			void *value;

			if (joined[i])
				continue;
			PT(pthread_kill(t[i], SIGUSR1));
			if (pthread_tryjoin_np(t[i], &value) == 0) {
				joined[i] = true;
				left--;
				total += (long)value;
			}
		}
		if (n % 8 == 0)
			kill(getpid(), SIGUSR1);
		sleep_us(20);
	}
	CHECK(handled > 0);
	printf("%ld bytes\n", total);
	return 0;
}
