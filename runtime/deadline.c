/* Deadlines: a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986) with two-pass merging. */
#include "deadline.h"

/* What is read without the lock. */
#define set(var, value) __atomic_store_n(&(var), (value), __ATOMIC_RELAXED)

static bool before(const struct deadline *a, const struct deadline *b)
{
	return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static struct deadline *meld(struct deadline *a, struct deadline *b)
{
	if (!a || !b)
		return a ? a : b;
	if (before(b, a)) {
		struct deadline *t = a;
		a = b;
		b = t;
	}
	b->next = a->child;
	if (b->next)
		set(b->next->link, &b->next);
	a->child = b;
	set(b->link, &a->child);
	return a;
}

/* Melds a list of siblings into one tree: pairs from left to right, then the pairs from right to left. */
static struct deadline *meld_siblings(struct deadline *first)
{
	struct deadline *pairs = NULL;
	while (first) {
		struct deadline *a = first, *b = a->next;
		first = b ? b->next : NULL;
		a->next = NULL;
		if (b)
			b->next = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	struct deadline *root = NULL;
	while (pairs) {
		struct deadline *next = pairs->next;
		pairs->next = NULL;
		root = meld(root, pairs);
		pairs = next;
	}
	return root;
}

static void set_root(struct deadlines *h, struct deadline *root)
{
	set(h->root, root);
	if (root)
		set(root->link, &h->root);
}

void deadline_add(struct deadlines *h, struct deadline *d, nsec_t when)
{
	set(d->when, when);
	d->order = h->order++;
	d->child = d->next = NULL;
	h->count++;
	set_root(h, meld(h->root, d));
}

void deadline_remove(struct deadlines *h, struct deadline *d)
{
	if (!d->link)
		return;
	set(*d->link, d->next);
	if (d->next)
		set(d->next->link, d->link);
	set(d->link, NULL);
	d->next = NULL;
	h->count--;
	struct deadline *children = meld_siblings(d->child);
	d->child = NULL;
	set_root(h, meld(h->root, children));
}
