/*
 * Descriptors of several carriers: threads read from a number while others write to its other end, watch it, and put
 * another file under the number. Who was waiting reads from the file that it waited for and from no other; no edge is
 * lost (or the look after a second would count it); no duplicate is left over.
 */
// cflags: -fno-strict-aliasing
#include "runtime/poller.c"

#include <sys/socket.h>

#include "tests/race/race.h"

#define HUBS 3
#define CHANNELS 3
#define READERS 2
#define OTHERS 'x'

enum role { READER, WRITER = READERS, WATCHER, CLOSER, ROLES };

/* Its threads do a round together. */
static struct channel {
	struct racer racers[ROLES];
	int fd, peer;        /* of this round */
	int next, next_peer; /* of the one after: with a byte in it that is not for this round's readers */
	_Atomic uint32_t round, read, left, closing;
	_Atomic bool over;
} channels[CHANNELS];
static _Atomic uint64_t rounds_done, moved, tries_in_vain;

static struct channel *channel_of(struct racer *r)
{
	return &channels[r->id / ROLES];
}

/* The next round; false: there is none. */
static bool round_begins(struct racer *r, uint32_t round)
{
	struct channel *ch = channel_of(r);
	while (atomic_load(&ch->round) != round)
		thread_yield(&r->thread);
	return !atomic_load(&ch->over);
}

static void yield_some(struct racer *r)
{
	for (uint64_t n = race_random(&r->random) % 4; n; n--)
		thread_yield(&r->thread);
	for (uint64_t n = race_random(&r->random) % 512; n; n--)
		cpu_relax();
}

static void spin_some(struct racer *r)
{
	uint64_t n = race_random(&r->random);
	for (n = n % 2 ? n / 2 % 4096 : 0; n; n--)
		cpu_relax();
}

static void reader(struct racer *r)
{
	struct channel *ch = channel_of(r);
	struct fd_wait w;
	for (uint32_t round = 1; round_begins(r, round); round++) {
		char byte = 0;
		yield_some(r);
		fd_wait_init(&w, &r->thread, ch->fd, FD_IN);
		for (;;) {
			uint32_t seq = fd_seq(&w);
			int fd = w.fd;
			spin_some(r);
			long n = sys(SYS_recvfrom, fd, &byte, 1, MSG_DONTWAIT, 0, 0);
			if (n == 1)
				break;
			check(n == -EAGAIN, "recv: %ld", n);
			atomic_fetch_add_explicit(&tries_in_vain, 1, memory_order_relaxed);
			spin_some(r);
			int err = fd_wait(&w, seq, NEVER);
			check(!err, "%d", err);
		}
		check(byte == (char)('a' + round % 16), "a byte of another file: %d in round %u", byte, round);
		if (w.moved)
			atomic_fetch_add_explicit(&moved, 1, memory_order_relaxed);
		fd_wait_done(&w);
		atomic_fetch_add(&ch->read, 1);
		atomic_fetch_add(&ch->left, 1);
	}
}

static void writer(struct racer *r)
{
	struct channel *ch = channel_of(r);
	for (uint32_t round = 1; round_begins(r, round); round++) {
		char byte = (char)('a' + round % 16);
		for (int i = 0; i < READERS; i++) {
			if (race_random(&r->random) % 2)
				while (atomic_load(&ch->closing) != round)
					thread_yield(&r->thread);
			yield_some(r);
			check(sys(SYS_sendto, ch->peer, &byte, 1, MSG_DONTWAIT, 0, 0) == 1, "send");
		}
		atomic_fetch_add(&ch->left, 1);
	}
}

static void watcher(struct racer *r)
{
	struct channel *ch = channel_of(r);
	struct thread *t = &r->thread;
	for (uint32_t round = 1; round_begins(r, round); round++) {
		for (uint64_t n = race_random(&r->random) % 4; n; n--) {
			struct fd_wait w;
			nsec_t deadline = clock_now() + (nsec_t)(race_random(&r->random) % 100000);
			thread_prepare(t);
			int err = fd_watch(&w, t, ch->fd);
			check(!err, "%d", err);
			thread_park(t, deadline);
			fd_unwatch(&w);
		}
		atomic_fetch_add(&ch->left, 1);
	}
}

static void make_next(struct channel *ch)
{
	int pair[2];
	char byte = OTHERS;
	check(!sys(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair), "no sockets");
	check(sys(SYS_write, pair[1], &byte, 1) == 1, "write");
	ch->next = pair[0];
	ch->next_peer = pair[1];
}

/* Readers that have come to wait, or have got their byte already. */
static uint32_t bound(struct channel *ch)
{
	struct fd *e = fd_peek(ch->fd);
	uint32_t n = atomic_load(&ch->read);
	spin_lock(&e->lock);
	list_for_each (l, &e->waiters[FD_IN])
		n++;
	spin_unlock(&e->lock);
	return n;
}

static void closer(struct racer *r)
{
	struct channel *ch = channel_of(r);
	char byte;
	for (uint32_t round = 1;; round++) {
		while (bound(ch) < READERS)
			thread_yield(&r->thread);
		atomic_store(&ch->closing, round);
		yield_some(r);
		check(!fd_closing(ch->fd), "not to be closed");
		check(sys(SYS_dup2, ch->next, ch->fd) == ch->fd, "dup2");
		fd_closed(ch->fd);
		while (atomic_load(&ch->left) < ROLES - 1)
			thread_yield(&r->thread);
		check(sys(SYS_recvfrom, ch->fd, &byte, 1, MSG_DONTWAIT, 0, 0) == 1 && byte == OTHERS, "it is gone");
		sys(SYS_close, ch->peer);
		sys(SYS_close, ch->next);
		ch->peer = ch->next_peer;
		make_next(ch);
		ch->read = ch->left = 0;
		atomic_fetch_add_explicit(&rounds_done, 1, memory_order_relaxed);
		atomic_store(&ch->over, !race_goes_on());
		atomic_store(&ch->round, round + 1);
		if (atomic_load(&ch->over))
			return;
	}
}

int main(int argc, char **argv)
{
	struct carrier c;
	char byte;
	race_begin(argc, argv);
	race_carrier_init(&c, NULL);
	race_hubs(HUBS);
	for (int i = 0; i < CHANNELS; i++) {
		struct channel *ch = &channels[i];
		make_next(ch);
		ch->fd = ch->next;
		ch->peer = ch->next_peer;
		check(sys(SYS_read, ch->fd, &byte, 1) == 1, "read");
		make_next(ch);
		ch->round = 1;
		for (int role = 0; role < ROLES; role++) {
			void (*run)(struct racer *) = role < READERS    ? reader
						      : role == WRITER  ? writer
						      : role == WATCHER ? watcher
									: closer;
			race_start(&ch->racers[role], i * ROLES + role, role % HUBS, run);
		}
	}
	race_monitor_begin();
	race_end(CHANNELS * ROLES, NULL);
	printf("%llu rounds, %llu readers moved, %llu tries in vain\n", (unsigned long long)rounds_done,
	    (unsigned long long)moved, (unsigned long long)tries_in_vain);
	check(rounds_done && moved, "nothing was tried");
	check(!stats.overlooked, "%llu edges were lost", (unsigned long long)stats.overlooked);
	for (int fd = 0; fd < CHUNK; fd++)
		check(!fd_entry(fd)->orphan, "%d is left over", fd);
	return 0;
}
