/*
 * A program that makes the same system calls each time: THREADS threads, ROUNDS rounds each, between two marks (getpgid
 * of an impossible process) that a trace shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 10
#define MARK 0x7eee1234

static pthread_barrier_t all;

static void check(int fine)
{
	if (!fine)
		abort();
}

static void sleeps(void)
{
	struct timespec ts = {0, 100000000};
	struct pollfd none = {.fd = -1};

	check(nanosleep(&ts, NULL) == 0);
	check(poll(&none, 1, 100) == 0);
}

static void talks(int pair[2])
{
	struct timeval patience = {0, 15000};
	char c[16];

	check(write(pair[0], "hello", 5) == 5);
	check(read(pair[1], c, sizeof(c)) == 5);
	check(send(pair[0], "x", 1, 0) == 1);
	check(recv(pair[1], c, 1, 0) == 1);
	check(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
	check(recv(pair[1], c, 1, 0) == -1 && errno == EAGAIN);
}

static void files(void)
{
	struct stat st;
	char buf[64];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	check(fd >= 0);
	check(read(fd, buf, sizeof(buf)) == sizeof(buf));
	check(lseek(fd, 0, SEEK_SET) == 0);
	check(fstat(fd, &st) == 0);
	check(open("/nowhere", O_RDONLY) == -1 && errno == ENOENT);
	close(fd);
}

static void others(void)
{
	void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED && mprotect(p, 4096, PROT_READ) == 0 && munmap(p, 8192) == 0);
	check(syscall(SYS_getppid) > 0);
	check(sched_yield() == 0);
}

static void *works(void *arg)
{
	int pair[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all);
	for (int i = 0; i < ROUNDS; i++) {
		sleeps();
		talks(pair);
		files();
		others();
	}
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all);
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];

	pthread_barrier_init(&all, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		check(pthread_create(&t[i], NULL, works, NULL) == 0);
	pthread_barrier_wait(&all);
	syscall(SYS_getpgid, MARK);
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all);
	syscall(SYS_getpgid, MARK);
	pthread_barrier_wait(&all);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	puts("done");
	return 0;
}
