/* The program's side of `green trace`: what it writes into the memory that it shares with the tool, which is played
 * here: it makes that memory, says what it wants, and reads. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "runtime/cpu_time.h"
#include "runtime/monitor.h"
#include "runtime/signal_core.h"
#include "runtime/trace.h"
#include "runtime/trace_format.h"
#include "tests/unit/green.h"

#define PRIVATE FUTEX_PRIVATE_FLAG
#define CAPTURE 64
#define RECORDS 60000
#define KNOWN 4242 /* the number of a stack that the tool has published */

static char *memory;
static struct trace_control *control;

/* What the tool does. */

static void all_calls(bool wanted)
{
	for (int i = 0; i < TRACE_CALLS / 64; i++)
		atomic_store(&control->calls[i], wanted ? ~0UL : 0);
}

static void call_is(long nr, bool wanted)
{
	uint64_t bit = 1UL << nr % 64;
	if (wanted)
		atomic_fetch_or(&control->calls[nr / 64], bit);
	else
		atomic_fetch_and(&control->calls[nr / 64], ~bit);
}

static void want(uint32_t on)
{
	all_calls(true);
	atomic_store(&control->capture, CAPTURE);
	atomic_store(&control->stacks, 1);
	atomic_store(&control->beat, 1);
	atomic_store(&control->on, on);
}

