/* Names of C++ and Rust functions as people read them, without the types of their parameters. */
#include "tools/trace/image.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef char *demangler(const char *name, char *out, size_t *size, int *status);

/* The tool is C and needs no libstdc++; where there are C++ programs it is installed. */
static demangler *cxa_demangle(void)
{
	static demangler *function;
	static bool looked;

	if (!looked) {
		void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
		function = library ? (demangler *)dlsym(library, "__cxa_demangle") : NULL;
		looked = true;
	}
	return function;
}

static bool cut_suffix(char *name, size_t *length, const char *suffix)
{
	size_t n = strlen(suffix);

	if (*length <= n || strcmp(name + *length - n, suffix) != 0)
		return false;
	*length -= n;
	name[*length] = '\0';
	return true;
}

/* `f(int) const [clone .cold]` -> `f`; `A::operator()(int)` -> `A::operator()`. */
static void cut_parameters(char *name)
{
	char *clone = strstr(name, " [clone");
	size_t length, depth = 0;

	if (clone)
		*clone = '\0';
	length = strlen(name);
	while (cut_suffix(name, &length, " const") || cut_suffix(name, &length, " volatile") ||
	       cut_suffix(name, &length, "&") || cut_suffix(name, &length, " "))
		;
	if (!length || name[length - 1] != ')')
		return;
	for (char *c = name + length; c-- > name;) {
		depth += (*c == ')') - (size_t)(*c == '(');
		if (depth == 0) {
			if (c > name) /* else there is nothing before: (anonymous namespace) */
				*c = '\0';
			return;
		}
	}
}

/* Rust's older scheme is C++'s, with other characters spelled out and a hash at the end. */
static const struct spelled {
	const char *as, *character;
} spelled[] = {
    {"_$LT$", "<"},
    {"$LT$", "<"},
    {"$GT$", ">"},
    {"$LP$", "("},
    {"$RP$", ")"},
    {"$RF$", "&"},
    {"$BP$", "*"},
    {"$C$", ","},
    {"$u20$", " "},
    {"$u27$", "'"},
    {"$u5b$", "["},
    {"$u5d$", "]"},
    {"_$u7b$", "{"},
    {"$u7b$", "{"},
    {"$u7d$", "}"},
    {"$u7e$", "~"},
    {"..", "::"},
};

#define SPELLED (sizeof(spelled) / sizeof(*spelled))

enum { NAME_MOST = 4096 }; /* what is longer is no name that people read */

enum { RUST_HASH = 3 + 16 }; /* ::h0123456789abcdef */

static bool is_rust(const char *name)
{
	size_t length = strlen(name);
	const char *hash = name + length - RUST_HASH;

	return length > RUST_HASH && strncmp(hash, "::h", 3) == 0 &&
	       strspn(hash + 3, "0123456789abcdef") == RUST_HASH - 3;
}

/* Never longer than what is written already. */
static void write_out(char *name)
{
	char *to = name;

	name[strlen(name) - RUST_HASH] = '\0';
	for (const char *from = name; *from;) {
		size_t i = 0;

		while (i < SPELLED && strncmp(from, spelled[i].as, strlen(spelled[i].as)) != 0)
			i++;
		*to++ = i < SPELLED ? *spelled[i].character : *from;
		if (i < SPELLED && spelled[i].character[1])
			*to++ = spelled[i].character[1];
		from += i < SPELLED ? strlen(spelled[i].as) : 1;
	}
	*to = '\0';
}

char *demangle(const char *name)
{
	size_t plain = strcspn(name, "@"); /* a symbol's version follows */
	int status;

	if (strncmp(name, "_Z", 2) == 0 && strnlen(name, NAME_MOST + 1) <= NAME_MOST && cxa_demangle()) {
		char *readable = cxa_demangle()(name, NULL, NULL, &status);
		if (readable) {
			if (is_rust(readable))
				write_out(readable);
			else
				cut_parameters(readable);
			return readable;
		}
	}
	return name[plain] && plain ? must(strndup(name, plain)) : NULL;
}
