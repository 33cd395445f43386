/*
 * Finds threads that wait for each other. A look at a moving program may be wrong: threads are looked at one after the
 * other. So only what two successive looks have seen, with every wait begun at the same time, is told.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/trace/estimate.h"
#include "tools/trace/text.h"

/* What one look has found. */
struct suspect {
	uint64_t mark; /* of the waits that it consists of */
	bool told;
};

struct suspects {
	struct suspect *all; /* sorted when the look has ended */
	size_t count, room;
};

/* Of one process, as long as there are suspects in it. */
struct watched {
	uint32_t serial;
	struct suspects suspects;
	struct watched *next;
};

static struct watched *all_watched;

/* The threads of this look that wait for one that is known, found by their number. */
struct graph {
	const struct standing *threads;
	size_t count;
	uint32_t *nodes;   /* index of a thread + 1, open addressing */
	uint32_t *walked;  /* by index: the walk that came by; 0: none */
	uint32_t *members; /* of the ring that was found last, by index */
	size_t mask;
};

static bool waits_for_good(const struct standing *s)
{
	return s->state == TRACE_IS_PARKED && s->lock != 0;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static uint64_t mark_of(const struct standing *s)
{
	return mix(mix(mix(1, s->thread->number), s->since), s->lock);
}

static struct watched **watched_of(uint32_t serial)
{
	struct watched **w = &all_watched;

	while (*w && (*w)->serial != serial)
		w = &(*w)->next;
	return w;
}

static int by_mark(const void *left, const void *right)
{
	const struct suspect *a = left, *b = right;

	return (a->mark > b->mark) - (a->mark < b->mark);
}

static const struct suspect *suspect_find(const struct suspects *s, uint64_t mark)
{
	const struct suspect like = {.mark = mark};

	return s->count ? bsearch(&like, s->all, s->count, sizeof(like), by_mark) : NULL;
}

static void suspect_add(struct suspects *s, struct suspect suspect)
{
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 4;
		s->all = must_have(realloc(s->all, s->room * sizeof(s->all[0])));
	}
	s->all[s->count++] = suspect;
}

/* One look. */
struct look {
	struct process *process;
	uint64_t now;
	struct suspects before, found;
};

static void tell(const struct look *l, bool ring, const struct standing *threads, const uint32_t *members, size_t count)
{
	struct waiter *waiters = must_have(calloc(count, sizeof(*waiters)));

	for (size_t i = 0; i < count; i++) {
		const struct standing *s = &threads[members ? members[i] : i];
		waiters[i] = (struct waiter){s->thread, s->lock, s->owner, s->stack};
	}
	struct deadlock d = {l->process, l->now, ring, waiters, count};
	events_deadlock(&d);
	free(waiters);
}

/* members NULL: all threads. */
static void found(
    struct look *l, bool ring, uint64_t mark, const struct standing *threads, const uint32_t *members, size_t count)
{
	const struct suspect *before = suspect_find(&l->before, mark);

	suspect_add(&l->found, (struct suspect){mark, before != NULL});
	if (before && !before->told)
		tell(l, ring, threads, members, count);
}

static uint32_t graph_find(const struct graph *g, const struct thread *t)
{
	for (size_t i = mix(1, t->number) & g->mask; g->nodes[i]; i = (i + 1) & g->mask)
		if (g->threads[g->nodes[i] - 1].thread == t)
			return g->nodes[i];
	return 0;
}

static void graph_make(struct graph *g, const struct standing *threads, size_t count, size_t edges)
{
	*g = (struct graph){.threads = threads, .count = count, .mask = 15};
	while (g->mask < 2 * edges)
		g->mask = 2 * g->mask + 1;
	g->nodes = must_have(calloc(g->mask + 1, sizeof(*g->nodes)));
	g->walked = must_have(calloc(count, sizeof(*g->walked)));
	g->members = must_have(calloc(count, sizeof(*g->members)));
	for (uint32_t n = 0; n < count; n++) {
		if (!waits_for_good(&threads[n]) || !threads[n].owner)
			continue;
		size_t i = mix(1, threads[n].thread->number) & g->mask;
		while (g->nodes[i])
			i = (i + 1) & g->mask;
		g->nodes[i] = n + 1;
	}
}

/* The ring that `first` is part of, told in the order of its owners. */
static void ring_found(struct look *l, const struct graph *g, uint32_t first)
{
	uint64_t mark = 0;
	size_t count = 0;
	uint32_t n = first;

	do {
		g->members[count++] = n;
		mark += mark_of(&g->threads[n]); /* wherever the ring was entered */
		n = graph_find(g, g->threads[n].owner) - 1;
	} while (n != first && count < g->count);
	found(l, true, mark, g->threads, g->members, count);
}

/* Each walk follows the owners until it meets a thread that was walked by: if by itself, that one is in a ring. */
static bool look_for_rings(struct look *l, const struct standing *threads, size_t count, size_t edges)
{
	struct graph g;
	bool any = false;

	graph_make(&g, threads, count, edges);
	for (uint32_t walk = 1; walk <= count; walk++) {
		const struct standing *start = &threads[walk - 1];
		uint32_t node = waits_for_good(start) && start->owner ? walk : 0;

		while (node && !g.walked[node - 1]) {
			g.walked[node - 1] = walk;
			node = graph_find(&g, threads[node - 1].owner);
		}
		if (node && g.walked[node - 1] == walk) {
			ring_found(l, &g, node - 1);
			any = true;
		}
	}
	free(g.nodes);
	free(g.walked);
	free(g.members);
	return any;
}

static void look_at_all(struct look *l, const struct standing *threads, size_t count)
{
	uint64_t mark = count;

	for (size_t i = 0; i < count; i++)
		mark += mark_of(&threads[i]);
	found(l, false, mark, threads, NULL, count);
}

/* What this look found is what the next one is compared with. */
static void look_ends(struct look *l, struct watched **at)
{
	struct watched *w = *at;

	free(l->before.all);
	if (l->found.count)
		qsort(l->found.all, l->found.count, sizeof(l->found.all[0]), by_mark);
	if (w && !l->found.count) {
		*at = w->next;
		free(w);
	} else if (w) {
		w->suspects = l->found;
	} else if (l->found.count) {
		w = must_have(calloc(1, sizeof(*w)));
		*w = (struct watched){l->process->serial, l->found, all_watched};
		all_watched = w;
	}
}

void deadlock_look(struct process *p, const struct standing *threads, size_t count, bool complete, uint64_t now)
{
	struct watched **at = watched_of(p->serial);
	struct look l = {.process = p, .now = now};
	size_t waiting = 0, edges = 0;

	if (*at)
		l.before = (*at)->suspects;
	if (trace_options.native)
		estimate_threads(count);
	for (size_t i = 0; i < count; i++) {
		bool waits = waits_for_good(&threads[i]);
		waiting += waits;
		edges += waits && threads[i].owner;
	}
	bool ring = edges && look_for_rings(&l, threads, count, edges);
	if (!ring && complete && count >= 2 && waiting == count)
		look_at_all(&l, threads, count);
	look_ends(&l, at);
}
