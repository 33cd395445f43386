/* popen from 10 threads at once: what children print, what they are told, how they end; system() beside it. */
// threads
#include "io_test.h"

#define THREADS 10
#define ROUNDS 5

static void *pops(void *arg)
{
	long me = (long)arg;

	for (int i = 0; i < ROUNDS; i++) {
		char command[128], want[64], got[64] = "";
		int status;
		FILE *f;

		snprintf(command, sizeof(command), "sleep 0.01; echo %ld-%d; exit %ld", me, i, me);
		snprintf(want, sizeof(want), "%ld-%d\n", me, i);
		f = popen(command, "re");
		CHECK(f && fgets(got, sizeof(got), f));
		CHECK(strcmp(want, got) == 0);
		CHECK(fgets(got, sizeof(got), f) == NULL);
		status = pclose(f);
		CHECK_EQ(WEXITSTATUS(status), me);

		snprintf(command, sizeof(command), "read a; [ \"$a\" = %ld-%d ]", me, i);
		f = popen(command, "we");
		CHECK(f);
		fputs(want, f);
		CHECK_EQ(pclose(f), 0);
		CHECK_EQ(WEXITSTATUS(system("exit 9")), 9);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(pops, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	printf("%d children\n", THREADS * ROUNDS * 3);
	SHOW(system(NULL));
	return 0;
}
