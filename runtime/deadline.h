/* Deadlines: a pairing heap, its nodes inside what waits. No allocation; insert O(1), removal O(log n) amortized. */
#ifndef GREEN_DEADLINE_H
#define GREEN_DEADLINE_H

#include "base.h"

/* Under its hub's lock, where there are several: but whether it is pending its hub may ask without, and the monitor
 * looks at the root and at when that is due. */
struct deadline {
	nsec_t when;
	uint64_t order;                        /* equal times fire in the order they were set */
	struct deadline *child, *next, **link; /* link: the pointer that points here; NULL when not in a heap */
};

struct deadlines {
	struct deadline *root;
	uint64_t order;
	size_t count;
};

void deadline_add(struct deadlines *h, struct deadline *d, nsec_t when);
void deadline_remove(struct deadlines *h, struct deadline *d);

static inline bool deadline_pending(const struct deadline *d)
{
	return __atomic_load_n(&d->link, __ATOMIC_RELAXED) != NULL;
}

static inline nsec_t deadline_first(const struct deadlines *h)
{
	return h->root ? h->root->when : NEVER;
}

#endif
