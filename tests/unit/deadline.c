/* The heap of deadlines against a sorted array. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/deadline.h"

/* The reference: what is in the heap, in the order in which it must come out. */
#define MANY 2000
static struct deadline node[MANY];
static struct {
	nsec_t when;
	unsigned set; /* the how-manieth to be set */
} key[MANY];
static int sorted[MANY], count;
static unsigned sets;

static unsigned seed_of_today(void)
{
	const char *s = getenv("SEED");
	unsigned seed = s ? (unsigned)atoi(s) : (unsigned)time(NULL);
	cr_log_info("SEED=%u", seed);
	return seed;
}

static int place_of(int i)
{
	int at = 0;
	while (at < count && sorted[at] != i)
		at++;
	return at;
}

static void ref_add(int i, nsec_t when)
{
	int at = count++;
	key[i].when = when;
	key[i].set = sets++;
	for (; at > 0 && key[sorted[at - 1]].when > when; at--)
		sorted[at] = sorted[at - 1];
	sorted[at] = i;
}

static void ref_remove(int i)
{
	count--;
	for (int at = place_of(i); at < count; at++)
		sorted[at] = sorted[at + 1];
}

static void agree(const struct deadlines *h, unsigned seed)
{
	cr_assert_eq(h->count, (size_t)count, "SEED=%u: %zu of %d", seed, h->count, count);
	cr_assert_eq(deadline_first(h), count ? key[sorted[0]].when : NEVER, "SEED=%u", seed);
	if (count)
		cr_assert_eq(h->root, &node[sorted[0]], "SEED=%u: equal times out of order", seed);
}

/* Few different times, so that many are equal. */
Test(deadline, random_against_sorted)
{
	unsigned seed = seed_of_today(), state = seed;
	struct deadlines h = {0};
	for (int step = 0; step < 60000; step++) {
		int i = rand_r(&state) % MANY, growing = step / 10000 % 2 == 0;
		if (deadline_pending(&node[i])) {
			if (growing && rand_r(&state) % 2)
				continue;
			deadline_remove(&h, &node[i]);
			ref_remove(i);
			cr_assert(!deadline_pending(&node[i]));
		} else if (growing || rand_r(&state) % 4 == 0) {
			nsec_t when = rand_r(&state) % 50;
			deadline_add(&h, &node[i], when);
			ref_add(i, when);
			cr_assert(deadline_pending(&node[i]));
		} else if (h.root) { /* expires */
			struct deadline *first = h.root;
			deadline_remove(&h, first);
			ref_remove((int)(first - node));
		}
		agree(&h, seed);
	}
	while (h.root) {
		struct deadline *first = h.root;
		deadline_remove(&h, first);
		ref_remove((int)(first - node));
		agree(&h, seed);
	}
	cr_assert_eq(count, 0);
}

Test(deadline, removing_what_is_not_there_does_nothing)
{
	struct deadlines h = {0};
	struct deadline a = {0}, b = {0};
	deadline_remove(&h, &a);
	deadline_add(&h, &a, 5);
	deadline_remove(&h, &b);
	cr_assert_eq(h.count, 1);
	deadline_remove(&h, &a);
	deadline_remove(&h, &a);
	cr_assert_eq(h.count, 0);
	cr_assert_null(h.root);
	cr_assert_eq(deadline_first(&h), NEVER);
}

Test(deadline, extremes)
{
	struct deadlines h = {0};
	struct deadline past = {0}, never = {0}, now = {0};
	deadline_add(&h, &never, NEVER);
	deadline_add(&h, &now, 0);
	deadline_add(&h, &past, INT64_MIN);
	cr_assert_eq(h.root, &past);
	deadline_remove(&h, &past);
	cr_assert_eq(h.root, &now);
	deadline_remove(&h, &now);
	cr_assert_eq(h.root, &never);
}

/* Ascending, descending and equal times are the shapes that a careless heap takes quadratic time or deep recursion for.
 */
Test(deadline, hundred_thousand, .timeout = 20)
{
	enum { N = 100000 };
	struct deadline *d = calloc(N, sizeof(*d));
	for (int shape = 0; shape < 3; shape++) {
		struct deadlines h = {0};
		for (int i = 0; i < N; i++)
			deadline_add(&h, &d[i], shape == 0 ? i : shape == 1 ? N - i : 7);
		for (int i = 1; i < N; i += 2) /* from the middle */
			deadline_remove(&h, &d[i]);
		nsec_t last = -1;
		for (int i = 0; i < N; i += 2) {
			struct deadline *first = h.root;
			cr_assert(first->when >= last);
			if (shape == 2)
				cr_assert_eq(first, &d[i]);
			last = first->when;
			deadline_remove(&h, first);
		}
		cr_assert_eq(h.count, 0);
		cr_assert_null(h.root);
	}
	free(d);
}
