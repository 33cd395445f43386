/* poll, select and epoll_wait: look with a zero timeout, watch every fd, park, look again. */
#include <poll.h>
#include <sys/epoll.h>

#include "calls.h"
#include "epoll_set.h"
#include "mem.h"
#include "sys_x86_64.h"

/* One look at everything, without waiting: the call's own result. */
typedef long look_fn(void *arg);

/* A thread's nodes on the fds that it waits for. */
struct watch {
	struct thread *thread;
	struct fd_wait *node;
	size_t count;
	size_t pages;                       /* size of node[] when it is not few[] */
	bool unsure;                        /* an fd is not in the poller: no event will come */
	bool verify;                        /* learn anew what is watched after a while without an event */
	const _Atomic uint32_t *generation; /* epoll: has changed when there is more to watch */
	uint32_t seen;
	struct fd_wait few[EPOLL_SET_MAX];
};

/* What happened behind our back (a close by an inline system call, epoll_ctl by another process) is found out by
 * looking once more after this long. */
#define VERIFY_AFTER NSEC_PER_SEC

static int watch_open(struct watch *w, struct thread *t, size_t capacity)
{
	w->thread = t;
	w->node = w->few;
	w->count = w->pages = 0;
	w->unsure = w->verify = false;
	w->generation = NULL;
	if (capacity > ARRAY_LEN(w->few)) {
		w->pages = capacity * sizeof *w->node;
		w->node = pages_alloc(w->pages);
		if (!w->node)
			return -ENOMEM;
	}
	fd_try_begins(t);
	thread_prepare(t);
	return 0;
}

static void watch_add(struct watch *w, int fd, uint32_t events)
{
	if (fd_watch_events(&w->node[w->count], w->thread, fd, events))
		w->unsure = true;
	else
		w->count++;
}

static struct fd_wait *watch_add_weak(struct watch *w, int fd)
{
	struct fd_wait *node = &w->node[w->count];
	if (fd_watch_weak(node, w->thread, fd)) {
		w->unsure = true;
		return NULL;
	}
	w->count++;
	return node;
}

static bool any_closed(const struct watch *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (__atomic_load_n(&w->node[i].closed, __ATOMIC_ACQUIRE))
			return true;
	}
	return false;
}

/* Natively poll notices that a number was closed at the next event, not before. */
static bool any_moved(const struct watch *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->node[i].moved)
			return true;
	}
	return false;
}

static void watch_close(struct watch *w)
{
	fd_try_ends(w->thread);
	for (size_t i = 0; i < w->count; i++)
		fd_unwatch(&w->node[i]);
	if (w->pages)
		pages_free(w->node, w->pages);
}

/* Without another look: an event that came meanwhile still counts. */
static void park_again(struct thread *t)
{
	atomic_fetch_and_explicit(&t->wake, WAKE_EVENT, memory_order_acq_rel);
}

/*
 * Parks until a look finds something. 0: the deadline passed; -ERESTARTNOHAND: a signal; -EPERM: no event will tell,
 * wait in the kernel; -EAGAIN: watch anew; -ESTALE: that, after learning anew. `looked`: a look found nothing and no
 * edge came since.
 */
static long watch_wait(struct watch *w, look_fn *look, void *arg, nsec_t deadline, bool looked)
{
	struct thread *t = w->thread;
	nsec_t verify_at = deadline_after(VERIFY_AFTER);
	for (bool verified = false;;) {
		long n = looked ? 0 : look(arg);
		looked = false;
		if (n)
			return n;
		if (any_closed(w))
			return -ESTALE;
		if (w->unsure)
			return -EPERM;
		fd_try_ends(t);
		uint32_t why = thread_park(t, !verified && verify_at < deadline ? verify_at : deadline);
		fd_try_begins(t);
		if ((why & WAKE_SIGNAL) && signal_pending(&t->sig)) {
			n = look(arg);
			return n ? n : -ERESTARTNOHAND;
		}
		if (w->generation && atomic_load_explicit(w->generation, memory_order_acquire) != w->seen)
			return -EAGAIN;
		if (why & WAKE_TIMEOUT) {
			if (deadline != NEVER && clock_now() >= deadline)
				return look(arg);
			if (w->verify && !verified)
				return -ESTALE;
			verified = true;
			if (any_moved(w) && !(why & WAKE_EVENT)) {
				looked = true;
				park_again(t);
				continue;
			}
		}
		thread_prepare(t);
	}
}

/* What is left until the deadline, for a wait in the kernel. */
static struct ktimespec *time_left(nsec_t deadline, struct ktimespec *ts)
{
	if (deadline == NEVER)
		return NULL;
	nsec_t left = deadline - clock_now();
	*ts = nsec_to_timespec(left > 0 ? left : 0);
	return ts;
}

