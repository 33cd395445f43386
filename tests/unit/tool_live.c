/* The lines of green trace, and its folded stacks, of events made by hand. */
#include "tests/unit/tool_events.h"

#include <time.h>

#define START (3600 * 1000 * MS + 345678000ULL)

static void in_utc(struct trace_options o)
{
	setenv("TZ", "UTC", 1);
	tzset();
	options(o);
}

static struct call some_call(void)
{
	return (struct call){.thread = &threads[1],
	    .start = START,
	    .end = START + 104312000,
	    .nr = SYS_close,
	    .args = {5},
	    .verdict = TRACE_PARKED,
	    .function = "close",
	    .stack = stack_new(LIBC("__close"), "server.c", 88, "handle")};
}

#define LINE(text) cr_assert_str_eq(done(), text "\n")

Test(live, call)
{
	in_utc((struct trace_options){0});
	struct call c = some_call();
	live_sink.call(&c);
	LINE("01:00:00.345678 [4194401 worker-1] close(5) = 0 <0.104312> parked at server.c:88 in handle");
}

Test(live, verdicts)
{
	in_utc((struct trace_options){.to_realtime = (int64_t)(1000 * MS)});
	struct call c = some_call();
	c.stack = NULL;
	c.verdict = TRACE_HELD;
	c.held = 12300000;
	c.function = "fclose";
	live_sink.call(&c);
	c.verdict = TRACE_RESCUED;
	c.flags = TRACE_NOT_COVERED;
	live_sink.call(&c);
	done();
	HAS("01:00:01.345678 [4194401 worker-1] close(5) = 0 <0.104312> (in fclose) held the hub for 12.3 ms\n");
	HAS("> (in fclose) rescued after 12.3 ms, not covered\n");
}

Test(live, owner)
{
	in_utc((struct trace_options){0});
	struct call c = some_call();
	c.owner = &threads[2];
	c.owner_stack = stack_new(NULL, "db.c", 12, "commit");
	live_sink.call(&c);
	done();
	HAS(" parked at server.c:88 in handle; held by [4194402 worker-2] at db.c:12 in commit\n");
}

Test(live, unfinished)
{
	in_utc((struct trace_options){0});
	struct call c = some_call();
	c.unfinished = true;
	live_sink.call(&c);
	LINE("01:00:00.345678 [4194401 worker-1] close(5 <unfinished ...> <0.104312> parked at server.c:88 in handle");
}

Test(live, slower)
{
	in_utc((struct trace_options){.slower = 104312001});
	struct call c = some_call();
	live_sink.call(&c);
	c.unfinished = true;
	live_sink.call(&c);
	struct run r = {.thread = &threads[1], .end = 104312000, .nr = -1};
	live_sink.run(&r);
	cr_assert_str_eq(done(), "");
}

Test(live, silent_beside_the_summary_and_json)
{
	struct trace_options silent[] = {{.summary = true}, {.json = true}};
	for (int i = 0; i < 2; i++) {
		in_utc(silent[i]);
		struct call c = some_call();
		struct life life = {.what = LIFE_EXITS, .process = &server};
		live_sink.call(&c);
		live_sink.life(&life);
		cr_assert_str_eq(done(), "");
	}
}

Test(live, runs)
{
	in_utc((struct trace_options){0});
	struct run r = {.thread = &threads[1],
	    .start = START,
	    .end = START + 80200000,
	    .rescued_at = START + 4000000,
	    .waiting = 3,
	    .nr = -1,
	    .stack = stack_new(NULL, "server.c", 31, "checksum")};
	live_sink.run(&r);
	struct run sleeps = {.thread = &threads[1], .start = START, .end = START + 100 * MS, .nr = SYS_pause};
	live_sink.run(&sleeps);
	struct run brief = {.thread = &threads[2], .start = START, .end = START + 9 * MS, .nr = -1};
	live_sink.run(&brief);
	r.starved = true;
	live_sink.run(&r);
	LINE("01:00:00.345678 [4194401 worker-1] computed for 80.2 ms, rescued after 4.00 ms, 3 waiting, at "
	     "server.c:31 in checksum\n"
	     "01:00:00.345678 [4194401 worker-1] slept in pause() past libc for 100 ms\n"
	     "01:00:00.345678 [4194401 worker-1] was ready to run, without a CPU, for 80.2 ms, rescued after 4.00 ms, "
	     "3 waiting, at server.c:31 in checksum");
}

