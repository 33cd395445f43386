/*
 * What an epoll of the program's watches.
 *
 * To nest the program's epoll fd in the poller would do, but for its limits: a socket may not be reached through more
 * than a thousand epolls (EINVAL, Linux path limit), and uWSGI with a thread pool has one epoll a thread for the same
 * listening socket. So small sets are watched by their members; the events are the kernel's, from epoll_wait with a
 * zero timeout.
 */
#include "epoll_set.h"

#include <sys/epoll.h>
#include <sys/stat.h>

#include "mem.h"
#include "proc.h"
#include "sys_x86_64.h"

#define CHUNK_BITS 10
#define CHUNK (1 << CHUNK_BITS)
#define CHUNKS 4096

static struct epoll_set *_Atomic *_Atomic table[CHUNKS];
static _Atomic uint32_t chunks; /* behind the last one that was made */
static struct slab sets = SLAB_INIT(struct epoll_set);

static struct epoll_set *peek(int epfd)
{
	uint32_t n = (uint32_t)epfd;
	if (n >= (uint32_t)CHUNKS * CHUNK)
		return NULL;
	struct epoll_set *_Atomic *chunk = atomic_load_explicit(&table[n >> CHUNK_BITS], memory_order_acquire);
	return chunk ? atomic_load_explicit(&chunk[n & (CHUNK - 1)], memory_order_acquire) : NULL;
}

static struct epoll_set *_Atomic *slot(uint32_t n)
{
	struct epoll_set *_Atomic *chunk = atomic_load_explicit(&table[n >> CHUNK_BITS], memory_order_acquire);
	if (!chunk) {
		struct epoll_set *_Atomic *fresh = pages_alloc(CHUNK * sizeof *fresh);
		if (!fresh)
			return NULL;
		atomic_raise(&chunks, (n >> CHUNK_BITS) + 1);
		if (atomic_compare_exchange_strong(&table[n >> CHUNK_BITS], &chunk, fresh))
			chunk = fresh;
		else
			pages_free(fresh, CHUNK * sizeof *fresh);
	}
	return &chunk[n & (CHUNK - 1)];
}

/* A set is never freed: its number may come to mean another epoll, of which nothing is known at first. */
struct epoll_set *epoll_set(int epfd)
{
	struct epoll_set *s = peek(epfd);
	if (likely(s))
		return s;
	if ((uint32_t)epfd >= (uint32_t)CHUNKS * CHUNK)
		return NULL;
	struct epoll_set *_Atomic *where = slot(epfd);
	struct epoll_set *fresh = where ? slab_alloc(&sets) : NULL;
	if (!fresh)
		return NULL;
	memset(fresh, 0, sizeof *fresh);
	list_init(&fresh->waiters);
	if (atomic_compare_exchange_strong(where, &s, fresh))
		return fresh;
	slab_free(&sets, fresh);
	return s;
}

uint32_t epoll_set_join(struct epoll_set *s, struct epoll_waiter *w, struct thread *t)
{
	w->thread = t;
	spin_lock(&s->lock);
	list_add_tail(&s->waiters, &w->link);
	uint32_t generation = atomic_load_explicit(&s->generation, memory_order_relaxed);
	spin_unlock(&s->lock);
	return generation;
}

void epoll_set_leave(struct epoll_set *s, struct epoll_waiter *w)
{
	spin_lock(&s->lock);
	list_del(&w->link);
	spin_unlock(&s->lock);
}

/* A line "tfd: N events: X data: X  pos:N ino:X sdev:X". Does number N still mean that file? */
static bool learn_member(struct epoll_members *s, const char *p, const char *end)
{
	uint64_t fd, ino;
	struct stat st;
	if (s->count == EPOLL_SET_MAX || !proc_field(p, end, "tfd:", 10, &fd) || !proc_field(p, end, "ino:", 16, &ino))
		return false;
	if (sys(SYS_fstat, (int)fd, &st) || st.st_ino != ino)
		return false;
	s->fd[s->count] = fd;
	s->gen[s->count++] = 0;
	return true;
}

