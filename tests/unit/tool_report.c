/* The summary of green trace, of events made by hand. */
#include "tests/unit/tool_events.h"

#include "tools/trace/report.h"

static const struct losses nothing_lost;

static void end_with(struct losses lost)
{
	report_sink.end(&lost, 0, 2000 * MS);
	done();
}

static void end(void)
{
	end_with(nothing_lost);
}

/* The row that has all of these words, as fields with one blank between. */
static const char *row_with(const char *one, const char *other)
{
	static char line[512];

	for (const char *at = written; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		size_t n = 0;
		for (const char *c = at; *c && *c != '\n' && n < sizeof(line) - 1; c++)
			if (*c != ' ' || (n && line[n - 1] != ' '))
				line[n++] = *c;
		line[n] = '\0';
		if (strstr(line, one) && strstr(line, other))
			return line;
	}
	cr_assert_fail("no row has \"%s\" and \"%s\":\n%s", one, other, written);
	return NULL;
}

static const char *last_line(void)
{
	const char *line = written + strlen(written) - 1;
	while (line > written && line[-1] != '\n')
		line--;
	return line;
}

#define LAST_LINE(text) cr_assert_str_eq(last_line(), text "\n", "%s", written)

static struct call parked(
    struct thread *t, const char *function, uint32_t invocation, const struct stack *s, uint64_t at, uint64_t ns)
{
	return (struct call){.thread = t,
	    .start = at,
	    .end = at + ns,
	    .nr = SYS_poll,
	    .verdict = TRACE_PARKED,
	    .function = function,
	    .invocation = invocation,
	    .stack = s};
}

Test(report, invocation_is_one_wait)
{
	static const char getaddrinfo[] = "getaddrinfo";
	struct stack *s = stack_new(LIBC("__poll", "getaddrinfo"), "client.c", 31, "look_up");

	options((struct trace_options){0});
	for (unsigned i = 0; i < 14; i++) {
		struct call c = parked(&threads[1], getaddrinfo, 7, s, i * 200 * MS, 100 * MS);
		c.verdict = i == 5 ? TRACE_HANDED_OFF : TRACE_PARKED;
		report_sink.call(&c);
	}
	struct call next = parked(&threads[1], getaddrinfo, 8, s, 5000 * MS, 1000 * MS);
	report_sink.call(&next);
	end();
	const char *row = row_with("handed off", "client.c:31");
	cr_assert(
	    strstr(row, "handed off 1 2.70 s 2.70 s 2.70 s 2.70 s getaddrinfo client.c:31 in look_up"), "%s", row);
	row = row_with("parked", "client.c:31");
	cr_assert(strstr(row, "parked 1 1.00 s "), "%s", row);
	LAST_LINE("Nothing held up anybody.");
}

/* Threads in the same function, in turn: theirs are different invocations though their numbers are the same. */
Test(report, invocations_by_thread)
{
	static const char read_name[] = "getnameinfo";
	struct stack *s = stack_new(LIBC("getnameinfo"), "client.c", 40, "name");

	options((struct trace_options){0});
	for (unsigned i = 0; i < 6; i++) {
		struct call c = parked(&threads[i % 3], read_name, 1, s, i * MS, 10 * MS);
		report_sink.call(&c);
	}
	end();
	const char *row = row_with("parked", "client.c:40");
	cr_assert(strstr(row, "parked 3 39.0 ms 13.0 ms "), "%s", row);
}

/* Two threads that share the place where invocations are kept open. */
Test(report, threads_that_fall_together)
{
	static const char name[] = "getaddrinfo";
	struct thread far = threads[0];
	struct stack *s = stack_new(LIBC("getaddrinfo"), "client.c", 50, "name");

	far.number += 1 << 16;
	options((struct trace_options){0});
	struct call c = parked(&threads[0], name, 1, s, 0, 10 * MS);
	report_sink.call(&c);
	c = parked(&far, name, 1, s, 100 * MS, 10 * MS);
	report_sink.call(&c);
	end();
	const char *row = row_with("parked", "client.c:50");
	cr_assert(strstr(row, "parked 2 20.0 ms 10.0 ms "), "%s", row);
}

