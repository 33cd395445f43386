/*
 * Load for the echo servers: N connections on one epoll, one request under way on each, every byte of every answer
 * checked against its connection's own pattern.
 *
 *     echo_client PORT CONNECTIONS REQUESTS SIZE SECONDS bytes|lines
 *
 * Connects, makes one request on each connection, prints "ready", waits for a line, makes REQUESTS more and prints a
 * line of JSON. Never runs longer than SECONDS.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection {
	int fd;
	unsigned id;
	uint64_t number; /* of the request under way */
	size_t sent, received;
	long long began;
	bool busy, dead;
};

static struct connection *connections;
static unsigned count;
static size_t size;
static bool lines;
static int ep;
static long long deadline;
static unsigned char *out, *in;

static uint32_t *latencies; /* in microseconds */
static uint64_t begun, wanted, answered, errors;

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* What connection `id` sends as byte `i` of its request `number`. */
static unsigned char pattern(unsigned id, uint64_t number, size_t i)
{
	unsigned value = (id * 2654435761u >> 16) + (unsigned)number * 31 + (unsigned)i * 7;

	if (!lines)
		return (unsigned char)value;
	return i == size - 1 ? '\n' : (unsigned char)('!' + value % 90);
}

static void failed(struct connection *c, const char *why)
{
	if (errors++ < 10)
		fprintf(stderr, "connection %u, request %llu: %s\n", c->id, (unsigned long long)c->number, why);
	epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	c->dead = true;
	c->busy = false;
}

static void push(struct connection *c)
{
	while (c->sent < size) {
		ssize_t n;

		for (size_t i = c->sent; i < size; i++)
			out[i] = pattern(c->id, c->number, i);
		n = send(c->fd, out + c->sent, size - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			failed(c, n ? strerror(errno) : "nothing sent");
			return;
		}
		c->sent += (size_t)n;
	}
}

static void begin(struct connection *c)
{
	if (begun == wanted || c->dead)
		return;
	begun++;
	c->number++;
	c->sent = c->received = 0;
	c->busy = true;
	c->began = now_ns();
	push(c);
}

static void finish(struct connection *c)
{
	c->busy = false;
	latencies[answered++] = (uint32_t)((now_ns() - c->began) / 1000);
	begin(c);
}

static void pull(struct connection *c)
{
	while (!c->dead) {
		ssize_t n = recv(c->fd, in, size + 1, MSG_DONTWAIT);

		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			failed(c, n ? strerror(errno) : "closed by the server");
			return;
		}
		if (!c->busy || c->received + (size_t)n > size) {
			failed(c, "more bytes than asked for");
			return;
		}
		for (ssize_t i = 0; i < n; i++)
			if (in[i] != pattern(c->id, c->number, c->received + (size_t)i)) {
				failed(c, "wrong byte");
				return;
			}
		c->received += (size_t)n;
		if (c->received < size)
			continue;
		finish(c);
		return;
	}
}

/* Until `requests` more are answered, or fail, or the time is up. */
static void run(uint64_t requests)
{
	struct epoll_event ev[256];

	begun = answered = 0;
	wanted = requests;
	for (unsigned i = 0; i < count; i++)
		begin(&connections[i]);
	while (answered + errors < wanted && errors < count) {
		int n = epoll_wait(ep, ev, 256, 1000);

		if (now_ns() > deadline) {
			fprintf(stderr, "time is up: %llu of %llu answered\n", (unsigned long long)answered,
			    (unsigned long long)wanted);
			errors += wanted - answered;
			return;
		}
		for (int i = 0; i < n; i++) {
			struct connection *c = ev[i].data.ptr;

			if (!c->dead && ev[i].events & EPOLLOUT && c->busy)
				push(c);
			if (!c->dead && ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				pull(c);
		}
	}
}

static void connect_all(int port)
{
	struct sockaddr_in addr = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {10, 0};
	int one = 1;

	for (unsigned i = 0; i < count; i++) {
		struct connection *c = &connections[i];
		struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};

		c->id = i;
		c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (c->fd == -1)
			die("socket");
		setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		if (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)))
			die("connect");
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev))
			die("epoll_ctl");
	}
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t percentile(unsigned percent)
{
	return answered ? latencies[(answered - 1) * percent / 100] : 0;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	uint64_t requests;
	long long began;
	double seconds;
	char order[16];

	if (argc != 7)
		return 2;
	count = (unsigned)atoi(argv[2]);
	requests = strtoull(argv[3], NULL, 10);
	size = (size_t)atol(argv[4]);
	deadline = now_ns() + atol(argv[5]) * 1000000000LL;
	lines = strcmp(argv[6], "lines") == 0;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	connections = calloc(count, sizeof(*connections));
	latencies = calloc(requests > count ? requests : count, sizeof(*latencies));
	out = malloc(size);
	in = malloc(size + 1);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (!connections || !latencies || !out || !in || ep == -1)
		die("set up");

	connect_all(atoi(argv[1]));
	run(count);
	puts("ready");
	fflush(stdout);
	if (!fgets(order, sizeof(order), stdin))
		return 1;
	began = now_ns();
	run(requests);
	seconds = (double)(now_ns() - began) / 1e9;

	qsort(latencies, answered, sizeof(*latencies), by_value);
	printf("{\"requests\": %llu, \"seconds\": %.6f, \"per_second\": %.1f, \"p50_us\": %u, \"p99_us\": %u, "
	       "\"errors\": %llu}\n",
	    (unsigned long long)answered, seconds, (double)answered / seconds, percentile(50), percentile(99),
	    (unsigned long long)errors);
	fflush(stdout);
	/* The driver reads the server's figures while the connections stand. */
	if (fgets(order, sizeof(order), stdin))
		return 2;
	return errors ? 1 : 0;
}
