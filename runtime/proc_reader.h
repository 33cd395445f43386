/* Reads of /proc that take no descriptor number. */
#ifndef GREEN_PROC_READER_H
#define GREEN_PROC_READER_H

#include "base.h"

void proc_reader_start(void); /* by the process's only thread */
/* The beginning of the file: its length, 0 if it cannot be read, -1 if there is no reader: no thread could be made, or
 * the kernel does not give it a table of its own (before Linux 5.9, or by a seccomp filter), or a queue was open. */
long proc_reader_read(const char *path, char *buf, size_t size);
void proc_reader_reset_in_child(void);

#endif
