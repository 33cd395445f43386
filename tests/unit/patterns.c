/* Lists of shell patterns. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/patterns.h"

#define FITS(list, text) cr_assert(patterns_fit(list, text), "%s should fit %s", text, list)
#define FITS_NOT(list, text) cr_assert(!patterns_fit(list, text), "%s should not fit %s", text, list)
#define LIBRARY(list, path) cr_assert(patterns_fit_library(list, path), "%s should fit %s", path, list)
#define LIBRARY_NOT(list, path) cr_assert(!patterns_fit_library(list, path), "%s should not fit %s", path, list)

Test(patterns, of_letters)
{
	FITS("audio", "audio");
	FITS_NOT("audio", "audio-1");
	FITS_NOT("audio", "audi");
	FITS_NOT("audio", "");
	FITS("a b", "a b");
}

Test(patterns, stars)
{
	FITS("*", "");
	FITS("*", "anything");
	FITS("audio*", "audio");
	FITS("audio*", "audio-1");
	FITS("*-1", "audio-1-1");
	FITS("a*b*c", "aXbbXbc");
	FITS_NOT("a*b*c", "aXbXd");
	FITS("**a**", "bab");
	FITS_NOT("*a", "ab");
}

Test(patterns, one_of_any)
{
	FITS("GC Thread#?", "GC Thread#0");
	FITS_NOT("GC Thread#?", "GC Thread#10");
	FITS_NOT("?", "");
	FITS("?*", "x");
}

Test(patterns, sets)
{
	FITS("worker[0-9]", "worker7");
	FITS_NOT("worker[0-9]", "workerx");
	FITS("[!a-c]", "d");
	FITS_NOT("[!a-c]", "b");
	FITS("[]x]", "]");
	FITS("[!]x]", "y");
	FITS_NOT("[!]x]", "]");
	FITS("[a-]", "-");
	FITS("[-a]", "-");
	FITS("*[0-9][0-9]", "pool-12");
	FITS("[\xc3]*", "\xc3\xa4");
}

Test(patterns, quoted)
{
	FITS("\\*", "*");
	FITS_NOT("\\*", "x");
	FITS("\\[x", "[x");
	FITS("a\\?", "a?");
	FITS_NOT("a\\?", "ab");
}

Test(patterns, several)
{
	FITS("audio,video*", "video-3");
	FITS("audio,video*", "audio");
	FITS_NOT("audio,video*", "audio,video");
}

Test(patterns, libraries)
{
	LIBRARY("libfoo.so", "/usr/lib/libfoo.so");
	LIBRARY("libfoo.so", "/usr/lib/libfoo.so.1");
	LIBRARY("libfoo.so", "libfoo.so.1.22.333");
	LIBRARY("libfoo.so.1", "/usr/lib/libfoo.so.1");
	LIBRARY_NOT("libfoo.so.1", "/usr/lib/libfoo.so.2");
	LIBRARY_NOT("libfoo.so.1", "/usr/lib/libfoo.so.1.2");
	LIBRARY("libfoo.so*", "/usr/lib/libfoo.so.1.2");
	LIBRARY("libfoo*", "./libfoo-2.36.so");
	LIBRARY_NOT("libfoo.so", "/usr/lib/libfoo.so.1/libbar.so");
	LIBRARY_NOT("libfoo.so", "/usr/lib/libfoo.so.x");
	LIBRARY_NOT("so", "/usr/lib/.so.1");
	LIBRARY("lib*.so", "/usr/lib/libfoo.so.6");
}

Test(patterns, libraries_by_their_path)
{
	LIBRARY("/opt/*", "/opt/driver/libgpu.so.1");
	LIBRARY("*/driver/*", "/opt/driver/libgpu.so.1");
	LIBRARY_NOT("/opt/*", "/usr/opt/libgpu.so.1");
	LIBRARY_NOT("opt/*", "/opt/libgpu.so.1");
}

Test(patterns, right)
{
	const char *lists[] = {"a", "*", "a,b", "libfoo.so*,audio-?", "[a]", "[]]", "[!]]", "\\[", "x y"};
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		cr_assert_null(patterns_wrong(lists[i]), "%s: %s", lists[i], patterns_wrong(lists[i]));
}

/* A comma is no part of a pattern, quoted or not. */
Test(patterns, wrong)
{
	const char *lists[] = {"", ",", "a,", ",a", "a,,b", "[", "[a", "a,[!]", "[]", "[!", "\\", "a\\", "a, b", " a",
	    "a ", "a\\,b", "[,]"};
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		cr_assert_not_null(patterns_wrong(lists[i]), "\"%s\" should be wrong", lists[i]);
}

Test(patterns, length)
{
	char list[PATTERNS_SIZE + 1];
	memset(list, 'a', sizeof(list));
	list[PATTERNS_SIZE] = '\0';
	cr_assert_not_null(patterns_wrong(list));
	list[PATTERNS_SIZE - 1] = '\0';
	cr_assert_null(patterns_wrong(list));
	FITS(list, list);
}
