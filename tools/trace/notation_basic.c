/* Numbers, addresses, flags, strings; structures and arrays in general. */
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "tools/trace/notation.h"

void address_print(FILE *out, uint64_t address)
{
	if (address)
		fprintf(out, "%#lx", address);
	else
		fputs("NULL", out);
}

void mode_print(FILE *out, unsigned mode)
{
	fprintf(out, "%#03o", mode);
}

/* An octal escape is as short as what follows allows. */
static void escape_print(FILE *out, uint8_t c, bool digit_follows)
{
	static const char special[] = "\"\\\f\n\r\t\v", letters[] = "\"\\fnrtv";
	const char *found = c ? strchr(special, c) : NULL;

	if (found)
		fprintf(out, "\\%c", letters[found - special]);
	else if (isascii(c) && isprint(c))
		fputc(c, out);
	else
		fprintf(out, digit_follows ? "\\%03o" : "\\%o", c);
}

void string_print(FILE *out, const uint8_t *bytes, size_t n, bool more)
{
	fputc('"', out);
	for (size_t i = 0; i < n; i++)
		escape_print(out, bytes[i], i + 1 < n && bytes[i + 1] >= '0' && bytes[i + 1] <= '7');
	fputs(more ? "\"..." : "\"", out);
}

void text_print(FILE *out, const struct capture *c)
{
	size_t n = strnlen((const char *)c->bytes, c->size);
	string_print(out, c->bytes, n, n == c->size && c->of > c->size);
}

void short_text_print(FILE *out, const struct capture *c)
{
	size_t n = strnlen((const char *)c->bytes, c->size);
	size_t shown = n < trace_options.string_size ? n : trace_options.string_size;
	string_print(out, c->bytes, shown, n > shown || (n == c->size && c->of > c->size));
}

void buffer_print(FILE *out, const struct capture *c, size_t size)
{
	size_t n = c->size < size ? c->size : size;
	size_t shown = n < trace_options.string_size ? n : trace_options.string_size;
	string_print(out, c->bytes, shown, size > shown);
}

const char *flag_name(const struct flag_set *set, uint64_t value)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->flags[i].value == value)
			return set->flags[i].name;
	return NULL;
}

static void one_print(FILE *out, const struct flag_set *set, uint64_t value)
{
	const char *name = flag_name(set, value);

	if (name)
		fputs(name, out);
	else
		fprintf(out, "%#lx /* %s */", value, set->unknown);
}

/* The bits that have no name. */
static uint64_t names_print(FILE *out, const struct flag_set *set, uint64_t value, const char *separator)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct flag *f = &set->flags[i];
		if (!f->value || (value & f->value) != f->value)
			continue;
		fprintf(out, "%s%s", separator, f->name);
		separator = "|";
		value &= ~f->value;
	}
	return value;
}

void flags_print(FILE *out, const struct flag_set *set, uint64_t value)
{
	const char *zero = flag_name(set, 0);

	if (set->one_of) {
		one_print(out, set, value);
		return;
	}
	if (!value) {
		fputs(zero ? zero : "0", out);
		return;
	}
	uint64_t rest = names_print(out, set, value, "");
	if (rest == value)
		fprintf(out, "%#lx /* %s */", rest, set->unknown);
	else if (rest)
		fprintf(out, "|%#lx", rest);
}

void flags_append(FILE *out, const struct flag_set *set, uint64_t value)
{
	uint64_t rest = names_print(out, set, value, "|");

	if (rest)
		fprintf(out, "|%#lx", rest);
}

/* Flags and codes are ints to the kernel, whatever the register's upper half holds. */
void flags_arg(FILE *out, const struct argument *a)
{
	flags_print(out, &a->type->set, (uint32_t)a->word);
}

void address_arg(FILE *out, const struct argument *a)
{
	address_print(out, a->word);
}

void hex_arg(FILE *out, const struct argument *a)
{
	fprintf(out, "%#lx", a->word);
}

void int_arg(FILE *out, const struct argument *a)
{
	fprintf(out, "%d", (int)a->word);
}

static void uint_arg(FILE *out, const struct argument *a)
{
	fprintf(out, "%u", (unsigned)a->word);
}

static void long_arg(FILE *out, const struct argument *a)
{
	fprintf(out, "%ld", (long)a->word);
}

void ulong_arg(FILE *out, const struct argument *a)
{
	fprintf(out, "%lu", a->word);
}

static void dirfd_arg(FILE *out, const struct argument *a)
{
	if ((int)a->word == AT_FDCWD)
		fputs("AT_FDCWD", out);
	else
		int_arg(out, a);
}

/* User and group ids: -1 is the one that means none. */
static void id_arg(FILE *out, const struct argument *a)
{
	if ((uint32_t)a->word == UINT32_MAX)
		fputs("-1", out);
	else
		uint_arg(out, a);
}

void mode_arg(FILE *out, const struct argument *a)
{
	mode_print(out, (uint16_t)a->word);
}

void number_at_print(FILE *out, const uint8_t *bytes)
{
	int number;

	memcpy(&number, bytes, sizeof(number));
	fprintf(out, "[%d]", number);
}

