/* The fd table and the poller. Their source is part of this test, for what it keeps to itself (fd_edge). */
// cflags: -fno-strict-aliasing
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/poller.c"
#include "tests/unit/green.h"

static int p[2];

static void began(void)
{
	green_begin();
	cr_assert_eq(pipe(p), 0);
}

TestSuite(table, .init = green_begin, .timeout = 20);
TestSuite(wait, .init = began, .timeout = 20);
TestSuite(closing, .init = began, .timeout = 20);
TestSuite(hidden, .init = green_begin, .timeout = 20);

/* The table. */

Test(table, entries)
{
	cr_assert_null(fd_entry(-1));
	cr_assert_null(fd_entry(INT32_MIN));
	cr_assert_null(fd_entry(INT32_MAX));
	cr_assert_null(fd_entry(CHUNKS * CHUNK));
	cr_assert_not_null(fd_entry(CHUNKS * CHUNK - 1));
	cr_assert_null(fd_peek(3 * CHUNK));
	struct fd *e = fd_entry(3 * CHUNK);
	cr_assert_eq(fd_peek(3 * CHUNK), e);
	cr_assert_eq(fd_entry(3 * CHUNK + 1), e + 1);
	cr_assert_neq(fd_entry(4 * CHUNK), fd_entry(3 * CHUNK));
	cr_assert(list_empty(&e->waiters[0]) && list_empty(&e->waiters[1]) && list_empty(&e->watchers));
	cr_assert(e->hub == NULL && e->kind[0] == FD_UNKNOWN && !e->hidden);
}

static _Atomic int ready;
static void *first_user(void *arg)
{
	struct fd **seen = arg;
	ready++;
	while (ready < 3)
		;
	for (int i = 0; i < 200; i++)
		seen[i] = fd_entry((100 + i) * CHUNK + 5);
	return NULL;
}

Test(table, one_chunk_whoever_is_first)
{
	static struct fd *seen[3][200];
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, first_user, seen[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 200; i++) {
		cr_assert_not_null(seen[0][i]);
		cr_assert(seen[0][i] == seen[1][i] && seen[0][i] == seen[2][i]);
	}
}

/* Waiting. */

static struct waiter {
	struct green_thread green;
	int fd, dir, ret, tries;
	bool parked, done;
} w[8];

/* One stay: parks once, leaves. */
static void stay(void *arg)
{
	struct waiter *me = arg;
	struct fd_wait node;
	carrier_enter(carrier_self());
	fd_wait_init(&node, thread_self(), me->fd, me->dir);
	uint32_t seq = fd_seq(&node);
	do {
		me->parked = true;
		me->ret = fd_wait(&node, seq, NEVER);
		me->parked = false;
		me->tries++;
	} while (me->ret == 0 && fd_seq(&node) == seq);
	fd_wait_done(&node);
	carrier_publish_native(carrier_self());
	me->done = true;
}

static void start(int i, void (*fn)(void *), int fd, int dir)
{
	w[i] = (struct waiter){.fd = fd, .dir = dir};
	green_start(&w[i].green, fn, &w[i]);
	green_settle();
}

/* What the poller has to say. */
static void look(void)
{
	carrier_enter(carrier_self());
	poller_poll(carrier_self()->hub, 0);
	carrier_publish_native(carrier_self());
	green_settle();
}

static void put(int fd)
{
	cr_assert_eq(write(fd, "x", 1), 1);
}

Test(wait, registers_once_for_everything)
{
	struct fd *e = fd_entry(p[0]);
	start(0, stay, p[0], FD_IN);
	look();
	cr_assert(w[0].parked);
	cr_assert_eq(e->hub, carrier_self()->hub);
	uint32_t gen = e->gen;
	put(p[1]);
	look();
	cr_assert(w[0].done && w[0].ret == 0);
	cr_assert_gt(e->seq[FD_IN], 0);
	char c;
	cr_assert_eq(read(p[0], &c, 1), 1);
	start(1, stay, p[0], FD_IN);
	cr_assert_eq(e->gen, gen, "the registration lasts");
	put(p[1]);
	look();
	cr_assert(w[1].done);
}

