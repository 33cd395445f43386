/* Inside notation*.c: how the arguments of calls are shown. */
#ifndef GREEN_TRACE_NOTATION_H
#define GREEN_TRACE_NOTATION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/trace/trace.h"

struct argument {
	const struct call *call;
	unsigned index;
	uint64_t word;
	const struct arg_type *type;
};

/* Structures are shown from captured bytes, which may lie anywhere and hold anything. */
struct structure {
	size_t size;
	void (*print)(FILE *out, const uint8_t *bytes);
};

struct flag {
	uint64_t value;
	const char *name;
};

struct flag_set {
	const struct flag *flags;
	size_t count;
	const char *unknown; /* what is said of a value without a name, "O_???" */
	bool one_of;         /* values that exclude each other, not bits */
};

struct arg_type {
	void (*print)(FILE *out, const struct argument *a);
	struct flag_set set;
	struct structure structure;
	bool out;                                /* written by the kernel: worth nothing when the call failed */
	bool (*shown)(const struct argument *a); /* NULL: always */
};

/* runtime/trace_calls.def names them all. */
#define ARG(notation, capture) type_##notation
#define CALL(number, name, classes, ...) extern const struct arg_type type_int, ##__VA_ARGS__;
#include "runtime/trace_calls.def"
#undef ARG
#undef CALL

#define FLAG(name)                      \
	{                               \
		(uint64_t)(name), #name \
	}
#define SET_OF(flags, unknown, one_of)                                     \
	{                                                                  \
		flags, sizeof(flags) / sizeof((flags)[0]), unknown, one_of \
	}
#define FLAGS_TYPE(name, unknown, ...)                           \
	static const struct flag name##_flags[] = {__VA_ARGS__}; \
	const struct arg_type type_##name = {flags_arg, SET_OF(name##_flags, unknown, false), {0}, false, NULL}
#define ONE_OF_TYPE(name, unknown, ...)                          \
	static const struct flag name##_flags[] = {__VA_ARGS__}; \
	const struct arg_type type_##name = {flags_arg, SET_OF(name##_flags, unknown, true), {0}, false, NULL}
#define FLAG_SET(name, unknown, ...)                             \
	static const struct flag name##_flags[] = {__VA_ARGS__}; \
	static const struct flag_set name##_set = SET_OF(name##_flags, unknown, false)
#define ONE_OF_SET(name, unknown, ...)                           \
	static const struct flag name##_flags[] = {__VA_ARGS__}; \
	static const struct flag_set name##_set = SET_OF(name##_flags, unknown, true)

#define PLAIN_TYPE(name, print) const struct arg_type type_##name = {print, {0}, {0}, false, NULL}
#define PLAIN_OUT_TYPE(name, print) const struct arg_type type_##name = {print, {0}, {0}, true, NULL}
#define STRUCT_TYPE(name, print, size) const struct arg_type type_##name = {struct_arg, {0}, {size, print}, false, NULL}
#define STRUCT_OUT_TYPE(name, print, size) \
	const struct arg_type type_##name = {struct_arg, {0}, {size, print}, true, NULL}
#define ARRAY_TYPE(name, print, size) const struct arg_type type_##name = {array_arg, {0}, {size, print}, false, NULL}
#define ARRAY_OUT_TYPE(name, print, size) \
	const struct arg_type type_##name = {array_arg, {0}, {size, print}, true, NULL}

/* The captured bytes, if they are `size` at least; NULL: they are not. */
const struct capture *capture_of(const struct call *c, unsigned arg, unsigned part);
const uint8_t *captured(const struct call *c, unsigned arg, unsigned part, size_t size);
/* The call's output is there to be looked at. */
bool succeeded(const struct call *c);

/* notation_basic.c */
void flags_print(FILE *out, const struct flag_set *set, uint64_t value);
void flags_append(FILE *out, const struct flag_set *set, uint64_t value); /* each after a "|" */
const char *flag_name(const struct flag_set *set, uint64_t value);        /* NULL: it has none */
void address_print(FILE *out, uint64_t address);
void mode_print(FILE *out, unsigned mode);
void number_at_print(FILE *out, const uint8_t *bytes);     /* an int: "[5]" */
void text_print(FILE *out, const struct capture *c);       /* all that was captured of a string, up to its NUL */
void short_text_print(FILE *out, const struct capture *c); /* no more of it than -s says */
void buffer_print(FILE *out, const struct capture *c, size_t size); /* the same of a buffer with so many bytes */

void flags_arg(FILE *out, const struct argument *a);
void address_arg(FILE *out, const struct argument *a);
void int_arg(FILE *out, const struct argument *a);
void hex_arg(FILE *out, const struct argument *a);
void ulong_arg(FILE *out, const struct argument *a);
void mode_arg(FILE *out, const struct argument *a);
void struct_arg(FILE *out, const struct argument *a);
void array_arg(FILE *out, const struct argument *a);

/* notation_files.c, notation_control.c, notation_io.c, notation_net.c, notation_time.c, notation_signals.c,
 * notation_process.c */
void open_flags_print(FILE *out, uint32_t value);
void iovec_print(
    FILE *out, const struct call *c, unsigned arg, unsigned part, uint64_t address, bool filled, bool data);
void poll_result_print(FILE *out, const struct call *c, bool with_left);
void select_result_print(FILE *out, const struct call *c, bool with_timespec);
void fcntl_result_print(FILE *out, const struct call *c);
void signal_arg(FILE *out, const struct argument *a);
void timespec_print(FILE *out, const uint8_t *bytes);
void timeval_print(FILE *out, const uint8_t *bytes);
void sched_policy_print(FILE *out, uint32_t value);
void personality_print(FILE *out, uint32_t value);
void time_result_print(FILE *out, int64_t result);
void ticks_print(FILE *out, long ticks);
void credentials_print(FILE *out, const uint8_t *bytes);
void ioprio_print(FILE *out, uint32_t value);

#endif
