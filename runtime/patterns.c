/*
 * Lists of shell patterns, separated by commas: `*`, `?`, `[a-z]`, `[!a-z]`, and a backslash before what is to stand
 * for itself. Without libc: a thread names itself on a green thread's stack.
 */
#include "patterns.h"

#include <stddef.h>

struct text {
	const char *at, *end;
};

static struct text text_of(const char *s)
{
	struct text t = {s, s};
	while (*t.end)
		t.end++;
	return t;
}

/* The list's next pattern; at == NULL behind the last. */
static struct text next_pattern(const char **list)
{
	struct text p = {*list, *list};
	if (!p.at)
		return p;
	while (*p.end && *p.end != ',')
		p.end++;
	*list = *p.end ? p.end + 1 : NULL;
	return p;
}

/* Behind the set that begins at p, which is its `[`; NULL: it has no end. A `]` in the first place is a member. */
static const char *set_end(const char *p, const char *end)
{
	p += p + 1 < end && p[1] == '!' ? 2 : 1;
	for (const char *first = p; p < end; p++)
		if (*p == ']' && p > first)
			return p + 1;
	return NULL;
}

static bool in_set(const char *p, const char *end, unsigned char c)
{
	bool out = *++p == '!', found = false;
	for (p += out; p < end - 1; p++) {
		unsigned char from = (unsigned char)p[0], to = from;
		if (p[1] == '-' && p + 2 < end - 1) {
			to = (unsigned char)p[2];
			p += 2;
		}
		found |= from <= c && c <= to;
	}
	return found != out;
}

/* Behind the part of the pattern at p that stands for one character, if it fits c; else NULL. */
static const char *fits_one(const char *p, const char *end, char c)
{
	const char *behind = p + 1;
	if (*p == '?')
		return behind;
	if (*p == '[') {
		behind = set_end(p, end);
		return in_set(p, behind, (unsigned char)c) ? behind : NULL;
	}
	if (*p == '\\') {
		p++;
		behind++;
	}
	return *p == c ? behind : NULL;
}

/* After a mismatch the last star takes one character more: earlier ones need not. */
static bool fits(struct text p, struct text s)
{
	const char *star = NULL, *taken = NULL;
	while (s.at < s.end || p.at < p.end) {
		if (p.at < p.end && *p.at == '*') {
			star = ++p.at;
			taken = s.at;
			continue;
		}
		const char *behind = p.at < p.end && s.at < s.end ? fits_one(p.at, p.end, *s.at) : NULL;
		if (behind) {
			p.at = behind;
			s.at++;
			continue;
		}
		if (!star || taken == s.end)
			return false;
		p.at = star;
		s.at = ++taken;
	}
	return true;
}

bool patterns_fit(const char *list, const char *text)
{
	struct text p, s = text_of(text);
	while ((p = next_pattern(&list)).at)
		if (fits(p, s))
			return true;
	return false;
}

static bool has_slash(struct text s)
{
	while (s.at < s.end)
		if (*s.at++ == '/')
			return true;
	return false;
}

static struct text file_name(struct text path)
{
	for (const char *c = path.at; c < path.end; c++)
		if (*c == '/')
			path.at = c + 1;
	return path;
}

/* libfoo.so of libfoo.so.1.2 */
static struct text without_version(struct text name)
{
	const char *c = name.end;
	while (c > name.at && ((c[-1] >= '0' && c[-1] <= '9') || c[-1] == '.'))
		c--;
	if (c < name.end && *c == '.' && c - name.at > 3 && c[-3] == '.' && c[-2] == 's' && c[-1] == 'o')
		name.end = c;
	return name;
}

bool patterns_fit_library(const char *list, const char *path)
{
	struct text p, whole = text_of(path), name = file_name(whole), plain = without_version(name);
	while ((p = next_pattern(&list)).at)
		if (has_slash(p) ? fits(p, whole) : fits(p, name) || fits(p, plain))
			return true;
	return false;
}

static const char *pattern_wrong(struct text p)
{
	if (p.at == p.end)
		return "an empty pattern";
	if (*p.at == ' ' || p.end[-1] == ' ')
		return "a pattern with a space around it";
	for (const char *c = p.at; c < p.end;) {
		bool quotes = *c == '\\', opens = *c == '[';
		if (quotes && c + 1 == p.end)
			return "a \\ with nothing behind it";
		c = opens ? set_end(c, p.end) : c + 1 + quotes;
		if (!c)
			return "a [ without its ]";
	}
	return NULL;
}

const char *patterns_wrong(const char *list)
{
	struct text p, all = text_of(list);
	const char *wrong = all.end - all.at < PATTERNS_SIZE ? NULL : "longer than 4095 characters";
	while (!wrong && (p = next_pattern(&list)).at)
		wrong = pattern_wrong(p);
	return wrong;
}
