/* What the runtime reads and writes in /proc. */
#ifndef GREEN_PROC_H
#define GREEN_PROC_H

#include "base.h"

/* The beginning of the file `before` `number` `after`: its length, 0 if it cannot be read. */
size_t proc_read(const char *before, int number, const char *after, char *buf, size_t size);
/* ... by the proc_reader, if there is one: takes no descriptor number, and a little longer. */
size_t proc_read_unseen(const char *before, int number, const char *after, char *buf, size_t size);
size_t proc_read_from(int fd, char *buf, size_t size); /* until its end, or buf's */
int proc_open_self(const char *file);                  /* of /proc/self, as fd_lend() does: fd_release() is due */
long proc_link_of(int fd, char *buf, size_t size);     /* the path of an open file, without a NUL */
/* Into it; whoever cannot is not told. */
void proc_write(const char *before, int number, const char *after, const char *buf, size_t size);
/* Does this kernel thread of ours sleep in the kernel? perf's records of switches would tell by themselves, but wake
 * who looks at each sleep of a hub in its poller, and are often forbidden. */
bool proc_sleeps(int tid);
/* Does it run, or could it at once? false also if that cannot be known. */
bool proc_runs(int tid);
/* The number behind `key`, anywhere before `end`. false: no such key. */
bool proc_field(const char *p, const char *end, const char *key, unsigned base, uint64_t *value);
/* Of which process this is a pidfd or the directory in /proc; 0: of none that is seen from here. */
int proc_pid_of(int fd);

#endif