Test(report, names_by_what_the_stack_shows)
{
	options((struct trace_options){0});
	const struct {
		const char *const *libc;
		const char *name;
	} cases[] = {{LIBC("futex_wait", "lll_lock_wait", "___pthread_mutex_lock"), "pthread_mutex_lock"},
	    {LIBC("__GI___libc_read", "_IO_new_file_underflow", "_IO_fgets"), "fgets"}, {LIBC("__GI_fflush"), "fflush"},
	    {LIBC("__new_sem_wait@@GLIBC_2.34"), "sem_wait"},
	    {LIBC("__pthread_mutex_unlock_usercnt"), "pthread_mutex_unlock"}, {LIBC(NULL), "poll"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stack *s = stack_new(cases[i].libc, "names.c", (int)(100 + i), "f");
		struct call c = parked(&threads[0], NULL, 0, s, 0, 5 * MS);
		report_sink.call(&c);
	}
	end();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[80], where[24];
		snprintf(where, sizeof(where), "names.c:%zu", 100 + i);
		snprintf(want, sizeof(want), " %s %s in f", cases[i].name, where);
		const char *row = row_with("parked", where);
		cr_assert(strstr(row, want), "%s", row);
	}
}

Test(report, mean_p99_max_errors)
{
	struct stack *s = stack_new(NULL, "times.c", 1, "f");

	options((struct trace_options){0});
	for (unsigned i = 1; i <= 200; i++) {
		struct call c = parked(&threads[0], NULL, 0, s, 0, i == 200 ? 900 * MS : i * MS);
		c.result = i % 4 ? 1 : -11;
		report_sink.call(&c);
	}
	end();
	double total, mean, p99, max;
	unsigned count, errors;
	const char *row = row_with("parked", "times.c:1");
	cr_assert_eq(sscanf(row, "parked %u %u %lf s %lf ms %lf ms %lf ms", &count, &errors, &total, &mean, &p99, &max),
	    6, "%s", row);
	cr_assert_eq(count, 200);
	cr_assert_eq(errors, 50);
	cr_assert_float_eq(total, 20.8, 0.01);
	cr_assert_float_eq(mean, 104, 0.5);
	cr_assert_float_eq(p99, 199, 199 * 0.05);
	cr_assert_float_eq(max, 900, 0.5);
}

Test(report, buckets_are_precise)
{
	for (uint64_t ns = 1; ns < 1ULL << 46; ns += ns / 7 + 1) {
		uint64_t middle = bucket_middle(bucket_of(ns));
		uint64_t off = middle > ns ? middle - ns : ns - middle;
		cr_assert(off * 20 <= ns, "%llu is taken for %llu", (unsigned long long)ns, (unsigned long long)middle);
		cr_assert(bucket_of(ns) <= bucket_of(ns + 1));
	}
	cr_assert_eq(bucket_of(UINT64_MAX), BUCKETS - 1);
}

static size_t where_in_text(const char *text)
{
	const char *at = strstr(written, text);
	cr_assert_not_null(at, "\"%s\" is missing in:\n%s", text, written);
	return (size_t)(at - written);
}

Test(report, harm_comes_first)
{
	options((struct trace_options){0});
	struct call wait = parked(&threads[0], NULL, 0, stack_new(NULL, "wait.c", 1, "f"), 0, 60000 * MS);
	struct call uncovered = parked(&threads[0], NULL, 0, stack_new(NULL, "uncovered.c", 1, "f"), 0, 20 * MS);
	struct call brief = parked(&threads[0], NULL, 0, stack_new(NULL, "brief.c", 1, "f"), 0, MS / 2);
	struct call held = parked(&threads[0], NULL, 0, stack_new(NULL, "held.c", 1, "f"), 0, 3 * MS);
	struct run run = {.thread = &threads[1],
	    .end = 80 * MS,
	    .rescued_at = 4 * MS,
	    .waiting = 12,
	    .nr = -1,
	    .stack = stack_new(NULL, "compute.c", 1, "f")};
	uncovered.flags = TRACE_NOT_COVERED;
	uncovered.verdict = TRACE_KERNEL;
	brief.verdict = TRACE_HELD;
	brief.held = MS / 2;
	held.verdict = TRACE_HELD;
	held.held = 3 * MS;
	report_sink.call(&wait);
	report_sink.call(&uncovered);
	report_sink.call(&brief);
	report_sink.call(&held);
	report_sink.run(&run);
	end();
	cr_assert(where_in_text("compute.c") < where_in_text("held.c"), "%s", written);
	cr_assert(where_in_text("held.c:1") < where_in_text("uncovered.c"), "%s", written);
	cr_assert(where_in_text("uncovered.c") < where_in_text("wait.c"), "%s", written);
	cr_assert(where_in_text("wait.c") < where_in_text("brief.c"), "%s", written);
	row_with("not covered", "uncovered.c");
	HAS("    nobody else could run on its hub for up to 4.00 ms, 4.00 ms in all; up to 12 threads waited\n");
	LAST_LINE("Look first at compute.c:1 in f: it computed for up to 80.0 ms and held up 12 threads.");
}

