/* Tracing: what is told of calls: which, what became of them, locks, ends; and the slots. */
#include "tests/unit/trace.h"

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

/* call_lock's kind of change. */
Test(trace, a_tid_that_changes)
{
	int tid = own_tid();
	green(SYS_gettid);
	thread_adopt_tid(thread_self(), 777);
	green(SYS_gettid);
	cr_assert(record(TRACE_END, tid, 0) && !record(TRACE_END, 0, 1));
	cr_assert(!slot_of(tid) && slot_of(777));
	cr_assert(record(TRACE_NAME, 777, 0));
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

static void exits_as_libc(void)
{
	green(SYS_getppid);
	green(SYS_exit_group, 5);
}

/* Exit handlers run in it. */
Test(trace, the_last_threads_end)
{
	runtime_hooks.last_thread_exit = exits_as_libc;
	cr_assert_eq(in_child(SYS_exit, 0, 0, 0), 5);
	cr_assert(call_at(TRACE_ENTER, SYS_exit, 0) && count_calls(SYS_getppid) == 1);
	cr_assert(record(TRACE_NAME, own_tid(), 0) && !record(TRACE_NAME, own_tid(), 1), "as if it were another");
	cr_assert_eq(record(TRACE_END, 0, 0), NULL);
}

Test(trace, the_processs_end)
{
	cr_assert_eq(in_child(SYS_exit_group, 7, 0, 0), 7);
	const struct trace_call *c = call_at(TRACE_ENTER, SYS_exit_group, 0);
	cr_assert(c && c->args[0] == 7);
	cr_assert_eq(count_calls(SYS_exit_group), 0);
}
