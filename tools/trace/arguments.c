/* What stands behind -e and --slower. */
#include "tools/trace/tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool add_call(uint64_t calls[TRACE_CALLS / 64], const char *name)
{
	int nr = call_number(name);

	if (nr >= 0 && nr < TRACE_CALLS)
		calls[nr / 64] |= 1UL << nr % 64;
	return nr >= 0 && nr < TRACE_CALLS;
}

/* As strace: a name, a class with or without %, all, none; with ? in front it need not exist. */
static bool add(uint64_t calls[TRACE_CALLS / 64], const char *name)
{
	uint64_t class[TRACE_CALLS / 64] = {0};
	bool optional = *name == '?';

	name += optional;
	if (strcmp(name, "none") == 0)
		return true;
	if (strcmp(name, "all") == 0) {
		memset(calls, 0xff, sizeof(class));
		return true;
	}
	if (*name != '%' && add_call(calls, name))
		return true;
	if (!call_class(name + (*name == '%'), class))
		return optional;
	for (size_t i = 0; i < TRACE_CALLS / 64; i++)
		calls[i] |= class[i];
	return true;
}

const char *calls_parse(const char *text, uint64_t calls[TRACE_CALLS / 64], const char **at)
{
	static char name[64];
	bool negated;

	*at = text;
	if (strncmp(text, "trace=", 6) == 0 || strncmp(text, "t=", 2) == 0)
		text = strchr(text, '=') + 1;
	else if (strchr(text, '='))
		return "only trace= is known";
	negated = *text == '!';
	text += negated;
	memset(calls, 0, TRACE_CALLS / 8);
	for (const char *end;; text = end + 1) {
		end = strchrnul(text, ',');
		snprintf(name, sizeof(name), "%.*s", (int)(end - text), text);
		*at = name;
		if (!*name)
			return "an empty name";
		if (*name == '!')
			return "the ! stands in front of the whole list";
		if (!add(calls, name))
			return *name == '%' ? "no such class of calls" : "no such system call";
		if (!*end)
			break;
	}
	for (size_t i = 0; negated && i < TRACE_CALLS / 64; i++)
		calls[i] = ~calls[i];
	return NULL;
}

bool time_parse(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};
	char *end;
	double number = strtod(text, &end);

	if (end == text || !isfinite(number) || number < 0 || number > 1e9)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0) {
			*ns = (uint64_t)(number * units[i].ns);
			return true;
		}
	return false;
}
