/* N threads call getaddrinfo at once, for host-0.test, host-1.test and so on; says how long all took together. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_barrier_t begin;
static int failed;

static void *looks_up(void *arg)
{
	unsigned n = (unsigned)(long)arg;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	char name[64];
	int error;

	snprintf(name, sizeof(name), "host-%u.test", n);
	pthread_barrier_wait(&begin);
	error = getaddrinfo(name, "80", &hints, &list);
	if (error) {
		fprintf(stderr, "%s: %s\n", name, gai_strerror(error));
		__atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	if (list->ai_family != AF_INET || list->ai_next ||
	    ntohl(((struct sockaddr_in *)list->ai_addr)->sin_addr.s_addr) != (10u << 24 | n)) {
		fprintf(stderr, "%s: another's address\n", name);
		__atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
	}
	freeaddrinfo(list);
	return NULL;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 200;
	pthread_t *t = calloc((size_t)n, sizeof(*t));
	struct timespec from, to;

	pthread_barrier_init(&begin, NULL, (unsigned)n + 1);
	for (long i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, looks_up, (void *)i))
			return 2;
	clock_gettime(CLOCK_MONOTONIC, &from);
	pthread_barrier_wait(&begin);
	for (long i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%ld lookups, %d failed: %.3f s\n", n, failed,
	    (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	free(t);
	return failed ? 1 : 0;
}
