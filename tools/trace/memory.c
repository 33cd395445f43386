/* The memory that the tool and the program share: made, checked, switched on and off. */
#include "tools/trace/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tools/green.h"

#define SILENCE (1900 * MILLISECOND) /* somewhat less than the program's: what that takes for dead knows of it */

/* Who switches on and off. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static bool map(struct memory *m)
{
	m->base = mmap(NULL, TRACE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	m->control = m->base;
	return m->base != MAP_FAILED;
}

/* The lock is the open file's: the kernel takes it back however the tool ends. */
bool memory_lock(struct memory *m)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(m->fd, F_OFD_SETLK, &lock) == 0;
}

/* Beyond this limit the kernel would answer with a signal. */
static void check_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_FSIZE, &files) == 0 && files.rlim_cur < TRACE_BYTES)
		die(EXIT_OURS, "the limit of a file's size (ulimit -f) is less than the %lu MiB that a trace needs",
		    (TRACE_BYTES >> 20) + 1);
}

void memory_make(struct memory *m)
{
	check_limit();
	m->on = false;
	m->fd = memfd_create(TRACE_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (m->fd < 0 || ftruncate(m->fd, TRACE_BYTES) || fchmod(m->fd, 0600) ||
	    fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) || !map(m))
		die(EXIT_OURS, "no memory to share with the program: %s", strerror(errno));
	memory_lock(m);
	m->control->magic = TRACE_MAGIC;
	m->control->version = TRACE_VERSION;
	strncpy(m->control->release, GREEN_VERSION, sizeof(m->control->release) - 1);
}

const char *memory_map(struct memory *m, int fd)
{
	static char why[128];
	char release[sizeof(m->control->release) + 1] = "";
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	m->fd = fd;
	m->on = false;
	/* What can shrink would end the tool by SIGBUS. */
	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(struct trace_control) || seals < 0 || !(seals & F_SEAL_SHRINK))
		return "its memory for the trace is not as libgreen makes it";
	if (st.st_size < (off_t)TRACE_BYTES)
		return "its libgreen is of another version than this tool";
	if (!map(m))
		return "its memory cannot be mapped";
	if (m->control->magic != TRACE_MAGIC)
		return "its memory for the trace is not libgreen's";
	memcpy(release, m->control->release, sizeof(m->control->release));
	if (m->control->version == TRACE_VERSION && strcmp(release, GREEN_VERSION) == 0)
		return NULL;
	snprintf(why, sizeof(why), "its libgreen is version %.*s, this tool is " GREEN_VERSION,
	    (int)strspn(release, "0123456789.abcdefghijklmnopqrstuvwxyz+~-"), release);
	return why;
}

/* The program's monitor may sleep for long. */
static void wake(struct memory *m)
{
	if (atomic_exchange(&m->control->monitor_asleep, 0))
		syscall(SYS_futex, &m->control->monitor_asleep, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Another number each time, in whatever tool. */
static void set_on(struct memory *m)
{
	uint32_t number = (uint32_t)(now() / 1000) | 1;

	if (number == atomic_load(&m->control->on) || number == atomic_load(&m->control->answered))
		number += 2;
	atomic_store(&m->control->on, number);
	wake(m);
}

/* A number may mean another stack than in the last trace of the same program. */
static void forget_stacks(struct memory *m)
{
	const size_t bytes = TRACE_STACKS * sizeof(struct trace_known);

	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, TRACE_STACKS_AT, (off_t)bytes))
		memset(trace_known_at(m->base, 0), 0, bytes);
}

void memory_start(struct memory *m, const struct wanted *w)
{
	struct trace_control *c = m->control;

	forget_stacks(m);
	for (size_t i = 0; i < TRACE_CALLS / 64; i++)
		atomic_store(&c->calls[i], w->calls[i]);
	atomic_store(&c->native, w->native);
	atomic_store(&c->capture, w->capture);
	atomic_store(&c->stacks, w->stacks);
	atomic_store(&c->slower, w->slower);
	pthread_mutex_lock(&lock);
	m->beat = now();
	atomic_store(&c->beat, m->beat);
	m->on = true;
	set_on(m);
	pthread_mutex_unlock(&lock);
}

void memory_stop(struct memory *m)
{
	pthread_mutex_lock(&lock);
	m->on = false;
	atomic_store(&m->control->on, 0);
	wake(m);
	pthread_mutex_unlock(&lock);
}

bool memory_answered(struct memory *m)
{
	return atomic_load(&m->control->answered) == atomic_load(&m->control->on);
}

/* A program that gave up says so, if it has the control page for itself. */
uint64_t memory_silence(struct memory *m, uint64_t at)
{
	pthread_mutex_lock(&lock);
	uint64_t since = m->on && at > m->beat ? at - m->beat : 0;
	bool silent = since > SILENCE || !atomic_load(&m->control->on);
	pthread_mutex_unlock(&lock);
	return silent ? since : 0;
}

void memory_beat(struct memory *m, uint64_t at, bool anew)
{
	pthread_mutex_lock(&lock);
	if (m->on) {
		if (anew)
			set_on(m);
		m->beat = at;
		atomic_store(&m->control->beat, at);
	}
	pthread_mutex_unlock(&lock);
}

void memory_free_rings(struct memory *m)
{
	for (unsigned i = 0; i < TRACE_RINGS; i++) {
		struct trace_ring *ring = trace_ring_at(m->base, i);

		atomic_store(&ring->tail, atomic_load(&ring->head));
		atomic_store(&ring->pid, 0);
		atomic_store(&ring->owner, 0);
	}
}

void memory_give_back(struct memory *m)
{
	fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, TRACE_PAGE, TRACE_BYTES - TRACE_PAGE);
}