/* Between the try that said EAGAIN and the wait an edge came: back at once. */
Test(wait, no_edge_is_lost)
{
	struct fd_wait node;
	start(0, stay, p[0], FD_IN); /* registers */
	fd_wait_init(&node, thread_self(), p[0], FD_IN);
	uint32_t seq = fd_seq(&node);
	put(p[1]);
	look();
	uint64_t parks = carrier_self()->hub->count.parks;
	carrier_enter(carrier_self());
	cr_assert_eq(fd_wait(&node, seq, NEVER), 0);
	carrier_publish_native(carrier_self());
	cr_assert_eq(carrier_self()->hub->count.parks, parks);
	cr_assert_neq(fd_seq(&node), seq);
	fd_wait_done(&node);
	cr_assert(list_empty(&fd_entry(p[0])->waiters[FD_IN]));
}

Test(wait, deadline)
{
	struct fd_wait node;
	nsec_t start = clock_now();
	carrier_enter(carrier_self());
	fd_wait_init(&node, thread_self(), p[0], FD_IN);
	int ret = fd_wait(&node, fd_seq(&node), start + 15 * MSEC);
	fd_wait_done(&node);
	carrier_publish_native(carrier_self());
	cr_assert_eq(ret, -EAGAIN);
	cr_assert_geq(clock_now() - start, 15 * MSEC);
	cr_assert(list_empty(&fd_entry(p[0])->waiters[FD_IN]));
	cr_assert_eq(carrier_self()->hub->deadlines.count, 0);
}

Test(wait, what_cannot_be_polled)
{
	struct fd_wait node;
	int fd = open("/proc/self/exe", O_RDONLY);
	fd_wait_init(&node, thread_self(), fd, FD_IN);
	cr_assert_eq(fd_wait(&node, 0, NEVER), -EPERM);
	fd_wait_done(&node);
	cr_assert_eq(fd_watch(&node, thread_self(), fd), -EPERM);
	fd_unwatch(&node);
	close(fd);
	fd_wait_init(&node, thread_self(), fd, FD_IN);
	cr_assert_eq(fd_wait(&node, 0, NEVER), -EBADF);
	fd_wait_init(&node, thread_self(), -1, FD_IN);
	cr_assert_eq(fd_wait(&node, 0, NEVER), -EPERM);
	cr_assert_eq(fd_watch(&node, thread_self(), -1), -ENOMEM);
}

/* One edge wakes one; who leaves with it passes it on. */
Test(wait, exclusive_with_the_baton)
{
	struct fd *e = fd_entry(p[0]);
	for (int i = 0; i < 3; i++)
		start(i, stay, p[0], FD_IN);
	look();
	spin_lock(&e->lock);
	wake_one(&e->waiters[FD_IN]); /* an edge that does not tell: nothing to read */
	spin_unlock(&e->lock);
	green_settle();
	cr_assert(w[0].tries == 1 && w[0].parked, "looked, and waits again");
	cr_assert(w[1].tries == 0 && w[2].tries == 0);
	put(p[1]);
	look();
	for (int i = 0; i < 3; i++)
		cr_assert(w[i].done, "%d: nobody read, so it is everybody's", i);
}

/* Takes one byte, as a reader does. */
static void take(void *arg)
{
	struct waiter *me = arg;
	char c;
	me->ret = (int)green(SYS_read, me->fd, &c, 1);
	me->done = true;
}

Test(wait, one_byte_for_one_reader)
{
	for (int i = 0; i < 3; i++)
		start(i, take, p[0], FD_IN);
	for (int n = 1; n <= 3; n++) {
		put(p[1]);
		look();
		cr_assert_eq(w[0].done + w[1].done + w[2].done, n);
	}
}

/* Two bytes by one edge: the first reader's baton is the second one's. */
Test(wait, two_bytes_by_one_edge)
{
	for (int i = 0; i < 3; i++)
		start(i, take, p[0], FD_IN);
	cr_assert_eq(write(p[1], "xy", 2), 2);
	look();
	cr_assert_eq(w[0].done + w[1].done + w[2].done, 2);
}

