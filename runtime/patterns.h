/* Lists of shell patterns, as --exclude takes them. */
#ifndef GREEN_PATTERNS_H
#define GREEN_PATTERNS_H

#include <stdbool.h>

#define PATTERNS_SIZE 4096 /* of a list, with its end */

/* What is wrong with a list of patterns, in words; NULL: nothing. */
const char *patterns_wrong(const char *list);

/* Does one of them fit the whole text? */
bool patterns_fit(const char *list, const char *text);

/* Does one of them fit the library: its file name, with its version or without; with a slash in the pattern, its path?
 */
bool patterns_fit_library(const char *list, const char *path);

#endif
