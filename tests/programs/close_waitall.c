/* Another file gets the number of a socket under a recv that goes on waiting: to its end it reads the one it began
 * with. */
// threads
// env: GREEN_HUBS=3
#include "test.h"

#define ROUNDS 1500
#define LENGTH 48

static int sockets[2], others[2];
static sem_t go[3], done[3];

/* The socket's content, byte by byte, so that the reader wakes often. */
static void *writes(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(sem_wait(&go[0]) == 0);
		for (int k = 0; k < LENGTH; k++) {
			CHECK_EQ(send(sockets[1], "a", 1, 0), 1);
			if (k % 8 == 0)
				sched_yield();
		}
		CHECK(sem_post(&done[0]) == 0);
	}
	return arg;
}

static void *reads(void *arg)
{
	char buf[LENGTH];

	for (int i = 0; i < ROUNDS; i++) {
		CHECK(sem_wait(&go[1]) == 0);
		CHECK_EQ(recv(sockets[0], buf, LENGTH, MSG_WAITALL), LENGTH);
		CHECK(buf[0] == 'a' || buf[0] == 'z'); /* the number meant the other one by then */
		for (int k = 1; k < LENGTH; k++)
			CHECK_EQ(buf[k], buf[0]);
		CHECK(sem_post(&done[1]) == 0);
	}
	return arg;
}

static void *replaces(void *arg)
{
	unsigned seed = 1;

	for (int i = 0; i < ROUNDS; i++) {
		CHECK(sem_wait(&go[2]) == 0);
		for (int n = rand_r(&seed) % 2000; n > 0; n--)
			__asm__ volatile("pause");
		SYS(dup2(others[0], sockets[0]));
		CHECK(sem_post(&done[2]) == 0);
	}
	return arg;
}

int main(void)
{
	void *(*const run[])(void *) = {writes, reads, replaces};
	char z[LENGTH];
	pthread_t t[3];

	memset(z, 'z', sizeof(z));
	for (int i = 0; i < 3; i++) {
		SYS(sem_init(&go[i], 0, 0));
		SYS(sem_init(&done[i], 0, 0));
	}
	for (int i = 0; i < 3; i++)
		t[i] = start(run[i], NULL);
	for (int i = 0; i < ROUNDS; i++) {
		SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
		SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, others));
		CHECK_EQ(send(others[1], z, LENGTH, 0), LENGTH);
		int kept = (int)SYS(dup(sockets[0])); /* or nobody may be left to send to */
		for (int k = 0; k < 3; k++)
			SYS(sem_post(&go[k]));
		for (int k = 0; k < 3; k++)
			CHECK(sem_wait(&done[k]) == 0);
		close(sockets[0]);
		close(sockets[1]);
		close(others[0]);
		close(others[1]);
		close(kept);
	}
	for (int i = 0; i < 3; i++)
		join(t[i]);
	puts("nothing was mixed");
	return 0;
}
