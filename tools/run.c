/* green run: sets GREEN_* and LD_PRELOAD, then becomes the program. */
#include "tools/green.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELP = 1 };

void run_usage(void)
{
	puts("usage: green run [options] [--] program [arguments]\n\n"
	     "Runs the program with libgreen preloaded: its threads become green threads.\n");
	library_options_usage();
	puts("  --help             this text\n\n"
	     "In brackets: the environment variable that says the same where green is not used\n"
	     "(1 for an option without a number).");
}

/* Index in argv of the program's name. */
static int parse(int argc, char **argv)
{
	struct option longs[LIBRARY_OPTIONS + 2] = {0};
	int c;

	library_options(longs);
	longs[LIBRARY_OPTIONS] = (struct option){"help", no_argument, NULL, HELP};

	argv[0] = "green";
	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		if (c == '?')
			exit(EXIT_OURS);
		if (c == HELP) {
			run_usage();
			close_stdout();
			exit(0);
		}
		library_option_set(c, optarg);
	}
	return optind;
}

int run_main(int argc, char **argv)
{
	struct program program;
	int first = parse(argc, argv);

	if (first == argc)
		die(EXIT_OURS, "no program given; see `green run --help`");
	program_find(&program, argv[first]);
	library_preload(&program);

	execvp(program.path, argv + first);
	die(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_UNUSABLE, "%s: %s", argv[first], strerror(errno));
}
