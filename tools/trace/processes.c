/* The processes that write records, and whether they still live. */
#include "tools/trace/tool.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define DYING (5 * MILLISECOND)

enum { BUCKETS = 1024, PROCESSES_MOST = 16384, PIDFDS_MOST = 512 };

static struct traced *buckets[BUCKETS];
static struct traced *live;
static unsigned count, left_out, pidfds;

struct traced *traced_find(uint32_t serial)
{
	struct traced *t = buckets[serial % BUCKETS];

	while (t && t->serial != serial)
		t = t->next_hash;
	return t;
}

static void go_live(struct traced *t)
{
	t->next = live;
	t->link = &live;
	if (live)
		live->link = &t->next;
	live = t;
}

static struct traced *make(uint32_t serial, int pid)
{
	struct traced *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->process = process_new(pid, serial, "?");
	if (!t->process) {
		free(t);
		return NULL;
	}
	t->serial = serial;
	t->pidfd = pidfds < PIDFDS_MOST ? pidfd_open(pid, 0) : -1;
	pidfds += t->pidfd >= 0;
	t->next_hash = buckets[serial % BUCKETS];
	buckets[serial % BUCKETS] = t;
	go_live(t);
	return t;
}

struct traced *traced_get(uint32_t serial, int pid)
{
	struct traced *t = traced_find(serial);

	if (!t && count < PROCESSES_MOST)
		t = make(serial, pid);
	else if (t)
		return t;
	if (t)
		count++;
	else
		left_out++;
	return t;
}

struct traced *traced_first(void)
{
	return live;
}

struct traced *traced_of_pid(int pid)
{
	struct traced *t = live;

	while (t && t->process->pid != pid)
		t = t->next;
	return t;
}

void traced_set_gone(struct traced *t)
{
	if (t->gone)
		return;
	t->gone = true;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	if (t->pidfd >= 0) {
		close(t->pidfd);
		pidfds--;
	}
	t->pidfd = -1;
}

/* Those who were told of the process before may have kept its first path. */
void traced_set_path(struct traced *t, const char *path)
{
	char *copy = t->begun ? NULL : strdup(path);

	t->begun = true;
	if (!copy)
		return;
	t->no_path = t->process->path;
	t->process->path = copy;
}

/* proc(5): the state follows the name, in which there may be parentheses. */
char process_state(int pid)
{
	char path[32], state = 'X';

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	if (!f && errno != ENOENT && errno != ESRCH)
		return '?';
	for (int c, last = 0; f && (c = getc(f)) != EOF; last = c)
		if (last == ')' && c == ' ')
			state = (char)getc(f);
	if (f)
		fclose(f);
	return state;
}

/* When a thread that is not the first executes another program, the first one is a zombie for a moment, and the pidfd
 * readable (de_thread() of the kernel): a process is dead when it has been so for a while. */
static bool is_dead(struct traced *t)
{
	if (!strchr("ZX", process_state(t->process->pid))) {
		t->dying_since = 0;
		return false;
	}
	if (!t->dying_since)
		t->dying_since = now();
	return now() - t->dying_since > DYING;
}

bool processes_wait(int fd, int fd2, int timeout, void (*dead)(struct traced *t))
{
	struct pollfd fds[2 + PIDFDS_MOST] = {{.fd = fd, .events = POLLIN}, {.fd = fd2, .events = POLLIN}};
	struct traced *of[2 + PIDFDS_MOST], *next;
	nfds_t n = 2;

	for (struct traced *t = live; t; t = t->next) {
		if (t->dying_since)
			timeout = timeout < 1 ? timeout : 1;
		else if (t->pidfd >= 0) {
			of[n] = t;
			fds[n++] = (struct pollfd){.fd = t->pidfd, .events = POLLIN};
		}
	}
	poll(fds, n, timeout);
	for (struct traced *t = live; t; t = next) {
		next = t->next;
		if ((t->pidfd < 0 || t->dying_since) && is_dead(t))
			dead(t);
	}
	for (nfds_t i = 2; i < n; i++)
		if (fds[i].revents && !of[i]->dying_since)
			is_dead(of[i]);
	return fds[0].revents;
}

void processes_raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

unsigned processes_left_out(void)
{
	return left_out;
}

void processes_free(void)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (buckets[i]) {
			struct traced *t = buckets[i];
			buckets[i] = t->next_hash;
			traced_set_gone(t);
			process_free(t->process);
			free(t->no_path);
			free(t->standing);
			free(t);
		}
	count = left_out = 0;
}