static void nothing_arg(FILE *out, const struct argument *a)
{
	(void)out;
	(void)a;
}

static bool never(const struct argument *a)
{
	(void)a;
	return false;
}

PLAIN_TYPE(addr, address_arg);
PLAIN_TYPE(hex, hex_arg);
PLAIN_TYPE(int, int_arg);
PLAIN_TYPE(uint, uint_arg);
PLAIN_TYPE(long, long_arg);
PLAIN_TYPE(ulong, ulong_arg);
PLAIN_TYPE(size, ulong_arg);
PLAIN_TYPE(iov_count, ulong_arg);
PLAIN_TYPE(fd, int_arg);
PLAIN_TYPE(fd_uint, uint_arg);
PLAIN_TYPE(pid, int_arg);
PLAIN_TYPE(dirfd, dirfd_arg);
PLAIN_TYPE(id, id_arg);
PLAIN_TYPE(mode, mode_arg);
const struct arg_type type_nothing = {nothing_arg, {0}, {0}, false, never};

/* Paths and other strings that end with a NUL. */
static void text_arg(FILE *out, const struct argument *a)
{
	const struct capture *c = capture_of(a->call, a->index, 0);

	if (c && (!a->type->out || succeeded(a->call)))
		text_print(out, c);
	else
		address_print(out, a->word);
}

static void short_text_arg(FILE *out, const struct argument *a)
{
	const struct capture *c = capture_of(a->call, a->index, 0);

	if (c)
		short_text_print(out, c);
	else
		address_print(out, a->word);
}

static void buffer_arg(FILE *out, const struct argument *a, uint64_t size)
{
	const struct capture *c = capture_of(a->call, a->index, 0);

	if (c)
		buffer_print(out, c, size);
	else if (a->word && !size)
		fputs("\"\"", out);
	else
		address_print(out, a->word);
}

/* The length is the next argument. */
static void data_arg(FILE *out, const struct argument *a)
{
	buffer_arg(out, a, a->index < 5 ? a->call->args[a->index + 1] : 0);
}

/* And here the result. */
static void data_out_arg(FILE *out, const struct argument *a)
{
	if (succeeded(a->call))
		buffer_arg(out, a, (uint64_t)a->call->result);
	else
		address_print(out, a->word);
}

/* Random bytes are no text. */
static void random_arg(FILE *out, const struct argument *a)
{
	const struct capture *c = capture_of(a->call, a->index, 0);
	size_t i;

	if (!c || !succeeded(a->call)) {
		address_print(out, a->word);
		return;
	}
	fputc('"', out);
	for (i = 0; i < c->size && i < trace_options.string_size; i++)
		fprintf(out, "\\x%02x", c->bytes[i]);
	fputs(c->of > i ? "\"..." : "\"", out);
}

/* Names of keyrings are negative numbers. */
static void key_arg(FILE *out, const struct argument *a)
{
	static const char *const rings[] = {NULL, "KEY_SPEC_THREAD_KEYRING", "KEY_SPEC_PROCESS_KEYRING",
	    "KEY_SPEC_SESSION_KEYRING", "KEY_SPEC_USER_KEYRING", "KEY_SPEC_USER_SESSION_KEYRING",
	    "KEY_SPEC_GROUP_KEYRING", "KEY_SPEC_REQKEY_AUTH_KEY"};
	int key = (int)a->word;

	if (key < 0 && key > -(int)(sizeof(rings) / sizeof(rings[0])))
		fputs(rings[-key], out);
	else
		int_arg(out, a);
}
PLAIN_TYPE(key, key_arg);

PLAIN_TYPE(path, text_arg);
PLAIN_OUT_TYPE(path_out, text_arg);
PLAIN_TYPE(text, short_text_arg);
PLAIN_TYPE(data, data_arg);
PLAIN_OUT_TYPE(data_out, data_out_arg);
PLAIN_OUT_TYPE(random_out, random_arg);

void struct_arg(FILE *out, const struct argument *a)
{
	const struct structure *s = &a->type->structure;
	const uint8_t *bytes = captured(a->call, a->index, 0, s->size);

	if (bytes && (!a->type->out || succeeded(a->call)))
		s->print(out, bytes);
	else
		address_print(out, a->word);
}

/* As many of them as of a string's bytes. Of those that the kernel fills, the result says how many. */
void array_arg(FILE *out, const struct argument *a)
{
	const struct structure *s = &a->type->structure;
	const struct capture *c = capture_of(a->call, a->index, 0);
	bool none = a->type->out && a->call->result == 0;
	size_t i, count, of;

	if (!a->word || (!c && !none) || (a->type->out && !succeeded(a->call))) {
		address_print(out, a->word);
		return;
	}
	count = c ? c->size / s->size : 0;
	of = a->type->out ? (size_t)a->call->result : c->of / s->size;
	fputc('[', out);
	for (i = 0; i < count && i < of && i < trace_options.string_size; i++) {
		if (i)
			fputs(", ", out);
		s->print(out, c->bytes + i * s->size);
	}
	if (of > i)
		fputs(i ? ", ..." : "...", out);
	fputc(']', out);
}