Test(wait, directions_are_apart)
{
	int s[2];
	char c;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	start(0, stay, s[0], FD_IN);
	look();
	uint32_t in = fd_entry(s[0])->seq[FD_IN], out = fd_entry(s[0])->seq[FD_OUT];
	cr_assert_gt(out, 0, "writable from the start");
	cr_assert_eq(in, 0);
	char full[65536] = {0};
	while (write(s[0], full, sizeof(full)) > 0)
		;
	start(1, stay, s[0], FD_OUT);
	look();
	cr_assert(w[0].parked && w[1].parked);
	while (read(s[1], full, sizeof(full)) > 0)
		;
	look();
	cr_assert(w[1].done && !w[0].done);
	put(s[1]);
	look();
	cr_assert(w[0].done);
	cr_assert_eq(read(s[0], &c, 1), 1);
}

Test(wait, hangup_is_for_all)
{
	int q[2];
	cr_assert_eq(pipe(q), 0);
	for (int i = 0; i < 3; i++)
		start(i, take, p[0], FD_IN);
	close(p[1]);
	look();
	for (int i = 0; i < 3; i++)
		cr_assert(w[i].done && w[i].ret == 0);
	for (int i = 0; i < 3; i++)
		start(i, stay, q[0], FD_IN);
	struct fd *e = fd_entry(q[0]);
	look();
	carrier_enter(carrier_self());
	fd_edge(e, e->gen, EPOLLHUP);
	cr_assert_eq(run_queue_length(&carrier_self()->hub->run), 3, "at once, not one by the other's baton");
	carrier_publish_native(carrier_self());
}

static void watch_once(void *arg)
{
	struct waiter *me = arg;
	struct fd_wait node;
	struct thread *t = thread_self();
	carrier_enter(carrier_self());
	thread_prepare(t);
	me->ret = fd_watch(&node, t, me->fd);
	me->parked = true;
	me->tries = (int)thread_park(t, NEVER);
	fd_unwatch(&node);
	carrier_publish_native(carrier_self());
	me->done = true;
}

Test(wait, watchers_are_all_woken)
{
	for (int i = 0; i < 3; i++)
		start(i, watch_once, p[0], FD_IN);
	start(3, stay, p[0], FD_IN);
	put(p[1]);
	look();
	for (int i = 0; i < 4; i++)
		cr_assert(w[i].done, "%d", i);
	cr_assert(!waited_for(fd_entry(p[0])));
}

/* An event that was on its way when the number came to mean something else. */
Test(wait, late_events_are_known)
{
	struct fd *e = fd_entry(p[0]);
	start(0, stay, p[0], FD_IN);
	look();
	fd_edge(e, e->gen - 1, EPOLLIN);
	fd_edge(e, e->gen + 1, EPOLLIN | EPOLLHUP);
	green_settle();
	cr_assert(w[0].parked && e->seq[FD_IN] == 0);
	fd_edge(e, e->gen, EPOLLIN);
	green_settle();
	cr_assert(w[0].done);
}

Test(wait, a_close_behind_our_back)
{
	struct fd *e = fd_entry(p[0]);
	int q[2];
	start(0, stay, p[0], FD_IN);
	cr_assert_eq(pipe(q), 0);
	dup2(q[0], p[0]); /* not by the door: the registration is gone */
	put(q[1]);
	look();
	cr_assert(w[0].parked);
	nsec_t until = clock_now() + 3 * NSEC_PER_SEC;
	struct ktimespec ts = {0, 50 * MSEC};
	while (!w[0].done && clock_now() < until)
		green(SYS_nanosleep, &ts, NULL);
	cr_assert(w[0].tries && e->gen > 1, "it looked for itself");
}

/* Closing. */

Test(closing, forgets_what_was_known)
{
	struct fd *e = fd_entry(p[0]);
	start(0, take, p[0], FD_IN);
	put(p[1]);
	look();
	e->timeo_known = 3;
	uint32_t gen = e->gen;
	cr_assert(e->hub && e->kind[FD_IN] == FD_NOWAIT);
	cr_assert_eq(green(SYS_close, p[0]), 0);
	cr_assert(!e->hub && e->kind[FD_IN] == FD_UNKNOWN && !e->timeo_known);
	cr_assert_neq(e->gen, gen);
	cr_assert_eq(green(SYS_close, p[0]), -EBADF);
}

