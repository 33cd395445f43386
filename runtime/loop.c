/* libuv, embedded as its manual says (uv_backend_fd): its epoll is nested in the hub's poller. */
#include "loop.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <uv.h>

#include "clock.h"
#include "hub.h"
#include "mem.h"
#include "poller.h"

/* What we call of it, looked up in a private copy: a process that exports a uv of its own (node) keeps that. */
/* clang-format off */
#define UV_CALLS(X)                                                                                                    \
	X(uv_loop_init) X(uv_loop_size) X(uv_backend_fd) X(uv_backend_timeout) X(uv_run) X(uv_update_time)              \
	X(uv_async_init) X(uv_replace_allocator)
/* clang-format on */
static struct {
#define X(name) __typeof__(&name) name;
	UV_CALLS(X)
#undef X
} uv;

/* libuv allocates in a scheduler context, which must not wait for malloc's locks: a rescued thread may hold one and
 * queue for this very hub. Blocks carry their size in front. */
struct block {
	size_t size;
	size_t pad;
};

static void *loop_malloc(size_t n)
{
	size_t size = (n + sizeof(struct block) + 4095) & ~4095UL;
	struct block *b = pages_alloc(size);
	if (!b)
		return NULL;
	b->size = size;
	return b + 1;
}

static void loop_free(void *p)
{
	if (p) {
		struct block *b = (struct block *)p - 1;
		pages_free(b, b->size);
	}
}

static void *loop_calloc(size_t n, size_t size)
{
	size_t total;
	return __builtin_mul_overflow(n, size, &total) ? NULL : loop_malloc(total);
}

static void *loop_realloc(void *p, size_t n)
{
	if (!p)
		return loop_malloc(n);
	size_t have = ((struct block *)p - 1)->size - sizeof(struct block);
	if (n <= have)
		return p;
	void *q = loop_malloc(n);
	if (q) {
		memcpy(q, p, have);
		loop_free(p);
	}
	return q;
}

int loop_load(void *(*open_library)(const char *name))
{
	if (uv.uv_run)
		return 0;
	void *so = open_library("libuv.so.1");
	if (!so)
		return -ENOENT;
#define X(name)                                               \
	if (!(uv.name = (__typeof__(&name))dlsym(so, #name))) \
		return -ENOENT;
	UV_CALLS(X)
#undef X
	return uv.uv_replace_allocator(loop_malloc, loop_realloc, loop_calloc, loop_free);
}

static void on_async(uv_async_t *handle)
{
	(void)handle;
}

/* uv_loop_init aborts the process when it finds no descriptors for its pipe (uv__signal_global_reinit in libuv 1.44):
 * six it takes in all. */
static bool enough_descriptors(struct hub *h)
{
	int fds[6];
	unsigned n = 0;
	while (n < ARRAY_LEN(fds) && (fds[n] = (int)sys(SYS_fcntl, h->epoll, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	bool enough = n == ARRAY_LEN(fds);
	while (n)
		sys(SYS_close, fds[--n]);
	return enough;
}

static int loop_make(struct hub *h)
{
	if (!enough_descriptors(h))
		return -EMFILE;
	uv_loop_t *loop = loop_malloc(uv.uv_loop_size());
	uv_async_t *keep = loop_malloc(sizeof(*keep));
	if (!loop || !keep)
		return -ENOMEM;
	int err = uv.uv_loop_init(loop);
	/* One ref'd handle: a loop without any has a timeout of 0 and never drains its backend (a 100 % spin). */
	if (!err)
		err = uv.uv_async_init(loop, keep, on_async);
	if (err)
		return err;
	h->loop = loop;
	return poller_add_loop(h, uv.uv_backend_fd(loop));
}

nsec_t loop_next_deadline(struct hub *h)
{
	if (!h->loop || !h->loop_timers)
		return NEVER;
	fs_load(h->scheduler_fs);
	uv.uv_update_time(h->loop); /* before uv_backend_timeout, which reckons from the cached time */
	int ms = uv.uv_backend_timeout(h->loop);
	return ms < 0 ? NEVER : deadline_after(ms * NSEC_PER_MSEC);
}

void loop_run(struct hub *h)
{
	h->loop_ready = false;
	if (!h->loop)
		return;
	fs_load(h->scheduler_fs);
	uv.uv_run(h->loop, UV_RUN_NOWAIT);
	h->loop_timers = uv.uv_backend_timeout(h->loop) >= 0;
}

/* libuv takes the lowest numbers there are, which a program counts on finding free: they are held while it does. */
int loop_open(struct hub *h)
{
	int floor = fd_high_floor();
	uint64_t held[1024 / 64] = {0}, before[1024 / 64] = {0};
	for (int fd = floor; fd < 1024; fd++)
		if (sys(SYS_fcntl, fd, F_GETFD) >= 0)
			before[fd / 64] |= 1UL << fd % 64;
	for (;;) {
		long fd = sys(SYS_fcntl, h->epoll, F_DUPFD_CLOEXEC, 0);
		if (fd < 0 || fd >= floor) {
			if (fd >= 0)
				sys(SYS_close, fd);
			break;
		}
		held[fd / 64] |= 1UL << fd % 64;
	}
	int err = loop_make(h);
	for (int fd = 0; fd < floor; fd++)
		if (held[fd / 64] >> fd % 64 & 1)
			sys(SYS_close, fd);
	for (int fd = floor; fd < 1024; fd++)
		if (!(before[fd / 64] >> fd % 64 & 1) && sys(SYS_fcntl, fd, F_GETFD) >= 0)
			fd_hide(fd);
	return err;
}
