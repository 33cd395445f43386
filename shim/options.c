/* The options: GREEN_* in the environment. */
#include "shim/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "runtime/patterns.h"
#include "runtime/say.h"

struct options options = {
#define X(name, type, value, help) .name = value,
#include "shim/options.def"
#undef X
};

enum option_type { flag, number, patterns };

static const struct {
	const char *name;
	enum option_type type;
	void *value;
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

static bool parse_number(const char *s, bool is_flag, int *out)
{
	long n = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || (n = n * 10 + *s - '0') > 1000000)
			return false;
	}
	if (is_flag ? n > 1 : n < 1)
		return false;
	*out = (int)n;
	return true;
}

/* A copy: programs write over their environment to show another title. */
static const char *parse_patterns(const char *s, const char **out)
{
	static char kept[2 * PATTERNS_SIZE]; /* there are two such options */
	static size_t used;
	const char *wrong = patterns_wrong(s);
	size_t size = strlen(s) + 1;
	if (!wrong && size > sizeof(kept) - used)
		wrong = "too many patterns";
	if (wrong)
		return wrong;
	*out = memcpy(kept + used, s, size);
	used += size;
	return NULL;
}

static void take(const char *variable, const char *value, enum option_type type, void *out)
{
	const char *wrong = NULL;
	if (type == patterns)
		wrong = parse_patterns(value, out);
	else if (!parse_number(value, type == flag, out))
		wrong = "not a value for this option";
	if (wrong)
		say("%s, ignored: %s", wrong, variable);
}

void options_read(char **environment)
{
	for (char **e = environment; e && *e; e++) {
		for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
			const char *value = value_of(*e, table[i].name);
			if (value)
				take(*e, value, table[i].type, table[i].value);
		}
	}
}