/* Ten threads that waited for 4 ms are worse than one that could have for 20. */
Test(report, harm_counts_those_who_waited)
{
	options((struct trace_options){0});
	struct call alone = parked(&threads[0], NULL, 0, stack_new(NULL, "alone.c", 1, "f"), 0, 20 * MS);
	alone.verdict = TRACE_HELD;
	alone.held = 20 * MS;
	struct call crowd = alone;
	crowd.stack = stack_new(NULL, "crowd.c", 1, "f");
	crowd.held = 4 * MS;
	crowd.waiting = 10;
	report_sink.call(&alone);
	report_sink.call(&crowd);
	end();
	cr_assert(where_in_text("crowd.c") < where_in_text("alone.c"), "%s", written);
	LAST_LINE("Look first at crowd.c:1 in f: poll held the hub for up to 4.00 ms and held up 10 threads.");
}

Test(report, rescued_call)
{
	options((struct trace_options){0});
	struct call c = parked(&threads[0], NULL, 0, stack_new(LIBC("flock"), "store.c", 9, "save"), 0, 50 * MS);
	c.verdict = TRACE_RESCUED;
	c.flags = TRACE_NOT_COVERED;
	c.held = 4 * MS;
	report_sink.call(&c);
	end();
	row_with("rescued", "store.c:9");
	HAS("    1 not covered\n");
	LAST_LINE(
	    "Look first at store.c:9 in save: flock held the hub for up to 4.00 ms, and could have held up others.");
}

Test(report, uncovered_sentence)
{
	options((struct trace_options){0});
	struct call c = parked(&threads[0], NULL, 0, stack_new(LIBC("unlink"), "store.c", 9, "save"), 0, 50 * MS);
	c.verdict = TRACE_HANDED_OFF;
	c.flags = TRACE_NOT_COVERED;
	report_sink.call(&c);
	end();
	LAST_LINE(
	    "Look first at store.c:9 in save: unlink is not covered, and blocked a kernel thread for up to 50.0 ms.");
}

Test(report, lock_and_its_holders)
{
	struct stack *s = stack_new(LIBC("__lll_lock_wait", "pthread_mutex_lock"), "server.c", 88, "handle");
	struct stack *commit = stack_new(LIBC("clock_nanosleep", "nanosleep"), "db.c", 12, "commit");
	struct stack *other = stack_new(NULL, "db.c", 40, "rollback");

	options((struct trace_options){0});
	for (unsigned i = 0; i < 10; i++) {
		struct call c = parked(&threads[1], NULL, 0, s, 0, 100 * MS);
		c.nr = SYS_futex;
		c.owner = &threads[2];
		c.owner_stack = i < 7 ? commit : other;
		report_sink.call(&c);
	}
	end();
	row_with("pthread_mutex_lock", "server.c:88");
	HAS("    held by commit (db.c:12), in nanosleep there: 70 % of the time\n"
	    "    held by rollback (db.c:40): 30 % of the time\n");
	LAST_LINE(
	    "Look first at db.c:12 in commit: threads waited 1.00 s in all for a lock that it holds while it sleeps.");
}

