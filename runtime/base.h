/* Types and macros that every file of the runtime uses. */
#ifndef GREEN_BASE_H
#define GREEN_BASE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define CACHE_LINE 64

/* Kernel-internal results (include/linux/errno.h): an interrupted call says how it wants to be resumed. They never
 * leave dispatch(). */
#define ERESTARTSYS 512    /* restart if the handler has SA_RESTART, else EINTR */
#define ERESTARTNOINTR 513 /* always restart */
#define ERESTARTNOHAND 514 /* restart only if no handler ran, else EINTR */
#define ERESTART_SLEEP 516 /* restart towards the same deadline if no handler ran, else EINTR (RESTARTBLOCK) */

#define NSEC_PER_SEC 1000000000LL
#define NSEC_PER_MSEC 1000000LL

/* A point in time: nanoseconds of CLOCK_MONOTONIC. */
typedef int64_t nsec_t;
#define NEVER INT64_MAX

/* The kernel's struct timespec, whatever libc thinks of it. */
struct ktimespec {
	int64_t sec;
	int64_t nsec;
};

/* To the greater of the two. */
static inline void atomic_raise(_Atomic uint32_t *word, uint32_t to)
{
	for (uint32_t now = atomic_load(word); now < to;)
		atomic_compare_exchange_weak(word, &now, to);
}

/* The kernel's sigset_t: bit (sig - 1). */
typedef uint64_t ksigset_t;
#define SIGBIT(sig) (1ULL << ((sig)-1))

#endif