/* A look takes no time, but the kernel says EINTR where it finds nothing while a signal came to the carrier (do_poll(),
 * core_sys_select()). Whoever that signal is for, it is recorded: nothing was found, and that is all. */
static long looked_at(long n)
{
	return n == -EINTR ? 0 : n;
}

/* A wait in the kernel, with what is left of its timeout. One that a signal kept from beginning may have a mask of its
 * own, under which the signal is to be delivered: it counts as interrupted. */
static long wait_in_kernel(struct thread *t, const struct regs *r, nsec_t deadline, struct ktimespec *left)
{
	long ret = handoff_wait(t, r, deadline, left);
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR ? -ERESTARTNOHAND : ret;
}

/* A timeout given as a struct timespec or timeval: `unit` is the length of its second word's unit. A deadline of 0 is
 * now, NEVER without one. */
static long deadline_from_user(const struct ktimespec *user, nsec_t unit, nsec_t *deadline)
{
	struct ktimespec ts;
	*deadline = NEVER;
	if (!user)
		return 0;
	if (user_read(&ts, user))
		return -EFAULT;
	if (unit != 1) { /* select(2): microseconds beyond a second are carried over (kern_select) */
		ts.sec += ts.nsec / 1000000;
		ts.nsec = ts.nsec % 1000000 * unit;
	}
	if (!timespec_valid(&ts))
		return -EINVAL;
	*deadline = ts.sec || ts.nsec ? deadline_after(timespec_to_nsec(&ts)) : 0;
	return 0;
}

/* poll_select_finish(): the time that is left goes back to the program, but for a timeout of zero. Where it cannot be
 * written the call is not restarted: the timeout would begin anew. */
static long deadline_to_user(struct ktimespec *user, nsec_t unit, nsec_t deadline, long ret)
{
	struct ktimespec ts;
	if (!user || deadline == 0 || !time_left(deadline, &ts)) /* NEVER: beyond any clock, stays as it is */
		return ret;
	ts.nsec /= unit;
	if (user_write(user, &ts) && ret == -ERESTARTNOHAND)
		return -EINTR;
	return ret;
}

static nsec_t deadline_from_ms(int ms)
{
	return ms < 0 ? NEVER : ms ? deadline_after(ms * NSEC_PER_MSEC) : 0;
}

/* poll */

struct poll_look {
	struct pollfd *fds;
	size_t count;
};

static long poll_look(void *arg)
{
	const struct poll_look *l = arg;
	return looked_at(sys(SYS_poll, l->fds, l->count, 0));
}

/* Edges seen so far: when none came between a look and the watching, another look is for nothing. */
static uint32_t edges(const struct pollfd *fds, size_t count)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		struct fd *e = fds[i].fd < 0 ? NULL : fd_entry(fds[i].fd);
		if (e)
			sum += atomic_load_explicit(&e->seq[FD_IN], memory_order_acquire) +
			       atomic_load_explicit(&e->seq[FD_OUT], memory_order_acquire);
	}
	return sum;
}

/* The poller's edges that may make any of these events true. */
static uint32_t poll_edges(short events)
{
	uint32_t edges = 0;
	if (events & ~(POLLOUT | POLLWRNORM | POLLWRBAND))
		edges |= EPOLLIN | EPOLLPRI | EPOLLRDHUP;
	if (events & (POLLOUT | POLLWRNORM | POLLWRBAND))
		edges |= EPOLLOUT;
	return edges;
}

static void poll_results(struct pollfd *user, const struct pollfd *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		user_write(&user[i].revents, &fds[i].revents);
}

/* A copy of the program's array, as the kernel makes one; it is looked at by number each time, as by the kernel. */
static long poll_stay(struct thread *t, struct pollfd *fds, size_t count, nsec_t deadline, const uint32_t *before)
{
	struct watch w;
	struct poll_look l = {fds, count};
	if (watch_open(&w, t, count))
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (fds[i].fd >= 0)
			watch_add(&w, fds[i].fd, poll_edges(fds[i].events));
	}
	bool looked = before && edges(fds, count) == *before;
	long n = watch_wait(&w, poll_look, &l, deadline, looked);
	watch_close(&w);
	return n;
}

