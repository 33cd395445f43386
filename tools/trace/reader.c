/* Reads the rings: whole records, checked one by one. Nothing that the program writes is trusted, and it may write
 * while we read: a record is copied first and checked then. */
#include "tools/trace/tool.h"

#include <string.h>

/* The least size of each type, and where its text begins that must end within it. */
static const struct shape {
	size_t least, text;
} shapes[] = {
    [TRACE_PROCESS] = {sizeof(struct trace_process) + 1, sizeof(struct trace_process)},
    [TRACE_MAP] = {sizeof(struct trace_map) + 1, sizeof(struct trace_map)},
    [TRACE_NAME] = {sizeof(struct trace_name), offsetof(struct trace_name, name)},
    [TRACE_END] = {sizeof(struct trace_end), 0},
    [TRACE_STACK] = {sizeof(struct trace_stack), 0},
    [TRACE_ENTER] = {sizeof(struct trace_call), 0},
    [TRACE_CALL] = {sizeof(struct trace_call), 0},
    [TRACE_SAMPLE] = {sizeof(struct trace_sample), 0},
    [TRACE_RUN] = {sizeof(struct trace_run), 0},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

void reader_start(struct reader *r, void *base)
{
	struct trace_control *c = base;

	r->base = base;
	r->losses = (struct losses){0};
	r->no_ring = atomic_load(&c->no_ring);
	r->no_slot = atomic_load(&c->no_slot);
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		r->lost[i] = atomic_load(&trace_ring_at(base, i)->lost);
}

static bool well_formed(const uint8_t *bytes, size_t size, unsigned type)
{
	if (type >= SHAPES || size < shapes[type].least)
		return false;
	if (shapes[type].text && !memchr(bytes + shapes[type].text, '\0', size - shapes[type].text))
		return false;
	return type != TRACE_STACK || ((const struct trace_stack *)bytes)->bytes <= size - sizeof(struct trace_stack);
}

/* How many bytes it is; 0: nonsense, and nothing behind it can be found. */
static size_t read_record(struct reader *r, struct trace_ring *ring, uint64_t tail, size_t there)
{
	size_t offset = tail % TRACE_RING_BYTES, to_end = TRACE_RING_BYTES - offset;
	uint32_t serial = atomic_load_explicit(&ring->owner, memory_order_relaxed);
	int pid = (int)atomic_load_explicit(&ring->pid, memory_order_relaxed);
	const uint8_t *from = trace_ring_bytes(ring) + offset;
	struct trace_record h;

	memcpy(&h, from, sizeof(h));
	if (h.type == TRACE_PAD)
		return to_end <= there ? to_end : 0;
	if (h.size < sizeof(h) || h.size % 8 || h.size > TRACE_RECORD_MOST || h.size > there || h.size > to_end)
		return 0;
	memcpy(r->record, &h, sizeof(h));
	memcpy(r->record + sizeof(h), from + sizeof(h), h.size - sizeof(h));
	if (well_formed(r->record, h.size, h.type))
		r->take(serial, pid, (const struct trace_record *)r->record);
	else
		r->losses.damaged++;
	return h.size;
}

/* A counter may begin anew with the ring's next owner. */
static void count_lost(struct reader *r, unsigned i, uint64_t lost)
{
	r->losses.records += lost >= r->lost[i] ? lost - r->lost[i] : lost;
	r->lost[i] = lost;
}

/* pid first: the next owner takes the ring by its serial number, and stores its own pid then. */
static void free_ring(struct trace_ring *ring, uint32_t serial)
{
	atomic_store(&ring->pid, 0);
	atomic_compare_exchange_strong(&ring->owner, &serial, 0);
}

static size_t read_ring(struct reader *r, unsigned i)
{
	struct trace_ring *ring = trace_ring_at(r->base, i);
	uint32_t serial = atomic_load_explicit(&ring->owner, memory_order_acquire);

	if (!serial || !atomic_load_explicit(&ring->pid, memory_order_acquire))
		return 0;

	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	size_t there = head - tail;
	if (there > TRACE_RING_BYTES || head % 8 || tail % 8) {
		r->losses.damaged++;
		there = 0;
	}
	for (size_t left = there; left;) {
		size_t n = read_record(r, ring, head - left, left);
		if (!n)
			r->losses.damaged++;
		left -= n ? n : left;
		atomic_store_explicit(&ring->tail, head - left, memory_order_release);
	}
	if (!there)
		atomic_store_explicit(&ring->tail, head, memory_order_release);
	count_lost(r, i, atomic_load_explicit(&ring->lost, memory_order_relaxed));
	if (r->gone(serial))
		free_ring(ring, serial);
	return there;
}

size_t reader_pass(struct reader *r)
{
	size_t most = 0;

	for (unsigned i = 0; i < TRACE_RINGS; i++) {
		size_t n = read_ring(r, i);
		most = n > most ? n : most;
	}
	return most;
}

struct losses reader_losses(const struct reader *r)
{
	const struct trace_control *c = r->base;
	struct losses l = r->losses;
	uint64_t no_ring = atomic_load(&c->no_ring), no_slot = atomic_load(&c->no_slot);

	/* A program that was told to start again may have counted from 0. */
	l.no_ring = no_ring >= r->no_ring ? no_ring - r->no_ring : no_ring;
	l.no_slot = no_slot >= r->no_slot ? no_slot - r->no_slot : no_slot;
	return l;
}
