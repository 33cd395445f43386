/* JSON of events made by hand, read by Python. */
#include "tests/unit/tool_events.h"

#include <stdio.h>
#include <unistd.h>

static const struct losses lost = {.records = 1, .no_ring = 2, .no_slot = 3, .damaged = 4};

/* What Python makes of the lines, as a list `e`: the expression must be true. */
static bool python(const char *expression)
{
	char command[1024];

	snprintf(command, sizeof(command),
	    "python3 -c 'import json,sys; e=[json.loads(l) for l in "
	    "sys.stdin.buffer.read().decode(\"utf-8\").splitlines()]; "
	    "sys.exit(0 if %s else 1)'",
	    expression);
	FILE *pipe = popen(command, "w");
	cr_assert_not_null(pipe);
	fwrite(written, 1, written_size, pipe);
	return pclose(pipe) == 0;
}

#define PYTHON(expression) cr_assert(python(expression), "%s\n%s", expression, written)

static struct call some_call(void)
{
	return (struct call){.thread = &threads[1],
	    .start = 1000,
	    .end = 251000,
	    .nr = SYS_close,
	    .args = {5, UINT64_MAX},
	    .result = -9,
	    .verdict = TRACE_RESCUED,
	    .flags = TRACE_NOT_COVERED,
	    .function = "close",
	    .group = "descriptor",
	    .invocation = 4,
	    .waiting = 2,
	    .held = 4000};
}

Test(json, call)
{
	options((struct trace_options){.json = true, .to_realtime = 1700000000000000000});
	struct call c = some_call();
	c.stack = stack_new(LIBC("__close"), "server.c", 88, "handle");
	c.owner = &threads[2];
	json_sink.call(&c);
	done();
	PYTHON("e[0][\"type\"] == \"call\" and e[0][\"pid\"] == 4194 and e[0][\"tid\"] == 4194401");
	PYTHON("e[0][\"thread\"] == \"worker-1\" and e[0][\"program\"] == \"/usr/bin/server\"");
	PYTHON("abs(e[0][\"time\"] - 1700000000.000001) < 1e-6");
	PYTHON("e[0][\"name\"] == \"close\" and e[0][\"nr\"] == 3 and e[0][\"call\"] == \"close(5)\"");
	PYTHON("e[0][\"args\"] == [5, 2**64 - 1, 0, 0, 0, 0]");
	PYTHON("e[0][\"result\"] == -9 and e[0][\"error\"] == \"EBADF\" and e[0][\"duration\"] == 250000");
	PYTHON("e[0][\"verdict\"] == \"rescued\" and e[0][\"not_covered\"] is True and e[0][\"trapped\"] is False");
	PYTHON("e[0][\"held\"] == 4000 and e[0][\"waiting\"] == 2 and e[0][\"state\"] == \"ended\"");
	PYTHON("e[0][\"function\"] == \"close\" and e[0][\"group\"] == \"descriptor\" and e[0][\"invocation\"] == 4");
	PYTHON("e[0][\"stack\"][1] == {\"function\": \"handle\", \"file\": \"server.c\", \"line\": 88, "
	       "\"module\": \"server\", \"offset\": 0, \"inlined\": False}");
	PYTHON("e[0][\"stack\"][0][\"file\"] is None and len(e[0][\"stack\"]) == 4");
	PYTHON("e[0][\"owner\"] == {\"tid\": 4194402, \"thread\": \"worker-2\", \"stack\": None}");
}

Test(json, calls_without_an_end)
{
	options((struct trace_options){.json = true});
	struct call c = some_call();
	c.begins = true;
	json_sink.call(&c);
	c.begins = false;
	c.unfinished = true;
	json_sink.call(&c);
	done();
	PYTHON("[x[\"state\"] for x in e] == [\"begins\", \"unfinished\"]");
	PYTHON("all(x[\"end\"] is None and \"result\" not in x and \"error\" not in x for x in e)");
}

Test(json, slower)
{
	options((struct trace_options){.json = true, .slower = 250000});
	struct call c = some_call();
	struct run r = {.thread = &threads[1], .start = 1000, .end = 250999, .nr = -1};
	json_sink.call(&c);
	c.begins = true;
	json_sink.call(&c);
	c.begins = false;
	c.unfinished = true;
	json_sink.call(&c);
	c.end--;
	json_sink.call(&c);
	json_sink.run(&r);
	done();
	PYTHON("[x[\"state\"] for x in e] == [\"ended\", \"unfinished\"]");
}

/* A short call after a long one: nothing of the long one is left. */
Test(json, calls_one_after_the_other)
{
	options((struct trace_options){.json = true});
	struct call c = some_call();
	c.nr = SYS_futex;
	json_sink.call(&c);
	c.nr = SYS_close;
	json_sink.call(&c);
	done();
	PYTHON("e[1][\"call\"] == \"close(5)\" and e[0][\"call\"].startswith(\"futex(\")");
}

