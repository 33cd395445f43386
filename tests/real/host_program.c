/*
 * What several hosts of the matrix run: threads that echo over TCP, lock, sleep, allocate and overflow nothing. With an
 * argument it sandboxes itself first:
 *
 *     no-exec      kills itself at mmap, mprotect or pkey_mprotect with PROT_EXEC
 *     denied       EPERM from io_uring, pidfd_open, membarrier, userfaultfd, perf_event_open and process_vm_readv
 *     enosys       ENOSYS from the same, and from clone3, as old container runtimes do
 *     late         no-exec, by a thread and for all threads (TSYNC), once there are threads
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 100
#define MESSAGES 50

static struct sockaddr_in addr;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long total;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_CALL(nr, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, (skip))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))

static void install(struct sock_filter *filter, size_t n, unsigned flags)
{
	struct sock_fprog prog = {(unsigned short)n, filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog))
		die("seccomp");
}

static void no_exec(unsigned flags)
{
	struct sock_filter filter[] = {
	    LOAD(nr),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 3, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pkey_mprotect, 1, 0),
	    RETURN(SECCOMP_RET_ALLOW),
	    LOAD(args[2]),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
	    RETURN(SECCOMP_RET_KILL_PROCESS),
	    RETURN(SECCOMP_RET_ALLOW),
	};

	install(filter, sizeof(filter) / sizeof(*filter), flags);
}

static void refused(int error, int clone3)
{
	struct sock_filter filter[] = {
	    LOAD(nr),
	    IF_CALL(SYS_io_uring_setup, 1),
	    RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
	    IF_CALL(SYS_pidfd_open, 1),
	    RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
	    IF_CALL(SYS_membarrier, 1),
	    RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
	    IF_CALL(SYS_userfaultfd, 1),
	    RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
	    IF_CALL(SYS_perf_event_open, 1),
	    RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
	    IF_CALL(SYS_process_vm_readv, 1),
	    RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
	    IF_CALL(SYS_process_vm_writev, 1),
	    RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
	    IF_CALL(SYS_epoll_pwait2, 1),
	    RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
	    IF_CALL(clone3 ? SYS_clone3 : SYS_acct, 1),
	    RETURN(SECCOMP_RET_ERRNO | (unsigned)error),
	    RETURN(SECCOMP_RET_ALLOW),
	};

	install(filter, sizeof(filter) / sizeof(*filter), 0);
}

static void *serves(void *arg)
{
	int fd = (int)(long)arg;
	char buf[256];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			die("write");
	close(fd);
	return NULL;
}

static void *accepts(void *arg)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++) {
		int fd = accept((int)(long)arg, NULL, NULL);

		if (fd == -1 || pthread_create(&t[i], NULL, serves, (void *)(long)fd))
			die("accept");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	return NULL;
}

static void *asks(void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("connect");
	for (long i = 0; i < MESSAGES; i++) {
		char *out = malloc((size_t)(64 + i)), in[64];

		snprintf(out, 64, "%ld %ld", (long)arg, i);
		if (write(fd, out, 64) != 64 || recv(fd, in, 64, MSG_WAITALL) != 64 || strcmp(in, out) != 0)
			die("echo");
		free(out);
		pthread_mutex_lock(&lock);
		total++;
		pthread_mutex_unlock(&lock);
		if (i % 10 == 0)
			usleep(1000);
	}
	close(fd);
	return NULL;
}

static void *sandboxes(void *arg)
{
	no_exec(SECCOMP_FILTER_FLAG_TSYNC);
	return arg;
}

int main(int argc, char **argv)
{
	const char *sandbox = argc > 1 ? argv[1] : "";
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(addr);
	pthread_t server, t[THREADS];

	if (strcmp(sandbox, "no-exec") == 0)
		no_exec(0);
	else if (strcmp(sandbox, "denied") == 0)
		refused(EPERM, 0);
	else if (strcmp(sandbox, "enosys") == 0)
		refused(ENOSYS, 1);
	else if (strcmp(sandbox, "late") == 0) {
		pthread_create(&server, NULL, sandboxes, NULL);
		pthread_join(server, NULL);
	}
	addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, THREADS))
		die("listen");
	getsockname(listener, (struct sockaddr *)&addr, &len);
	if (pthread_create(&server, NULL, accepts, (void *)(long)listener))
		die("pthread_create");
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, asks, (void *)i))
			die("pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	pthread_join(server, NULL);
	printf("%ld messages\n", total);
	return 0;
}
