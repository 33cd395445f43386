/* A spin lock for sections of a few instructions. Never held across a switch, never taken by a signal handler. */
#ifndef GREEN_SPIN_H
#define GREEN_SPIN_H

#include "sys_x86_64.h"

struct spin {
	_Atomic uint32_t held;
};

static inline bool spin_trylock(struct spin *s)
{
	return !atomic_exchange_explicit(&s->held, 1, memory_order_acquire);
}

/* The holder was preempted. A real-time thread's yield does not let it run if it has a lower priority: a sleep does. */
static inline void spin_rest(unsigned tries)
{
	long moment[2] = {0, 20000};
	if (tries < 64 * 128)
		sys(SYS_sched_yield);
	else
		sys(SYS_nanosleep, moment, 0);
}

static inline void spin_lock(struct spin *s)
{
	for (unsigned tries = 0; !spin_trylock(s); tries++) {
		while (atomic_load_explicit(&s->held, memory_order_relaxed)) {
			cpu_relax();
			if (++tries % 128 == 0)
				spin_rest(tries);
		}
	}
}

static inline void spin_unlock(struct spin *s)
{
	atomic_store_explicit(&s->held, 0, memory_order_release);
}

#endif