static char *map_memory(int fd)
{
	void *p = mmap(NULL, TRACE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert(p != MAP_FAILED);
	control = p;
	return p;
}

/* Its path. */
static const char *make_memory(void)
{
	static char path[32];
	int fd = memfd_create("of the test", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(fd, TRACE_BYTES), 0);
	memory = map_memory(fd);
	control->version = TRACE_VERSION;
	strcpy(control->release, GREEN_VERSION);
	control->magic = TRACE_MAGIC;
	want(1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static const struct trace_record *records[RECORDS];
static int record_count, pads;

static void look_at_ring(struct trace_ring *ring)
{
	uint64_t head = atomic_load(&ring->head), tail = atomic_load(&ring->tail);
	if (head == tail)
		return;
	cr_assert_leq(head - tail, TRACE_RING_BYTES);
	cr_assert_eq(ring->owner, control->processes, "a ring of an earlier trace");
	for (uint64_t at = tail; at < head;) {
		uint64_t place = at % TRACE_RING_BYTES;
		const struct trace_record *r = (void *)(trace_ring_bytes(ring) + place);
		cr_assert(r->size >= sizeof(*r) && r->size % 8 == 0, "a record of %u bytes", r->size);
		cr_assert_leq(place + r->size, TRACE_RING_BYTES, "it runs over the ring's end");
		cr_assert_leq(at + r->size, head);
		at += r->size;
		pads += r->type == TRACE_PAD;
		if (r->type == TRACE_PAD)
			continue;
		cr_assert_lt(record_count, RECORDS);
		records[record_count++] = r;
	}
}

/* All that there is, and not yet eaten. */
static void look(void)
{
	record_count = 0;
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		look_at_ring(trace_ring_at(memory, i));
}

static void eat(void)
{
	for (unsigned i = 0; i < TRACE_RINGS; i++) {
		struct trace_ring *ring = trace_ring_at(memory, i);
		atomic_store(&ring->tail, atomic_load(&ring->head));
	}
}

static uint64_t lost(void)
{
	uint64_t n = atomic_load(&control->no_ring);
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		n += atomic_load(&trace_ring_at(memory, i)->lost);
	return n;
}

/* The n-th of a type, of a thread if tid is not 0; NULL. */
static const void *record(int type, int tid, int n)
{
	look();
	for (int i = 0; i < record_count; i++)
		if (records[i]->type == type && (!tid || records[i]->tid == (uint32_t)tid) && !n--)
			return records[i];
	return NULL;
}

static const struct trace_call *call_at(int type, long nr, int n)
{
	const struct trace_call *c;
	for (int i = 0; (c = record(type, 0, i)); i++)
		if (c->nr == nr && !n--)
			return c;
	return NULL;
}

static int count_calls(long nr)
{
	int n = 0;
	look();
	for (int i = 0; i < record_count; i++)
		n += records[i]->type == TRACE_CALL && ((const struct trace_call *)records[i])->nr == nr;
	return n;
}

/* There is one, and no more. */
static const struct trace_call *the_call(long nr)
{
	cr_assert_eq(count_calls(nr), 1, "call %ld was told %d times", nr, count_calls(nr));
	return call_at(TRACE_CALL, nr, 0);
}

static int count_stacks(void)
{
	int n = 0;
	while (record(TRACE_STACK, 0, n))
		n++;
	return n;
}

static const struct trace_capture *captured(const struct trace_call *c, unsigned arg, unsigned part)
{
	const uint8_t *at = c->captured, *end = (const uint8_t *)c + c->h.size;
	while (at < end) {
		const struct trace_capture *p = (const void *)at;
		at += (sizeof(*p) + p->size + 7) & ~7UL;
		cr_assert_leq(at, end, "a capture runs over its record's end");
		if (p->arg == arg && p->part == part)
			return p;
	}
	return NULL;
}

static bool is_captured(
    const struct trace_call *c, unsigned arg, unsigned part, const void *bytes, size_t n, uint32_t of)
{
	const struct trace_capture *p = captured(c, arg, part);
	return p && p->size == n && p->of == of && !memcmp(p->bytes, bytes, n);
}

static struct trace_slot *slot_of(int tid)
{
	for (unsigned i = 0; i < TRACE_SLOTS; i++) {
		struct trace_slot *s = trace_slot_at(memory, i);
		if (atomic_load(&s->owner) == atomic_load(&control->processes) && s->tid == (uint32_t)tid)
			return s;
	}
	return NULL;
}

static uint32_t state_of(int tid)
{
	struct trace_slot *s = slot_of(tid);
	cr_assert(s, "no slot");
	cr_assert_eq(atomic_load(&s->sequence) % 2, 0, "it is still being written");
	return atomic_load(&s->state);
}

/* What the program does. */

static int own_tid(void)
{
	return thread_tid(thread_self());
}

struct caller {
	struct green_thread green;
	long call[5], ret; /* the number, then arguments */
	/* Of the main thread, which waits for its turn. */
	uint32_t stack_before, state_before, call_before;
	int main_tid;
	bool done;
};

static void makes_call(void *arg)
{
	struct caller *c = arg;
	struct trace_slot *s = slot_of(c->main_tid);
	if (s) {
		c->stack_before = s->stack;
		c->state_before = s->state;
		c->call_before = s->nr;
	}
	c->ret = green(c->call[0], c->call[1], c->call[2], c->call[3], c->call[4]);
	c->done = true;
}

/* A thread that makes one call; it is in it now. */
static void begin_call(struct caller *c, long nr, long a, long b, long d, long e)
{
	*c = (struct caller){.call = {nr, a, b, d, e}, .main_tid = own_tid()};
	green_start(&c->green, makes_call, c);
	green_settle();
}

static struct mutex {
	uint32_t lock, count, owner;
} mutex; /* as glibc's is laid out */

static void wake(void)
{
	mutex.lock = 0;
	cr_assert_eq(green(SYS_futex, &mutex.lock, FUTEX_WAKE | PRIVATE, 1), 1);
}

static void began(void)
{
	cr_assert(trace_join(make_memory()));
	green_begin();
	trace_armed();
	cr_assert(tracing());
}

static void lock_wait(struct caller *c, int owner, const struct ktimespec *time)
{
	mutex = (struct mutex){.lock = 2, .owner = (uint32_t)owner};
	begin_call(c, SYS_futex, (long)&mutex.lock, FUTEX_WAIT | PRIVATE, 2, (long)time);
}

TestSuite(trace, .init = began, .timeout = 20);

/* Calls */

Test(trace, a_call)
{
	char text[8];
	int fd = memfd_create("file", 0);
	cr_assert_eq(write(fd, "0123456789", 10), 10);
	uint64_t before = (uint64_t)clock_now();
	cr_assert_eq(green(SYS_pread64, fd, text, 5, 3), 5);
	cr_assert_eq(green(SYS_close, -1), -EBADF);
	uint64_t after = (uint64_t)clock_now();
	const struct trace_call *c = the_call(SYS_pread64), *failed = the_call(SYS_close);
	cr_assert(c->args[0] == (uint64_t)fd && c->args[1] == (uint64_t)text && c->args[2] == 5 && c->args[3] == 3);
	cr_assert(c->result == 5 && failed->result == -EBADF);
	cr_assert(before <= c->start && c->start <= c->end && c->end <= failed->start && failed->end <= after);
	cr_assert(c->verdict == TRACE_DONE && failed->verdict == TRACE_DONE);
	cr_assert_eq(slot_of(own_tid())->since, failed->end);
	cr_assert(c->h.tid == (uint32_t)own_tid() && c->flags == 0 && c->symbol == TRACE_NO_SYMBOL);
	cr_assert_eq(call_at(TRACE_ENTER, SYS_pread64, 0), NULL);
}

Test(trace, all_six_arguments)
{
	long args[6] = {-1L, 2, 3L << 40, 4, -5L, 6};
	green(SYS_copy_file_range, args[0], args[1], args[2], args[3], args[4], args[5]);
	cr_assert_eq(memcmp(the_call(SYS_copy_file_range)->args, args, sizeof(args)), 0);
}

Test(trace, a_call_that_is_not_covered)
{
	cr_assert_eq(green(SYS_getppid), getppid());
	green(SYS_gettid);
	cr_assert_eq(the_call(SYS_getppid)->flags, TRACE_NOT_COVERED);
	cr_assert_eq(the_call(SYS_gettid)->flags, 0);
}

Test(trace, numbers_that_no_call_has)
{
	cr_assert_eq(green(TRACE_CALLS), -ENOSYS);
	cr_assert_eq(green(-1L), -ENOSYS);
	cr_assert_eq(record(TRACE_CALL, 0, 0), NULL);
}

Test(trace, begins_with_the_process)
{
	const struct trace_process *p = record(TRACE_PROCESS, 0, 0);
	char exe[4096] = "";
	cr_assert_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	cr_assert(p && records[0] == &p->h && !record(TRACE_PROCESS, 0, 1));
	cr_assert(p->pid == (uint32_t)getpid() && p->parent == 0 && p->serial == 1 && p->hubs == 1);
	cr_assert_str_eq(p->path, exe);
	const struct trace_map *m, *found = NULL;
	for (int i = 0; (m = record(TRACE_MAP, 0, i)); i++) {
		cr_assert((uint64_t)exe - m->start >= m->end - m->start, "a stack is no code");
		if (m->start <= (uint64_t)green_begin && (uint64_t)green_begin < m->end)
			found = m;
	}
	cr_assert(found, "where this program's code lies is not told");
	cr_assert_str_eq(found->path, exe);
}

Test(trace, code_that_is_mapped_later)
{
	int n = 0, fd = open("/proc/self/exe", O_RDONLY);
	while (record(TRACE_MAP, 0, n))
		n++;
	green(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	cr_assert_eq(record(TRACE_MAP, 0, n), NULL, "it is no code");
	long at = green(SYS_mmap, 0, 4100, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4096);
	const struct trace_map *m = record(TRACE_MAP, 0, n);
	cr_assert(m && m->start == (uint64_t)at && m->end == (uint64_t)at + 8192 && m->offset == 4096);
}

Test(trace, names)
{
	const struct trace_name *n;
	memcpy(thread_self()->name, "first\0\0\0\0\0\0\0\0\0\0", 16);
	green(SYS_gettid);
	green(SYS_gettid);
	memcpy(thread_self()->name, "second\0\0\0\0\0\0\0\0\0", 16);
	green(SYS_gettid);
	n = record(TRACE_NAME, own_tid(), 0);
	cr_assert(n && !strcmp(n->name, "first"));
	n = record(TRACE_NAME, own_tid(), 1);
	cr_assert(n && !strcmp(n->name, "second"));
	cr_assert_eq(record(TRACE_NAME, own_tid(), 2), NULL);
	cr_assert_str_eq(slot_of(own_tid())->name, "second");
}

Test(trace, which_calls)
{
	call_is(SYS_getppid, false);
	green(SYS_getppid);
	green(SYS_gettid);
	cr_assert_eq(count_calls(SYS_getppid), 0);
	cr_assert_eq(count_calls(SYS_gettid), 1);
	all_calls(false);
	call_is(SYS_getppid, true);
	green(SYS_getppid);
	green(SYS_gettid);
	cr_assert_eq(count_calls(SYS_getppid), 1);
	cr_assert_eq(count_calls(SYS_gettid), 1);
}

Test(trace, slower_calls_alone)
{
	struct ktimespec ts = {0, 3 * MSEC};
	atomic_store(&control->slower, 2 * MSEC);
	green(SYS_gettid);
	cr_assert_eq(green(SYS_nanosleep, &ts, NULL), 0);
	cr_assert_eq(count_calls(SYS_gettid), 0);
	const struct trace_call *c = the_call(SYS_nanosleep);
	cr_assert(c->verdict == TRACE_PARKED && c->end - c->start >= 3 * MSEC);
}

/* Verdicts */

Test(trace, a_read_parks)
{
	struct caller c;
	char text[8];
	int fds[2];
	cr_assert_eq(pipe(fds), 0);
	begin_call(&c, SYS_read, fds[0], (long)text, sizeof(text), 0);
	cr_assert_eq(count_calls(SYS_read), 0, "it has no end yet");
	cr_assert_eq(state_of(c.green.tid), TRACE_IS_PARKED);
	struct trace_slot *s = slot_of(c.green.tid);
	cr_assert(s->nr == SYS_read && s->args[0] == (uint64_t)fds[0] && s->lock == 0);
	cr_assert_eq(green(SYS_write, fds[1], "text", 4), 4);
	green_join(&c.green);
	const struct trace_call *read = the_call(SYS_read), *write = the_call(SYS_write);
	cr_assert(read->verdict == TRACE_PARKED && read->result == 4 && read->h.tid == (uint32_t)c.green.tid);
	cr_assert(read->start < write->start && read->end >= write->start && write->verdict == TRACE_DONE);
	cr_assert(is_captured(read, 1, 0, "text", 4, 4));
	green(SYS_gettid);
	cr_assert_eq(the_call(SYS_gettid)->verdict, TRACE_DONE, "it parked before");
}

/* With carriers to give the hub to. Whose call that is goes on beside the others: it ends at once. */
static void with_carriers(void)
{
	began();
	max_carriers = 16; /* one that is on its way back is none yet */
}

Test(trace, a_lock_of_a_file_hands_off, .init = with_carriers)
{
	struct caller c;
	int fd = memfd_create("lock", 0);
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int other = open(path, O_RDWR);
	cr_assert_eq(green(SYS_flock, fd, LOCK_EX), 0);
	cr_assert_eq(the_call(SYS_flock)->verdict, TRACE_DONE);
	begin_call(&c, SYS_flock, other, LOCK_EX, 0, 0);
	cr_assert_eq(count_calls(SYS_flock), 1);
	cr_assert_eq(green(SYS_flock, fd, LOCK_UN), 0);
	green_join(&c.green);
	for (int i = 0; i < 3; i++) {
		const struct trace_call *f = call_at(TRACE_CALL, SYS_flock, i);
		bool its = f->h.tid == (uint32_t)c.green.tid;
		cr_assert_eq(f->verdict, its ? TRACE_HANDED_OFF : TRACE_DONE);
		cr_assert_eq(f->args[0], (uint64_t)(its ? other : fd));
	}
}

Test(trace, the_opening_of_a_fifo_hands_off, .init = with_carriers)
{
	struct caller c;
	char dir[] = "/tmp/trace-XXXXXX", path[32];
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	begin_call(&c, SYS_openat, AT_FDCWD, (long)path, O_RDONLY, 0);
	int fd = open(path, O_WRONLY);
	green_join(&c.green);
	unlink(path);
	rmdir(dir);
	cr_assert(fd >= 0 && c.ret >= 0);
	const struct trace_call *o = the_call(SYS_openat);
	cr_assert_eq(o->verdict, TRACE_HANDED_OFF);
	cr_assert(is_captured(o, 1, 0, path, strlen(path), (uint32_t)strlen(path)));
}

/* Who has been handed off makes the next one where it is, and that may be short. */
Test(trace, a_sync_hands_off, .init = with_carriers)
{
	int fd = memfd_create("file", 0);
	for (int i = 0; i < 20; i++) {
		green_yield(1);
		green(SYS_fsync, fd);
		green(SYS_fdatasync, fd);
	}
	for (int i = 0; i < 20; i++) {
		const struct trace_call *sync = call_at(TRACE_CALL, SYS_fsync, i);
		const struct trace_call *next = call_at(TRACE_CALL, SYS_fdatasync, i);
		cr_assert_eq(sync->verdict, TRACE_HANDED_OFF, "%u", sync->verdict);
		cr_assert_eq(next->verdict, next->end - next->start < 50000 ? TRACE_DONE : TRACE_HANDED_OFF);
	}
}

/* Locks */

Test(trace, whose_lock)
{
	struct caller c;
	green(SYS_gettid);
	lock_wait(&c, own_tid(), NULL);
	struct trace_slot *s = slot_of(c.green.tid);
	cr_assert_eq(state_of(c.green.tid), TRACE_IS_PARKED);
	cr_assert(s->nr == SYS_futex && s->lock == (uint64_t)&mutex.lock);
	cr_assert_eq(s->lock_owner, own_tid());
	wake();
	cr_assert_eq(state_of(c.green.tid), TRACE_IN_CALL, "it waits no more, whenever it runs");
	green_join(&c.green);
	const struct trace_call *wait = call_at(TRACE_CALL, SYS_futex, 1);
	cr_assert(wait->h.tid == (uint32_t)c.green.tid && wait->verdict == TRACE_PARKED);
	cr_assert_eq(wait->owner, own_tid());
	cr_assert(c.state_before == TRACE_IN_CALL && c.call_before == SYS_sched_yield);
	cr_assert(
	    wait->owner_stack && wait->owner_stack == c.stack_before, "%u, not %u", wait->owner_stack, c.stack_before);
}

static void expect_no_owner(const struct caller *c)
{
	cr_assert_eq(slot_of(c->green.tid)->lock_owner, 0);
	wake();
	green_settle();
	for (int i = 0; i < 2; i++) {
		const struct trace_call *f = call_at(TRACE_CALL, SYS_futex, i);
		cr_assert(f->owner == 0 && f->owner_stack == 0);
	}
}

Test(trace, a_lock_of_somebody_unknown)
{
	struct caller c;
	lock_wait(&c, own_tid() + 1, NULL);
	cr_assert_eq(slot_of(c.green.tid)->lock, (uint64_t)&mutex.lock);
	expect_no_owner(&c);
}

/* Nothing that is waited for so has an owner behind it. */
Test(trace, no_lock)
{
	struct caller c;
	green(SYS_gettid);
	mutex = (struct mutex){.lock = 1, .owner = (uint32_t)own_tid()};
	begin_call(&c, SYS_futex, (long)&mutex.lock, FUTEX_WAIT | PRIVATE, 1, 0);
	expect_no_owner(&c);
}

Test(trace, a_lock_with_a_time_limit_is_no_deadlock)
{
	struct caller c;
	struct ktimespec ts = {100, 0};
	green(SYS_gettid);
	lock_wait(&c, own_tid(), &ts);
	cr_assert(slot_of(c.green.tid)->lock == 0 && slot_of(c.green.tid)->lock_owner == (uint32_t)own_tid());
	wake();
	green_join(&c.green);
	cr_assert_eq(call_at(TRACE_CALL, SYS_futex, 1)->owner, own_tid());
}

Test(trace, a_lock_with_priority_inheritance)
{
	struct caller c;
	uint32_t word = 0;
	cr_assert_eq(green(SYS_futex, &word, FUTEX_LOCK_PI | PRIVATE, 0, NULL), 0);
	begin_call(&c, SYS_futex, (long)&word, FUTEX_LOCK_PI | PRIVATE, 0, 0);
	cr_assert(
	    slot_of(c.green.tid)->lock == (uint64_t)&word && slot_of(c.green.tid)->lock_owner == (uint32_t)own_tid());
	cr_assert_eq(green(SYS_futex, &word, FUTEX_UNLOCK_PI | PRIVATE), 0);
	green_settle();
	cr_assert_eq(call_at(TRACE_CALL, SYS_futex, 2)->owner, own_tid());
}

/* A deadlock is seen of calls, too, that nobody asked for. */
Test(trace, locks_are_shown_in_any_case)
{
	struct caller c;
	green(SYS_gettid);
	call_is(SYS_futex, false);
	lock_wait(&c, own_tid(), NULL);
	cr_assert_eq(state_of(c.green.tid), TRACE_IS_PARKED);
	cr_assert_eq(slot_of(c.green.tid)->lock_owner, own_tid());
	wake();
	green_settle();
	cr_assert_eq(count_calls(SYS_futex), 0);
}

/* Slots */

Test(trace, a_slot_as_long_as_the_thread_lives)
{
	struct caller c;
	green(SYS_gettid);
	lock_wait(&c, 0, NULL);
	int tid = c.green.tid;
	cr_assert(slot_of(tid) && slot_of(own_tid()) && slot_of(tid) != slot_of(own_tid()));
	cr_assert_eq(state_of(own_tid()), TRACE_IN_PROGRAM);
	uint64_t left = slot_of(own_tid())->since;
	cr_assert_leq(left, (uint64_t)clock_now());
	wake();
	cr_assert_gt(slot_of(own_tid())->since, left);
	green_join(&c.green);
	cr_assert_eq(slot_of(tid), NULL);
	cr_assert_eq(atomic_load(&control->no_slot), 0);
}

void trace_test_restorer(void);
__asm__(".text\n.globl trace_test_restorer\ntrace_test_restorer:\n\tmov $15, %eax\n\tlea 1f(%rip), %rcx\n\tjmp "
	"green_entry\n1:\n\tud2");

static int handled;

static void on_signal(int sig)
{
	handled += sig == SIGUSR1;
}

Test(trace, back_in_the_program_after_a_handler)
{
	struct kaction a = {.handler = (uint64_t)on_signal,
	    .flags = 0x04000000 /* SA_RESTORER */,
	    .restorer = (uint64_t)trace_test_restorer};
	cr_assert_eq(green(SYS_rt_sigaction, SIGUSR1, &a, NULL, 8), 0);
	cr_assert_eq(green(SYS_tgkill, getpid(), own_tid(), SIGUSR1), 0);
	cr_assert_eq(handled, 1);
	cr_assert(call_at(TRACE_ENTER, SYS_rt_sigreturn, 0));
	cr_assert_eq(count_calls(SYS_tgkill), 1);
	cr_assert_eq(state_of(own_tid()), TRACE_IN_PROGRAM);
}

/* Calls that may not return */

Test(trace, a_threads_end)
{
	struct caller c;
	begin_call(&c, SYS_gettid, 0, 0, 0, 0);
	green_join(&c.green);
	const struct trace_call *enter = call_at(TRACE_ENTER, SYS_exit, 0);
	const struct trace_end *end = record(TRACE_END, c.green.tid, 0);
	cr_assert(enter && enter->h.tid == (uint32_t)c.green.tid && enter->args[0] == 0);
	cr_assert(end && (const void *)end > (const void *)enter && end->at >= enter->start);
	cr_assert_eq(count_calls(SYS_exit), 0);
	cr_assert_eq(record(TRACE_END, 0, 1), NULL);
}

Test(trace, an_end_that_nobody_asked_for)
{
	struct caller c;
	all_calls(false);
	begin_call(&c, SYS_gettid, 0, 0, 0, 0);
	green_join(&c.green);
	cr_assert(record(TRACE_END, c.green.tid, 0), "threads end in any case");
	cr_assert(!record(TRACE_ENTER, 0, 0) && !record(TRACE_CALL, 0, 0));
}

static void expect_exec(const struct trace_call *c, const char *path)
{
	uint32_t two = 2;
	cr_assert(c, "nothing is told of it");
	cr_assert(is_captured(c, 0, 0, path, strlen(path), (uint32_t)strlen(path)));
	cr_assert(is_captured(c, 1, 0, "name", 4, 4) && is_captured(c, 1, 1, "", 0, 0));
	cr_assert(is_captured(c, 1, 16, &two, 4, 4), "how many there are");
	cr_assert(!captured(c, 1, 2));
}

Test(trace, an_exec_that_fails)
{
	char *argv[] = {"name", "", NULL}, *envp[] = {NULL};
	cr_assert_eq(green(SYS_execve, "/no/such/file", argv, envp), -ENOENT);
	expect_exec(call_at(TRACE_ENTER, SYS_execve, 0), "/no/such/file");
	expect_exec(the_call(SYS_execve), "/no/such/file");
	cr_assert_eq(the_call(SYS_execve)->result, -ENOENT);
	call_is(SYS_execve, false);
	green(SYS_execve, "/no/such/file", argv, envp);
	cr_assert_eq(call_at(TRACE_ENTER, SYS_execve, 1), NULL);
}

/* As if in this process: a child that the runtime knows nothing of writes into the same memory. */
static int in_child(long nr, long a, long b, long c)
{
	int status;
	int pid = (int)sys(SYS_fork);
	if (!pid) {
		green(nr, a, b, c);
		sys(SYS_exit_group, 99);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

Test(trace, an_exec_that_does_not)
{
	char *argv[] = {"name", "", NULL}, *envp[] = {NULL};
	cr_assert_eq(in_child(SYS_execve, (long)"/bin/false", (long)argv, (long)envp), 1);
	expect_exec(call_at(TRACE_ENTER, SYS_execve, 0), "/bin/false");
	cr_assert_eq(count_calls(SYS_execve), 0);
}

Test(trace, the_processs_end)
{
	cr_assert_eq(in_child(SYS_exit_group, 7, 0, 0), 7);
	const struct trace_call *c = call_at(TRACE_ENTER, SYS_exit_group, 0);
	cr_assert(c && c->args[0] == 7);
	cr_assert_eq(count_calls(SYS_exit_group), 0);
}

/* Captures */

Test(trace, strings)
{
	char text[CAPTURE + 100];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	green(SYS_openat, -1, "dir/file", 0, 0);
	green(SYS_openat, -1, "", 0, 0);
	green(SYS_openat, -1, text, 0, 0);
	green(SYS_openat, -1, text + sizeof(text) - 1 - CAPTURE, 0, 0);
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_openat, 0), 1, 0, "dir/file", 8, 8));
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_openat, 1), 1, 0, "", 0, 0));
	const struct trace_capture *p = captured(call_at(TRACE_CALL, SYS_openat, 2), 1, 0);
	cr_assert(p && p->size == CAPTURE && p->of > CAPTURE && !memcmp(p->bytes, text, CAPTURE));
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_openat, 3), 1, 0, text, CAPTURE, CAPTURE));
}

