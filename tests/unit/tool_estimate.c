/* What --native says of green threads: its table is runtime/calls.c's, its kernel threads as few as can be. */
#include "tests/unit/tool_events.h"

#include <fcntl.h>
#include <unistd.h>

#include "tools/trace/estimate.h"

/* The source as it is, wherever the test runs. */
extern const char calls_c[], calls_c_end[];
__asm__(".pushsection .rodata\n"
	"calls_c: .incbin \"runtime/calls.c\"\n"
	"calls_c_end: .byte 0\n"
	".popsection");

static const struct {
	const char *row;
	enum policy policy;
} rows[] = {{"PARKS", POLICY_PARKS}, {"ON_HUB", POLICY_PARKS}, {"TRIES", POLICY_HANDS_OFF},
    {"DEVICE", POLICY_HANDS_OFF}, {"TRANSFERS", POLICY_TRANSFERS}, {"FILES", POLICY_FILES}, {"PLAIN", POLICY_ANSWERS},
    {"SETID", POLICY_ANSWERS}, {"OF_PROCESS", POLICY_ANSWERS}, {"BINDS", POLICY_ANSWERS}};

static enum policy policy_of_row(const char *row, size_t n, const char *behind)
{
	if (strncmp(behind, " /* tries */", 12) == 0)
		return POLICY_HANDS_OFF;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].row) == n && memcmp(rows[i].row, row, n) == 0)
			return rows[i].policy;
	cr_assert_fail("runtime/calls.c: what is %.*s?", (int)n, row);
	return POLICY_KERNEL;
}

/* [SYS_name] = {...}, or ROW(name). Where the row ends. */
static const char *read_row(const char *at, enum policy table[TRACE_CALLS])
{
	bool plain = strncmp(at, "[SYS_", 5) == 0;
	size_t row = strcspn(at, "([");
	const char *name = at + (plain ? 5 : row + 1);
	size_t n = strcspn(name, ")]");
	const char *behind = plain ? strchr(name, '}') + 1 : name + n + 1;
	char copy[64];

	snprintf(copy, sizeof(copy), "%.*s", (int)n, name);
	int nr = call_number(copy);
	cr_assert(nr >= 0 && nr < TRACE_CALLS, "runtime/calls.c: %s", copy);
	behind += *behind == ',';
	table[nr] = plain ? POLICY_ANSWERS : policy_of_row(at, row, behind - (behind[-1] == ','));
	return behind;
}

Test(estimate, follows_the_runtime)
{
	enum policy table[TRACE_CALLS] = {0};
	size_t count = 0;
	const char *at = strstr(calls_c, "const struct call calls[CALLS] = {");

	cr_assert_not_null(at);
	at = strchr(at, '{') + 1;
	for (;;) {
		at += strspn(at, " \t\n,");
		if (strncmp(at, "/*", 2) == 0) {
			at = strstr(at, "*/") + 2;
		} else if (strncmp(at, "[GREEN_CALL_LOCK]", 17) == 0) {
			at = strchr(at, '}') + 1;
		} else if (*at == '}') {
			break;
		} else {
			at = read_row(at, table);
			count++;
		}
	}
	cr_assert(count > 100, "%zu rows", count);
	for (unsigned nr = 0; nr < TRACE_CALLS; nr++)
		cr_assert_eq(estimate_policy(nr), table[nr], "%s (%u): %d, runtime/calls.c says %d", call_name(nr), nr,
		    estimate_policy(nr), table[nr]);
	cr_assert_eq(estimate_policy(TRACE_CALLS + 7), POLICY_KERNEL);
}

static enum fate add(unsigned nr, uint64_t start, uint64_t end)
{
	struct call c = {
	    .thread = &threads[0], .nr = nr, .start = start * MS, .end = end * MS, .verdict = TRACE_KERNEL};
	c.args[0] = (uint64_t)-1;
	return estimate_call(&c);
}

Test(estimate, kernel_threads_at_once)
{
	/* In the order of their ends. At 6 four of them are blocked, and never more. */
	static const unsigned spans[][2] = {{0, 2}, {1, 4}, {3, 5}, {4, 7}, {5, 8}, {6, 9}, {1, 10}, {9, 12}, {10, 13}};

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		cr_assert_eq(add(SYS_fsync, spans[i][0], spans[i][1]), FATE_HANDED_OFF);
	cr_assert_eq(estimate_get().blocked, 4);
}

