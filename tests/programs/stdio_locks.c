/* stdio's own locks: lines of many threads into one stream are not torn, flockfile nests and excludes. */
// threads
#include "test.h"

#define THREADS 20
#define LINES 300

static FILE *out;
static int seen[THREADS];

static void *prints(void *arg)
{
	for (int i = 0; i < LINES; i++) {
		if (i % 3) {
			fprintf(out, "%ld %d %s\n", (long)arg, i, "some text to make the line longer");
		} else {
			flockfile(out);
			fprintf(out, "%ld ", (long)arg);
			sched_yield();
			flockfile(out);
			fprintf(out, "%d ", i);
			funlockfile(out);
			fputs("some text to make the line longer\n", out);
			funlockfile(out);
		}
	}
	return NULL;
}

static void *reads(void *arg)
{
	FILE *in = arg;
	char line[256], want[256];
	long n;
	int i, lines = 0;

	while (fgets(line, sizeof(line), in)) {
		CHECK_EQ(sscanf(line, "%ld %d", &n, &i), 2);
		CHECK(n >= 0 && n < THREADS);
		CHECK_EQ(seen[n]++, i);
		snprintf(want, sizeof(want), "%ld %d some text to make the line longer\n", n, i);
		CHECK(strcmp(line, want) == 0);
		lines++;
	}
	return (void *)(long)lines;
}

static void *tries(void *arg)
{
	return (void *)(long)ftrylockfile(arg);
}

int main(void)
{
	pthread_t t[THREADS], reader;
	int fds[2];
	FILE *in;

	SYS(pipe(fds));
	in = fdopen(fds[0], "r");
	out = fdopen(fds[1], "w");
	CHECK(in && out);
	/* A small buffer: writes block within the lock. */
	setvbuf(out, NULL, _IOFBF, 100);
	flockfile(out);
	CHECK(join(start(tries, out)) != NULL);
	funlockfile(out);
	reader = start(reads, in);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(prints, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	fclose(out);
	printf("%ld lines\n", (long)join(reader));
	return 0;
}
