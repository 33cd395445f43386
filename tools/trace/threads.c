/* The threads of all processes, by process and id. */
#include "tools/trace/tool.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/patterns.h"

enum { BUCKETS = 1 << 16, LIVE_MOST = 1 << 20, ENDED_MOST = 1 << 16 };

static struct seen *buckets[BUCKETS];
static uint32_t numbers, live;

/* A sink may still look at one that has ended: the oldest is used again when many more have. */
static struct seen *ended, **ended_last = &ended;
static uint32_t ended_count;

static unsigned left_out;
static const char *wanted; /* patterns; NULL: all */

void threads_wanted(const char *patterns)
{
	wanted = patterns;
}

static struct seen **bucket_of(uint32_t serial, int tid)
{
	return &buckets[((uint32_t)tid * 2654435761U ^ serial * 40503U) % BUCKETS];
}

/* The youngest with this tid. */
static struct seen *find(uint32_t serial, int tid)
{
	struct seen *s = *bucket_of(serial, tid);

	while (s && (s->serial != serial || s->thread.tid != tid))
		s = s->next;
	return s;
}

static void look_whether_wanted(struct seen *s)
{
	char tid[16];

	snprintf(tid, sizeof(tid), "%d", s->thread.tid);
	s->unwanted = wanted && !patterns_fit(wanted, s->thread.name) && !patterns_fit(wanted, tid);
}

static void forget(struct seen *s)
{
	struct seen **at = bucket_of(s->serial, s->thread.tid);

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free(s->sample);
	*s = (struct seen){0};
}

static struct seen *new_seen(void)
{
	struct seen *s = ended;

	if (live >= LIVE_MOST)
		return NULL;
	if (ended_count < ENDED_MOST)
		return calloc(1, sizeof(*s));
	ended = s->next_ended;
	if (!ended)
		ended_last = &ended;
	ended_count--;
	forget(s);
	return s;
}

struct seen *thread_get(struct traced *t, int tid)
{
	struct seen *s = find(t->serial, tid), **bucket = bucket_of(t->serial, tid);

	if (s && !s->thread.ended)
		return s;
	s = new_seen();
	if (!s) {
		left_out++;
		return NULL;
	}
	live++;
	s->thread.process = t->process;
	s->thread.tid = tid;
	s->thread.number = ++numbers;
	s->serial = t->serial;
	look_whether_wanted(s);
	s->next = *bucket;
	*bucket = s;
	return s;
}

struct seen *thread_of_past(struct traced *t, int tid)
{
	struct seen *s = find(t->serial, tid);

	return s ? s : thread_get(t, tid);
}

void thread_rename(struct seen *s, const char *name)
{
	snprintf(s->thread.name, sizeof(s->thread.name), "%.16s", name);
	look_whether_wanted(s);
}

void thread_end(struct seen *s)
{
	if (s->thread.ended)
		return;
	s->thread.ended = true;
	s->next_ended = NULL;
	*ended_last = s;
	ended_last = &s->next_ended;
	ended_count++;
	live--;
}

void threads_end_of(const struct traced *t)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct seen *s = buckets[i]; s; s = s->next)
			if (s->serial == t->serial)
				thread_end(s);
}

unsigned threads_left_out(void)
{
	return left_out;
}

void threads_free(void)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (buckets[i]) {
			struct seen *s = buckets[i];
			buckets[i] = s->next;
			free(s->sample);
			free(s);
		}
	ended = NULL;
	ended_last = &ended;
	numbers = live = ended_count = left_out = 0;
}