/* It is cut where `capture` says, but not below what an address may need. */
Test(trace, buffers)
{
	static char text[1000], got[1000];
	int fds[2];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	atomic_store(&control->capture, 500);
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(green(SYS_write, fds[1], text, sizeof(text)), sizeof(text));
	cr_assert_eq(green(SYS_read, fds[0], got, 10), 10);
	cr_assert_eq(green(SYS_read, fds[0], got, sizeof(got)), 990);
	cr_assert(is_captured(the_call(SYS_write), 1, 0, text, 500, 1000));
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_read, 0), 1, 0, text, 10, 10), "what was read, and no more");
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_read, 1), 1, 0, text + 10, 500, 990));
	close(fds[1]);
	cr_assert_eq(green(SYS_read, fds[0], got, sizeof(got)), 0);
	cr_assert_eq(captured(call_at(TRACE_CALL, SYS_read, 2), 1, 0), NULL);
}

/* More than any array has elements. */
Test(trace, a_large_read)
{
	size_t size = 17UL << 20;
	char *got = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char nothing[2 * CAPTURE] = "";
	int fd = memfd_create("zeroes", 0);
	cr_assert(ftruncate(fd, (long)size) == 0 && got != MAP_FAILED);
	cr_assert_eq(green(SYS_read, fd, got, size), size);
	cr_assert(is_captured(the_call(SYS_read), 1, 0, nothing, sizeof(nothing), (uint32_t)size));
}

