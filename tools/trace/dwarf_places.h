/* dwarf_places.c: what the debug information says of an address. */
#ifndef GREEN_TRACE_DWARF_PLACES_H
#define GREEN_TRACE_DWARF_PLACES_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>

enum { PLACES_MOST = 32 };

/* One of the functions that an address lies in. The strings are libdw's. */
struct source {
	const char *linkage, *name; /* NULL: it has none */
	const char *path;
	int line;
	Dwarf_Addr start; /* of the function proper; 0: not known */
};

struct units;
struct units *units_read(Dwarf *dwarf);
void units_free(struct units *units);

/* Innermost first; the last one is the function proper, if it is known; at least one, if there is a source line. */
size_t dwarf_places(const struct units *units, Dwarf_Addr address, struct source out[PLACES_MOST]);

#endif
