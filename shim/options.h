/* The options: GREEN_* in the environment. */
#ifndef GREEN_OPTIONS_H
#define GREEN_OPTIONS_H

typedef int option_flag, option_number;
typedef const char *option_patterns; /* NULL: none were given */

struct options {
#define X(name, type, value, help) option_##type name;
#include "shim/options.def"
#undef X
};

extern struct options options;

/* Reads the environment; one line on stderr for a value that makes no sense. Needs no allocation. */
void options_read(char **environment);

#endif
