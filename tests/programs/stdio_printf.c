/* printf from 100 threads to one FILE: lines stay whole, on a file, on a pipe that blocks, unbuffered and
 * line-buffered. */
// threads
#include "io_test.h"

#define THREADS 100
#define LINES 50

static FILE *out;

static void *prints(void *arg)
{
	for (int i = 0; i < LINES; i++)
		if (i % 3)
			fprintf(out, "%03ld %03d %0*d.\n", (long)arg, i, i + 1, 0);
		else {
			flockfile(out);
			fprintf(out, "%03ld %03d ", (long)arg, i);
			sched_yield();
			fprintf(out, "%0*d.\n", i + 1, 0);
			funlockfile(out);
		}
	return NULL;
}

static void *checks(void *arg)
{
	int next[THREADS] = {0};
	long lines = 0;
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, arg)) > 0) {
		int who, number, zeros = -1;

		CHECK(sscanf(line, "%d %d %*[0]%n", &who, &number, &zeros) == 2 && zeros > 0);
		CHECK_EQ(zeros, 8 + number + 1);
		CHECK(strcmp(line + zeros, ".\n") == 0);
		CHECK_EQ(number, next[who]);
		next[who]++;
		if (++lines % 500 == 0)
			sleep_us(500);
	}
	free(line);
	return (void *)lines;
}

static void all_print(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(prints, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
}

static void to_pipe(int mode, const char *name)
{
	pthread_t reader;
	FILE *in;
	int p[2];

	SYS(pipe(p));
	in = fdopen(p[0], "r");
	out = fdopen(p[1], "w");
	setvbuf(out, NULL, mode, BUFSIZ);
	reader = start(checks, in);
	all_print();
	fclose(out);
	printf("pipe, %s: %ld lines\n", name, (long)join(reader));
	fclose(in);
}

int main(void)
{
	int fd = scratch_file();
	FILE *in = fdopen(dup(fd), "r");

	out = fdopen(fd, "w");
	all_print();
	fclose(out);
	rewind(in);
	printf("file: %ld lines\n", (long)checks(in));
	fclose(in);
	to_pipe(_IOFBF, "buffered");
	to_pipe(_IOLBF, "line-buffered");
	to_pipe(_IONBF, "unbuffered");
	return 0;
}