Test(trace, vectors)
{
	struct iovec out[5] = {{"one", 3}, {"two", 3}, {NULL, 0}, {"four", 4}, {"five", 4}};
	char a[2], b[20];
	struct iovec in[2] = {{a, 2}, {b, 20}};
	int fds[2];
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(green(SYS_writev, fds[1], out, 5), 14);
	cr_assert_eq(green(SYS_readv, fds[0], in, 2), 14);
	const struct trace_call *c = the_call(SYS_writev);
	cr_assert(is_captured(c, 1, 0, out, 4 * sizeof(*out), 5 * sizeof(*out)));
	cr_assert(is_captured(c, 1, 1, "one", 3, 3) && is_captured(c, 1, 2, "two", 3, 3));
	cr_assert(!captured(c, 1, 3) && is_captured(c, 1, 4, "four", 4, 4) && !captured(c, 1, 5));
	c = the_call(SYS_readv);
	cr_assert(is_captured(c, 1, 1, "on", 2, 2) && is_captured(c, 1, 2, "etwofourfive", 12, 12));
}

Test(trace, addresses)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/no/such/socket"}, from;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un own = {.sun_family = AF_UNIX}; /* a name that the kernel finds */
	socklen_t size = sizeof(own), from_size = sizeof(from);
	char text[8];
	cr_assert_eq(green(SYS_connect, fd, &to, 20), -ENOENT);
	cr_assert(is_captured(the_call(SYS_connect), 1, 0, &to, 20, 20));
	cr_assert_eq(bind(fd, (struct sockaddr *)&own, 2), 0);
	cr_assert_eq(bind(other, (struct sockaddr *)&own, 2), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&own, &size), 0);
	cr_assert_eq(green(SYS_sendto, other, "hello", 5, 0, &own, size), 5);
	cr_assert_eq(green(SYS_recvfrom, fd, text, sizeof(text), 0, &from, &from_size), 5);
	const struct trace_call *c = the_call(SYS_sendto);
	cr_assert(is_captured(c, 1, 0, "hello", 5, 5) && is_captured(c, 4, 0, &own, size, size));
	c = the_call(SYS_recvfrom);
	cr_assert(is_captured(c, 1, 0, "hello", 5, 5) && is_captured(c, 4, 0, &from, from_size, from_size));
}

