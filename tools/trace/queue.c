/* Records of several rings are put in the order of their times: they wait until nothing older can come any more. */
#include "tools/trace/tool.h"

#include <stdlib.h>
#include <string.h>

#include "tools/green.h"

static struct item **items;
static size_t count, room, bytes;
static uint64_t order;

static void *must(void *memory)
{
	if (!memory)
		die(EXIT_OURS, "out of memory");
	return memory;
}

void queue_put(struct traced *t, uint64_t at, const struct trace_record *record)
{
	struct item *item = must(malloc(offsetof(struct item, record) + record->size));

	if (count == room) {
		room = room ? 2 * room : 1024;
		items = must(realloc(items, room * sizeof(*items)));
	}
	item->at = at;
	item->order = order++;
	item->traced = t;
	memcpy(&item->record, record, record->size);
	items[count++] = item;
	bytes += record->size;
}

static int by_time(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* Those that are due come to the end of the list. */
static size_t part(uint64_t until)
{
	size_t keep = 0;

	for (size_t i = 0; i < count; i++)
		if (items[i]->at > until) {
			struct item *item = items[i];
			items[i] = items[keep];
			items[keep++] = item;
		}
	return keep;
}

void queue_deliver(uint64_t until, void (*deliver)(const struct item *item))
{
	size_t keep = part(until);

	if (keep == count)
		return;
	qsort(items + keep, count - keep, sizeof(*items), by_time);
	for (size_t i = keep; i < count; i++) {
		deliver(items[i]);
		bytes -= items[i]->record.size;
		free(items[i]);
	}
	count = keep;
}

size_t queue_bytes(void)
{
	return bytes;
}

void queue_free(void)
{
	for (size_t i = 0; i < count; i++)
		free(items[i]);
	free(items);
	items = NULL;
	count = room = bytes = 0;
}
