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

static struct call with_verdict(struct call c, enum trace_verdict verdict)
{
	c.verdict = verdict;
	return c;
}

static struct call held(struct call c, uint64_t ns)
{
	c.verdict = TRACE_HELD;
	c.held = ns;
	return c;
}

static struct run computes(const struct stack *s, uint64_t ns)
{
	return (struct run){.thread = &threads[1], .end = ns, .nr = -1, .stack = s};
}

static void tell(struct call c)
{
	report_sink.call(&c);
}

static void tell_run(struct run r)
{
	report_sink.run(&r);
}

static struct call waits(const char *file, uint64_t ns)
{
	return parked(&threads[0], NULL, 0, stack_new(NULL, file, 1, "f"), 0, ns);
}

static size_t where_in_text(const char *text)
{
	const char *at = strstr(written, text);
	cr_assert_not_null(at, "\"%s\" is missing in:\n%s", text, written);
	return (size_t)(at - written);
}

static size_t times_in_text(const char *text)
{
	size_t n = 0;

	for (const char *at = written; (at = strstr(at, text)); at++)
		n++;
	return n;
}

#define BEFORE(one, other) cr_assert_lt(where_in_text(one), where_in_text(other), "%s", written)
#define NO_HARM HAS_NOT("nobody else could run")

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
	row_with("handed off 2 3.70 s 1.85 s 2.70 s 2.70 s getaddrinfo client.c:31 in look_up", "");
	HAS("    among them 1 parked (1.00 s)\n");
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

