/*
 * The memory that is shared with `green trace`, and when tracing begins and ends.
 *
 * A program that the tool has started is given the tool's memory, by a path in its environment, and so are those that
 * it starts. Every other one makes a piece of its own when it is armed, which costs nothing until a tool comes: that
 * finds it among the process's descriptors, if the kernel lets it (the rules are ptrace's), writes what it wants, and
 * wakes the monitor.
 */
#include "trace.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/limits.h>
#include <linux/memfd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "clock.h"
#include "hub.h"
#include "mem.h"
#include "monitor.h"
#include "poller.h"
#include "proc.h"
#include "runtime.h"
#include "say.h"
#include "trace_internal.h"

#define SILENCE (2 * NSEC_PER_SEC)  /* a tool that gives no sign of life for so long is gone */
#define BEATS (200 * NSEC_PER_MSEC) /* within so long it gives at least one */
#define LOOK (100 * NSEC_PER_MSEC)  /* between two looks of a native program */

_Atomic bool trace_on;
bool trace_native;
struct trace_control *trace_control;
void *trace_memory;
_Atomic uint32_t trace_serial;
uint32_t trace_pid;

static _Atomic uint32_t asleep_here;
_Atomic uint32_t *monitor_asleep = &asleep_here;

static uint32_t forked_by; /* 0: not by one that was traced */
static bool joined;        /* the memory is the tool's */
static int own_fd = -1;    /* it is ours: this is its descriptor */
static _Atomic bool armed; /* the monitor's looks count */
static uint32_t begun;     /* the tool's number that tracing goes on for; 0: it does not */
static bool told;          /* who we are: there may have been no ring for it */
static nsec_t silent_for;  /* of the monitor's own time */
static uint64_t last_beat;

uint64_t trace_wanted(unsigned nr)
{
	return nr < TRACE_CALLS &&
	       atomic_load_explicit(&trace_control->calls[nr / 64], memory_order_relaxed) >> nr % 64 & 1;
}

static void *map(int fd, size_t size)
{
	long p = sys(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p < 0 && p > -4096)
		return NULL;
	sys(SYS_madvise, p, size, MADV_DONTDUMP); /* it is no business of a core's reader */
	return (void *)p;
}

static bool is_ours(const struct trace_control *c)
{
	return c->magic == TRACE_MAGIC && c->version == TRACE_VERSION &&
	       !memcmp(c->release, GREEN_VERSION, sizeof(GREEN_VERSION));
}

/* A tool that is gone may have left its name to a program that lives on, and another process have its pid by now: whose
 * file that is is not to be opened, let alone to be found shorter than it was taken for. */