static unsigned random_number(void)
{
	static uint64_t state = 1;
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(state >> 33);
}

static int by_end(const void *a, const void *b)
{
	const unsigned *one = a, *other = b;
	return one[1] < other[1] ? -1 : one[1] > other[1];
}

/* Against counting them at each moment. */
Test(estimate, kernel_threads_at_random)
{
	enum { SPANS = 2000 };
	static unsigned spans[SPANS][2];
	size_t most = 0;

	for (int i = 0; i < SPANS; i++) {
		spans[i][0] = random_number() % 10000;
		spans[i][1] = spans[i][0] + 1 + random_number() % (i % 7 ? 20 : 400);
	}
	qsort(spans, SPANS, sizeof(spans[0]), by_end);
	for (unsigned at = 0; at < 11000; at++) {
		size_t n = 0;
		for (int i = 0; i < SPANS; i++)
			n += spans[i][0] <= at && at < spans[i][1];
		most = n > most ? n : most;
	}
	for (int i = 0; i < SPANS; i++)
		add(SYS_fsync, spans[i][0], spans[i][1]);
	cr_assert_eq(estimate_get().blocked, most);
	cr_assert(most > 5);
}

Test(estimate, of_files)
{
	int pipes[2], file = open("/proc/self/exe", O_RDONLY);
	struct process self = {.pid = getpid(), .serial = 5, .path = "self"};
	struct thread t = {.process = &self, .tid = self.pid, .number = 8};
	struct call c = {.thread = &t, .nr = SYS_read, .end = MS, .verdict = TRACE_KERNEL};

	cr_assert(file >= 0 && pipe(pipes) == 0);
	c.args[0] = (uint64_t)file;
	cr_assert_eq(estimate_call(&c), FATE_HANDED_OFF);
	c.args[0] = (uint64_t)pipes[0];
	cr_assert_eq(estimate_call(&c), FATE_PARKS);
}

Test(estimate, in_words)
{
	options((struct trace_options){.native = true});
	cr_assert_eq(add(SYS_poll, 0, 3920), FATE_PARKS);
	cr_assert_eq(add(SYS_fsync, 10, 50), FATE_HANDED_OFF);
	cr_assert_eq(add(SYS_flock, 20, 60), FATE_HANDED_OFF);
	cr_assert_eq(add(SYS_mmap, 20, 60), FATE_NO_WAIT);
	deadlock_look(&server, NULL, 0, true, 1);
	estimate_threads(1000);
	estimate_print(trace_options.out);
	done();
	HAS("On green threads: 98 % of the 4.00 s of waiting would park, 2 % would be handed off (at most 2 kernel "
	    "threads at once).\n");
	HAS("1000 threads would need ");
	HAS(" and about 2 more kernel threads.\n");
}

Test(estimate, left_to_the_kernel)
{
	options((struct trace_options){.native = true});
	cr_assert_eq(add(SYS_unlink, 0, 1000), FATE_KERNEL);
	estimate_print(trace_options.out);
	done();
	HAS("0 % of the 1.00 s of waiting would park, 100 % would be left to the kernel.\n");
}

Test(estimate, all_would_park)
{
	options((struct trace_options){.native = true});
	struct call c = {.thread = &threads[0], .nr = SYS_poll, .end = 3000 * MS, .verdict = TRACE_KERNEL};
	report_sink.call(&c);
	c.nr = SYS_unlink;
	c.end = 29 * MS;
	report_sink.call(&c);
	report_sink.end(&(struct losses){0}, 0, 3000 * MS);
	done();
	HAS("99 % of the 3.03 s of waiting would park, less than 1 % would be left to the kernel.\n");
	HAS("\nAll of its waiting that matters would park: green threads suit it.\n");
}

Test(estimate, in_the_summary)
{
	options((struct trace_options){.native = true});
	struct call c = {.thread = &threads[0],
	    .nr = SYS_fsync,
	    .end = 300 * MS,
	    .verdict = TRACE_KERNEL,
	    .stack = stack_new(LIBC("fsync"), "db.c", 12, "commit")};
	report_sink.call(&c);
	report_sink.end(&(struct losses){0}, 0, 1000 * MS);
	done();
	HAS("100 % would be handed off (at most 1 kernel thread at once).\n");
	HAS("\nLook first at db.c:12 in commit: fsync waited 300 ms in all that would not park.\n");
}
