/* The names of libc's functions by the numbers that the library gives them. */
#include "tools/trace/tool.h"

static const struct {
	const char *name, *group;
} functions[] = {
#define SYMBOL(name, group, arms) {#name, #group},
#define VERSION(name, tag, at, version, group, arms) {#name, #group},
#define CLOCK(name) {#name, "clock"},
#include "shim/symbols.def"
#undef SYMBOL
#undef VERSION
#undef CLOCK
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

const char *function_name(unsigned symbol)
{
	return symbol < FUNCTIONS ? functions[symbol].name : NULL;
}

const char *function_group(unsigned symbol)
{
	return symbol < FUNCTIONS ? functions[symbol].group : NULL;
}