static long open_memory(const char *path)
{
	static const char memfd[] = "/memfd:" TRACE_MEMFD " (deleted)";
	char link[64];
	long n = sys(SYS_readlink, path, link, sizeof(link));
	if (n < 0)
		return n;
	if (n != sizeof(memfd) - 1 || memcmp(link, memfd, sizeof(memfd) - 1))
		return -ENOENT;
	long fd = sys(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	long seals = fd < 0 ? 0 : sys(SYS_fcntl, fd, F_GET_SEALS);
	if (fd < 0 || (seals > 0 && seals & F_SEAL_SHRINK && sys(SYS_lseek, fd, 0, SEEK_END) == (long)TRACE_BYTES))
		return fd;
	sys(SYS_close, fd);
	return -EINVAL;
}

static bool not_traced(const char *why)
{
	say("not traced: %s", why);
	return false;
}

bool trace_join(const char *path)
{
	long fd = open_memory(path);
	if (fd == -ENOENT)
		return false; /* the tool is gone */
	if (fd == -EINVAL)
		return not_traced("the tool is of another version");
	if (fd < 0)
		return not_traced("its memory may not be opened by this user");
	void *memory = map((int)fd, TRACE_BYTES);
	sys(SYS_close, fd);
	if (!memory)
		return not_traced("there is no room for its memory");
	if (!is_ours(memory)) {
		pages_free(memory, TRACE_BYTES);
		return not_traced("the tool is of another version");
	}
	trace_memory = memory;
	trace_control = memory;
	joined = true;
	return true;
}

bool trace_joined(void)
{
	return joined;
}

bool trace_wants_native(void)
{
	return joined && atomic_load(&trace_control->native);
}

static bool tell_process(unsigned hubs)
{
	struct trace_writer w;
	struct trace_process *p = trace_write(&w, sizeof(*p) + PATH_MAX, TRACE_PROCESS, 0);
	if (!p)
		return false;
	p->pid = trace_pid;
	p->parent = forked_by;
	p->serial = atomic_load(&trace_serial);
	p->hubs = hubs;
	p->at = (uint64_t)clock_now();
	long n = sys(SYS_readlink, "/proc/self/exe", p->path, PATH_MAX - 1);
	p->path[n > 0 ? n : 0] = '\0';
	trace_written(&w, sizeof(*p) + (size_t)(n > 0 ? n : 0) + 1);
	return true;
}

static void tell(void)
{
	told = tell_process(trace_native ? 0 : (unsigned)hub_count);
	trace_maps_tell();
}

/* By it the tool finds us, and by the same /proc we have found the tool's memory: that of another PID namespace shows
 * another number than getpid. */
static uint32_t pid_in_proc(void)
{
	char digits[16];
	long n = sys(SYS_readlink, "/proc/self", digits, sizeof(digits));
	uint32_t pid = 0;
	for (long i = 0; i < n; i++)
		pid = pid * 10 + (uint32_t)(digits[i] - '0');
	return pid ? pid : (uint32_t)sys(SYS_getpid);
}

/* on: the tool's number. */
static void begin(uint32_t on)
{
	atomic_store(&trace_serial, atomic_fetch_add(&trace_control->processes, 1) + 1);
	trace_pid = pid_in_proc();
	begun = on;
	silent_for = 0;
	trace_rings_begin();
	trace_stacks_begin();
	tell();
	if (!trace_native)
		trace_parked_tell();
	atomic_store(&trace_on, true);
}

/* Sealed, so that a reader need not fear that it shrinks. RLIMIT_FSIZE would answer with a signal. */
static int make_memory(void)
{
	struct rlimit64 files = {0, 0};
	sys(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, &files);
	if (files.rlim_cur < TRACE_BYTES)
		return -EFBIG;
	long fd = sys(SYS_memfd_create, TRACE_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return (int)fd;
	long err = sys(SYS_ftruncate, fd, TRACE_BYTES);
	if (!err)
		err = sys(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	if (!err)
		err = sys(SYS_fchmod, fd, 0600);
	if (!err)
		return fd_move_high((int)fd);
	sys(SYS_close, fd);
	return (int)err;
}

/* A page, for a tool that may come. Without it none can; nobody asked. */
static void offer(void)
{
	own_fd = make_memory();
	trace_control = own_fd < 0 ? NULL : map(own_fd, TRACE_PAGE);
	if (!trace_control)
		return;
	trace_control->version = TRACE_VERSION;
	memcpy(trace_control->release, GREEN_VERSION, sizeof(GREEN_VERSION));
	__atomic_store_n(&trace_control->magic, TRACE_MAGIC, __ATOMIC_RELEASE);
	/* Whoever waits at the old word is woken, and looks at the new one. */
	_Atomic uint32_t *before = monitor_asleep;
	__atomic_store_n(&monitor_asleep, &trace_control->monitor_asleep, __ATOMIC_SEQ_CST);
	atomic_store(before, 0);
	sys(SYS_futex, before, FUTEX_WAKE, 1);
}

void trace_armed(void)
{
	uint32_t on = joined ? atomic_load(&trace_control->on) : 0;
	if (on)
		begin(on);
	else if (!joined && monitor_runs)
		offer();
	atomic_store(&armed, trace_control != NULL);
}

/* It may have been stopped for long, together with this process. */
bool trace_tool_lives(void)
{
	const struct ktimespec moment = {0, BEATS};
	uint64_t beat = atomic_load(&trace_control->beat);
	clock_init();
	if (!atomic_load(&trace_control->on))
		return false;
	if (clock_now() - (nsec_t)beat <= SILENCE)
		return true;
	sys(SYS_nanosleep, &moment, 0);
	return atomic_load(&trace_control->beat) != beat;
}

static void begin_native(void)
{
	uint32_t on = atomic_load(&trace_control->on);
	if (on)
		begin(on);
}

void trace_start_native(void)
{
	trace_native = true;
	clock_init();
	begin_native();
	atomic_store(&armed, true);
}

/* By the monitor: what is left of an earlier trace of this process goes. In memory that is the tool's, others have
 * slots too. */
static bool begin_again(uint32_t on)
{
	if (!trace_memory)
		trace_memory = map(own_fd, TRACE_BYTES);
	if (!trace_memory)
		return false;
	trace_slots_begin(joined);
	begin(on);
	if (!trace_native)
		trace_parked_look_again();
	return true;
}

static bool tool_is_gone(nsec_t slept)
{
	uint64_t beat = atomic_load_explicit(&trace_control->beat, memory_order_relaxed);
	silent_for = beat == last_beat ? silent_for + slept : 0;
	last_beat = beat;
	return silent_for > SILENCE;
}

/* Nobody is left to give the memory back. Where it is the tool's, that may be stopped only, and read on. */
static void give_up(void)
{
	uint32_t was = begun;
	atomic_store(&trace_on, false);
	begun = 0;
	if (joined)
		return;
	atomic_compare_exchange_strong(&trace_control->on, &was, 0); /* another tool may have come meanwhile */
	atomic_store(&trace_control->answered, 0);
	trace_rings_end();
	sys(SYS_madvise, (char *)trace_memory + TRACE_PAGE, TRACE_BYTES - TRACE_PAGE, MADV_REMOVE);
}

void trace_look(nsec_t slept)
{
	if (!atomic_load_explicit(&armed, memory_order_relaxed))
		return;
	bool gone = tool_is_gone(slept);
	if (unlikely(gone && begun))
		give_up();
	uint32_t on = gone ? 0 : atomic_load(&trace_control->on);
	if (likely(on == begun)) {
		if (unlikely(begun && !told) && trace_ring_there())
			tell();
		return;
	}
	atomic_store(&trace_on, false);
	begun = 0;
	if (on && !begin_again(on))
		return; /* no room: the tool gives up */
	if (!joined)
		atomic_store(&trace_control->answered, on);
}

/*
 * There is no monitor where the program keeps its kernel threads: whoever makes a call looks. A process that was
 * stopped or slept has heard nothing of the tool and does not know whether there was anything to hear: such a time
 * counts as if it had been short.
 */
static struct spin looking;
static _Atomic nsec_t looked_at;

/* Or there is a ring at last, in which what follows is of a process that is not known yet. */
static bool look_is_due(nsec_t at)
{
	return at - atomic_load_explicit(&looked_at, memory_order_relaxed) >= LOOK || (!told && trace_ring_held());
}

static void look_native(nsec_t at)
{
	if (!look_is_due(at))
		return;
	trace_look(LOOK);
	atomic_store(&looked_at, at);
}

/* A handler that comes in between must not find the lock held. */
void trace_native_look(nsec_t at)
{
	const ksigset_t all = ~0UL;
	ksigset_t mask;
	if (likely(!look_is_due(at)))
		return;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
	if (spin_trylock(&looking)) {
		look_native(at);
		spin_unlock(&looking);
	}
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

bool trace_native_goes_on(void)
{
	if (likely(atomic_load_explicit(&trace_on, memory_order_relaxed)))
		return true;
	/* A tool that was stopped for long may come back. */
	if (likely(atomic_load_explicit(&trace_control->beat, memory_order_relaxed) == last_beat))
		return false;
	trace_native_look(clock_now());
	return atomic_load_explicit(&trace_on, memory_order_relaxed);
}

/* Ours is the parent's. What the tool gave is for all; it begins again when the child makes a thread. */
void trace_reset_in_child(void)
{
	bool went_on = atomic_load(&trace_on);
	atomic_store(&trace_on, false);
	atomic_store(&armed, false);
	begun = 0;
	trace_rings_reset_in_child();
	trace_maps_reset_in_child();
	atomic_store(&trace_serial, 0);
	forked_by = trace_pid;
	asleep_here = 0;
	monitor_asleep = &asleep_here;
	if (trace_native) {
		looking = (struct spin){0};
		if (went_on)
			begin_native();
		atomic_store(&armed, true);
	}
	if (joined)
		return;
	if (trace_memory)
		pages_free(trace_memory, TRACE_BYTES);
	if (trace_control)
		pages_free(trace_control, TRACE_PAGE);
	trace_memory = NULL;
	trace_control = NULL;
	own_fd = -1;
}

bool trace_evict(int fd, int to)
{
	if (fd != own_fd)
		return false;
	own_fd = to;
	return true;
}
