/* green run: sets GREEN_* and LD_PRELOAD, then becomes the program. */
#include "tools/green.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/patterns.h"

enum type { flag, number, patterns };

static const struct option_def {
	const char *name;
	enum type type;
	long value;
	const char *help;
} defs[] = {
#define X(name, type, value, help) {#name, type, (long)(value), help},
#include "shim/options.def"
#undef X
};
#define DEFS (sizeof(defs) / sizeof(defs[0]))

enum { NAME_SIZE = 64, HELP = DEFS };

/* What stands behind an option. */
static const char *const argument[] = {[flag] = "", [number] = " N", [patterns] = " LIST"};

/* max_carriers -> max-carriers */
static void long_name(char out[NAME_SIZE], const struct option_def *def)
{
	snprintf(out, NAME_SIZE, "%s", def->name);
	for (char *c = out; *c; c++)
		if (*c == '_')
			*c = '-';
}

/* max_carriers -> GREEN_MAX_CARRIERS */
static void variable_name(char out[NAME_SIZE], const struct option_def *def)
{
	snprintf(out, NAME_SIZE, "GREEN_%s", def->name);
	for (char *c = out; *c; c++)
		*c = toupper((unsigned char)*c);
}

void run_usage(void)
{
	puts("usage: green run [options] [--] program [arguments]\n\n"
	     "Runs the program with libgreen preloaded: its threads become green threads.\n");
	for (size_t i = 0; i < DEFS; i++) {
		char name[NAME_SIZE], variable[NAME_SIZE], left[2 * NAME_SIZE];

		long_name(name, &defs[i]);
		variable_name(variable, &defs[i]);
		snprintf(left, sizeof(left), "--%s%s", name, argument[defs[i].type]);
		printf("  %-18s %s", left, defs[i].help);
		if (defs[i].type == number && defs[i].value)
			printf("; default %ld", defs[i].value);
		printf(" [%s]\n", variable);
	}
	puts("  --help             this text\n\n"
	     "In brackets: the environment variable that says the same where green is not used\n"
	     "(1 for an option without a number).");
}

static void set(const struct option_def *def, const char *value)
{
	char name[NAME_SIZE], variable[NAME_SIZE];

	long_name(name, def);
	if (def->type == number) {
		char *end;
		errno = 0;
		long n = strtol(value, &end, 10);
		if (errno || end == value || *end || n < 1 || n > INT_MAX)
			die(EXIT_OURS, "--%s %s: not a number from 1 up", name, value);
	}
	if (def->type == patterns && patterns_wrong(value))
		die(EXIT_OURS, "--%s: %s: %s", name, patterns_wrong(value), value);
	variable_name(variable, def);
	if (setenv(variable, value, 1))
		die(EXIT_OURS, "%s: %s", variable, strerror(errno));
}

/* Index in argv of the program's name. */
static int parse(int argc, char **argv)
{
	char names[DEFS][NAME_SIZE];
	struct option longs[DEFS + 2] = {0};
	int c;

	for (size_t i = 0; i < DEFS; i++) {
		long_name(names[i], &defs[i]);
		longs[i] = (struct option){names[i], *argument[defs[i].type] != 0, NULL, (int)i};
	}
	longs[DEFS] = (struct option){"help", no_argument, NULL, HELP};

	argv[0] = "green";
	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		if (c == '?')
			exit(EXIT_OURS);
		if (c == HELP) {
			run_usage();
			close_stdout();
			exit(0);
		}
		set(&defs[c], optarg ? optarg : "1");
	}
	return optind;
}

static void set_preload(const char *library, const struct program *program)
{
	const char *old = getenv("LD_PRELOAD");
	char *value;

	if (asprintf(&value, "%s%s%s%s%s", program->asan, *program->asan ? ":" : "", library, old && *old ? ":" : "",
		old ? old : "") < 0 ||
	    setenv("LD_PRELOAD", value, 1))
		die(EXIT_OURS, "LD_PRELOAD: %s", strerror(errno));
	free(value);
}

int run_main(int argc, char **argv)
{
	struct program program;
	int first = parse(argc, argv);

	if (first == argc)
		die(EXIT_OURS, "no program given; see `green run --help`");
	program_find(&program, argv[first]);
	set_preload(library_find(), &program);

	execvp(program.path, argv + first);
	die(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_UNUSABLE, "%s: %s", argv[first], strerror(errno));
}
