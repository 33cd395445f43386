/* What a short read tells. */
#include "drained.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

/* TCP, and nothing between it and the reader. (Other sockets say EOPNOTSUPP or ENOPROTOOPT, and so does a kernel that
 * does not know the option; MPTCP has the name of its own.) AF_UNIX stops between writers, and behind descriptors. */
static bool is_plain_tcp(int fd)
{
	char name[16];
	int len = sizeof(name);
	return sys(SYS_getsockopt, fd, SOL_TCP, TCP_ULP, name, &len) == 0 && len == 0;
}

/* Not asked of a connection that is read once and closed. */
static uint8_t learn(struct fd *e, int fd, uint8_t before)
{
	if (before == SHORT_READS_UNKNOWN) {
		atomic_compare_exchange_strong(&e->short_reads, &before, SHORT_READS_SEEN);
		return SHORT_READS_SEEN;
	}
	uint32_t epoch = fd_learn_begin(e);
	uint8_t found = is_plain_tcp(fd) ? SHORT_READS_DRAIN : SHORT_READS_TELL_NOTHING;
	if (!fd_learn_end(e, epoch))
		return SHORT_READS_UNKNOWN;
	if (!atomic_compare_exchange_strong(&e->short_reads, &before, found)) /* an edge knew better */
		found = before;
	fd_learn_done(e);
	return found;
}

void drained_read(const struct blocking *b, long got, long room)
{
	struct fd *e = atomic_load_explicit(&b->wait.entry, memory_order_relaxed);
	if (!e || got <= 0 || got >= room)
		return;
	uint8_t kind = atomic_load_explicit(&e->short_reads, memory_order_relaxed);
	if (unlikely(kind < SHORT_READS_DRAIN))
		kind = learn(e, b->wait.fd, kind);
	if (kind == SHORT_READS_DRAIN)
		atomic_store_explicit(&e->drained, FD_DRAINED | b->seq, memory_order_relaxed);
}

void drained_tells_nothing(int fd)
{
	struct fd *e = fd_entry(fd);
	if (e)
		atomic_store(&e->short_reads, SHORT_READS_TELL_NOTHING);
}
