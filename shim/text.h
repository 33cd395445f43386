/* The kernel's small files, as strings. */
#ifndef GREEN_TEXT_H
#define GREEN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The beginning of the file, NUL-terminated; false: it cannot be read, or is empty, and so is `text`. */
bool text_read(const char *path, char *text, size_t size);

#endif
