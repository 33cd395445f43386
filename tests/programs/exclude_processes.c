/* Threads that stay kernel threads fork, become another program, end the process, outlive the main thread; they compute
 * without holding up the green ones; and where no kernel thread is to be had, none is made. */
// threads
// env: GREEN_EXCLUDE=kernel*
#include "exclude_test.h"
#include <sys/resource.h>

#define FORKS 60
#define TURNS 20000

/* In a child there is no maker yet. */
static void forget_maker(void)
{
	memset(&maker_, 0, sizeof(maker_));
	PT(pthread_mutex_init(&maker_.lock, NULL));
	PT(pthread_cond_init(&maker_.changed, NULL));
}

static void *sees_itself(void *arg)
{
	CHECK(!arg || is_kernel_thread());
	return arg;
}

static void *forks(void *kernel)
{
	pid_t child = fork();

	if (child == 0) {
		CHECK_EQ(own_tid(), getpid());
		PT(pthread_setname_np(pthread_self(), "child"));
		forget_maker();
		for (int i = 0; i < 2; i++) {
			join(start_kernel(sees_itself, &child));
			join(start(sees_itself, NULL));
		}
		_exit(kernel ? 3 : 4);
	}
	CHECK(child > 0);
	CHECK(strcmp(reap(child), kernel ? "exit 3" : "exit 4") == 0);
	return NULL;
}

static void *becomes(void *pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", *(int *)pid);
	execl("/proc/self/exe", "exclude_processes", text, NULL);
	CHECK(!"exec");
	return NULL;
}

static void *waits(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *exits(void *arg)
{
	exit(*(int *)arg);
	return NULL;
}

static void *returns(void *arg)
{
	usleep(2000);
	return arg;
}

/* A child of its own for each way in which a process ends. */
static void ends(bool kernel, const char *how)
{
	int code = kernel ? 5 : 6;
	pid_t child = fork();

	if (child == 0) {
		code = getpid();
		forget_maker();
		start_as(!kernel, waits, NULL);
		start_as(kernel, waits, NULL);
		if (strcmp(how, "exec") == 0)
			join(start_as(kernel, becomes, &code));
		code = kernel ? 5 : 6;
		join(start_as(kernel, exits, &code));
		_exit(1);
	}
	CHECK(child > 0);
	printf("%s by a %s thread: %s\n", how, kernel ? "kernel" : "green", reap(child));
	fflush(stdout);
}

static void last(bool kernel)
{
	pid_t child = fork();

	if (child == 0) {
		forget_maker();
		if (kernel)
			PT(pthread_setname_np(
			    pthread_self(), "kernel-main")); /* and so is what it makes; no maker stays */
		PT(pthread_detach(start(returns, NULL)));
		pthread_exit(NULL);
	}
	printf("the last is a %s thread: %s\n", kernel ? "kernel" : "green", reap(child));
	fflush(stdout);
}

static volatile int enough;

static void *computes(void *arg)
{
	while (!enough)
		;
	return arg;
}

static sem_t ping, pong;

static void *plays(void *arg)
{
	for (int i = 0; i < TURNS; i++) {
		while (sem_wait(&ping) == -1)
			CHECK_EQ(errno, EINTR);
		SYS(sem_post(&pong));
	}
	return arg;
}

static void beside_computing(void)
{
	pthread_t t[2], other;

	SYS(sem_init(&ping, 0, 0));
	SYS(sem_init(&pong, 0, 0));
	for (int i = 0; i < 2; i++)
		t[i] = start_kernel(computes, NULL);
	other = start(plays, NULL);
	for (int i = 0; i < TURNS; i++) {
		SYS(sem_post(&ping));
		while (sem_wait(&pong) == -1)
			CHECK_EQ(errno, EINTR);
	}
	enough = 1;
	for (int i = 0; i < 2; i++)
		join(t[i]);
	join(other);
	puts("played");
}

static void *tries(void *arg)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, sees_itself, arg);

	if (!err)
		join(t);
	return (void *)(long)err;
}

/* The thread that tries is of the maker's kind, and so is what it makes. */
static void none_to_be_had(void)
{
	struct rlimit limit;
	pid_t child = fork();

	if (child == 0) {
		struct event go = EVENT_INIT;
		struct rlimit none = {1, RLIM_INFINITY};

		forget_maker();
		join(start_kernel(tries, &go));
		PT(pthread_setname_np(pthread_self(), "kernel-main"));
		SYS(getrlimit(RLIMIT_NPROC, &limit));
		none.rlim_max = limit.rlim_max;
		SYS(setrlimit(RLIMIT_NPROC, &none));
		SYS(setuid(54321)); /* who has no other processes */
		printf("too many: %s\n", strerrorname_np((int)(long)tries(&go)));
		SYS(setrlimit(RLIMIT_NPROC, &limit));
		printf("again: %s\n", (long)tries(&go) ? "no" : "made");
		fflush(stdout);
		_exit(0);
	}
	puts(reap(child));
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		printf("the same process: %s\n", atoi(argv[1]) == getpid() && own_tid() == getpid() ? "yes" : "no");
		join(start_kernel(sees_itself, &argc));
		return 7;
	}
	for (int i = 0; i < FORKS; i++)
		join(start_as(i % 2, forks, (void *)(long)(i % 2)));
	printf("forked %d times\n", FORKS);
	fflush(stdout);
	for (int kernel = 0; kernel < 2; kernel++) {
		ends(kernel, "exec");
		ends(kernel, "exit");
		last(kernel);
	}
	beside_computing();
	fflush(stdout);
	if (geteuid() == 0)
		none_to_be_had();
	return 0;
}