static int orphans(void)
{
	int n = 0;
	for (int fd = fd_hidden_first(0); fd >= 0; fd = fd_hidden_first(fd + 1))
		n += fd_entry(fd)->orphan;
	return n;
}

/* As natively, where a blocked call holds the description: data still comes, the pipe is still open for the writer. */
Test(closing, waiters_move_to_a_hidden_duplicate)
{
	int q[2];
	signal(SIGPIPE, SIG_IGN);
	start(0, take, p[0], FD_IN);
	start(1, take, p[0], FD_IN);
	start(2, watch_once, p[0], FD_IN);
	look();
	cr_assert_eq(green(SYS_close, p[0]), 0);
	cr_assert_eq(orphans(), 1);
	cr_assert(!waited_for(fd_entry(p[0])));
	cr_assert_eq(fcntl(p[0], F_GETFD), -1);
	cr_assert_eq(pipe(q), 0);
	cr_assert_eq(q[0], p[0], "the number is free for others");
	put(p[1]);
	look();
	cr_assert(w[0].done && w[0].ret == 1 && w[2].done);
	cr_assert(!w[1].done);
	cr_assert_eq(orphans(), 1, "one is left");
	put(p[1]);
	look();
	cr_assert(w[1].done && w[1].ret == 1);
	cr_assert_eq(orphans(), 0);
	cr_assert_eq(write(p[1], "x", 1), -1);
	cr_assert_eq(errno, EPIPE);
}

/* A chosen reader that has not run yet when the number is closed reads what it was woken for. */
Test(closing, a_woken_waiter_moves_too)
{
	start(0, take, p[0], FD_IN);
	put(p[1]);
	carrier_enter(carrier_self());
	poller_poll(carrier_self()->hub, 0);
	carrier_publish_native(carrier_self());
	cr_assert_eq(green(SYS_close, p[0]), 0);
	green_settle();
	cr_assert(w[0].done);
	cr_assert_eq(w[0].ret, 1);
	cr_assert_eq(orphans(), 0);
}

Test(closing, dup2_onto_a_waited_number)
{
	int q[2];
	cr_assert_eq(pipe(q), 0);
	start(0, take, p[0], FD_IN);
	cr_assert_eq(green(SYS_dup2, q[0], p[0]), p[0]);
	put(q[1]);
	look();
	cr_assert(!w[0].done, "the old description is waited for");
	put(p[1]);
	look();
	cr_assert(w[0].done && w[0].ret == 1);
	char c;
	cr_assert_eq(green(SYS_read, p[0], &c, 1), 1, "the new one has its byte still");
}

/* Ours. */

Test(hidden, not_there_for_the_program)
{
	int fd = fd_hidden_first(0), n = 0;
	cr_assert_geq(fd, fd_high_floor());
	for (int at = fd; at >= 0; at = fd_hidden_first(at + 1), n++) {
		cr_assert(fd_hidden(at));
		cr_assert_eq(green(SYS_close, at), -EBADF);
		cr_assert_eq(green(SYS_fcntl, at, F_GETFD), -EBADF);
		cr_assert_eq(green(SYS_dup2, at, 100), -EBADF);
		cr_assert_neq(fcntl(at, F_GETFD), -1, "still open");
	}
	cr_assert_geq(n, 2);
	cr_assert(!fd_hidden(-1) && !fd_hidden(INT32_MAX) && !fd_hidden(5 * CHUNK));
	cr_assert_eq(fd_hidden_first(fd), fd);
	cr_assert_eq(fd_hidden_first(-5), fd);
	cr_assert_eq(fd_hidden_first(CHUNKS * CHUNK - 1), -1);
	fd_hide(7 * CHUNK + 3);
	cr_assert_eq(fd_hidden_first(CHUNK), 7 * CHUNK + 3, "chunks that are not there are stepped over");
}

