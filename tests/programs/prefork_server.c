/* A prefork server: a parent with threads forks workers, each with 50 threads that accept on the inherited socket;
 * clients check every answer while workers are killed and replaced. */
// threads
#include "test.h"
#include <netinet/in.h>

#define WORKERS 4
#define THREADS 50
#define CLIENTS 20
#define REQUESTS 30
#define KILLS 6

static int listener;
static struct sockaddr_in address;
static _Atomic int answered, torn;

static void *serves(void *arg)
{
	for (;;) {
		int fd = (int)SYS(accept(listener, NULL, NULL));
		char text[64];
		ssize_t n;

		while ((n = read(fd, text, sizeof(text))) > 0)
			CHECK_EQ(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
		close(fd);
	}
	return arg;
}

static pid_t worker(void)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid)
		return pid;
	for (int i = 1; i < THREADS; i++)
		start(serves, NULL);
	serves(NULL);
	_exit(1);
}

/* A request whose worker is killed is torn: the client sees the end of it, never another answer. */
static bool ask(int number)
{
	char question[64], answer[64];
	int fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
	size_t length = (size_t)snprintf(question, sizeof(question), "question %d", number), got = 0;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    send(fd, question, length, MSG_NOSIGNAL) == (ssize_t)length) {
		ssize_t n = 1;

		while (got < length && (n = read(fd, answer + got, length - got)) > 0)
			got += (size_t)n;
	}
	close(fd);
	CHECK(got == 0 || memcmp(question, answer, got) == 0);
	return got == length;
}

static void *asks(void *arg)
{
	for (int i = 0; i < REQUESTS; i++) {
		while (!ask((int)(long)arg * REQUESTS + i))
			torn++;
		answered++;
	}
	return arg;
}

int main(void)
{
	socklen_t size = sizeof(address);
	pthread_t clients[CLIENTS];
	pid_t workers[WORKERS];

	listener = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
	address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	SYS(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	SYS(listen(listener, 100));
	SYS(getsockname(listener, (struct sockaddr *)&address, &size));
	for (int i = 0; i < WORKERS; i++)
		workers[i] = worker();
	for (long i = 0; i < CLIENTS; i++)
		clients[i] = start(asks, (void *)i);
	for (int i = 0; i < KILLS; i++) {
		WAIT_UNTIL(answered >= (i + 1) * CLIENTS * REQUESTS / (KILLS + 1));
		SYS(kill(workers[i % WORKERS], i % 2 ? SIGTERM : SIGKILL));
		reap(workers[i % WORKERS]);
		/* From a process with threads of its own now. */
		workers[i % WORKERS] = worker();
	}
	for (int i = 0; i < CLIENTS; i++)
		join(clients[i]);
	for (int i = 0; i < WORKERS; i++) {
		SYS(kill(workers[i], SIGTERM));
		CHECK(strcmp(reap(workers[i]), "signal SIGTERM") == 0);
	}
	fprintf(stderr, "torn %d\n", torn);
	printf("answered %d\n", answered);
	return 0;
}