static void tell(struct process *p, int what, int code)
{
	struct life l = {.what = what, .process = p, .code = code, .core = true, .at = START};
	live_sink.life(&l);
}

Test(live, processes)
{
	struct process other = {.pid = 7, .serial = 2, .path = "/bin/sh"};

	in_utc((struct trace_options){0});
	tell(&server, LIFE_EXITS, 0);
	tell(&other, LIFE_KILLED, 11);
	tell(&other, LIFE_KILLED, 32);
	tell(&server, LIFE_EXECS, 0);
	LINE("01:00:00.345678 +++ exited with 0 +++\n"
	     "[pid 7] 01:00:00.345678 +++ killed by SIGSEGV (core dumped) +++\n"
	     "[pid 7] 01:00:00.345678 +++ killed by SIGRTMIN (core dumped) +++\n"
	     "[pid 4194] 01:00:00.345678 +++ executes /usr/bin/server +++");
}

Test(live, exec_that_works)
{
	struct process next = {.pid = 4194, .serial = 2, .path = "/bin/sh"};

	in_utc((struct trace_options){0});
	struct call c = some_call();
	c.begins = true;
	c.nr = SYS_execve;
	live_sink.call(&c);
	tell(&next, LIFE_EXECS, 0);
	done();
	HAS("[4194401 worker-1] execve(");
	HAS(") = 0\n01:00:00.345678 +++ executes /bin/sh +++\n");
}

Test(live, exec_that_fails)
{
	in_utc((struct trace_options){0});
	struct call c = some_call();
	c.begins = true;
	c.nr = SYS_execve;
	live_sink.call(&c);
	c.begins = false;
	c.result = -2;
	live_sink.call(&c);
	tell(&server, LIFE_EXITS, 127);
	done();
	HAS(") = -1 ENOENT (No such file or directory) <0.104312>");
	HAS_NOT(") = 0");
	HAS_NOT("unfinished");
}

Test(live, exit_group)
{
	in_utc((struct trace_options){0});
	struct call c = some_call();
	c.begins = true;
	c.nr = SYS_exit_group;
	c.args[0] = 0;
	live_sink.call(&c);
	LINE("01:00:00.345678 [4194401 worker-1] exit_group(0) = ?");
}

Test(live, terminal_is_safe)
{
	struct thread t = {.process = &server, .tid = 7, .name = "\033[2Jx\n\xc2\x9b", .number = 9};

	in_utc((struct trace_options){0});
	struct call c = some_call();
	c.thread = &t;
	c.stack = stack_new(NULL, "\033[31mred.c", 1, "f");
	live_sink.call(&c);
	LINE("01:00:00.345678 [7 \\033[2Jx\\012\\302\\233] close(5) = 0 <0.104312> parked at \\033[31mred.c:1 in f");
}

Test(folded, stacks_are_summed)
{
	struct thread twin = {.process = &server, .tid = 8, .name = "worker-1", .number = 9};

	in_utc((struct trace_options){0});
	trace_options.folded = trace_options.out;
	struct call c = some_call();
	folded_sink.call(&c);
	c.thread = &twin;
	folded_sink.call(&c);
	c.stack = stack_new(LIBC("__close"), "server.c", 88, "handle"); /* the same once more */
	c.end = c.start + 1000000;
	folded_sink.call(&c);
	c.verdict = TRACE_DONE;
	folded_sink.call(&c);
	trace_options.slower = 1000001;
	c.verdict = TRACE_PARKED;
	folded_sink.call(&c);
	trace_options.slower = 0;
	strcpy(twin.name, "a;b\nc\xc2\x9b\xe2\x80\xae");
	c.verdict = TRACE_KERNEL;
	c.stack = NULL;
	folded_sink.call(&c);
	folded_sink.end(&(struct losses){0}, 0, 1);
	LINE("server;a:b_c__;close 1000\n"
	     "server;worker-1;__clone3;start_thread;handle;__close;close 209624");
}
