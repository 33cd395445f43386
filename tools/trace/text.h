/* text.c: what several sinks write alike. All strings of events are escaped on their way to a terminal. */
#ifndef GREEN_TRACE_TEXT_H
#define GREEN_TRACE_TEXT_H

#include "tools/trace/trace.h"

enum { TIME_SIZE = 24 };

/* The character that begins at s, and its bytes; 0: these are not UTF-8, and *c is the first of them. */
int utf8_decode(const char *s, uint32_t *c);
/* Controls, and what turns the direction of writing or the line: a terminal does what they say. */
bool moves_the_cursor(uint32_t c);

void escaped_print(FILE *out, const char *s);
char *escaped_copy(const char *s); /* the same, allocated */
void text_place(FILE *out, const struct place *place);
void text_thread(FILE *out, const struct thread *t); /* "[4194401 worker-3]" */
void text_deadlock(FILE *out, const struct deadlock *d);
void text_life(FILE *out, const struct life *l); /* "exited with 0", "killed by SIGSEGV (core dumped)" */

/* "12.3 ms": three digits. */
const char *text_time(char buf[TIME_SIZE], uint64_t ns);

const char *path_name(const char *path); /* its last part; "?" for NULL */
bool in_libc(const struct place *place);
const struct place *stack_site(const struct stack *stack); /* NULL: not known */

/* Allocates, or ends the tool. */
void *must_have(void *memory);

static inline uint64_t call_time(const struct call *c)
{
	return c->end > c->start ? c->end - c->start : 0;
}

static inline uint64_t run_time(const struct run *r)
{
	return r->end > r->start ? r->end - r->start : 0;
}

/* As --slower wants it. What may not return has taken no time yet. */
static inline bool call_is_slow(const struct call *c)
{
	return !trace_options.slower || (!c->begins && call_time(c) >= trace_options.slower);
}

static inline bool run_is_slow(const struct run *r)
{
	return run_time(r) >= trace_options.slower;
}

static inline bool call_failed(const struct call *c)
{
	return !c->unfinished && c->result < 0 && c->result >= -4095;
}

#endif
