/* green trace: its options, and what it does one after the other. */
#include "tools/trace/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/patterns.h"
#include "tools/green.h"

enum { STRINGS_MOST = 16384 };

enum option_char {
	EXPRESSION = 'e',
	OUTPUT = 'o',
	SUMMARY = 'c',
	STRING_SIZE = 's',
	PROCESS = 'p',
	HELP = 'h',
	SLOWER = 256,
	THREAD,
	JSON,
	FOLDED,
	NATIVE,
	NO_STACKS
};

static const struct {
	const char *name, *argument;
	int c;
	const char *help;
} own[] = {
    {NULL, "LIST", EXPRESSION, "these system calls and %classes, with commas between; !LIST: all others"},
    {NULL, "FILE", OUTPUT, "write there, not on stderr"},
    {NULL, NULL, SUMMARY, "the summary alone"},
    {NULL, "N", STRING_SIZE, "bytes of a string that are shown; default 32"},
    {NULL, "PID", PROCESS, "a process that runs on green threads already"},
    {"slower", "TIME", SLOWER, "only calls that took so long: 10ms, 1s, 500us"},
    {"thread", "GLOB", THREAD, "only threads with such a name or id"},
    {"json", NULL, JSON, "an event a line, for programs"},
    {"folded", "FILE", FOLDED, "stacks and their time off the CPU, for flame graphs"},
    {"native", NULL, NATIVE, "on kernel threads, as without libgreen; what would change"},
    {"no-stacks", NULL, NO_STACKS, "no source lines, and less effort"},
    {"help", NULL, HELP, "this text"},
};
#define OWN (sizeof(own) / sizeof(own[0]))

static struct wanted wanted = {.stacks = true};
static const char *out_path, *folded_path;
static int pid;
static bool library_option;

void trace_usage(void)
{
	puts("usage: green trace [options] [--] program [arguments]\n"
	     "       green trace [options] -p PID\n\n"
	     "Shows the blocking calls of a program on green threads, what became of each, and who held up others.\n");
	for (size_t i = 0; i < OWN; i++) {
		char left[32];

		if (own[i].name)
			snprintf(left, sizeof(left), "--%s", own[i].name);
		else
			snprintf(left, sizeof(left), "-%c", own[i].c);
		printf("  %s %-*s %s\n", left, (int)(17 - strlen(left)), own[i].argument ? own[i].argument : "",
		    own[i].help);
	}
	puts("\nFor the program, as with `green run`:");
	library_options_usage();
}

static void set_calls(const char *text)
{
	const char *at, *why = calls_parse(text, wanted.calls, &at);

	if (why)
		die(EXIT_OURS, "-e %s: %s: %s", text, at, why);
}

static long number(const char *text, const char *option, long least, long most)
{
	char *end;

	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < least || n > most)
		die(EXIT_OURS, "%s %s: not a number from %ld to %ld", option, text, least, most);
	return n;
}

static void set_slower(const char *text)
{
	if (!time_parse(text, &wanted.slower))
		die(EXIT_OURS, "--slower %s: not a time such as 10ms, 1s or 500us", text);
	trace_options.slower = wanted.slower;
}

static void set_threads(const char *patterns)
{
	if (patterns_wrong(patterns))
		die(EXIT_OURS, "--thread: %s: %s", patterns_wrong(patterns), patterns);
	wanted.threads = patterns;
}

static _Noreturn void help(void)
{
	trace_usage();
	close_stdout();
	exit(0);
}

static void set(int c, const char *value)
{
	switch (c) {
	case EXPRESSION:
		set_calls(value);
		break;
	case OUTPUT:
		out_path = value;
		break;
	case SUMMARY:
		trace_options.summary = true;
		break;
	case STRING_SIZE:
		trace_options.string_size = (unsigned)number(value, "-s", 0, STRINGS_MOST);
		break;
	case PROCESS:
		pid = (int)number(value, "-p", 1, INT_MAX);
		break;
	case SLOWER:
		set_slower(value);
		break;
	case THREAD:
		set_threads(value);
		break;
	case JSON:
		trace_options.json = true;
		break;
	case FOLDED:
		folded_path = value;
		break;
	case NATIVE:
		trace_options.native = wanted.native = true;
		break;
	case NO_STACKS:
		wanted.stacks = false;
		break;
	case HELP:
		help();
	case '?':
		exit(EXIT_OURS);
	default:
		library_option = true;
		library_option_set(c, value);
	}
}

/* Index in argv of the program's name. */
static int parse(int argc, char **argv)
{
	struct option longs[LIBRARY_OPTIONS + OWN + 1] = {0}, *next = longs + LIBRARY_OPTIONS;
	int c;

	library_options(longs);
	for (size_t i = 0; i < OWN; i++)
		if (own[i].name)
			*next++ = (struct option){own[i].name, own[i].argument != NULL, NULL, own[i].c};
	argv[0] = "green";
	while ((c = getopt_long(argc, argv, "+e:o:cs:p:h", longs, NULL)) != -1)
		set(c, optarg);
	return optind;
}

