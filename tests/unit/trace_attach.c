/* Tracing: when tracing begins and ends; what a program offers to a tool that comes later. */
#include "tests/unit/trace.h"

/* When tracing begins, and ends */

/* As another tool's, or another program's, might be. */
static const char *memfd_path(const char *name, off_t size, int seals)
{
	static char path[32];
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	cr_assert(ftruncate(fd, size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

Test(join, memory_that_is_none_of_ours, .timeout = 10)
{
	const char *path = make_memory();
	cr_assert(!trace_join("/no/such/file") && !trace_joined());
	cr_assert(!trace_join("/proc/self/exe") && !trace_joined());
	cr_assert(!trace_join(memfd_path("another", TRACE_BYTES, F_SEAL_SHRINK)) && !trace_joined());
	cr_assert(!trace_join(memfd_path(TRACE_MEMFD, TRACE_BYTES, 0)) && !trace_joined());
	cr_assert(!trace_join(memfd_path(TRACE_MEMFD, 0, F_SEAL_SHRINK)) && !trace_joined());
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

static void expect_gone(void)
{
	int n = count_calls(SYS_getppid);
	cr_assert(!tracing());
	green(SYS_getppid);
	green_yield(3);
	cr_assert_eq(count_calls(SYS_getppid), n);
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
	expect_gone();
}

static void expect_begun_anew(uint32_t serial, int parked)
{
	eat();
	tick(1);
	cr_assert(tracing() && atomic_load(&control->processes) == serial);
	cr_assert_eq(((const struct trace_process *)record(TRACE_PROCESS, 0, 0))->serial, serial);
	cr_assert_eq(state_of(parked), TRACE_IS_PARKED);
	green(SYS_getppid);
	cr_assert_eq(count_calls(SYS_getppid), 1);
}

/* One that was stopped for long comes back. What slots others have in its memory is not this process's to say. */
Test(trace, a_silent_tool_is_gone)
{
	struct caller c;
	struct trace_slot *others = trace_slot_at(memory, 5);
	others->owner = 77;
	lock_wait(&c, 0, NULL);
	expect_silence_is_noticed();
	tick(NSEC_PER_SEC);
	expect_gone();
	atomic_fetch_add(&control->beat, 1);
	expect_begun_anew(2, c.green.tid);
	cr_assert_eq(others->owner, 77);
	for (unsigned i = 0; i < TRACE_SLOTS; i++)
		cr_assert_neq(atomic_load(&trace_slot_at(memory, i)->owner), 1, "a slot of the earlier trace");
}

Test(trace, a_tool_that_begins_anew, .init = began)
{
	struct caller c;
	lock_wait(&c, 0, NULL);
	want(8); /* it takes us for silent, or was itself */
	expect_begun_anew(2, c.green.tid);
	atomic_store(&control->on, 0);
	tick(1);
	expect_gone();
	want(9);
	expect_begun_anew(3, c.green.tid);
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

/* The word of another kind of lock, behind which lies what lies there. */
Test(attach, a_lock_of_nobody)
{
	struct caller c;
	lock_wait(&c, own_tid() + 1, NULL);
	attach(1);
	cr_assert(slot_of(c.green.tid)->lock == (uint64_t)&mutex.lock && slot_of(c.green.tid)->lock_owner == 0);
	wake();
	green_join(&c.green);
}

static int count_slots(int tid)
{
	int n = 0;
	for (unsigned i = 0; i < TRACE_SLOTS; i++) {
		struct trace_slot *s = trace_slot_at(memory, i);
		n += atomic_load(&s->owner) == atomic_load(&control->processes) && s->tid == (uint32_t)tid;
	}
	return n;
}

/* Else it would seem that all threads wait. */
Test(attach, who_runs_gets_a_slot)
{
	struct caller c;
	memcpy(thread_self()->name, "runs\0\0\0\0\0\0\0\0\0\0\0", 16);
	lock_wait(&c, own_tid(), NULL);
	attach(1);
	struct trace_slot *s = slot_of(own_tid());
	cr_assert(s && state_of(own_tid()) == TRACE_IN_PROGRAM && s->lock == 0);
	cr_assert_str_eq(s->name, "runs");
	green(SYS_getppid);
	cr_assert(s == slot_of(own_tid()) && count_slots(own_tid()) == 1 && s->nr == SYS_getppid);
	cr_assert(record(TRACE_NAME, own_tid(), 0) && !record(TRACE_NAME, own_tid(), 1));
	wake();
	green_join(&c.green);
	cr_assert_eq(atomic_load(&control->no_slot), 0);
}

/* So does who is about to run; until it ends, whether it makes a call that is traced or not. */
Test(attach, who_is_ready_gets_a_slot)
{
	struct caller c[2];
	for (int i = 0; i < 2; i++) {
		c[i] = (struct caller){.call = {SYS_getppid}};
		green_start(&c[i].green, makes_call, &c[i]);
	}
	attach(1);
	for (int i = 0; i < 2; i++)
		cr_assert(state_of(c[i].green.tid) == TRACE_IN_PROGRAM && count_slots(c[i].green.tid) == 1);
	green_join(&c[0].green);
	cr_assert_eq(slot_of(c[0].green.tid), NULL);
	detach();
	for (int i = 0; i < 2; i++)
		green_start(&c[i].green, makes_call, &c[i]);
	attach(2);
	atomic_store(&trace_on, false); /* as it still is while tracing begins */
	green_join(&c[0].green);
	green_join(&c[1].green);
	atomic_store(&trace_on, true);
	cr_assert(!slot_of(c[0].green.tid) && !slot_of(c[1].green.tid));
}

Test(attach, another_tid_before_the_first_call)
{
	int tid = own_tid();
	attach(1);
	cr_assert_eq(count_slots(tid), 1);
	thread_adopt_tid(thread_self(), 777);
	green(SYS_getppid);
	cr_assert(!slot_of(tid) && count_slots(777) == 1);
}

Test(attach, who_is_left_out_is_counted)
{
	static struct green_thread g[2000];
	static struct caller c[2000];
	for (int i = 0; i < 2000; i++)
		green_start(&g[i], makes_call, &c[i]);
	attach(1);
	cr_assert_eq(atomic_load(&control->no_slot), 1);
	cr_assert(slot_of(g[1998].tid) && !slot_of(g[1999].tid));
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
	struct stat st;
	cr_assert_eq(fstat(offered(), &st), 0);
	cr_assert_leq(st.st_blocks * 512, (TRACE_RINGS + 1) * TRACE_PAGE, /* that this test has looked at */
	    "%ld bytes are kept for nobody", (long)st.st_blocks * 512);
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
