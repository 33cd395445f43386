/* green: runs unmodified programs on green threads. Help, version and the choice of the subcommand. */
#include "tools/green.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	void (*usage)(void);
	const char *help;
} commands[] = {
    {"run", run_main, run_usage, "run a program on green threads"},
    {"trace", trace_main, trace_usage, "show what its threads wait for, and who holds up others"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(void)
{
	puts("usage: green COMMAND [options]\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	puts("\n`green COMMAND --help` shows a command's options; `green --version` the version.");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	die(EXIT_OURS, "%s: no such command; see `green --help`", name);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		die(EXIT_OURS, "no command given; see `green --help`");

	if (strcmp(argv[1], "--version") == 0) {
		puts("green " GREEN_VERSION);
		close_stdout();
		return 0;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		if (argc > 2)
			find_command(argv[2])->usage();
		else
			usage();
		close_stdout();
		return 0;
	}
	return find_command(argv[1])->main(argc - 1, argv + 1);
}