Test(trace, messages)
{
	char text[20];
	struct iovec out = {"hello", 5}, in = {text, sizeof(text)};
	struct msghdr sent = {.msg_iov = &out, .msg_iovlen = 1}, got = {.msg_iov = &in, .msg_iovlen = 1};
	int fds[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	cr_assert_eq(green(SYS_sendmsg, fds[0], &sent, 0), 5);
	cr_assert_eq(green(SYS_recvmsg, fds[1], &got, 0), 5);
	const struct trace_call *s = the_call(SYS_sendmsg), *r = the_call(SYS_recvmsg);
	cr_assert(is_captured(s, 1, 0, &sent, sizeof(sent), sizeof(sent)) && is_captured(s, 1, 1, "hello", 5, 5));
	cr_assert(is_captured(s, 1, 6, &out, sizeof(out), sizeof(out)));
	cr_assert(is_captured(r, 1, 1, "hello", 5, 5) && !captured(r, 1, 5) && !captured(r, 1, 7));
}

/* Half a page that is there, before one that is not. */
static char *before_nothing(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(p != MAP_FAILED && !munmap(p + 4096, 4096));
	return p + 4096;
}

Test(trace, memory_that_is_not_there)
{
	char *end = before_nothing();
	strcpy(end - 4, "end");
	cr_assert_eq(green(SYS_openat, -1, 16, 0, 0), -EFAULT);
	cr_assert_eq(green(SYS_openat, -1, end - 4, 0, 0), -EBADF);
	end[-1] = 'x';
	cr_assert_eq(green(SYS_openat, -1, end - 4, 0, 0), -EFAULT);
	cr_assert_eq(green(SYS_writev, 1, 16, 2), -EFAULT);
	cr_assert_eq(green(SYS_sendmsg, 1, end - 8, 0), -ENOTSOCK);
	cr_assert_eq(green(SYS_connect, -1, 16, 20), -EBADF);
	cr_assert_eq(green(SYS_execve, 16, 16, 16), -EFAULT);
	cr_assert_eq(captured(call_at(TRACE_CALL, SYS_openat, 0), 1, 0), NULL);
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_openat, 1), 1, 0, "end", 3, 3));
	cr_assert(is_captured(call_at(TRACE_CALL, SYS_openat, 2), 1, 0, "endx", 4, 4), "as far as it is there");
	cr_assert_eq(the_call(SYS_writev)->h.size, sizeof(struct trace_call));
	cr_assert_eq(the_call(SYS_sendmsg)->h.size, sizeof(struct trace_call));
	cr_assert_eq(the_call(SYS_connect)->h.size, sizeof(struct trace_call));
	cr_assert(the_call(SYS_execve) && !captured(the_call(SYS_execve), 0, 0));
}

Test(trace, no_memory_is_wanted)
{
	atomic_store(&control->capture, 0);
	green(SYS_openat, -1, "path", 0, 0);
	green(SYS_write, -1, "text", 4);
	cr_assert_eq(the_call(SYS_openat)->h.size, sizeof(struct trace_call));
	cr_assert_eq(the_call(SYS_write)->h.size, sizeof(struct trace_call));
}

/* However much the tool asks for. */
Test(trace, a_record_has_an_end)
{
	static char large[65536];
	char *argv[40] = {0};
	for (int i = 0; i < 39; i++)
		argv[i] = large;
	memset(large, 'x', sizeof(large) - 1);
	atomic_store(&control->capture, UINT32_MAX);
	green(SYS_write, -1, large, sizeof(large));
	green(SYS_openat, -1, large, 0, 0);
	cr_assert_lt(green(SYS_execve, "/no/such/file", argv, argv), 0);
	const struct trace_capture *p = captured(the_call(SYS_write), 1, 0);
	cr_assert(p && p->size > 4096 && p->of == sizeof(large) && !memcmp(p->bytes, large, p->size));
	cr_assert_leq(the_call(SYS_openat)->h.size, TRACE_RECORD_MOST);
	cr_assert_leq(the_call(SYS_execve)->h.size, TRACE_RECORD_MOST);
	cr_assert(captured(the_call(SYS_execve), 0, 0) && !captured(the_call(SYS_execve), 2, 7));
}

/* Rings */

static char bulk[4096];
static int null;

/* The n-th. Its record is as long as the program's data. */
static void numbered_write(uint64_t n, size_t size)
{
	cr_assert_eq(green(SYS_write, null, bulk, size, n), size);
}