Test(json, other_events)
{
	options((struct trace_options){.json = true});
	struct run computes = {.thread = &threads[1], .start = 5, .end = 90, .rescued_at = 45, .waiting = 3, .nr = -1};
	struct run sleeps = {.thread = &threads[1], .start = 5, .end = 90, .nr = SYS_pause, .alone = true};
	struct run starved = {.thread = &threads[1], .start = 5, .end = 90, .nr = -1, .starved = true};
	json_sink.run(&computes);
	json_sink.run(&sleeps);
	struct life lives[] = {{.what = LIFE_BEGINS, .process = &server, .parent = 12},
	    {.what = LIFE_EXECS, .process = &server}, {.what = LIFE_EXITS, .process = &server, .code = 3},
	    {.what = LIFE_KILLED, .process = &server, .code = 11, .core = true},
	    {.what = LIFE_VANISHES, .process = &server}};
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		json_sink.life(&lives[i]);
	struct waiter waiters[] = {{&threads[1], 0x1000, &threads[2], NULL}, {&threads[2], 0x2000, NULL, NULL}};
	struct deadlock d = {.process = &server, .ring = true, .waiters = waiters, .count = 2};
	json_sink.deadlock(&d);
	json_sink.run(&starved);
	json_sink.end(&lost, 10, 20);
	done();
	PYTHON(
	    "e[0][\"type\"] == \"run\" and e[0][\"rescued\"] == 40 and e[0][\"waiting\"] == 3 and \"nr\" not in e[0]");
	PYTHON("e[1][\"rescued\"] is None and e[1][\"name\"] == \"pause\" and e[1][\"call\"] == \"pause()\"");
	PYTHON("[x[\"what\"] for x in e[2:7]] == [\"begins\", \"execs\", \"exits\", \"killed\", \"vanishes\"]");
	PYTHON("e[2][\"parent\"] == 12 and e[4][\"code\"] == 3 and e[5][\"signal\"] == 11 and e[5][\"core\"] is True");
	PYTHON("e[7][\"ring\"] is True and e[7][\"waiters\"][0][\"owner\"][\"tid\"] == 4194402");
	PYTHON("e[7][\"waiters\"][1][\"owner\"] is None and e[7][\"waiters\"][1][\"lock\"] == 8192");
	PYTHON("e[9][\"lost\"] == {\"records\": 1, \"no_ring\": 2, \"no_slot\": 3, \"damaged\": 4} and len(e) == 10");
	PYTHON("[(x[\"alone\"], x[\"starved\"]) for x in (e[0], e[1], e[8])] == [(False, False), (True, False), "
	       "(False, True)]");
}

Test(json, any_bytes)
{
	char name[256];
	struct process evil = {.pid = 7, .serial = 3, .path = name};
	struct thread t = {.process = &evil, .tid = 7, .number = 9};

	for (int i = 1; i < 256; i++)
		name[i - 1] = (char)i;
	name[255] = '\0';
	options((struct trace_options){.json = true});
	const char *names[] = {
	    "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xe2\x82\xac", "\"\\\n\x7f"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct call c = some_call();
		strcpy(t.name, names[i]);
		c.thread = &t;
		json_sink.call(&c);
	}
	done();
	PYTHON("len(e) == 6 and e[0][\"program\"][:127] == \"\".join(map(chr, range(1, 128)))");
	PYTHON("set(e[0][\"program\"][127:]) == {\"\\ufffd\"} and len(e[0][\"program\"]) == 255");
	PYTHON("e[0][\"thread\"] == \"\\ufffd\" * 2 and e[1][\"thread\"] == \"\\ufffd\" * 3");
	PYTHON("e[2][\"thread\"] == \"\\ufffd\" * 4 and e[4][\"thread\"] == \"\\u20ac\"");
	PYTHON("e[5][\"thread\"] == chr(34) + chr(92) + chr(10) + chr(127)");
}

/* What a terminal would obey, encoded as it may be: C1 controls, what turns the direction of writing. */
Test(json, terminal_is_safe)
{
	struct thread t = {.process = &server,
	    .tid = 7,
	    .name = "\xc2\x9b"
		    "2J\xe2\x80\xae\xe2\x81\xa6\xc2\xa0",
	    .number = 9};

	options((struct trace_options){.json = true});
	struct call c = some_call();
	c.thread = &t;
	c.stack = stack_new(NULL, "\xc2\x85.c", 1, "\xe2\x80\xa8");
	json_sink.call(&c);
	done();
	HAS("\"thread\":\"\\u009b2J\\u202e\\u2066\xc2\xa0\"");
	HAS("\"function\":\"\\u2028\",\"file\":\"\\u0085.c\"");
	PYTHON("e[0][\"thread\"] == \"\\u009b2J\\u202e\\u2066\\u00a0\"");
}

Test(json, silent_without_the_option)
{
	options((struct trace_options){0});
	struct call c = some_call();
	json_sink.call(&c);
	json_sink.end(&lost, 10, 20);
	done();
	cr_assert_eq(written_size, 0);
}
