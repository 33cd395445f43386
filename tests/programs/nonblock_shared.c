/* O_NONBLOCK of a socket that this process made and another one was given: what that one sets or clears holds at once,
 * long after it has been given. */
// threads
#include "io_test.h"

struct other {
	int orders, done; /* pipes to it and from it */
	pid_t pid;
};

/* Sets and clears the flag of `data` as it is told, which it may have to be given first. */
static void obey(int data, int given_by, int orders, int done)
{
	char order;

	while (read(orders, &order, 1) == 1) {
		if (order == 'g') {
			int flags;

			CHECK_EQ(receive_fds(given_by, &data, 1, 0, &flags), 1);
		} else {
			SYS(fcntl(data, F_SETFL, order == 's' ? O_NONBLOCK : 0));
		}
		write_full(done, "k", 1);
	}
	_exit(0);
}

static struct other make_other(int data, int given_by)
{
	int orders[2], done[2];
	struct other o;

	SYS(pipe(orders));
	SYS(pipe(done));
	o.pid = SYS(fork());
	if (o.pid == 0) {
		SYS(close(orders[1]));
		obey(data, given_by, orders[0], done[1]);
	}
	SYS(close(orders[0]));
	SYS(close(done[1]));
	o.orders = orders[1];
	o.done = done[0];
	return o;
}

static void tell(struct other *o, char order)
{
	write_full(o->orders, &order, 1);
	CHECK_EQ(read(o->done, &order, 1), 1);
}

static void end(struct other *o)
{
	SYS(close(o->orders));
	SYS(close(o->done));
	CHECK(strcmp(reap(o->pid), "exit 0") == 0);
}

static void *reads(void *arg)
{
	char buf[16];

	return (void *)read((int)(long)arg, buf, sizeof(buf));
}

/* Often enough for whoever remembers to remember. */
static void blocks(const int *sv)
{
	for (int i = 0; i < 3; i++) {
		pthread_t t = start(reads, (void *)(long)sv[1]);

		let_it_block();
		write_full(sv[0], "data", 4);
		CHECK_EQ((long)join(t), 4);
	}
}

static void with(struct other *o, const int *sv)
{
	char buf[16];

	for (int i = 0; i < 3; i++) {
		blocks(sv);
		tell(o, 's');
		errno = 0;
		printf(" %s", outcome(read(sv[1], buf, sizeof(buf))));
		tell(o, 'c');
	}
	blocks(sv);
	puts("");
}

static void *body(void *arg)
{
	int sv[2], over[2];
	struct other o;

	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, over));
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		printf("%s, of a child:", kinds[k].name);
		kinds[k].make(sv);
		blocks(sv);
		o = make_other(sv[1], -1);
		with(&o, sv);
		end(&o);

		printf("%s, given away:", kinds[k].name);
		o = make_other(-1, over[1]);
		kinds[k].make(sv);
		blocks(sv);
		CHECK_EQ(send_fds(over[0], &sv[1], 1, 'd'), 1);
		tell(&o, 'g');
		with(&o, sv);
		end(&o);
	}
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