/* From the `from`-th on, without a gap; how many. */
static uint64_t numbers(uint64_t from)
{
	uint64_t n = from;
	look();
	for (int i = 0; i < record_count; i++) {
		const struct trace_call *c = (const void *)records[i];
		if (c->h.type != TRACE_CALL || c->nr != SYS_write)
			continue;
		cr_assert_eq(c->args[3], n, "number %lu, not %lu", c->args[3], n);
		cr_assert(c->result == (long)c->args[2] && c->args[1] == (uint64_t)bulk);
		cr_assert(is_captured(c, 1, 0, bulk, c->args[2], (uint32_t)c->args[2]));
		n++;
	}
	return n - from;
}

static void began_writing(void)
{
	began();
	null = open("/dev/null", O_WRONLY);
	for (size_t i = 0; i < sizeof(bulk); i++)
		bulk[i] = (char)(i * 7);
	atomic_store(&control->capture, sizeof(bulk));
	numbered_write(0, 1);
	eat();
}

Test(trace, a_ring_goes_round, .init = began_writing)
{
	struct trace_ring *ring = trace_ring_at(memory, 0);
	uint64_t made = 0, read = 0;
	for (pads = 0; atomic_load(&ring->head) < 4UL * TRACE_RING_BYTES;) {
		for (int i = 0; i < 90; i++, made++)
			numbered_write(made, 1 + made * 523 % sizeof(bulk));
		read += numbers(read);
		eat();
	}
	cr_assert_eq(read, made);
	cr_assert_eq(lost(), 0);
	cr_assert_geq(pads, 3);
}

Test(trace, a_full_ring_loses, .init = began_writing)
{
	uint64_t made = 0;
	while (lost() < 10 && made < 10000)
		numbered_write(made++, sizeof(bulk));
	uint64_t kept = numbers(0);
	cr_assert_eq(kept + lost(), made);
	cr_assert_gt(kept * (sizeof(bulk) + sizeof(struct trace_call)), TRACE_RING_BYTES / 10 * 9, "it was not full");
	eat();
	numbered_write(made, sizeof(bulk));
	cr_assert_eq(numbers(made), 1, "there is room again");
	cr_assert_eq(lost(), 10);
}

/* They come again; calls do not. */
static __attribute__((noinline)) long from_elsewhere(void)
{
	return green(SYS_getppid);
}

Test(trace, no_stacks_when_there_is_little_room, .init = began_writing)
{
	struct trace_ring *ring = trace_ring_at(memory, 0);
	uint64_t made = 0, tail = atomic_load(&ring->tail);
	while (atomic_load(&ring->head) - tail < TRACE_RING_BYTES / 4 * 3)
		numbered_write(made++, sizeof(bulk));
	int stacks = count_stacks();
	from_elsewhere();
	cr_assert_eq(the_call(SYS_getppid)->stack, 0);
	eat();
	from_elsewhere();
	cr_assert_neq(the_call(SYS_getppid)->stack, 0);
	cr_assert(stacks <= 1 && lost() == 0);
}

/* Stacks */

#define MARK 0x6b72616d20736968UL

/* A call with two words on its stack that the test knows. */
static __attribute__((noinline)) uint32_t marked_call(uint64_t mark)
{
	volatile uint64_t words[2] = {mark, ~mark};
	int n = count_calls(SYS_getppid);
	green(SYS_getppid);
	cr_assert_eq(words[0], ~words[1]);
	return call_at(TRACE_CALL, SYS_getppid, n)->stack;
}

/* In words from the stack pointer. (Loops around marked_call() have a volatile counter: unrolled, they would be several
 * callers.) */
static unsigned distance_of(const struct trace_stack *s, uint64_t word)
{
	unsigned i = 0;
	uint64_t its;
	do {
		cr_assert_lt(8UL * i, s->bytes, "the stack that was sent has no such word");
		memcpy(&its, s->memory + 8UL * i++, 8);
	} while (its != word);
	return i - 1;
}

/* `at`: so many buckets behind its own. Those before it have other stacks. */
static struct trace_known *publish(const struct trace_stack *s, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		atomic_store(
		    &((struct trace_known *)trace_known_at(memory, (s->key + i) % TRACE_STACKS))->key, ~s->key);
	struct trace_known *k = trace_known_at(memory, (s->key + at) % TRACE_STACKS);
	*k = (struct trace_known){.stack = KNOWN, .count = 2, .value = {MARK, ~MARK}};
	k->distance[0] = (uint16_t)distance_of(s, MARK);
	k->distance[1] = (uint16_t)distance_of(s, ~MARK);
	atomic_store(&k->key, s->key);
	return k;
}

static const struct trace_stack *sent_stack(uint32_t number)
{
	const struct trace_stack *s;
	int i = 0;
	do
		s = record(TRACE_STACK, 0, i++);
	while (s && s->stack != number);
	cr_assert(s, "stack %u was not sent", number);
	return s;
}

Test(trace, a_stack_is_sent)
{
	uint32_t number = marked_call(MARK);
	const struct trace_stack *s = sent_stack(number);
	cr_assert(number && s->h.tid == (uint32_t)own_tid() && s->key && !s->incomplete);
	cr_assert(s->ip - (uint64_t)marked_call < 4096, "it was not at the call");
	cr_assert(s->sp < (uint64_t)&number && (uint64_t)&number - s->sp < 65536);
	cr_assert_eq(distance_of(s, ~MARK), distance_of(s, MARK) + 1);
	cr_assert_leq(s->bytes, TRACE_SNAPSHOT);
}

Test(trace, no_stacks_are_wanted)
{
	atomic_store(&control->stacks, 0);
	cr_assert_eq(marked_call(MARK), 0);
	cr_assert_eq(count_stacks(), 0);
}

Test(trace, a_known_stack_is_not_sent_again)
{
	for (volatile int i = 0; i < 3; i++) {
		uint32_t number = marked_call(i == 2 ? MARK + 1 : MARK);
		if (i == 0)
			publish(sent_stack(number), 0);
		if (i == 1)
			cr_assert(number == KNOWN && count_stacks() == 1);
		if (i == 2)
			cr_assert(number && number != KNOWN, "another word");
	}
}

/* One that nobody has published yet: not for each call. (The first may look unlike the others: their caller's frame has
 * holes, where there is what was there before.) */
Test(trace, a_stack_is_sent_again_when_nobody_answers)
{
	uint32_t number = 0, before;
	nsec_t sent_at = 0, at, end = clock_now() + 2 * NSEC_PER_SEC;
	int alike = 0;
	for (;;) {
		struct ktimespec moment = {0, MSEC};
		at = clock_now();
		before = number;
		number = marked_call(MARK);
		if (at > end || (alike >= 3 && number != before))
			break;
		alike = number == before ? alike + 1 : 0;
		if (!alike)
			sent_at = at;
		sys(SYS_nanosleep, &moment, 0);
	}
	cr_assert_neq(number, before, "what was lost never comes");
	cr_assert_geq(clock_now() - sent_at, 200 * MSEC);
}

static uint32_t published_at(unsigned at)
{
	uint32_t now = 0;
	for (volatile int i = 0; i < 2; i++) {
		now = marked_call(MARK);
		if (i == 0)
			publish(sent_stack(now), at);
	}
	return now;
}

