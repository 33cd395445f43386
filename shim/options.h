/* The options: GREEN_* in the environment. */
#ifndef GREEN_OPTIONS_H
#define GREEN_OPTIONS_H

struct options {
#define X(name, type, value, help) int name;
#include "shim/options.def"
#undef X
};

extern struct options options;

/* Reads the environment; one line on stderr for a value that makes no sense. Needs no allocation. */
void options_read(char **environment);

#endif
