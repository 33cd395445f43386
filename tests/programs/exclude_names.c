/* Threads that stay kernel threads by their names: from birth, from when they name themselves, from when another names
 * them; what the kernel and others see of them; and their end. */
// threads
// env: GREEN_EXCLUDE=kernel*,late-[0-9],main-?
#include "exclude_test.h"
#include <sys/prctl.h>
#include <sys/resource.h>

#define MANY 20
#define SHORT_LIVED 500

static struct event there = EVENT_INIT, gone_on = EVENT_INIT;
static pid_t tids[MANY];

static void *from_birth(void *arg)
{
	pid_t *tid = arg;
	char name[16];

	*tid = own_tid();
	CHECK(is_kernel_thread());
	event_post(&there);
	event_wait(&gone_on, 1);
	task_name(*tid, name);
	CHECK(strcmp(name, "renamed") == 0);
	SYS(prctl(PR_GET_NAME, name));
	CHECK(strcmp(name, "renamed") == 0);
	PT(pthread_setname_np(pthread_self(), "kernel-again"));
	task_name(*tid, name);
	CHECK(strcmp(name, "kernel-again") == 0);
	return arg;
}

/* Another process knows them by their ids, and changes what is theirs. */
static void by_another_process(void)
{
	cpu_set_t one, now;
	pid_t child;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	child = fork();
	if (child == 0) {
		for (int i = 0; i < MANY; i++) {
			char path[64];

			snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", getppid(), tids[i]);
			CHECK_EQ(access(path, F_OK), 0);
			CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)tids[i]), i % 5);
			CHECK_EQ(sched_getscheduler(tids[i]), SCHED_BATCH);
			SYS(sched_setaffinity(tids[i], sizeof(one), &one));
		}
		_exit(0);
	}
	puts(reap(child));
	for (int i = 0; i < MANY; i++) {
		SYS(sched_getaffinity(tids[i], sizeof(now), &now));
		CHECK(CPU_EQUAL(&now, &one));
	}
}

/* The kernel's own words for it, by the id that it has. */
static void seen_from_outside(void)
{
	struct sched_param param = {0};
	pthread_t t[MANY];
	char name[16];

	for (int i = 0; i < MANY; i++)
		t[i] = start_kernel(from_birth, &tids[i]);
	event_wait(&there, MANY);
	printf("named kernel: %d\n", kernel_threads_named("kernel"));
	fflush(stdout);
	for (int i = 0; i < MANY; i++) {
		CHECK_EQ(syscall(SYS_tgkill, getpid(), tids[i], 0), 0);
		task_name(tids[i], name);
		CHECK(strcmp(name, "kernel") == 0);
		CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)tids[i]), 0);
		SYS(setpriority(PRIO_PROCESS, (id_t)tids[i], i % 5));
		CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)tids[i]), i % 5);
		SYS(sched_setscheduler(tids[i], SCHED_BATCH, &param));
		CHECK_EQ(sched_getscheduler(tids[i]), SCHED_BATCH);
		PT(pthread_setname_np(t[i], "renamed"));
		PT(pthread_getname_np(t[i], name, sizeof(name)));
		CHECK(strcmp(name, "renamed") == 0);
	}
	by_another_process();
	printf("renamed: %d\n", kernel_threads_named("renamed"));
	event_post(&gone_on);
	for (int i = 0; i < MANY; i++)
		CHECK(join(t[i]) == &tids[i]);
	WAIT_UNTIL(kernel_threads_named("renamed") == 0 && kernel_threads_named("kernel-again") == 0);
}

static void *names_itself(void *arg)
{
	char name[16], shown[16];

	snprintf(name, sizeof(name), "late-%d", *(int *)arg);
	if (*(int *)arg % 2)
		PT(pthread_setname_np(pthread_self(), name));
	else
		SYS(prctl(PR_SET_NAME, name));
	/* Not by a list of all: proc(5)'s ends early where the thread that it has come to ends meanwhile. */
	task_name((pid_t)syscall(SYS_gettid), shown);
	CHECK(strcmp(shown, name) == 0);
	return arg;
}

static void *is_named(void *arg)
{
	event_wait(arg, 1);
	sleep_us(100); /* a call, where it becomes one */
	event_post(&there);
	event_wait(arg, 2);
	return arg;
}

static void named_later(void)
{
	struct event name_it = EVENT_INIT;
	int numbers[10];
	pthread_t t[10], other;

	for (int i = 0; i < 10; i++) {
		numbers[i] = i;
		t[i] = start(names_itself, &numbers[i]);
	}
	for (int i = 0; i < 10; i++)
		join(t[i]);
	there.count = 0;
	other = start(is_named, &name_it);
	PT(pthread_setname_np(other, "late-5"));
	event_post(&name_it);
	event_wait(&there, 1);
	printf("named by another: %d\n", kernel_threads_named("late-5"));
	PT(pthread_setname_np(other, "under another"));
	printf("renamed by another: %d\n", kernel_threads_named("under another"));
	event_post(&name_it);
	join(other);
}

static void *nothing(void *arg)
{
	CHECK(is_kernel_thread());
	return arg;
}

/* They come and go, and take nothing with them. */
static void come_and_go(void)
{
	pthread_attr_t detached;

	PT(pthread_attr_init(&detached));
	PT(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED));
	int before = descriptors();
	for (int i = 0; i < SHORT_LIVED; i++) {
		CHECK(join(start_kernel(nothing, &there)) == &there);
		start_kernel_with(&detached, nothing, NULL);
	}
	WAIT_UNTIL(kernel_threads_named("kernel") == 1);
	CHECK_EQ(descriptors(), before);
	puts("came and went");
}

static volatile bool used_enough;

static void on_alarm(int sig)
{
	(void)sig;
	used_enough = true;
}

static void *computes(void *arg)
{
	struct rusage usage;

	event_post(arg);
	while (!used_enough)
		;
	CHECK(clock_ns(CLOCK_THREAD_CPUTIME_ID) >= 20 * NSEC_PER_MSEC);
	sleep_us(100);
	SYS(getrusage(RUSAGE_THREAD, &usage));
	CHECK(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec >= 1000);
	CHECK(usage.ru_nvcsw > 0);
	return arg;
}

/* Its CPU time is the kernel's own: others may have a timer on it. */
static void cpu_time(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct itimerspec after = {.it_value = {0, 20 * NSEC_PER_MSEC}};
	clockid_t clock;
	timer_t timer;

	set_handler(SIGALRM, on_alarm, SA_RESTART);
	there.count = 0;
	pthread_t t = start_kernel(computes, &there);
	event_wait(&there, 1);
	PT(pthread_getcpuclockid(t, &clock));
	SYS(timer_create(clock, &event, &timer));
	SYS(timer_settime(timer, 0, &after, NULL));
	join(t);
	SYS(timer_delete(timer));
	puts("a timer on its CPU time");
}

static void *as_the_main_thread_sees(void *arg)
{
	char name[16];

	CHECK(is_kernel_thread());
	task_name(getpid(), name);
	CHECK(strcmp(name, "main-1") == 0);
	return arg;
}

static void the_main_thread(void)
{
	char name[16];

	PT(pthread_setname_np(pthread_self(), "main-1"));
	CHECK_EQ(own_tid(), getpid());
	task_name(getpid(), name);
	printf("the main thread is %s\n", name);
	for (int i = 0; i < SHORT_LIVED; i++)
		join(start(as_the_main_thread_sees, NULL));
}

int main(void)
{
	seen_from_outside();
	named_later();
	come_and_go();
	cpu_time();
	the_main_thread();
	return 0;
}