static bool learn_all(struct epoll_members *s, const char *p, const char *end)
{
	bool complete = false;
	while (p < end) {
		const char *line = p;
		while (p < end && *p != '\n')
			p++;
		if (end - line > 4 && !memcmp(line, "tfd:", 4) && !learn_member(s, line, p))
			return false;
		complete = p < end;
		p++;
	}
	return complete;
}

static void learn(struct epoll_members *s, int epfd)
{
	size_t size = 4096;
	char *buf = pages_alloc(size);
	/* of the thread: its leader may have exited */
	size_t n = buf ? proc_read("/proc/thread-self/fdinfo/", epfd, "", buf, size) : 0;
	s->count = 0;
	s->itself = n == 0 || n == size || !learn_all(s, buf, buf + n);
	if (buf)
		pages_free(buf, size);
}

int epoll_set_members(struct epoll_set *s, int epfd, int fd[EPOLL_SET_MAX])
{
	spin_lock(&s->lock);
	bool known = s->known;
	uint32_t version = s->version;
	struct epoll_members m = s->members;
	spin_unlock(&s->lock);
	if (!known) {
		learn(&m, epfd);
		spin_lock(&s->lock);
		if (s->version == version) {
			s->members = m;
			s->known = true;
		}
		spin_unlock(&s->lock);
	}
	memcpy(fd, m.fd, sizeof m.fd);
	return m.itself ? -1 : m.count;
}

bool epoll_set_check(struct epoll_set *s, int fd, uint32_t gen)
{
	bool same = true;
	spin_lock(&s->lock);
	struct epoll_members *m = &s->members;
	for (int i = 0; i < m->count; i++) {
		if (m->fd[i] != fd)
			continue;
		if (!m->gen[i])
			m->gen[i] = gen;
		same = m->gen[i] == gen;
	}
	spin_unlock(&s->lock);
	return same;
}

void epoll_set_forget(struct epoll_set *s)
{
	spin_lock(&s->lock);
	s->known = false;
	s->version++;
	spin_unlock(&s->lock);
}

static void member_added(struct epoll_set *s, int fd)
{
	struct epoll_members *m = &s->members;
	atomic_fetch_add_explicit(&s->generation, 1, memory_order_relaxed);
	if (!s->known || m->itself)
		return;
	if (m->count == EPOLL_SET_MAX) {
		m->itself = true;
		return;
	}
	m->fd[m->count] = fd;
	m->gen[m->count++] = 0;
}

static void member_deleted(struct epoll_set *s, int fd)
{
	struct epoll_members *m = &s->members;
	if (m->itself)
		s->known = false; /* may be few enough now */
	for (int i = 0; s->known && i < m->count; i++) {
		if (m->fd[i] != fd)
			continue;
		m->fd[i] = m->fd[--m->count];
		m->gen[i] = m->gen[m->count];
		return;
	}
}

void epoll_set_changed(int epfd, int op, int fd)
{
	struct epoll_set *s = peek(epfd);
	if (!s)
		return; /* nobody waited there yet */
	spin_lock(&s->lock);
	s->version++;
	if (op == EPOLL_CTL_ADD)
		member_added(s, fd);
	else if (op == EPOLL_CTL_DEL)
		member_deleted(s, fd);
	if (op != EPOLL_CTL_DEL) { /* it may be ready as it is */
		list_for_each (l, &s->waiters) {
			thread_wake(container_of(l, struct epoll_waiter, link)->thread, WAKE_EVENT);
		}
	}
	spin_unlock(&s->lock);
}

void epoll_set_closing(int epfd)
{
	struct epoll_set *s = peek(epfd);
	if (unlikely(s))
		epoll_set_forget(s);
}

/* The sets stay: the child may be dormant for ever. What waited in them is not there any more. */
void epoll_sets_reset_in_child(void)
{
	slab_reset_in_child(&sets);
	for (uint32_t n = 0; n < chunks * CHUNK; n++) {
		if (!table[n >> CHUNK_BITS]) {
			n |= CHUNK - 1;
			continue;
		}
		struct epoll_set *s = peek(n);
		if (s) {
			s->lock = (struct spin){0};
			s->known = false;
			list_init(&s->waiters);
		}
	}
}
