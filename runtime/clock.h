/* Time. */
#ifndef GREEN_CLOCK_H
#define GREEN_CLOCK_H

#include <time.h>

#include "base.h"

void clock_init(void);  /* finds the vDSO */
nsec_t clock_now(void); /* CLOCK_MONOTONIC */
nsec_t clock_read(clockid_t id);

static inline bool timespec_valid(const struct ktimespec *ts)
{
	return ts->sec >= 0 && (uint64_t)ts->nsec < NSEC_PER_SEC;
}

/* Saturates instead of overflowing. */
static inline nsec_t timespec_to_nsec(const struct ktimespec *ts)
{
	return ts->sec >= NEVER / NSEC_PER_SEC ? NEVER : ts->sec * NSEC_PER_SEC + ts->nsec;
}

static inline struct ktimespec nsec_to_timespec(nsec_t ns)
{
	return (struct ktimespec){ns / NSEC_PER_SEC, ns % NSEC_PER_SEC};
}

/* A relative time from now as a deadline. */
static inline nsec_t deadline_after(nsec_t ns)
{
	nsec_t now = clock_now();
	return ns >= NEVER - now ? NEVER : now + ns;
}

/* An absolute time of `id` as a deadline of CLOCK_MONOTONIC. */
nsec_t deadline_at(clockid_t id, nsec_t when);

#endif