static void check(bool program)
{
	if (!program && !pid)
		die(EXIT_OURS, "neither a program nor -p PID given; see `green trace --help`");
	if (program && pid)
		die(EXIT_OURS, "-p and a program: one of them");
	if (pid && wanted.native)
		die(EXIT_OURS, "--native: a program that runs already stays as it is");
	if (pid && library_option)
		die(EXIT_OURS, "-p: the library's options are given when a program is started");
	if (trace_options.json && trace_options.summary)
		die(EXIT_OURS, "-c and --json: one of them; the summary is for people");
	if (folded_path && !wanted.stacks)
		die(EXIT_OURS, "--folded is made of stacks: not with --no-stacks");
}

static FILE *open_file(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		die(EXIT_OURS, "%s: %s", path, strerror(errno));
	return f;
}

/* Not stderr itself: each piece of a line would be a write of its own. */
static FILE *open_stderr(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		die(EXIT_OURS, "standard error: %s", strerror(errno));
	return f;
}

static bool close_file(FILE *f, const char *path)
{
	bool failed = ferror(f);

	failed |= fclose(f) != 0;
	if (failed)
		fprintf(stderr, "green: %s: not all could be written\n", path ? path : "standard error");
	return !failed;
}

static bool close_files(void)
{
	bool written = close_file(trace_options.out, out_path);

	return (!trace_options.folded || close_file(trace_options.folded, folded_path)) && written;
}

/* Nothing of it is shown that was not asked for: these say how a process ends. */
static void ask_for_ends(struct wanted *w)
{
	static const unsigned ends[] = {SYS_execve, SYS_execveat, SYS_exit_group};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		w->calls[ends[i] / 64] |= 1UL << ends[i] % 64;
}

static void start(struct memory *m)
{
	struct timespec real;
	struct wanted asked = wanted;

	ask_for_ends(&asked);
	trace_options.begin = now();
	clock_gettime(CLOCK_REALTIME, &real);
	trace_options.to_realtime =
	    (int64_t)real.tv_sec * (int64_t)SECOND + real.tv_nsec - (int64_t)trace_options.begin;
	memory_start(m, &asked);
}

static void choose_sinks(struct memory *m)
{
	const struct sink *sinks[3];
	size_t n = 0;

	if (trace_options.json)
		sinks[n++] = &json_sink;
	else if (!trace_options.summary)
		sinks[n++] = &live_sink;
	if (!trace_options.json)
		sinks[n++] = &report_sink;
	if (folded_path)
		sinks[n++] = &folded_sink;
	events_start(m->base, &wanted, sinks, n);
}

static void tell_left_out(void)
{
	static const struct {
		unsigned (*count)(void);
		const char *what;
	} limits[] = {{processes_left_out, "records of too many processes"},
	    {threads_left_out, "events of too many threads"}, {stacks_left_out, "stacks of too many"}};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i].count())
			fprintf(stderr, "green: left out: %u %s\n", limits[i].count(), limits[i].what);
}

static void prepare(const struct target *t)
{
	if (t->child)
		prepare_for_program(t->path);
	else
		prepare_for_process(t->pid);
}

int trace_main(int argc, char **argv)
{
	static struct memory memory; /* the thread that watches has it to the end */
	struct target target = {0};

	memset(wanted.calls, 0xff, sizeof(wanted.calls));
	int first = parse(argc, argv);
	check(first < argc);
	/* Structures are wanted, even if strings are not. A summary shows neither. */
	wanted.capture = trace_options.summary ? 0 : trace_options.string_size ? trace_options.string_size : 1;
	if (pid) {
		target_attach(&target, &memory, pid);
	} else {
		target_find(&target, argv[first]);
		memory_make(&memory);
		target_fork(&target, &memory, argv + first);
	}
	wanted.pid = pid ? target.pid : 0;
	trace_options.out = out_path ? open_file(out_path) : open_stderr();
	trace_options.folded = folded_path ? open_file(folded_path) : NULL;
	loop_prepare(&memory);
	cut_files_start();
	if (wanted.stacks)
		prepare(&target);
	choose_sinks(&memory);
	start(&memory);
	if (pid)
		target_wait_for_start(&target, &memory);
	else
		target_launch(&target);
	loop_run(&memory, &target, (FILE *const[]){trace_options.out, trace_options.folded});
	bool written = close_files();
	tell_left_out();
	if (target.child && !events_seen())
		fprintf(stderr, "green: nothing to trace: no thread was made\n");
	if (!target.child)
		return written ? 0 : EXIT_OURS;
	return WIFSIGNALED(target.status) ? 128 + WTERMSIG(target.status) : WEXITSTATUS(target.status);
}
