/* O_NONBLOCK of a socket, remembered. */
#include "nonblock.h"

#include "io.h"

/* They count; never 0, which in an entry is "never". */
static _Atomic uint64_t shared = 1, changed = 1;

uint64_t nonblock_before_birth(void)
{
	return atomic_load(&shared);
}

/* If something was shared meanwhile this may have been, too, and is not known to be our own. */
void nonblock_born(int fd, uint64_t before)
{
	struct fd *e = fd < 0 ? NULL : fd_born(fd);
	if (e)
		atomic_store_explicit(&e->born, before, memory_order_relaxed);
}

void nonblock_shared(void)
{
	atomic_fetch_add(&shared, 1);
}

void nonblock_changed(void)
{
	atomic_fetch_add(&changed, 1);
}

static bool is_own(struct fd *e)
{
	return atomic_load_explicit(&e->born, memory_order_relaxed) == atomic_load(&shared);
}

bool nonblocking(struct fd *e, int fd)
{
	uint64_t now = atomic_load(&changed);
	if (unlikely(!e))
		return fd_nonblocking(fd);
	if (is_own(e) && atomic_load_explicit(&e->blocking, memory_order_relaxed) == now)
		return false;
	uint32_t epoch = fd_learn_begin(e);
	if (fd_nonblocking(fd))
		return true;
	if (is_own(e) && fd_learn_end(e, epoch)) {
		atomic_store_explicit(&e->blocking, now, memory_order_relaxed);
		fd_learn_done(e);
	}
	return false;
}
