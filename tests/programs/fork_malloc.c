/* fork while other threads are inside malloc and stdio: the child can allocate and print. */
// threads
#include "test.h"

#define THREADS 4
#define FORKS 25

static int stop;

static void *allocates(void *arg)
{
	unsigned random = (unsigned)(long)arg + 12345;
	void *held[64] = {NULL};
	char line[64];
	FILE *null = fopen("/dev/null", "w");

	CHECK(null != NULL);
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		unsigned i = rnd(&random) % 64;

		free(held[i]);
		held[i] = malloc(rnd(&random) % 20000);
		CHECK(held[i] != NULL);
		*(volatile char *)held[i] = 1;
		snprintf(line, sizeof(line), "%u", i);
		fputs(line, null);
		if (i == 0)
			fflush(null);
	}
	for (int i = 0; i < 64; i++)
		free(held[i]);
	fclose(null);
	return NULL;
}

static void child(void)
{
	void *held[200];
	FILE *null = fopen("/dev/null", "w");

	CHECK(null != NULL);
	for (int i = 0; i < 200; i++) {
		held[i] = malloc((size_t)i * 100 + 1);
		CHECK(held[i] != NULL);
		memset(held[i], i, (size_t)i * 100 + 1);
		fprintf(null, "%p\n", held[i]);
	}
	for (int i = 0; i < 200; i++)
		free(held[i]);
	fclose(null);
	_exit(0);
}

static void *forks(void *arg)
{
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0)
			child();
		CHECK(strcmp(reap(pid), "exit 0") == 0);
	}
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(allocates, (void *)i);
	join(start(forks, NULL));
	forks(NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	printf("%d children\n", 2 * FORKS);
	return 0;
}