Test(trace, the_last_bucket)
{
	cr_assert_eq(published_at(TRACE_STACK_PROBES - 1), KNOWN);
}

Test(trace, a_bucket_too_far)
{
	cr_assert_neq(published_at(TRACE_STACK_PROBES), KNOWN);
}

/* The tool's mistakes are no crash. */
Test(trace, words_that_cannot_be)
{
	struct trace_known *k = NULL;
	for (volatile int i = 0; i < 5; i++) {
		uint32_t now = marked_call(MARK);
		if (i == 0)
			k = publish(sent_stack(now), 0);
		if (i == 1)
			cr_assert_eq(now, KNOWN);
		if (i == 1)
			k->distance[1] = UINT16_MAX;
		if (i == 2)
			k->count = TRACE_STACK_WORDS + 1;
		if (i == 3)
			k->count = 0;
		if (i > 1)
			cr_assert_neq(now, KNOWN);
	}
}

/* Two callers of one function, which is at the same depth. */
Test(trace, stacks_are_told_apart_before_they_are_known)
{
	uint32_t one = marked_call(MARK), other = marked_call(MARK);
	cr_assert(one && other && one != other);
	cr_assert_eq(sent_stack(one)->key, sent_stack(other)->key, "they were to be alike");
}

/* Stays in the program */

Test(trace, a_long_stay)
{
	const struct trace_run *run;
	green(SYS_gettid);
	green(SYS_getppid);
	cr_assert_eq(record(TRACE_RUN, 0, 0), NULL);
	for (nsec_t until = clock_now() + 6 * MSEC; clock_now() < until;)
		;
	green(SYS_close, -1);
	run = record(TRACE_RUN, own_tid(), 0);
	cr_assert(run && !record(TRACE_RUN, 0, 1));
	cr_assert_eq(run->start, the_call(SYS_getppid)->end);
	cr_assert(run->end - run->start >= 6 * MSEC && run->end <= the_call(SYS_close)->start);
	cr_assert(run->rescued_at == 0 && run->sampled_at == 0);
}

static struct carrier *sampled;
static _Atomic bool sampled_enough;

/* The monitor's part. A kick that comes while the thread is in this program's own text meets the runtime, as it is. */
static void *samples(void *since)
{
	trace_sample(sampled, (nsec_t)(intptr_t)since, false, 3);
	while (!atomic_load(&sampled_enough)) {
		usleep(500);
		signal_interrupt(sampled);
	}
	return NULL;
}

Test(trace, a_sample_of_who_computes)
{
	static char much[1 << 20];
	pthread_t p;
	nsec_t since = clock_now();
	const struct trace_sample *s;
	green(SYS_gettid);
	sampled = carrier_self();
	cr_assert_eq(pthread_create(&p, NULL, samples, (void *)(intptr_t)since), 0);
	while (!(s = record(TRACE_SAMPLE, 0, 0)) || clock_now() < since + 6 * MSEC)
		cr_assert_eq(memchr(much, 1, sizeof(much)), NULL);
	atomic_store(&sampled_enough, true);
	pthread_join(p, NULL);
	cr_assert(s->h.tid == (uint32_t)own_tid() && s->nr == -1 && s->waiting == 3 && s->since == (uint64_t)since);
	cr_assert_eq(sent_stack(s->stack)->key, 0);
	cr_assert((uint64_t)&since - sent_stack(s->stack)->sp < 65536);
	green(SYS_close, -1);
	const struct trace_run *run = record(TRACE_RUN, 0, 0);
	cr_assert(run && run->sampled_at >= run->start && run->sampled_at <= s->at);
	cr_assert(run->cpu > 0 && run->cpu <= run->end - run->sampled_at + 10 * MSEC);
}

/* By a call made past libc, of which /proc tells. */
static void *samples_sleeper(void *since)
{
	static struct carrier c;
	c = (struct carrier){.self = &c, .state = MODE_RUNTIME, .tid = (int)gettid()};
	set_gs(&c);
	while (!record(TRACE_SAMPLE, 0, 0)) {
		trace_sample(sampled, (nsec_t)(intptr_t)since, true, 1);
		sampled->trace_sampled_at = 0;
		usleep(500);
	}
	return NULL;
}

Test(trace, a_sample_of_who_sleeps)
{
	pthread_t p;
	int fds[2];
	green(SYS_gettid);
	sampled = carrier_self();
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(pthread_create(&p, NULL, samples_sleeper, (void *)1234L), 0);
	struct pollfd {
		int fd;
		short events, revents;
	} never = {fds[0], 1, 0};
	while (!record(TRACE_SAMPLE, 0, 0))
		sys(SYS_poll, &never, 1, 100);
	pthread_join(p, NULL);
	const struct trace_sample *s = record(TRACE_SAMPLE, 0, 0);
	cr_assert(s->nr == SYS_poll && s->args[0] == (uint64_t)&never && s->args[1] == 1 && s->args[2] == 100);
	cr_assert(s->since == 1234 && s->waiting == 1 && s->h.tid == (uint32_t)own_tid());
	cr_assert(sent_stack(s->stack)->incomplete);
}

/* When tracing begins, and ends */

Test(join, memory_that_is_none_of_ours, .timeout = 10)
{
	const char *path = make_memory();
	cr_assert(!trace_join("/no/such/file") && !trace_joined());
	control->magic++;
	cr_assert(!trace_join(path) && !trace_joined());
	control->magic--;
	control->version++;
	cr_assert(!trace_join(path) && !trace_joined());
	control->version--;
	strcat(control->release, "1");
	cr_assert(!trace_join(path) && !trace_joined());
	strcpy(control->release, GREEN_VERSION);
	cr_assert(trace_join(path) && trace_joined() && !trace_wants_native());
	atomic_store(&control->native, 1);
	cr_assert(trace_wants_native());
}

/* The monitor's look, after so much of its time. */
static void tick(nsec_t time)
{
	struct carrier *c = carrier_self();
	carrier_enter(c);
	trace_look(time);
	carrier_publish_native(c);
}

static void expect_silence_is_noticed(void)
{
	for (int i = 0; i < 10; i++) { /* it lives */
		atomic_fetch_add(&control->beat, 1);
		tick(NSEC_PER_SEC);
	}
	tick(2 * NSEC_PER_SEC);
	cr_assert(tracing());
	tick(1);
	cr_assert(!tracing());
	int n = count_calls(SYS_getppid);
	green(SYS_getppid);
	green_yield(3);
	cr_assert_eq(count_calls(SYS_getppid), n);
}

Test(trace, a_silent_tool_is_gone)
{
	struct caller c;
	lock_wait(&c, 0, NULL);
	expect_silence_is_noticed();
	wake();
	green_join(&c.green);
	want(2);
	tick(1);
	cr_assert(!tracing(), "it was the tool's memory");
}

/* Memory of the program's own, offered to whoever comes: found as the tool finds it. */
static int offered(void)
{
	char path[300], link[64];
	int found = -1;
	DIR *d = opendir("/proc/self/fd");
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		ssize_t n = readlink(path, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		if (!strncmp(link, "/memfd:" TRACE_MEMFD " ", sizeof("/memfd:" TRACE_MEMFD)))
			found = atoi(e->d_name);
	}
	closedir(d);
	return found;
}

