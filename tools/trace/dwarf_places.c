/*
 * The functions and source lines of an address, by DWARF. An inlined function is where the address is; the one that it
 * is inlined into is where it was called.
 */
#include "tools/trace/dwarf_places.h"

#include <dwarf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/trace/image.h"

enum { DEPTH_MOST = 128 };

/* Some compilers write no .debug_aranges: the units' own ranges say the same. */
struct unit_range {
	Dwarf_Addr start, end;
	Dwarf_Die lines, functions; /* two with split DWARF */
};

struct units {
	struct unit_range *ranges; /* sorted */
	size_t count, room;
};

static void add(struct units *u, Dwarf_Addr start, Dwarf_Addr end, const Dwarf_Die *lines, const Dwarf_Die *functions)
{
	if (start >= end || start == 0) /* 0: of a function that the linker has dropped */
		return;
	if (u->count == u->room) {
		u->room = u->room ? 2 * u->room : 64;
		u->ranges = must(realloc(u->ranges, u->room * sizeof(*u->ranges)));
	}
	u->ranges[u->count++] = (struct unit_range){start, end, *lines, *functions};
}

static int by_start(const void *a, const void *b)
{
	const struct unit_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

struct units *units_read(Dwarf *dwarf)
{
	struct units *u = must(calloc(1, sizeof(*u)));
	Dwarf_CU *cu = NULL;
	Dwarf_Die die, split;
	uint8_t type;

	while (dwarf_get_units(dwarf, cu, &cu, NULL, &type, &die, &split) == 0) {
		Dwarf_Addr base, start, end;
		Dwarf_Die *functions = type == DW_UT_skeleton && dwarf_tag(&split) != DW_TAG_invalid ? &split : &die;

		if (type != DW_UT_compile && type != DW_UT_skeleton)
			continue;
		for (ptrdiff_t i = 0; (i = dwarf_ranges(&die, i, &base, &start, &end)) > 0;)
			add(u, start, end, &die, functions);
	}
	if (u->count)
		qsort(u->ranges, u->count, sizeof(*u->ranges), by_start);
	return u;
}

void units_free(struct units *units)
{
	if (units)
		free(units->ranges);
	free(units);
}

/* The last one that begins at or before it: ranges of different units do not overlap. */
static struct unit_range *unit_of(const struct units *u, Dwarf_Addr address)
{
	size_t low = 0, high = u->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (u->ranges[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < u->ranges[low - 1].end ? &u->ranges[low - 1] : NULL;
}

static bool has_functions(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_structure_type ||
	       tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

/* The functions that an address lies in, outermost first. */
struct chain {
	Dwarf_Addr address;
	/* The last one looked at: a damaged file's siblings may lead back, or into their own children. */
	Dwarf_Off seen;
	size_t count;
	Dwarf_Die dies[PLACES_MOST];
};

static bool descend(Dwarf_Die *parent, struct chain *c, int depth)
{
	Dwarf_Die die;

	if (depth == DEPTH_MOST || dwarf_child(parent, &die) != 0)
		return false;
	do {
		int tag = dwarf_tag(&die);

		if (dwarf_dieoffset(&die) <= c->seen)
			return false;
		c->seen = dwarf_dieoffset(&die);
		if (has_functions(tag)) {
			if (descend(&die, c, depth + 1))
				return true;
			continue;
		}
		if ((tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) ||
		    dwarf_haspc(&die, c->address) <= 0)
			continue;
		if (tag != DW_TAG_lexical_block && c->count < PLACES_MOST)
			c->dies[c->count++] = die;
		descend(&die, c, depth + 1);
		return true;
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

static const char *string_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute a;

	return dwarf_attr_integrate(die, name, &a) ? dwarf_formstring(&a) : NULL;
}

static void name_it(struct source *s, Dwarf_Die *die)
{
	s->linkage = string_of(die, DW_AT_linkage_name);
	if (!s->linkage)
		s->linkage = string_of(die, DW_AT_MIPS_linkage_name);
	s->name = string_of(die, DW_AT_name);
	if (dwarf_tag(die) == DW_TAG_subprogram && dwarf_lowpc(die, &s->start) != 0)
		dwarf_entrypc(die, &s->start);
}

static Dwarf_Word number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute a;
	Dwarf_Word value = 0;

	return dwarf_attr(die, name, &a) && dwarf_formudata(&a, &value) == 0 ? value : 0;
}

/* Where this function was called that is inlined. */
static void call_site(struct source *s, Dwarf_Die *unit, Dwarf_Die *inlined)
{
	Dwarf_Files *files;
	size_t count;
	Dwarf_Word file = number(inlined, DW_AT_call_file);

	s->line = (int)number(inlined, DW_AT_call_line);
	if (dwarf_getsrcfiles(unit, &files, &count) == 0 && file < count)
		s->path = dwarf_filesrc(files, file, NULL, NULL);
}

static bool line_of(struct source *s, Dwarf_Die *unit, Dwarf_Addr address)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, address);

	if (!line)
		return false;
	s->path = dwarf_linesrc(line, NULL, NULL);
	dwarf_lineno(line, &s->line);
	return s->path != NULL;
}

size_t dwarf_places(const struct units *units, Dwarf_Addr address, struct source out[PLACES_MOST])
{
	struct unit_range *unit = unit_of(units, address);
	struct chain chain = {.address = address};

	if (!unit)
		return 0;
	descend(&unit->functions, &chain, 0);
	memset(out, 0, PLACES_MOST * sizeof(*out));
	if (!line_of(&out[0], &unit->lines, address) && !chain.count)
		return 0;
	for (size_t i = 0; i < chain.count; i++) {
		name_it(&out[i], &chain.dies[chain.count - 1 - i]);
		if (i)
			call_site(&out[i], &unit->lines, &chain.dies[chain.count - i]);
	}
	return chain.count ? chain.count : 1;
}
