/* popen from 50 threads at once, reading and writing, with what pclose returns. */
// threads
#include "test.h"

#define THREADS 50

static void *reads(void *arg)
{
	char command[64], line[64], want[64];
	FILE *f;

	snprintf(command, sizeof(command), "for i in 1 2 3; do echo %ld.$i; done; exit 3", (long)arg);
	f = popen(command, "r");
	CHECK(f != NULL);
	for (int i = 1; i <= 3; i++) {
		snprintf(want, sizeof(want), "%ld.%d\n", (long)arg, i);
		CHECK(fgets(line, sizeof(line), f) != NULL);
		CHECK(strcmp(line, want) == 0);
	}
	CHECK(fgets(line, sizeof(line), f) == NULL);
	CHECK_EQ(WEXITSTATUS(pclose(f)), 3);
	return NULL;
}

static void *writes(void *arg)
{
	FILE *f = popen("s=0; while read x; do s=$((s + x)); done; exit $s", "w");

	CHECK(f != NULL);
	for (int i = 0; i < 10; i++)
		CHECK(fprintf(f, "%ld\n", (long)arg % 10) > 0);
	CHECK_EQ(WEXITSTATUS(pclose(f)), (long)arg % 10 * 10);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (int round = 0; round < 3; round++) {
		for (long i = 0; i < THREADS; i++)
			t[i] = start(i % 2 ? reads : writes, (void *)i);
		for (int i = 0; i < THREADS; i++)
			join(t[i]);
	}
	puts("all read and written");
	return 0;
}