Test(hidden, survives_close_range)
{
	int low = dup(0), fd = fd_hidden_first(0);
	cr_assert_eq(green(SYS_close_range, 50, ~0U, 0), 0);
	cr_assert_neq(fcntl(fd, F_GETFD), -1);
	cr_assert_neq(fcntl(low, F_GETFD), -1);
	cr_assert_eq(green(SYS_close_range, low, ~0U, 0), 0);
	cr_assert_eq(fcntl(low, F_GETFD), -1);
	struct ktimespec ts = {0, MSEC};
	cr_assert_eq(green(SYS_nanosleep, &ts, NULL), 0, "the poller works");
}

Test(hidden, makes_room_for_dup2)
{
	struct hub *h = carrier_self()->hub;
	int epoll = h->epoll, event = h->eventfd, q[2];
	cr_assert_eq(pipe(q), 0);
	cr_assert_eq(fd_evict(q[0]), 0, "not ours");
	cr_assert_eq(green(SYS_dup2, q[0], epoll), epoll);
	cr_assert_eq(green(SYS_dup2, q[0], event), event);
	cr_assert(h->epoll != epoll && fd_hidden(h->epoll) && !fd_hidden(epoll));
	cr_assert(h->eventfd != event && fd_hidden(h->eventfd) && !fd_hidden(event));
	start(0, take, epoll, FD_IN);
	put(q[1]);
	look();
	cr_assert(w[0].done && w[0].ret == 1, "the poller works");
	h->polling = 1;
	hub_notify(h);
	look();
	uint64_t n;
	cr_assert_eq(read(h->eventfd, &n, 8), -1, "it was read by the poller");
}

Test(hidden, out_of_the_way)
{
	struct rlimit l = {1024, 1024};
	setrlimit(RLIMIT_NOFILE, &l);
	int floor = fd_high_floor(), low = dup(0), high;
	close(low);
	high = fd_lend(SYS_dup, 0, 0, 0, 0);
	cr_assert(floor > 900 && floor < 1024);
	cr_assert_geq(high, floor);
	cr_assert_eq(fcntl(low, F_GETFD), -1);
	cr_assert_eq(fcntl(high, F_GETFD), FD_CLOEXEC);
	fd_release(high);
	cr_assert(!fd_hidden(high));
	cr_assert_eq(fcntl(high, F_GETFD), -1);
	l.rlim_cur = 256;
	setrlimit(RLIMIT_NOFILE, &l);
	cr_assert(fd_high_floor() > 128 && fd_high_floor() < 256);
	l.rlim_cur = 20;
	setrlimit(RLIMIT_NOFILE, &l);
	low = dup(0);
	cr_assert_lt(fd_high_floor(), 20);
	cr_assert_lt(fd_move_high(low), 20);
}

/* The poller. */

Test(wait, sleeps_until_the_deadline_to_the_nanosecond)
{
	struct hub *h = carrier_self()->hub;
	for (int i = 0; i < 20; i++) {
		nsec_t until = clock_now() + 1234567;
		poller_poll(h, until);
		cr_assert_geq(clock_now(), until);
	}
	nsec_t began_at = clock_now();
	poller_poll(h, 0);
	poller_poll(h, 1);
	cr_assert_leq(clock_now() - began_at, NSEC_PER_SEC, "a deadline that has passed");
	uint32_t seq = fd_entry(p[0])->seq[FD_IN];
	start(0, take, p[0], FD_IN);
	put(p[1]);
	poller_poll(h, 1);
	cr_assert_neq(fd_entry(p[0])->seq[FD_IN], seq, "it looks all the same");
}

/* A child's reset leaves the parent's registrations: the epoll is one and the same. */
Test(wait, reset_in_a_child)
{
	start(0, take, p[0], FD_IN);
	look();
	pid_t child = fork();
	if (child == 0) {
		pollers_reset(true);
		_exit(fd_hidden_first(0) != -1 || fd_peek(p[0]));
	}
	int status;
	waitpid(child, &status, 0);
	cr_assert_eq(status, 0);
	put(p[1]);
	look();
	cr_assert(w[0].done && w[0].ret == 1);
}