static long poll_watch(
    struct thread *t, struct pollfd *user, struct pollfd *fds, size_t count, nsec_t deadline, const uint32_t *before)
{
	struct ktimespec ts;
	long n = t->bound ? -EPERM : poll_stay(t, fds, count, deadline, before);
	while (n == -ESTALE)
		n = poll_stay(t, fds, count, deadline, NULL);
	if (n == -EPERM) {
		struct regs r = {.nr = SYS_ppoll, .rdi = (uint64_t)fds, .rsi = count};
		r.rdx = (uint64_t)time_left(deadline, &ts);
		n = wait_in_kernel(t, &r, deadline, &ts);
	}
	if (n > 0)
		poll_results(user, fds, count);
	return n;
}

static long poll_many(struct thread *t, struct pollfd *user, size_t count, nsec_t deadline)
{
	size_t size = count * sizeof *user;
	struct pollfd *fds = pages_alloc(size);
	if (!fds)
		return -ENOMEM;
	long n = user_copy(fds, user, size);
	if (!n)
		n = poll_watch(t, user, fds, count, deadline, NULL);
	pages_free(fds, size);
	return n;
}

/* The first look is at the program's own array, so that the kernel finds all that is wrong with it. */
static long poll_until(struct thread *t, struct pollfd *user, size_t count, nsec_t deadline)
{
	struct pollfd few[4];
	uint32_t before = 0;
	long err = 0;
	bool small = count <= ARRAY_LEN(few);
	if (deadline && small) {
		err = user_copy(few, user, count * sizeof *user);
		before = err ? 0 : edges(few, count);
	}
	long n = looked_at(sys(SYS_poll, user, count, 0));
	if (n || err)
		return n ? n : err;
	if (!deadline)
		return signal_pending(&t->sig) ? -ERESTARTNOHAND : 0;
	return small ? poll_watch(t, user, few, count, deadline, &before) : poll_many(t, user, count, deadline);
}

long call_poll(struct thread *t, struct regs *r)
{
	return poll_until(t, (struct pollfd *)r->rdi, (unsigned)r->rsi, deadline_from_ms(r->rdx));
}

long call_ppoll(struct thread *t, struct regs *r)
{
	struct ktimespec *timeout = (struct ktimespec *)r->rdx;
	nsec_t deadline;
	long ret = deadline_from_user(timeout, 1, &deadline);
	if (!ret && r->r10)
		ret = signal_set_temporary_mask(t, (const ksigset_t *)r->r10, r->r8);
	if (ret)
		return ret;
	ret = poll_until(t, (struct pollfd *)r->rdi, (unsigned)r->rsi, deadline);
	if (r->r10)
		signal_mask_call_done(t, ret == -ERESTARTNOHAND || ret == -EINTR);
	return deadline_to_user(timeout, 1, deadline, ret);
}

/* select */

#define SETS 3

/* in[]: what the program asks; out[]: what a look leaves. NULL where it gave no set. */
struct select_look {
	int n;
	size_t words; /* per set */
	uint64_t *in[SETS], *out[SETS];
};

static long select_look(void *arg)
{
	const struct select_look *l = arg;
	struct ktimespec zero = {0};
	for (int i = 0; i < SETS; i++) {
		if (l->in[i])
			memcpy(l->out[i], l->in[i], l->words * 8);
	}
	return looked_at(sys(SYS_pselect6, l->n, l->out[0], l->out[1], l->out[2], &zero, NULL));
}

static uint64_t select_word(const struct select_look *l, size_t i)
{
	uint64_t bits = 0;
	for (int k = 0; k < SETS; k++)
		bits |= l->in[k] ? l->in[k][i] : 0;
	if (i == l->words - 1 && l->n % 64)
		bits &= (1ULL << l->n % 64) - 1;
	return bits;
}

static uint32_t select_edges(const struct select_look *l, size_t i, uint64_t bit)
{
	uint32_t edges = 0;
	if (l->in[0] && l->in[0][i] & bit)
		edges |= EPOLLIN | EPOLLRDHUP;
	if (l->in[1] && l->in[1][i] & bit)
		edges |= EPOLLOUT;
	if (l->in[2] && l->in[2][i] & bit)
		edges |= EPOLLPRI;
	return edges;
}

static long select_stay(struct thread *t, struct select_look *l, nsec_t deadline)
{
	struct watch w;
	size_t count = 0;
	for (size_t i = 0; i < l->words; i++)
		count += __builtin_popcountll(select_word(l, i));
	if (watch_open(&w, t, count))
		return -ENOMEM;
	for (size_t i = 0; i < l->words; i++) {
		for (uint64_t bits = select_word(l, i); bits; bits &= bits - 1)
			watch_add(&w, i * 64 + __builtin_ctzll(bits), select_edges(l, i, bits & -bits));
	}
	long n = watch_wait(&w, select_look, l, deadline, false);
	watch_close(&w);
	return n;
}

