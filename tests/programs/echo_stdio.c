/* Thread-per-connection line server through fdopen, fgets and fprintf: stdio blocks on sockets. */
// threads
#include "io_test.h"

#define CONNECTIONS 200
#define LINES 50

static struct sockaddr_in addr;

static void *serves(void *arg)
{
	FILE *f = fdopen((int)(long)arg, "r+");
	char line[512];
	long lines = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		fseek(f, 0, SEEK_CUR);
		fprintf(f, "%ld %s", ++lines, line);
		fflush(f);
	}
	fclose(f);
	return (void *)lines;
}

static void *accepts(void *arg)
{
	int listener = (int)(long)arg;
	pthread_t t[CONNECTIONS];
	long lines = 0;

	for (int i = 0; i < CONNECTIONS; i++)
		t[i] = start(serves, (void *)SYS(accept(listener, NULL, NULL)));
	for (int i = 0; i < CONNECTIONS; i++)
		lines += (long)join(t[i]);
	return (void *)lines;
}

static void *asks(void *arg)
{
	long id = (long)arg;
	int fd = tcp_connect(&addr);
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char want[512], got[512];

	CHECK(in && out);
	for (long i = 1; i <= LINES; i++) {
		int width = (int)(1 + (id * 31 + i * 17) % 300);

		fprintf(out, "%ld/%ld %0*ld\n", id, i, width, id * i);
		fflush(out);
		snprintf(want, sizeof(want), "%ld %ld/%ld %0*ld\n", i, id, i, width, id * i);
		CHECK(fgets(got, sizeof(got), in));
		CHECK(strcmp(want, got) == 0);
	}
	fclose(out);
	fclose(in);
	return NULL;
}

int main(void)
{
	int listener = tcp_listen(CONNECTIONS, &addr);
	pthread_t server = start(accepts, (void *)(long)listener), t[CONNECTIONS];

	for (long i = 0; i < CONNECTIONS; i++)
		t[i] = start(asks, (void *)i);
	for (int i = 0; i < CONNECTIONS; i++)
		join(t[i]);
	printf("%ld lines\n", (long)join(server));
	return 0;
}