static void began_untraced(void)
{
	green_begin();
	monitor_runs = true; /* it is played here */
	trace_armed();
	cr_assert(!tracing());
	int fd = offered();
	cr_assert_geq(fd, 0, "no memory is offered");
	memory = map_memory(fd);
}

static void attach(uint32_t on)
{
	eat();
	want(on);
	tick(1);
	cr_assert_eq(atomic_load(&control->answered), on);
	cr_assert(tracing());
	for (unsigned i = 0; i < TRACE_SLOTS; i++) {
		uint32_t owner = atomic_load(&trace_slot_at(memory, i)->owner);
		cr_assert(!owner || owner == atomic_load(&control->processes), "a slot of an earlier trace");
	}
	cr_assert_eq(
	    ((const struct trace_process *)record(TRACE_PROCESS, 0, 0))->serial, atomic_load(&control->processes));
}

static void detach(void)
{
	atomic_store(&control->on, 0);
	tick(1);
	cr_assert(!tracing() && !atomic_load(&control->answered));
}

TestSuite(attach, .init = began_untraced, .timeout = 20);

Test(attach, what_is_offered)
{
	struct stat st;
	int fd = offered();
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert(st.st_size == TRACE_BYTES && (st.st_mode & 0777) == 0600);
	cr_assert(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	cr_assert(control->magic == TRACE_MAGIC && control->version == TRACE_VERSION);
	cr_assert_str_eq(control->release, GREEN_VERSION);
	atomic_store(&control->monitor_asleep, 77);
	cr_assert_eq(atomic_load(monitor_asleep), 77, "a tool cannot wake the monitor");
	atomic_store(&control->monitor_asleep, 0);
	green(SYS_gettid);
	tick(NSEC_PER_SEC);
	look();
	cr_assert(record_count == 0 && !tracing());
}

Test(attach, who_is_parked_gets_a_slot)
{
	struct caller locker, reader;
	int fds[2];
	char byte;
	cr_assert_eq(pipe(fds), 0);
	lock_wait(&locker, own_tid(), NULL);
	begin_call(&reader, SYS_read, fds[0], (long)&byte, 1, 0);
	uint64_t before = (uint64_t)clock_now();
	attach(1);
	struct trace_slot *l = slot_of(locker.green.tid), *r = slot_of(reader.green.tid);
	cr_assert(
	    l && r && state_of(locker.green.tid) == TRACE_IS_PARKED && state_of(reader.green.tid) == TRACE_IS_PARKED);
	cr_assert(l->nr == SYS_futex && l->lock == (uint64_t)&mutex.lock && l->lock_owner == (uint32_t)own_tid());
	cr_assert(r->nr == SYS_read && r->args[0] == (uint64_t)fds[0] && r->lock == 0 && r->lock_owner == 0);
	cr_assert(l->since >= before && sent_stack(l->stack)->ip - (uint64_t)makes_call < 4096);
	cr_assert(record(TRACE_NAME, locker.green.tid, 0));
	cr_assert_eq(record(TRACE_CALL, 0, 0), NULL);
	wake();
	cr_assert_eq(state_of(locker.green.tid), TRACE_IN_CALL);
	cr_assert_eq(green(SYS_write, fds[1], "x", 1), 1);
	green_join(&locker.green);
	green_join(&reader.green);
	const struct trace_call *c = the_call(SYS_read);
	cr_assert(c->verdict == TRACE_PARKED && c->result == 1 && c->start >= before && c->start < c->end);
	cr_assert(is_captured(c, 1, 0, "x", 1, 1));
	cr_assert(record(TRACE_END, locker.green.tid, 0) && record(TRACE_END, reader.green.tid, 0));
}

Test(attach, a_time_limit_is_no_deadlock)
{
	struct caller c;
	struct ktimespec ts = {100, 0};
	lock_wait(&c, own_tid(), &ts);
	attach(1);
	cr_assert(state_of(c.green.tid) == TRACE_IS_PARKED && slot_of(c.green.tid)->lock == 0);
	wake();
}

Test(attach, again_and_again)
{
	struct caller c;
	memcpy(thread_self()->name, "parks\0\0\0\0\0\0\0\0\0\0", 16); /* which its heirs inherit */
	lock_wait(&c, 0, NULL);
	for (uint32_t on = 5; on < 8; on++) {
		attach(on);
		cr_assert_eq(state_of(c.green.tid), TRACE_IS_PARKED);
		const struct trace_name *n = record(TRACE_NAME, c.green.tid, 0);
		cr_assert(n && !strcmp(n->name, "parks"), "its name is not told to the %u. tool", on - 4);
		green(SYS_getppid);
		cr_assert_eq(count_calls(SYS_getppid), 1);
		detach();
		green(SYS_getppid);
		cr_assert_eq(count_calls(SYS_getppid), 1);
	}
	cr_assert_eq(atomic_load(&control->processes), 3);
}

Test(attach, another_tool_takes_over)
{
	struct caller c;
	lock_wait(&c, 0, NULL);
	attach(1);
	attach(2);
	cr_assert_eq(atomic_load(&control->processes), 2);
	cr_assert_eq(state_of(c.green.tid), TRACE_IS_PARKED);
}

Test(attach, a_silent_tool_is_gone)
{
	attach(1);
	expect_silence_is_noticed();
	cr_assert(!atomic_load(&control->on) && !atomic_load(&control->answered));
	attach(2);
	green(SYS_getppid);
	cr_assert_eq(count_calls(SYS_getppid), 1);
}

/* One that has ended before the monitor was done with its look at all threads. */
Test(attach, an_end_while_tracing_begins)
{
	struct caller c;
	lock_wait(&c, own_tid(), NULL);
	attach(1);
	atomic_store(&trace_on, false); /* as it still is then */
	wake();
	green_join(&c.green);
	green_settle();
	atomic_store(&trace_on, true);
	cr_assert_eq(slot_of(c.green.tid), NULL, "it seems to wait for ever");
}

static bool stop;

static void parks_then_yields(void *arg)
{
	(void)arg;
	green(SYS_futex, &mutex.lock, FUTEX_WAIT | PRIVATE, 2, NULL);
	while (!stop)
		green(SYS_sched_yield);
}

/* What a slot showed in an earlier trace is over. */
Test(attach, nothing_of_the_last_time)
{
	struct green_thread g;
	mutex = (struct mutex){.lock = 2, .owner = (uint32_t)own_tid()};
	green_start(&g, parks_then_yields, NULL);
	green_settle();
	attach(1);
	cr_assert_eq(state_of(g.tid), TRACE_IS_PARKED);
	detach();
	wake();
	green_yield(3);
	attach(2);
	all_calls(false);
	call_is(SYS_getppid, true);
	green_yield(3);
	cr_assert(slot_of(g.tid), "it has made calls");
	cr_assert_neq(state_of(g.tid), TRACE_IS_PARKED);
	cr_assert_eq(slot_of(g.tid)->lock, 0);
	stop = true;
	green_join(&g);
}