/* Of a hundred the slowest one is not among the 99. */
Test(report, p99_of_a_hundred)
{
	struct stack *s = stack_new(NULL, "times.c", 1, "f"), *one_more = stack_new(NULL, "more.c", 1, "f");

	options((struct trace_options){0});
	for (unsigned i = 0; i < 100; i++) {
		tell(parked(&threads[0], NULL, 0, s, 0, i ? MS : 900 * MS));
		tell(parked(&threads[0], NULL, 0, one_more, 0, i > 1 ? MS : 900 * MS));
	}
	tell(parked(&threads[0], NULL, 0, one_more, 0, MS));
	end();
	const char *row = row_with("parked 100", "times.c:1");
	cr_assert(strstr(row, " 9.99 ms 999 us 900 ms"), "%s", row);
	row_with("parked 101 1.90 s 18.8 ms 900 ms 900 ms", "more.c:1");
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

Test(report, harm_comes_first)
{
	options((struct trace_options){0});
	struct run run = computes(stack_new(NULL, "compute.c", 1, "f"), 80 * MS);
	run.rescued_at = 4 * MS;
	run.waiting = 12;
	struct call uncovered = with_verdict(waits("uncovered.c", 20 * MS), TRACE_KERNEL);
	uncovered.flags = TRACE_NOT_COVERED;
	tell(waits("wait.c", 60000 * MS));
	tell(with_verdict(waits("disk.c", 15 * MS), TRACE_HANDED_OFF));
	tell(with_verdict(waits("done.c", 70000 * MS), TRACE_DONE));
	tell(uncovered);
	tell(held(waits("brief.c", 5 * MS), 5 * MS - 1));
	tell(held(waits("held.c", 5 * MS), 5 * MS));
	tell_run(run);
	end();
	BEFORE("compute.c", "held.c:1");
	BEFORE("held.c:1", "uncovered.c");
	BEFORE("uncovered.c", "disk.c");
	BEFORE("disk.c", "wait.c");
	BEFORE("wait.c", "brief.c");
	BEFORE("brief.c", "done.c");
	row_with("not covered", "uncovered.c");
	HAS("    nobody else could run on its hub for up to 4.00 ms, 4.00 ms in all; up to 12 threads waited\n");
	cr_assert_eq(times_in_text("nobody else could run"), 2, "%s", written);
	LAST_LINE("Look first at compute.c:1 in f: it computed for up to 80.0 ms and held up 12 threads.");
}

/* Ten threads that waited for 6 ms are worse than one that could have for 20. */
Test(report, harm_counts_those_who_waited)
{
	options((struct trace_options){0});
	struct call crowd = held(waits("crowd.c", 20 * MS), 6 * MS);
	crowd.waiting = 10;
	tell(held(waits("alone.c", 20 * MS), 20 * MS));
	tell(crowd);
	end();
	BEFORE("crowd.c", "alone.c");
	LAST_LINE("Look first at crowd.c:1 in f: poll held the hub for up to 6.00 ms and held up 10 threads.");
}

/* Locks whose holder is known, names and kernel threads' calls, if they take 10 ms and most of their row's time. */
Test(report, suspects_come_before_other_waits)
{
	options((struct trace_options){0});
	struct call lock = waits("lock.c", 12 * MS), name = waits("name.c", 13 * MS);
	struct call brief = waits("brief.c", 9 * MS), rare = waits("rare.c", 24 * MS);
	lock.owner = brief.owner = rare.owner = &threads[2];
	name.group = "name";
	tell(waits("wait.c", 50 * MS));
	tell(lock);
	tell(name);
	tell(with_verdict(waits("disk.c", 14 * MS), TRACE_HANDED_OFF));
	tell(brief);
	tell(rare);
	rare.owner = NULL;
	rare.end = rare.start + 25 * MS;
	tell(rare);
	end();
	BEFORE("disk.c", "name.c");
	BEFORE("name.c", "lock.c");
	BEFORE("lock.c", "wait.c");
	BEFORE("wait.c", "rare.c");
	BEFORE("rare.c", "brief.c");
}

/* One row for all that waited at a site, however it came out, and one for what was done at once. */
Test(report, row_for_waits)
{
	options((struct trace_options){0});
	struct call c = waits("x.c", 600 * MS);
	tell(c);
	c.end = c.start + 8 * MS;
	tell(with_verdict(c, TRACE_HANDED_OFF));
	tell(with_verdict(c, TRACE_KERNEL));
	c.end = c.start + 2 * MS;
	tell(with_verdict(c, TRACE_KERNEL));
	c.end = c.start + MS;
	tell(with_verdict(c, TRACE_RESCUED));
	tell(with_verdict(c, TRACE_DONE));
	c.end = c.start + 7 * MS;
	c.flags = TRACE_NOT_COVERED;
	tell(with_verdict(c, TRACE_HANDED_OFF));
	end();
	row_with("parked 6 626 ms", "x.c:1");
	row_with("done 1 1.00 ms", "x.c:1");
	HAS("    among them 1 handed off (8.00 ms), 1 rescued (1.00 ms), 2 kernel thread (10.0 ms), "
	    "1 not covered (7.00 ms)\n");
	cr_assert_eq(times_in_text("x.c:1"), 2, "%s", written);
}

/* The verdict is that of most of the time, not of the most calls; what is left takes a hundredth or is not named. */
Test(report, verdict_of_most_time)
{
	options((struct trace_options){0});
	struct call c = waits("x.c", 10 * MS);
	for (int i = 0; i < 5; i++)
		tell(c);
	c.end = c.start + 5000 * MS;
	tell(with_verdict(c, TRACE_KERNEL));
	end();
	row_with("kernel thread 6 5.05 s", "x.c:1");
	HAS_NOT("among them");
	NO_HARM;
}

/* At any line of it: but not in another file, nor by a call. */
Test(report, function_that_computes)
{
	options((struct trace_options){.summary = true});
	tell_run(computes(stack_new(NULL, "sum.c", 7, "sum"), 80 * MS));
	tell_run(computes(stack_new(NULL, "sum.c", 9, "sum"), 30 * MS));
	tell_run(computes(stack_new(NULL, "other.c", 9, "sum"), 20 * MS));
	struct call c = waits("sum.c", 10 * MS);
	c.stack = stack_new(NULL, "sum.c", 9, "sum");
	tell(c);
	end();
	row_with("computed 2 110 ms", "sum.c:7 in sum");
	row_with("computed 1 20.0 ms", "other.c:9 in sum");
	row_with("parked 1 10.0 ms", "poll sum.c:9 in sum");
	HAS("up to 80.0 ms, 110 ms in all");
}

/* It was ready, and the machine had no CPU for it: that is no harm, and no part of what it computed. */
Test(report, run_that_had_no_cpu)
{
	options((struct trace_options){.summary = true});
	struct run r = computes(stack_new(NULL, "sum.c", 7, "sum"), 70 * MS);
	r.starved = true;
	r.rescued_at = 4 * MS;
	r.waiting = 3;
	tell_run(r);
	tell_run(computes(r.stack, 9 * MS));
	tell(waits("wait.c", MS));
	end();
	row_with("had no CPU 1 70.0 ms", "sum.c:7 in sum");
	row_with("computed 1 9.00 ms", "sum.c:7 in sum");
	BEFORE("wait.c", "had no CPU");
	BEFORE("wait.c", "computed");
	NO_HARM;
	LAST_LINE("Nothing held up anybody.");
}

/* What the monitor has not found must take longer to be believed. */
Test(report, runs_that_do_harm)
{
	struct stack *s = stack_new(NULL, "sum.c", 7, "sum");
	const struct {
		struct run run;
		bool harm;
	} cases[] = {
	    {{.stack = s, .end = 10 * MS, .nr = -1}, true},
	    {{.stack = s, .end = 10 * MS - 1, .nr = -1}, false},
	    {{.stack = s, .end = 10 * MS, .nr = SYS_pause}, true},
	    {{.stack = s, .end = 10 * MS - 1, .nr = SYS_pause}, false},
	    {{.end = 20 * MS, .nr = -1}, true},
	    {{.end = 20 * MS - 1, .nr = -1}, false},
	    {{.end = 10 * MS, .rescued_at = 5 * MS, .nr = -1}, true},
	    {{.stack = s, .end = 90 * MS, .nr = -1, .starved = true}, false},
	    {{.stack = s, .end = 90 * MS, .nr = -1, .alone = true}, false},
	    {{.stack = s, .end = 90 * MS, .nr = SYS_pause, .alone = true}, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		options((struct trace_options){0});
		struct process p = {.pid = 7, .serial = (uint32_t)(10 + i), .path = (char[]){(char)('a' + i), '\0'}};
		struct thread t = {.process = &p, .tid = 7, .name = "t", .number = 9};
		struct run r = cases[i].run;
		r.thread = &t;
		report_sink.run(&r);
		end();
		size_t harmful = 0;
		for (size_t n = 0; n <= i; n++)
			harmful += cases[n].harm;
		cr_assert_eq(times_in_text("nobody else could run"), harmful, "%zu: %s", i, written);
	}
	row_with("kernel thread 1 90.0 ms", "j pause sum.c:7");
}

Test(report, rescued_call)
{
	options((struct trace_options){0});
	struct call c = parked(&threads[0], NULL, 0, stack_new(LIBC("flock"), "store.c", 9, "save"), 0, 10 * MS);
	c.verdict = TRACE_RESCUED;
	c.flags = TRACE_NOT_COVERED;
	c.held = 4 * MS;
	tell(c);
	end();
	row_with("rescued", "store.c:9");
	HAS("    1 not covered\n");
	LAST_LINE(
	    "Look first at store.c:9 in save: flock held the hub for up to 4.00 ms, and could have held up others.");
}

/* As long as this the kernel lets others run, too. */
Test(report, rescued_call_that_ended_soon)
{
	options((struct trace_options){0});
	struct call c = waits("x.c", 10 * MS - 1);
	c.held = 9 * MS;
	c.waiting = 5;
	tell(with_verdict(c, TRACE_RESCUED));
	tell(waits("wait.c", 20 * MS));
	c.held = 0;
	c.end = c.start + 2000 * MS;
	tell(with_verdict(c, TRACE_PARKED));
	end();
	BEFORE("x.c", "wait.c");
	row_with("parked 2 2.01 s", "x.c:1");
	HAS("    among them 1 rescued (10.0 ms)\n");
	NO_HARM;
	LAST_LINE("Nothing held up anybody.");
}

/* What kept the hub is named however little it is, and what it did stands below. */
Test(report, harm_in_a_row_of_others)
{
	options((struct trace_options){0});
	struct call c = waits("x.c", 9000 * MS);
	tell(c);
	c.end = c.start + 200 * MS;
	c.flags = TRACE_NOT_COVERED;
	tell(with_verdict(c, TRACE_KERNEL));
	c.end = c.start + 20 * MS;
	tell(held(c, 6 * MS));
	tell(held(c, 5 * MS));
	end();
	row_with("parked 4 9.24 s", "x.c:1");
	HAS("    among them 2 held the hub (40.0 ms)\n"
	    "    nobody else could run on its hub for up to 6.00 ms, 11.0 ms in all\n"
	    "    3 not covered\n");
	LAST_LINE("Look first at x.c:1 in f: poll held the hub for up to 6.00 ms, and could have held up others.");
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

Test(report, slower)
{
	options((struct trace_options){.slower = 50 * MS, .summary = true});
	struct call unfinished = waits("brief.c", 50 * MS - 1);
	struct call begins = {.thread = &threads[0], .nr = SYS_execve, .begins = true};
	struct life life = {.what = LIFE_EXECS, .process = &server};
	unfinished.unfinished = true;
	tell(unfinished);
	tell(begins);
	report_sink.life(&life);
	tell_run(computes(stack_new(NULL, "compute.c", 1, "f"), 50 * MS - 1));
	unfinished.end++;
	unfinished.stack = stack_new(NULL, "long.c", 1, "f");
	tell(unfinished);
	end();
	HAS("long.c:1");
	HAS_NOT("brief.c");
	HAS_NOT("execve");
	HAS_NOT("compute.c");
}

Test(report, native_that_did_not_wait)
{
	options((struct trace_options){.native = true});
	tell(with_verdict(waits("quick.c", 1000), TRACE_DONE));
	end();
	HAS("On green threads: there was no waiting.\n");
	LAST_LINE("There was no waiting: green threads would change little.");
}

Test(report, native_that_would_park)
{
	options((struct trace_options){.native = true});
	tell(with_verdict(waits("wait.c", 20 * MS), TRACE_KERNEL));
	end();
	LAST_LINE("All of its waiting that matters would park: green threads suit it.");
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
	    {10 * MS, 2000 * MS,
		"Look first at server.c:88 in handle: threads waited 25.0 ms in all for a lock that another thread "
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
	row_with("not covered 2 191 ms", "x.c:1");
	HAS("    among them 1 parked (90.1 ms)\n");
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
	c.stack = stack_new(NULL, "z.c", 1, "f");
	report_sink.call(&c);
	tell(parked(&threads[0], NULL, 0, c.stack, 0, 900 * MS));
	end();
	row_with("parked 1 700 ms", "x.c:1");
	row_with("parked 2 1.60 s", "z.c:1");
	cr_assert_eq(times_in_text("    1 had not ended\n"), 2, "%s", written);
	HAS_NOT("among them");
	row_with("not ended 1 700 ms", "y.c:1");
}
