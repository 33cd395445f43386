/* A TCP reader that has read less than it had room for: what is there all the same, and what comes at that moment. */
// threads
#include "io_test.h"

enum { ROUNDS = 50, BYTES = 4 << 20 };

static void set_timeout(int fd, int us)
{
	struct timeval tv = {0, us};

	SYS(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
}

/* As of a connection that is in use: it has been waited for, and read more than once. */
static void used_pair(int sv[2])
{
	char buf[16];

	tcp_pair(sv);
	set_timeout(sv[1], 1);
	CHECK_EQ(read(sv[1], buf, sizeof(buf)), -1);
	set_timeout(sv[1], 0);
	for (int i = 0; i < 3; i++) {
		write_full(sv[0], "xyz", 3);
		CHECK_EQ(read(sv[1], buf, sizeof(buf)), 3);
	}
}

/* Now it has been told to whoever polls for us that something came, now it has not. */
static void sometimes_later(void)
{
	static unsigned calls;

	if (calls++ % 2)
		sleep_us(1);
}

/* Until so much is there, without a wait for the descriptor. */
static void await_bytes(int fd, int n)
{
	int there = 0;

	while (there < n) {
		SYS(ioctl(fd, FIONREAD, &there));
		sched_yield();
	}
}

static void reads(int fd, size_t room, const char *expected)
{
	char buf[64] = "";

	CHECK_EQ(read(fd, buf, room), (long)strlen(expected));
	CHECK(strcmp(buf, expected) == 0);
}

static void the_end_behind(int sv[2])
{
	write_full(sv[0], "abc", 3);
	SYS(shutdown(sv[0], SHUT_WR));
	sometimes_later();
	reads(sv[1], 16, "abc");
	reads(sv[1], 16, "");
	reads(sv[1], 16, "");
}

static void reset_behind(int sv[2])
{
	struct linger at_once = {1, 0};
	char c;

	SYS(setsockopt(sv[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
	SYS(shutdown(sv[1], SHUT_WR));
	SYS(dup2(sv[1], sv[0]));
	sometimes_later();
	CHECK_EQ(read(sv[1], &c, 1), -1);
	CHECK_EQ(errno, ECONNRESET);
	CHECK_EQ(read(sv[1], &c, 1), 0);
}

static void urgent(int sv[2])
{
	write_full(sv[0], "ab", 2);
	CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
	write_full(sv[0], "def", 3);
	await_bytes(sv[1], 2);
	sometimes_later();
	reads(sv[1], 16, "ab");
	reads(sv[1], 16, "def");
}

static void urgent_first(int sv[2])
{
	char c = 0;

	write_full(sv[0], "ab", 2);
	CHECK_EQ(send(sv[0], "!", 1, MSG_OOB), 1);
	write_full(sv[0], "def", 3);
	while (recv(sv[1], &c, 1, MSG_OOB) == -1) {
		CHECK(errno == EAGAIN || errno == EINVAL);
		sched_yield();
	}
	CHECK_EQ(c, '!');
	sometimes_later();
	reads(sv[1], 16, "ab");
	reads(sv[1], 16, "def");
}

static void by_another_number(int sv[2])
{
	int copy = (int)SYS(dup(sv[1]));

	write_full(sv[0], "abcdef", 6);
	await_bytes(sv[1], 6);
	sometimes_later();
	reads(copy, 2, "ab");
	reads(sv[1], 2, "cd");
	reads(copy, 16, "ef");
	write_full(sv[0], "gh", 2);
	reads(sv[1], 16, "gh");
	write_full(sv[0], "ij", 2);
	reads(copy, 16, "ij");
	SYS(close(copy));
}

static void looked_for(int sv[2])
{
	struct pollfd p = {.fd = sv[1], .events = POLLIN};
	char buf[16];

	write_full(sv[0], "abcdef", 6);
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(recv(sv[1], buf, 2, MSG_DONTWAIT), 2);
	CHECK_EQ(recv(sv[1], buf, 1, MSG_PEEK), 1);
	reads(sv[1], 2, "cd");
	reads(sv[1], 16, "ef");
	CHECK_EQ(recv(sv[1], buf, 2, MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
}

static void peeked(int sv[2])
{
	char buf[16];

	write_full(sv[0], "abc", 3);
	CHECK_EQ(recv(sv[1], buf, sizeof(buf), MSG_PEEK), 3);
	CHECK_EQ(recv(sv[1], buf, sizeof(buf), MSG_PEEK), 3);
	reads(sv[1], 16, "abc");
}

static void all_of_it(int sv[2])
{
	char buf[16];

	write_full(sv[0], "abc", 3);
	CHECK_EQ(recv(sv[1], buf, 3, MSG_WAITALL), 3);
	write_full(sv[0], "abcd", 4);
	CHECK_EQ(recv(sv[1], buf, 4, MSG_WAITALL), 4);
}

/* What is there when the call begins is its, however soon it would end. */
static void in_no_time(int sv[2])
{
	set_timeout(sv[1], 1);
	write_full(sv[0], "abc", 3);
	await_bytes(sv[1], 3);
	reads(sv[1], 16, "abc");
	set_timeout(sv[1], 0);
}

static void without_waiting(int sv[2])
{
	char buf[16];

	SYS(fcntl(sv[1], F_SETFL, O_NONBLOCK));
	write_full(sv[0], "abc", 3);
	await_bytes(sv[1], 3);
	reads(sv[1], 16, "abc");
	CHECK_EQ(read(sv[1], buf, 1), -1);
	CHECK_EQ(errno, EAGAIN);
	SYS(fcntl(sv[1], F_SETFL, 0));
}

static void by_vector(int sv[2])
{
	char a[2], b[14];
	struct iovec iov[2] = {{a, 2}, {b, 14}};

	for (int i = 0; i < 3; i++) {
		write_full(sv[0], "abc", 3);
		CHECK_EQ(readv(sv[1], iov, 2), 3);
	}
}

static const struct {
	const char *name;
	void (*with)(int sv[2]);
	bool ends; /* the pair is of no use afterwards */
} cases[] = {
    {"the end behind it", the_end_behind, true},
    {"a reset behind it", reset_behind, true},
    {"urgent data", urgent, false},
    {"urgent data, read first", urgent_first, false},
    {"by another number", by_another_number, false},
    {"looked for", looked_for, false},
    {"peeked", peeked, false},
    {"all of it", all_of_it, false},
    {"in no time", in_no_time, false},
    {"without waiting", without_waiting, false},
    {"by vector", by_vector, false},
};

/* Each on a pair of its own, and, where that goes, one after the other on the same. */
static void *goes_through(void *arg)
{
	int sv[2];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int round = 0; round < ROUNDS; round++) {
			used_pair(sv);
			cases[i].with(sv);
			SYS(close(sv[0]));
			SYS(close(sv[1]));
		}
		puts(cases[i].name);
	}
	used_pair(sv);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < ARRAY_LEN(cases); i++)
			if (!cases[i].ends)
				cases[i].with(sv);
	puts("all on one");
	return arg;
}

struct stream {
	int sv[2];
	unsigned seed;
};

static void *sends(void *arg)
{
	struct stream *s = arg;
	unsigned char buf[512];
	unsigned seed = s->seed;

	for (uint64_t done = 0; done < BYTES;) {
		size_t n = 1 + (size_t)rand_r(&seed) % sizeof(buf);

		if (n > BYTES - done)
			n = BYTES - done;
		pattern_fill(buf, n, s->seed, done);
		write_full(s->sv[0], buf, n);
		done += n;
		if (rand_r(&seed) % 4 == 0)
			sched_yield();
	}
	SYS(shutdown(s->sv[0], SHUT_WR));
	return NULL;
}

/* Of any lengths: now less than was sent, now more. */
static void *receives(void *arg)
{
	struct stream *s = arg;
	unsigned char buf[1024];
	unsigned seed = s->seed + 1;
	uint64_t done = 0;
	ssize_t got;

	while ((got = SYS(read(s->sv[1], buf, 1 + (size_t)rand_r(&seed) % sizeof(buf)))) > 0) {
		pattern_check(buf, (size_t)got, s->seed, done);
		done += (uint64_t)got;
	}
	CHECK_EQ(done, BYTES);
	return NULL;
}

int main(void)
{
	struct stream streams[4];
	pthread_t senders[4], receivers[4], others = start(goes_through, NULL);

	for (unsigned i = 0; i < 4; i++) {
		tcp_pair(streams[i].sv);
		streams[i].seed = i;
		receivers[i] = start(receives, &streams[i]);
		senders[i] = start(sends, &streams[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		join(senders[i]);
		join(receivers[i]);
	}
	join(others);
	puts("ended");
	return 0;
}