static long select_watch(struct thread *t, struct select_look *l, nsec_t deadline)
{
	struct ktimespec ts;
	long n = t->bound ? -EPERM : select_stay(t, l, deadline);
	while (n == -ESTALE)
		n = select_stay(t, l, deadline);
	if (n != -EPERM)
		return n;
	for (int i = 0; i < SETS; i++) {
		if (l->in[i])
			memcpy(l->out[i], l->in[i], l->words * 8);
	}
	struct regs r = {.nr = SYS_pselect6, .rdi = (uint64_t)l->n};
	r.rsi = (uint64_t)l->out[0], r.rdx = (uint64_t)l->out[1], r.r10 = (uint64_t)l->out[2];
	r.r8 = (uint64_t)time_left(deadline, &ts);
	return wait_in_kernel(t, &r, deadline, &ts);
}

static long select_sets(struct thread *t, struct select_look *l, uint64_t *const user[SETS], nsec_t deadline)
{
	for (int i = 0; i < SETS; i++) {
		if (l->in[i] && user_copy(l->in[i], user[i], l->words * 8))
			return -EFAULT;
	}
	long n = select_look(l);
	if (n == 0 && deadline)
		n = select_watch(t, l, deadline);
	else if (n == 0 && signal_pending(&t->sig))
		n = -ERESTARTNOHAND;
	if (n < 0)
		return n;
	for (int i = 0; i < SETS; i++) {
		if (l->out[i] && user_copy(user[i], l->out[i], l->words * 8))
			return -EFAULT;
	}
	return n;
}

/* The kernel looks no further than its table reaches, whatever n says. */
static int select_limit(int n)
{
	struct {
		uint64_t cur, max;
	} limit;
	if (n <= 1024 || sys(SYS_prlimit64, 0, 7 /* RLIMIT_NOFILE */, NULL, &limit))
		return n;
	return limit.cur < (uint64_t)n ? (int)limit.cur : n;
}

static long select_until(struct thread *t, int n, uint64_t *const user[SETS], nsec_t deadline)
{
	struct select_look l = {0};
	uint64_t few[2 * SETS * 4], *at = few; /* 256 descriptors */
	size_t size = 0;
	if (n < 0)
		return -EINVAL;
	l.n = select_limit(n);
	l.words = (l.n + 63UL) / 64;
	if (l.words > 4) {
		size = 2 * SETS * l.words * 8;
		at = pages_alloc(size);
		if (!at)
			return -ENOMEM;
	}
	uint64_t *mem = at;
	for (int i = 0; i < SETS; i++) {
		if (!user[i])
			continue;
		l.in[i] = at;
		l.out[i] = at + l.words;
		at += 2 * l.words;
	}
	long ret = select_sets(t, &l, user, deadline);
	if (size)
		pages_free(mem, size);
	return ret;
}

long call_select(struct thread *t, struct regs *r)
{
	struct ktimespec *timeout = (struct ktimespec *)r->r8;
	uint64_t *const sets[SETS] = {(uint64_t *)r->rsi, (uint64_t *)r->rdx, (uint64_t *)r->r10};
	nsec_t deadline;
	long ret = deadline_from_user(timeout, 1000, &deadline);
	if (ret)
		return ret;
	ret = select_until(t, r->rdi, sets, deadline);
	return deadline_to_user(timeout, 1000, deadline, ret);
}

long call_pselect6(struct thread *t, struct regs *r)
{
	struct ktimespec *timeout = (struct ktimespec *)r->r8;
	uint64_t *const sets[SETS] = {(uint64_t *)r->rsi, (uint64_t *)r->rdx, (uint64_t *)r->r10};
	struct {
		const ksigset_t *mask;
		size_t size;
	} sig = {0};
	nsec_t deadline;
	if (r->r9 && user_read(&sig, r->r9))
		return -EFAULT;
	long ret = deadline_from_user(timeout, 1, &deadline);
	if (!ret && sig.mask)
		ret = signal_set_temporary_mask(t, sig.mask, sig.size);
	if (ret)
		return ret;
	ret = select_until(t, r->rdi, sets, deadline);
	if (sig.mask)
		signal_mask_call_done(t, ret == -ERESTARTNOHAND || ret == -EINTR);
	return deadline_to_user(timeout, 1, deadline, ret);
}

/* epoll */

struct epoll_look {
	int epfd, max;
	struct epoll_event *events;
	struct fd_wait hold; /* the call keeps the epoll, though its number be closed */
};

static long epoll_look(void *arg)
{
	const struct epoll_look *l = arg;
	return sys(SYS_epoll_wait, l->hold.fd, l->events, l->max, 0);
}