/* Less than 10 ms in all, then less than a hundredth of the trace; what is summed stays. */
Test(report, lock_that_does_not_matter)
{
	const struct {
		uint64_t more, traced;
		const char *line;
	} cases[] = {{5 * MS, 100 * MS, "Nothing held up anybody.\n"},
	    {10 * MS, 2000 * MS, "Nothing held up anybody.\n"},
	    {0, 1000 * MS,
		"Look first at server.c:88 in handle: threads waited 15.0 ms in all for a lock that another thread "
		"holds.\n"}};
	struct stack *s = stack_new(LIBC("pthread_mutex_lock"), "server.c", 88, "handle");

	for (int i = 0; i < 3; i++) {
		options((struct trace_options){0});
		struct call c = parked(&threads[1], NULL, 0, s, 0, cases[i].more);
		c.owner = &threads[2];
		report_sink.call(&c);
		report_sink.end(&nothing_lost, 0, cases[i].traced);
		done();
		cr_assert_str_eq(last_line(), cases[i].line, "%s", written);
	}
}

Test(report, rows_are_limited)
{
	char more[64];
	options((struct trace_options){0});
	for (int i = 0; i < 50; i++) {
		struct call c = parked(&threads[0], NULL, 0, stack_new(NULL, "many.c", i + 1, "f"), 0, 10 * MS);
		report_sink.call(&c);
	}
	struct call quick = parked(&threads[0], NULL, 0, stack_new(NULL, "quick.c", 1, "f"), 0, 10);
	quick.verdict = TRACE_DONE;
	report_sink.call(&quick);
	end();
	size_t rows = 0;
	for (const char *at = written; (at = strstr(at, " in f\n")); at++)
		rows++;
	cr_assert_eq(rows, 40, "%s", written);
	snprintf(more, sizeof(more), "and 11 more with 100 ms in all");
	HAS(more);
	HAS_NOT("quick.c");
}

Test(report, summary_by_call)
{
	struct stack *s = stack_new(NULL, "quick.c", 1, "f");

	options((struct trace_options){.summary = true});
	for (int i = 0; i < 60; i++) {
		struct call c = parked(&threads[0], NULL, 0, stack_new(NULL, "many.c", i + 1, "f"), 0, MS);
		c.result = i < 3 ? -4 : 0;
		report_sink.call(&c);
	}
	struct call quick = parked(&threads[0], NULL, 0, s, 0, 20 * MS);
	quick.verdict = TRACE_DONE;
	quick.nr = SYS_fsync;
	report_sink.call(&quick);
	struct call begins = {.thread = &threads[0], .nr = SYS_execve, .begins = true};
	report_sink.call(&begins);
	struct life life = {.what = LIFE_EXECS, .process = &server};
	report_sink.life(&life);
	end();
	HAS("many.c:60 in f");
	HAS("quick.c:1 in f");
	const char *row = row_with("75.00", "poll");
	cr_assert(strstr(row, "75.00 0.060000 1000 60 3 poll"), "%s", row);
	row_with("25.00 0.020000 20000 1 ", "fsync");
	row_with("0.00 0.000000 0 1 ", "execve");
	row_with("100.00 0.080000 1290 62 3", "total");
}

Test(report, what_was_lost_and_how_it_ended)
{
	struct process other = {.pid = 7, .serial = 2, .path = "/bin/sh"};
	struct life exits = {.what = LIFE_EXITS, .process = &server, .code = 3};
	struct life killed = {.what = LIFE_KILLED, .process = &other, .code = 11, .core = true};

	options((struct trace_options){0});
	report_sink.life(&exits);
	report_sink.life(&killed);
	end_with((struct losses){.records = 12, .damaged = 1});
	HAS("Lost: 12 events that came faster than they were read.\nLost: 1 events that were damaged.\n"
	    "server (pid 4194) exited with 3.\n"
	    "sh (pid 7) killed by SIGSEGV (core dumped).\n"
	    "Traced for 2.00 s.\n");
	LAST_LINE("Nothing held up anybody.");
}

