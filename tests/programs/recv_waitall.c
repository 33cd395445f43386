/* MSG_WAITALL: all of it though it comes in drops; a part at the end of the stream and at a signal. */
// threads
#include "io_test.h"

#define SIZE 200000

static int sv[2];

static void *dribbles(void *arg)
{
	unsigned char buf[1000];

	for (size_t done = 0; done < (size_t)arg; done += sizeof(buf)) {
		pattern_fill(buf, sizeof(buf), 5, done);
		write_full(sv[0], buf, sizeof(buf));
		if (done % 50000 == 0)
			sleep_us(200);
	}
	return NULL;
}

static void *dribbles_and_ends(void *arg)
{
	dribbles(arg);
	SYS(shutdown(sv[0], SHUT_WR));
	return NULL;
}

static void ignore(int sig)
{
	(void)sig;
}

static void *receives_all(void *arg)
{
	unsigned char buf[5000];

	(void)arg;
	return (void *)recv(sv[1], buf, sizeof(buf), MSG_WAITALL);
}

static void whole(void)
{
	unsigned char *buf = malloc(SIZE);
	struct iovec iov[2] = {{buf, 1234}, {buf + 1234, SIZE - 1234}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	for (int i = 0; i < 50; i++) {
		pthread_t t = start(dribbles, (void *)SIZE);

		memset(buf, 0, SIZE);
		CHECK_EQ(i % 2 ? recvmsg(sv[1], &msg, MSG_WAITALL) : recv(sv[1], buf, SIZE, MSG_WAITALL), SIZE);
		pattern_check(buf, SIZE, 5, 0);
		join(t);
	}
	puts("whole");
	SAY("nothing there, MSG_DONTWAIT", recv(sv[1], buf, SIZE, MSG_WAITALL | MSG_DONTWAIT));
	join(start(dribbles, (void *)3000));
	SAY("3000 there, MSG_DONTWAIT", recv(sv[1], buf, SIZE, MSG_WAITALL | MSG_DONTWAIT));
	free(buf);
}

static void interrupted(void)
{
	pthread_t t = start(receives_all, NULL);

	join(start(dribbles, (void *)2000));
	let_it_block();
	PT(pthread_kill(t, SIGUSR1));
	printf("interrupted after 2000 of 5000: %ld\n", (long)join(t));
}

static void ended(void)
{
	unsigned char *buf = malloc(SIZE);
	pthread_t t = start(dribbles_and_ends, (void *)7000);

	SAY("ended after 7000", recv(sv[1], buf, SIZE, MSG_WAITALL));
	join(t);
	SAY("at the end", recv(sv[1], buf, SIZE, MSG_WAITALL));
	free(buf);
}

int main(void)
{
	set_handler(SIGUSR1, ignore, 0);
	for (size_t i = 1; i < ARRAY_LEN(kinds); i++) {
		puts(kinds[i].name);
		kinds[i].make(sv);
		whole();
		interrupted();
		ended();
		SYS(close(sv[0]));
		SYS(close(sv[1]));
	}
	return 0;
}
