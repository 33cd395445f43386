/* Stacks: unwound, looked up, and which of their places is the program's own. */
#include "tools/trace/image.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES_OF_ONE = 32 };

/* Through which a program comes to its calls. */
static const char *const others[] = {
    "libc.so.6",
    "libc-*.so",
    "ld-linux*",
    "libgreen.so",
    "libpthread.so*",
    "libpthread-*.so",
    "librt.so*",
    "libdl.so*",
    "libresolv.so*",
    "libnss_*",
    "libstdc++.so*",
    "libgcc_s.so*",
    "libc++.so*",
    "libc++abi.so*",
    "libasan.so*",
    "libtsan.so*",
    "libubsan.so*",
    "\\[vdso]",
    "memfd:libgreen-private*",
};

/* The library's copy of libuv. */
static const char ours[] = "memfd:libgreen-private";

/* Where what the C++ and Rust libraries leave in a program comes from. */
static const char *const headers[] = {
    "*/include/c++/*",
    "*/bits/*",
    "/rustc/*",
    "library/std/*",
    "library/core/*",
    "library/alloc/*",
};

static bool fits(const char *const *patterns, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (fnmatch(patterns[i], text, 0) == 0)
			return true;
	return false;
}

static bool is_own(const struct place *p)
{
	return !p->module || !fits(others, sizeof(others) / sizeof(*others), p->module);
}

static bool of_header(const struct place *p)
{
	return p->path && fits(headers, sizeof(headers) / sizeof(*headers), p->path);
}

/* Of the program's own places the innermost; one of its own source, if there is. */
static size_t site_of(const struct place *places, size_t count)
{
	size_t innermost = count;

	for (size_t i = 0; i < count; i++) {
		if (!is_own(&places[i]))
			continue;
		if (!of_header(&places[i]))
			return i;
		if (innermost == count)
			innermost = i;
	}
	return innermost == count ? 0 : innermost;
}

/* Return addresses stand behind the call. Not so the first one, a signal's return code, and where the signal came. */
static bool is_return(const struct frame *frames, size_t count, size_t i)
{
	return i > 0 && frames[i].at != UINT64_MAX && (i + 1 == count || frames[i + 1].at != UINT64_MAX);
}

static void add_places(struct process *p, struct stack *s, const struct place *places, size_t count)
{
	struct place *all = process_keep(p, count * sizeof(*all));

	memcpy(all, places, count * sizeof(*all));
	s->places = all;
	s->count = count;
	s->site = site_of(all, count);
	for (size_t i = 0; i < count; i++)
		s->ours |= all[i].module && strncmp(all[i].module, ours, sizeof(ours) - 1) == 0;
}

struct stack *stack_make(struct process *p, const struct snapshot *s, struct frame frames[], size_t most, size_t *count)
{
	static uint32_t last;
	struct stack *stack = process_keep(p, sizeof(*stack));
	bool whole;

	*count = unwind(p, s, frames, most, &whole);
	struct place *places = must(calloc(*count, PLACES_OF_ONE * sizeof(*places)));
	uint64_t *pcs = process_keep(p, *count * sizeof(*pcs));
	size_t n = 0;
	for (size_t i = 0; i < *count; i++)
		pcs[i] = frames[i].pc;
	stack->pcs = pcs;
	stack->frames = *count;
	for (size_t i = 0; i < *count; i++)
		n += places_of(p, frames[i].pc, is_return(frames, *count, i), &places[n], PLACES_OF_ONE);
	add_places(p, stack, places, n);
	free(places);
	stack->id = ++last;
	stack->whole = whole;
	return stack;
}

const char *place_text(const struct place *place, char *buf, size_t size)
{
	if (place->function && place->file && place->line)
		snprintf(buf, size, "%s:%d in %s", place->file, place->line, place->function);
	else if (place->function && place->inlined)
		snprintf(buf, size, "%s (%s)", place->function, place->module);
	else if (place->function)
		snprintf(buf, size, "%s+0x%" PRIx64 " (%s)", place->function, place->offset, place->module);
	else if (place->file && place->line)
		snprintf(buf, size, "%s:%d", place->file, place->line);
	else if (place->module)
		snprintf(buf, size, "%s+0x%" PRIx64, place->module, place->offset);
	else
		snprintf(buf, size, "0x%" PRIx64, place->offset);
	return buf;
}
