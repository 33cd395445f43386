/* Which file's code lies where in a process. */
#include "tools/trace/image.h"

#include <stdlib.h>
#include <string.h>

#include "tools/green.h"

#define DELETED " (deleted)"

/* Addresses, and who has them now: of a module's mapping, what no later one has taken over. */
struct range {
	uint64_t start, end;
	struct module *module;
};

struct kept {
	struct kept *next;
	max_align_t memory[];
};

struct modules {
	struct range *ranges; /* sorted, none overlaps */
	size_t count, room;
	struct module **all; /* those that have no address left, too */
	size_t all_count;
	struct kept *kept;
	uint64_t generation;
};

static uint64_t generations;

void *must(void *memory)
{
	if (!memory)
		die(EXIT_OURS, "out of memory");
	return memory;
}

void *process_keep(struct process *p, size_t size)
{
	struct kept *k = must(calloc(1, sizeof(*k) + size));

	k->next = p->modules->kept;
	p->modules->kept = k;
	return k->memory;
}

struct process *process_new(int pid, uint32_t serial, const char *path)
{
	struct process *p = must(calloc(1, sizeof(*p)));

	p->pid = pid;
	p->serial = serial;
	p->path = must(strdup(path));
	p->modules = must(calloc(1, sizeof(*p->modules)));
	p->modules->generation = ++generations;
	return p;
}

void process_free(struct process *p)
{
	struct modules *m = p->modules;

	for (size_t i = 0; i < m->all_count; i++) {
		image_close(m->all[i]->image);
		free(m->all[i]->path);
		free(m->all[i]);
	}
	for (struct kept *k = m->kept, *next; k; k = next) {
		next = k->next;
		free(k);
	}
	free(m->all);
	free(m->ranges);
	free(m);
	free(p->path);
	free(p);
}

/* The first range that ends above the address. */
static size_t position(const struct modules *m, uint64_t address)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (m->ranges[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t process_generation(const struct process *p)
{
	return p->modules->generation;
}

const struct module *process_module(struct process *p, uint64_t pc)
{
	const struct modules *m = p->modules;
	size_t i = position(m, pc);

	return i < m->count && m->ranges[i].start <= pc ? m->ranges[i].module : NULL;
}

bool module_bias(const struct module *m, uint64_t *bias)
{
	return m->image && image_bias(m->image, m->start, m->offset, bias);
}

static void insert(struct modules *m, size_t at, struct range range)
{
	if (m->count == m->room) {
		m->room = m->room ? 2 * m->room : 16;
		m->ranges = must(realloc(m->ranges, m->room * sizeof(*m->ranges)));
	}
	memmove(&m->ranges[at + 1], &m->ranges[at], (m->count - at) * sizeof(*m->ranges));
	m->ranges[at] = range;
	m->count++;
}

static void remove_at(struct modules *m, size_t at)
{
	m->count--;
	memmove(&m->ranges[at], &m->ranges[at + 1], (m->count - at) * sizeof(*m->ranges));
}

/* Takes the addresses away from whoever has them; where the next one's range is to be. */
static size_t vacate(struct modules *m, uint64_t start, uint64_t end)
{
	size_t i = position(m, start);

	if (i < m->count && m->ranges[i].start < start) {
		struct range below = m->ranges[i];

		below.end = start;
		m->ranges[i].start = start;
		insert(m, i++, below);
	}
	while (i < m->count && m->ranges[i].end <= end)
		remove_at(m, i);
	if (i < m->count && m->ranges[i].start < end)
		m->ranges[i].start = end;
	return i;
}

static struct module *module_new(struct process *p, uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
	struct modules *all = p->modules;
	struct module *m = must(calloc(1, sizeof(*m)));
	size_t length = strlen(path), cut = sizeof(DELETED) - 1;

	if (length > cut && strcmp(path + length - cut, DELETED) == 0)
		length -= cut;
	*m = (struct module){.path = must(strndup(path, length)), .start = start, .end = end, .offset = offset};
	m->name = strrchr(m->path, '/') ? strrchr(m->path, '/') + 1 : m->path;
	m->image = image_open(p->pid, start, end, offset, path);
	all->all = must(realloc(all->all, (all->all_count + 1) * sizeof(*all->all)));
	all->all[all->all_count++] = m;
	return m;
}

/* The same is told again when tracing begins again. */
static bool told_before(struct process *p, uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
	size_t i = position(p->modules, start);

	if (i == p->modules->count || p->modules->ranges[i].start != start || p->modules->ranges[i].end != end)
		return false;
	struct module *m = p->modules->ranges[i].module;
	if (m->start != start || m->end != end || m->offset != offset || strcmp(m->path, path) != 0)
		return false;
	struct image *now = image_open(p->pid, start, end, offset, path);
	bool same = now == m->image;
	image_close(now);
	return same;
}

void process_map(struct process *p, uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
	if (start >= end || told_before(p, start, end, offset, path))
		return;
	struct module *module = module_new(p, start, end, offset, path);
	insert(p->modules, vacate(p->modules, start, end), (struct range){start, end, module});
	p->modules->generation = ++generations;
}