/* False: a member's number means something else by now. */
static bool epoll_watch(struct epoll_set *s, struct watch *w, const int *member, int count)
{
	for (int i = 0; i < count; i++) {
		struct fd_wait *node = watch_add_weak(w, member[i]);
		if (node && !epoll_set_check(s, member[i], node->entry->gen))
			return false;
	}
	return true;
}

/* One stay with one view of what is in the epoll. */
static long epoll_stay(struct thread *t, struct epoll_set *s, struct epoll_look *l, nsec_t deadline, bool verify)
{
	struct watch w;
	struct epoll_waiter me;
	int member[EPOLL_SET_MAX];
	watch_open(&w, t, ARRAY_LEN(w.few));
	w.verify = verify;
	w.generation = &s->generation;
	w.seen = epoll_set_join(s, &me, t);
	int count = l->hold.moved ? -1 : epoll_set_members(s, l->epfd, member);
	if (count < 0) {
		member[0] = l->hold.fd;
		count = 1;
	}
	long n = -ESTALE;
	if (epoll_watch(s, &w, member, count))
		n = watch_wait(&w, epoll_look, l, deadline, false);
	epoll_set_leave(s, &me);
	watch_close(&w);
	return n;
}

static long epoll_wait_in_kernel(struct thread *t, struct epoll_look *l, nsec_t deadline)
{
	struct ktimespec ts;
	struct regs r = {.nr = SYS_epoll_pwait2, .rdi = (uint64_t)l->hold.fd};
	r.rsi = (uint64_t)l->events, r.rdx = (uint64_t)l->max;
	r.r10 = (uint64_t)time_left(deadline, &ts);
	return wait_in_kernel(t, &r, deadline, &ts);
}

static long epoll_wait_held(struct thread *t, struct epoll_look *l, nsec_t deadline)
{
	struct epoll_set *s = epoll_set(l->epfd);
	long n = s ? epoll_stay(t, s, l, deadline, true) : -EPERM;
	for (bool verify = true; n == -ESTALE || n == -EAGAIN; n = epoll_stay(t, s, l, deadline, verify)) {
		if (n == -ESTALE) {
			epoll_set_forget(s);
			verify = false;
		}
	}
	if (n == -EPERM) {
		n = epoll_wait_in_kernel(t, l, deadline);
		hub_need(t);
	}
	return n;
}

static long epoll_until(struct thread *t, struct epoll_look *l, nsec_t deadline)
{
	l->hold.fd = l->epfd;
	long n = epoll_look(l);
	if (n || !deadline)
		return n;
	if (t->bound) {
		n = epoll_wait_in_kernel(t, l, deadline);
	} else {
		fd_hold(&l->hold, t, l->epfd);
		n = epoll_wait_held(t, l, deadline);
		fd_unwatch(&l->hold);
	}
	return n == -ERESTARTNOHAND ? -EINTR : n;
}

static long epoll_masked(struct thread *t, struct regs *r, nsec_t deadline)
{
	struct epoll_look l = {.epfd = r->rdi, .max = r->rdx, .events = (struct epoll_event *)r->rsi};
	long ret;
	if (!r->r8)
		return epoll_until(t, &l, deadline);
	ret = signal_set_temporary_mask(t, (const ksigset_t *)r->r8, r->r9);
	if (ret)
		return ret;
	ret = epoll_until(t, &l, deadline);
	signal_mask_call_done(t, ret == -EINTR);
	return ret;
}

long call_epoll_wait(struct thread *t, struct regs *r)
{
	struct epoll_look l = {.epfd = r->rdi, .max = r->rdx, .events = (struct epoll_event *)r->rsi};
	return epoll_until(t, &l, deadline_from_ms(r->r10));
}

long call_epoll_pwait(struct thread *t, struct regs *r)
{
	return epoll_masked(t, r, deadline_from_ms(r->r10));
}

long call_epoll_pwait2(struct thread *t, struct regs *r)
{
	nsec_t deadline;
	long ret = deadline_from_user((const struct ktimespec *)r->r10, 1, &deadline);
	return ret ? ret : epoll_masked(t, r, deadline);
}

long call_epoll_ctl(struct thread *t, struct regs *r)
{
	(void)t;
	if (fd_hidden(r->rdi) || fd_hidden(r->rdx))
		return -EBADF;
	long ret = sys(SYS_epoll_ctl, r->rdi, r->rsi, r->rdx, r->r10);
	if (ret == 0)
		epoll_set_changed(r->rdi, r->rsi, r->rdx);
	return ret;
}
