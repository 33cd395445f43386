/*
 * A server with five faults, each in a handler of its own, on a line that says so; all else is as it should be: clients
 * ask and are answered. What each fault took in all, by the handler's own clock, is printed at the end:
 *
 *     trace_faults DIRECTORY TIMES
 *     compute 4 0.320123
 */
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MSEC 1000000LL
#define CLIENTS 20

static int times;
static char lock_file[512];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t table_taken;
static atomic_bool stop;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void rest(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * MSEC};

	nanosleep(&ts, NULL);
}

/* Of the fault alone. */
static __thread long long begin, took;

static void began(void)
{
	begin = now();
}

static void ended(void)
{
	took += now() - begin;
}

static __attribute__((noinline)) unsigned long checksum(long long until)
{
	unsigned long sum = 1;

	while (now() < until)                              /* FAULT compute */
		for (int i = 0; i < 300000; i++)           /* FAULT compute */
			sum = sum * 31 + (unsigned long)i; /* FAULT compute */
	return sum;
}

static void handle_compute(void)
{
	static volatile unsigned long result;

	began();
	result += checksum(now() + 80 * MSEC); /* FAULT compute */
	ended();
}

static int ask_holder[2], holder_has[2];

/* Another process, which takes the lock for 60 ms when it is asked to. It is made before there are threads: a fork of a
 * large process may hold the hub, which would be a fault of its own. */
static void start_holder(void)
{
	struct timespec ts = {0, 60 * MSEC};
	char c;

	if (pipe2(ask_holder, O_CLOEXEC) || pipe2(holder_has, O_CLOEXEC))
		die("pipe");
	if (fork())
		return;
	close(ask_holder[1]);
	int fd = open(lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	while (read(ask_holder[0], &c, 1) == 1) {
		if (flock(fd, LOCK_EX) || write(holder_has[1], "x", 1) != 1)
			_exit(1);
		nanosleep(&ts, NULL);
		flock(fd, LOCK_UN);
	}
	_exit(0);
}

static void handle_flock(void)
{
	int fd = open(lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char c;

	if (fd < 0 || write(ask_holder[1], "x", 1) != 1 || read(holder_has[0], &c, 1) != 1)
		die(lock_file);
	began();
	flock(fd, LOCK_EX); /* FAULT flock */
	ended();
	close(fd);
}

static void handle_lookup(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *list;

	began();
	int error = getaddrinfo("backend.test", "80", &hints, &list); /* FAULT lookup */
	ended();
	if (!error)
		freeaddrinfo(list);
}

static void *saves_table(void *arg)
{
	struct timespec ts = {0, 70 * MSEC};

	pthread_mutex_lock(&table);
	pthread_barrier_wait(&table_taken);
	nanosleep(&ts, NULL); /* HOLDS mutex */
	pthread_mutex_unlock(&table);
	return arg;
}

static void handle_mutex(void)
{
	pthread_t t;

	pthread_create(&t, NULL, saves_table, NULL);
	pthread_barrier_wait(&table_taken);
	began();
	pthread_mutex_lock(&table); /* FAULT mutex */
	ended();
	pthread_mutex_unlock(&table);
	pthread_join(t, NULL);
}

static void handle_inline(void)
{
	struct timespec ts = {0, 90 * MSEC};
	long ret = SYS_nanosleep;

	began();
	__asm__ volatile("syscall" : "+a"(ret) : "D"(&ts), "S"(NULL) : "rcx", "r11", "memory"); /* FAULT inline */
	ended();
}

static struct handler {
	const char *name;
	void (*fn)(void);
	long long took;
} handlers[] = {{"compute", handle_compute, 0}, {"flock", handle_flock, 0}, {"lookup", handle_lookup, 0},
    {"mutex", handle_mutex, 0}, {"inline", handle_inline, 0}};
#define HANDLERS (sizeof(handlers) / sizeof(*handlers))

static void *serve(void *arg)
{
	struct handler *h = arg;

	pthread_setname_np(pthread_self(), h->name);
	for (int i = 0; i < times; i++) {
		h->fn();
		rest(20);
	}
	h->took = took;
	return NULL;
}

/* One end asks each 2 ms, the other answers. */
static void *answers(void *arg)
{
	int fd = *(int *)arg;
	char c;

	while (read(fd, &c, 1) == 1)
		if (write(fd, &c, 1) != 1)
			break;
	close(fd);
	return NULL;
}

static void *asks(void *arg)
{
	int fd = *(int *)arg;
	char c = 'x';

	while (!stop) {
		rest(2);
		if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
			die("client");
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t server[HANDLERS], client[2 * CLIENTS];
	int pairs[CLIENTS][2];

	if (argc != 3)
		return 2;
	snprintf(lock_file, sizeof(lock_file), "%s/lock", argv[1]);
	times = atoi(argv[2]);
	start_holder();
	pthread_barrier_init(&table_taken, NULL, 2);
	for (int i = 0; i < CLIENTS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]))
			die("socketpair");
		pthread_create(&client[2 * i], NULL, answers, &pairs[i][0]);
		pthread_create(&client[2 * i + 1], NULL, asks, &pairs[i][1]);
	}
	for (size_t i = 0; i < HANDLERS; i++)
		pthread_create(&server[i], NULL, serve, &handlers[i]);
	for (size_t i = 0; i < HANDLERS; i++)
		pthread_join(server[i], NULL);
	stop = true;
	for (int i = 0; i < 2 * CLIENTS; i++)
		pthread_join(client[i], NULL);
	for (size_t i = 0; i < HANDLERS; i++)
		printf("%s %d %.6f\n", handlers[i].name, times, (double)handlers[i].took / 1e9);
	return 0;
}
