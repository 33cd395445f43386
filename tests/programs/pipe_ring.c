/* A token goes round through 50 pipes, one thread between each two, 400 times. */
// threads
#include "io_test.h"

#define PIPES 50
#define ROUNDS 400

static int ring[PIPES][2];

static void *passes(void *arg)
{
	long me = (long)arg;

	for (int i = 0; i < ROUNDS; i++) {
		int token;

		CHECK_EQ(read(ring[me][0], &token, sizeof(token)), sizeof(token));
		token++;
		CHECK_EQ(write(ring[(me + 1) % PIPES][1], &token, sizeof(token)), sizeof(token));
	}
	return NULL;
}

int main(void)
{
	pthread_t t[PIPES];
	int token = 0;

	for (int i = 0; i < PIPES; i++)
		SYS(pipe(ring[i]));
	for (long i = 0; i < PIPES; i++)
		t[i] = start(passes, (void *)i);
	write_full(ring[0][1], &token, sizeof(token));
	for (int i = 0; i < PIPES; i++)
		join(t[i]);
	CHECK_EQ(read(ring[0][0], &token, sizeof(token)), sizeof(token));
	printf("token %d\n", token);
	return 0;
}
