/* The options: GREEN_* in the environment. */
#include "shim/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "runtime/say.h"

struct options options = {
#define X(name, type, value, help) .name = value,
#include "shim/options.def"
#undef X
};

enum option_type { flag, number };

static const struct {
	const char *name;
	enum option_type type;
	int *value;
} table[] = {
#define X(name, type, value, help) {#name, type, &options.name},
#include "shim/options.def"
#undef X
};

/* GREEN_MAX_CARRIERS=... against max_carriers: the value, or NULL. */
static const char *value_of(const char *variable, const char *name)
{
	static const char prefix[] = "GREEN_";
	if (strncmp(variable, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	for (variable += sizeof(prefix) - 1; *name; variable++, name++)
		if (*variable != (*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name))
			return NULL;
	return *variable == '=' ? variable + 1 : NULL;
}

static bool parse(const char *s, enum option_type type, int *out)
{
	long n = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || (n = n * 10 + *s - '0') > 1000000)
			return false;
	}
	*out = (int)n;
	return type == number ? n > 0 : n <= 1;
}

void options_read(char **environment)
{
	for (char **e = environment; e && *e; e++) {
		for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
			const char *value = value_of(*e, table[i].name);
			int n;
			if (!value)
				continue;
			if (parse(value, table[i].type, &n))
				*table[i].value = n;
			else
				say("%s: not a value for this option, ignored", *e);
		}
	}
}
