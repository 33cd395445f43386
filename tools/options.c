/* The library's options on a command line: each becomes its variable in the environment of the program. */
#include "tools/green.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/patterns.h"

enum type { flag, number, patterns };

static const struct option_def {
	const char *name;
	enum type type;
	long value;
	const char *help;
} defs[LIBRARY_OPTIONS] = {
#define X(name, type, value, help) {#name, type, (long)(value), help},
#include "shim/options.def"
#undef X
};

enum { NAME_SIZE = 64, NUMBER_MOST = 1000000 };

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

void library_options(struct option *out)
{
	static char names[LIBRARY_OPTIONS][NAME_SIZE];

	for (int i = 0; i < LIBRARY_OPTIONS; i++) {
		long_name(names[i], &defs[i]);
		out[i] = (struct option){names[i], *argument[defs[i].type] != 0, NULL, LIBRARY_OPTION + i};
	}
}

void library_options_usage(void)
{
	for (int i = 0; i < LIBRARY_OPTIONS; i++) {
		char name[NAME_SIZE], variable[NAME_SIZE], left[2 * NAME_SIZE];

		long_name(name, &defs[i]);
		variable_name(variable, &defs[i]);
		snprintf(left, sizeof(left), "--%s%s", name, argument[defs[i].type]);
		printf("  %-18s %s", left, defs[i].help);
		if (defs[i].type == number && defs[i].value)
			printf("; default %ld", defs[i].value);
		printf(" [%s]\n", variable);
	}
}

/* As the library has it (shim/options.c): what that ignores is refused here. */
static bool is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	long n = strtol(text, NULL, 10);

	return digits && !text[digits] && n >= 1 && n <= NUMBER_MOST;
}

void library_option_set(int option, const char *value)
{
	const struct option_def *def = &defs[option - LIBRARY_OPTION];
	char name[NAME_SIZE], variable[NAME_SIZE];

	if (!value)
		value = "1";
	long_name(name, def);
	if (def->type == number && !is_number(value))
		die(EXIT_OURS, "--%s %s: not a number from 1 to %d", name, value, NUMBER_MOST);
	if (def->type == patterns && patterns_wrong(value))
		die(EXIT_OURS, "--%s: %s: %s", name, patterns_wrong(value), value);
	variable_name(variable, def);
	if (setenv(variable, value, 1))
		die(EXIT_OURS, "%s: %s", variable, strerror(errno));
}
