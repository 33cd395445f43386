/* Threads that block in getline, fread and scanf on pipes while others write piece by piece; one blocks in stdin. */
// threads
#include "io_test.h"

static int p[2];

static void *writes(void *arg)
{
	static const char text[] = "first line\nsecond 12 34\nthe rest without an end";

	(void)arg;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		write_full(p[1], &text[i], 1);
		if (i % 5 == 0)
			sleep_us(300);
	}
	SYS(close(p[1]));
	return NULL;
}

static void *reads(void *arg)
{
	FILE *f = arg;
	char *line = NULL, rest[64] = "";
	size_t room = 0;
	int a, b;

	printf("getline %zd\n", getline(&line, &room, f));
	printf("%s", line);
	printf("fscanf %d", fscanf(f, "second %d %d\n", &a, &b));
	printf(": %d %d\n", a, b);
	printf("fread %zu\n", fread(rest, 1, sizeof(rest) - 1, f));
	puts(rest);
	printf("at the end: %d, %d\n", fgetc(f), feof(f));
	free(line);
	return NULL;
}

int main(void)
{
	pthread_t r, w;

	SYS(pipe(p));
	r = start(reads, fdopen(p[0], "r"));
	w = start(writes, NULL);
	join(r);
	join(w);
	SYS(pipe(p));
	SYS(dup2(p[0], 0));
	r = start(reads, stdin);
	w = start(writes, NULL);
	join(r);
	join(w);
	return 0;
}
