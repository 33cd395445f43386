/* Events made by hand, for the tests of what green trace writes. */
#ifndef TOOL_EVENTS_H
#define TOOL_EVENTS_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "tools/trace/trace.h"

#define MS 1000000ULL

struct trace_options trace_options = {.string_size = 32};

static char *written;
static size_t written_size;

/* What the sinks write goes to `written`, once done() was called. */
static inline void options(struct trace_options o)
{
	trace_options = o;
	trace_options.string_size = 32;
	trace_options.out = open_memstream(&written, &written_size);
	cr_assert_not_null(trace_options.out);
}

static inline const char *done(void)
{
	fclose(trace_options.out);
	return written;
}

static struct process server = {.pid = 4194, .serial = 1, .path = "/usr/bin/server"};

static struct thread threads[] = {{.process = &server, .tid = 4194400, .name = "main", .number = 1},
    {.process = &server, .tid = 4194401, .name = "worker-1", .number = 2},
    {.process = &server, .tid = 4194402, .name = "worker-2", .number = 3},
    {.process = &server, .tid = 4194403, .name = "worker-3", .number = 4}};

static inline struct place libc_place(const char *function)
{
	return (struct place){.function = function, .module = "libc.so.6", .offset = 0x10};
}

static inline struct place source_place(const char *file, int line, const char *function)
{
	return (struct place){.function = function, .file = file, .path = file, .line = line, .module = "server"};
}

/* From libc's functions, innermost first and up to a NULL, called from there by a thread's own function. */
static inline struct stack *stack_new(const char *const *functions, const char *file, int line, const char *function)
{
	static uint32_t ids;
	struct stack *s = calloc(1, sizeof(*s));
	s->places = calloc(16, sizeof(*s->places));
	s->id = ++ids;
	s->whole = true;
	for (; functions && *functions; functions++)
		s->places[s->count++] = libc_place(*functions);
	s->site = s->count;
	s->places[s->count++] = source_place(file, line, function);
	s->places[s->count++] = libc_place("start_thread");
	s->places[s->count++] = libc_place("__clone3");
	return s;
}

#define LIBC(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline bool contains(const char *text)
{
	return strstr(written, text) != NULL;
}

#define HAS(text) cr_assert(contains(text), "\"%s\" is missing in:\n%s", text, written)
#define HAS_NOT(text) cr_assert(!contains(text), "\"%s\" should not be in:\n%s", text, written)

#endif
