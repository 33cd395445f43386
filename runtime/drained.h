/*
 * Who has read less from a TCP socket than there was room for has seen the end of what had come (epoll(7), on
 * EPOLLET): the next read need not be tried before there was an edge.
 */
#ifndef GREEN_DRAINED_H
#define GREEN_DRAINED_H

#include "io.h"

/* After a read that takes away what it returns: it has read `got` bytes, and had room for `room`. */
void drained_read(const struct blocking *b, long got, long room);

/* A read may stop before the end from now on: at urgent data, at a record of TLS in the kernel. */
void drained_tells_nothing(int fd);

/* Before a try, behind blocking_begin(). Nothing has come since, as far as the poller knows: a wait that no edge ends
 * is not the last word. */
static inline bool drained(const struct blocking *b)
{
	const struct fd *e = atomic_load_explicit(&b->wait.entry, memory_order_relaxed);
	return e && atomic_load_explicit(&e->drained, memory_order_relaxed) == (FD_DRAINED | b->seq) &&
	       atomic_load_explicit(&e->short_reads, memory_order_relaxed) == SHORT_READS_DRAIN;
}

#endif