Test(report, programs_apart)
{
	struct process other = {.pid = 7, .serial = 2, .path = "/bin/sh"};
	struct thread shell = {.process = &other, .tid = 7, .name = "sh", .number = 9};

	options((struct trace_options){0});
	struct call a = parked(&threads[0], NULL, 0, stack_new(NULL, "x.c", 1, "f"), 0, 10 * MS);
	struct call b = parked(&shell, NULL, 0, stack_new(NULL, "x.c", 1, "f"), 0, 10 * MS);
	report_sink.call(&a);
	report_sink.call(&b);
	end();
	row_with("server poll", "x.c:1");
	row_with("sh poll", "x.c:1");
}

Test(report, terminal_is_safe)
{
	struct process evil = {.pid = 7, .serial = 3, .path = "/tmp/\033[2J\xff"};
	struct thread t = {.process = &evil, .tid = 7, .name = "\033]0;x\007", .number = 9};
	struct stack *s = stack_new(NULL, "\033[31mred.c", 1, "f\n");

	options((struct trace_options){0});
	struct call c = parked(&t, NULL, 0, s, 0, 10 * MS);
	report_sink.call(&c);
	struct call usual = parked(&threads[0], NULL, 0, s, 0, 10 * MS);
	report_sink.call(&usual);
	struct waiter waiter = {.thread = &t, .lock = 16, .owner = &t, .stack = s};
	struct deadlock d = {.process = &evil, .ring = true, .waiters = &waiter, .count = 1};
	report_sink.deadlock(&d);
	struct life life = {.what = LIFE_EXITS, .process = &evil};
	report_sink.life(&life);
	end();
	for (const char *at = written; *at; at++)
		cr_assert((*at >= ' ' && *at < 0x7f) || *at == '\n', "0x%02x in:\n%s", (uint8_t)*at, written);
	HAS("\\033[2J\\377");
	HAS("\\033[31mred.c:1 in f\\012");
	HAS("DEADLOCK: a thread of \\033[2J\\377 (pid 7) waits for a lock that it holds itself");
	LAST_LINE("Look first at the deadlock above, of 1 thread.");
}

/* pthread_join waits, and unmaps the stack by a call that is not covered and holds the hub for a moment. */
Test(report, small_part_not_covered)
{
	static const char join[] = "pthread_join";
	struct stack *s = stack_new(LIBC("pthread_join"), "x.c", 1, "f");

	options((struct trace_options){0});
	struct call c = parked(&threads[0], join, 1, s, 0, 90 * MS);
	report_sink.call(&c);
	struct call unmap = parked(&threads[0], join, 1, s, 90 * MS, MS / 10);
	unmap.verdict = TRACE_HELD;
	unmap.held = MS / 10;
	unmap.flags = TRACE_NOT_COVERED;
	report_sink.call(&unmap);
	c.invocation = unmap.invocation = 2;
	unmap.end = unmap.start + 11 * MS;
	report_sink.call(&c);
	report_sink.call(&unmap);
	end();
	row_with("parked 1 90.1 ms", "x.c:1");
	row_with("not covered 1 101 ms", "x.c:1");
	HAS_NOT("    1 not covered");
	LAST_LINE(
	    "Look first at x.c:1 in f: pthread_join is not covered, and blocked a kernel thread for up to 11.0 ms.");
}

Test(report, thread_of_libc_alone)
{
	struct stack *s = stack_new(LIBC("madvise", "advise_stack_range"), "x.c", 1, "f");
	struct place *places = s->places;

	options((struct trace_options){0});
	memmove(&places[2], &places[3], 2 * sizeof(*places));
	s->count--;
	s->site = 0;
	struct call c = parked(&threads[0], NULL, 0, s, 0, 10 * MS);
	report_sink.call(&c);
	end();
	row_with("advise_stack_range ?", "parked 1");
}

Test(report, not_ended)
{
	options((struct trace_options){0});
	struct call c = parked(&threads[0], NULL, 0, stack_new(NULL, "x.c", 1, "f"), 0, 700 * MS);
	c.unfinished = true;
	report_sink.call(&c);
	c.stack = stack_new(NULL, "y.c", 1, "f");
	c.verdict = TRACE_DONE;
	report_sink.call(&c);
	end();
	row_with("parked 1 700 ms", "x.c:1");
	HAS("    1 had not ended\n");
	row_with("not ended 1 700 ms", "y.c:1");
}
