/* What the tests of threads that stay kernel threads share (GREEN_EXCLUDE=kernel*): a thread of such a name makes the
 * others, which have its name and are what they are from birth. */
#ifndef EXCLUDE_TEST_H
#define EXCLUDE_TEST_H

#include "test.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void *(*fn)(void *); /* NULL: nothing is wanted */
	void *arg;
	const pthread_attr_t *attr;
	pthread_t made;
	bool runs, done;
} maker_ = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *make_threads_(void *unused)
{
	PT(pthread_setname_np(pthread_self(), "kernel"));
	PT(pthread_mutex_lock(&maker_.lock));
	for (;;) {
		while (!maker_.fn)
			PT(pthread_cond_wait(&maker_.changed, &maker_.lock));
		PT(pthread_create(&maker_.made, maker_.attr, maker_.fn, maker_.arg));
		maker_.fn = NULL;
		maker_.done = true;
		PT(pthread_cond_broadcast(&maker_.changed));
	}
	return unused;
}

/* By the main thread alone, as the other. */
static inline pthread_t start_kernel_with(const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (!maker_.runs)
		PT(pthread_detach(start(make_threads_, NULL)));
	maker_.runs = true;
	PT(pthread_mutex_lock(&maker_.lock));
	maker_.attr = attr;
	maker_.fn = fn;
	maker_.arg = arg;
	maker_.done = false;
	PT(pthread_cond_broadcast(&maker_.changed));
	while (!maker_.done)
		PT(pthread_cond_wait(&maker_.changed, &maker_.lock));
	t = maker_.made;
	PT(pthread_mutex_unlock(&maker_.lock));
	return t;
}

static inline pthread_t start_kernel(void *(*fn)(void *), void *arg)
{
	return start_kernel_with(NULL, fn, arg);
}

/* Of either kind. */
static inline pthread_t start_as(bool kernel, void *(*fn)(void *), void *arg)
{
	return kernel ? start_kernel(fn, arg) : start(fn, arg);
}

static inline void task_name(pid_t tid, char name[16])
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)tid);
	memset(name, 0, 16);
	f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(name, 16, f))
		name[0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	fclose(f);
}

/* How many kernel threads of that name there are. */
static inline int kernel_threads_named(const char *wanted)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *d;
	int n = 0;

	CHECK(dir);
	while ((d = readdir(dir))) {
		char name[16];

		if (d->d_name[0] == '.')
			continue;
		task_name(atoi(d->d_name), name);
		n += strcmp(name, wanted) == 0;
	}
	closedir(dir);
	return n;
}

/* Is the caller a kernel thread that /proc knows by its id? */
static inline bool is_kernel_thread(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)own_tid());
	return access(path, F_OK) == 0;
}

#endif
