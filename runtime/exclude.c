/*
 * Threads that are to stay kernel threads, as --exclude says. The symbol door tells of those that a library makes
 * (thread.excludes_next); the names are looked at here, wherever a thread gets one. A thread that has been bound for
 * its name stays so under any other.
 */
#include "exclude.h"

#include "bound.h"
#include "carrier.h"
#include "mem.h"
#include "patterns.h"
#include "runtime.h"
#include "stats.h"

static const char *_Atomic patterns; /* NULL: nothing is excluded */

static bool by_name(const struct thread *t)
{
	char name[sizeof(t->name) + 1] = {0};
	const char *list = atomic_load_explicit(&patterns, memory_order_relaxed);
	if (likely(!list))
		return false;
	memcpy(name, t->name, sizeof(t->name));
	return patterns_fit(list, name);
}

bool exclude_newborn(struct thread *parent)
{
	bool next = parent->excludes_next;
	parent->excludes_next = false;
	return next || by_name(parent);
}

/* At its next call: a wait of its own is not interrupted for that. The main thread keeps its id, and waits for its
 * kernel thread: another one's would not be known by it to the kernel. */
void exclude_renamed(struct thread *t)
{
	if (t->bound || t->bind_wanted || !by_name(t))
		return;
	STAT_ADD(excluded, 1);
	t->bind_wanted = t->is_main ? BIND_AT_HOME : BIND_ANYWHERE;
}

/* Naming cannot fail: where there is no kernel thread it stays green. */
void exclude_named(struct thread *t)
{
	exclude_renamed(t);
	if (t->bind_wanted)
		thread_bind_as_asked(t);
}

void exclude_begin(const char *list)
{
	struct thread *t = carrier_current();
	atomic_store(&patterns, list);
	if (t && list)
		exclude_renamed(t);
}

void runtime_exclude_next(bool yes)
{
	struct thread *t = carrier_current();
	if (t)
		t->excludes_next = yes;
}
