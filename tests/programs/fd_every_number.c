/* Every number up to the limit is the program's: dup2 to each works, while another thread does I/O. */
// threads
#include "io_test.h"

static int sv[2];
static bool stop;

static void *echoes(void *arg)
{
	char c;

	while (read(sv[1], &c, 1) == 1)
		write_full(sv[1], &c, 1);
	return arg;
}

static void *asks(void *arg)
{
	char c;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		write_full(sv[0], "q", 1);
		CHECK(read(sv[0], &c, 1) == 1 && c == 'q');
		sleep_us(50);
	}
	SYS(shutdown(sv[0], SHUT_WR));
	return arg;
}

int main(void)
{
	struct rlimit limit;
	int p[2], taken = 0;
	pthread_t a, e;

	unix_pair(sv);
	SYS(pipe(p));
	e = start(echoes, NULL);
	a = start(asks, NULL);
	SYS(getrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur > 20000)
		limit.rlim_cur = 20000;
	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	for (int n = 3; n < (int)limit.rlim_cur; n++) {
		char c;

		if (n == sv[0] || n == sv[1] || n == p[0] || n == p[1])
			continue;
		CHECK_EQ(dup2(p[1], n), n);
		write_full(n, "x", 1);
		CHECK_EQ(read(p[0], &c, 1), 1);
		SYS(close(n));
		CHECK(close(n) == -1 && errno == EBADF);
		taken++;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	join(a);
	join(e);
	SAY("beyond the limit", dup2(p[1], (int)limit.rlim_cur));
	fprintf(stderr, "%d numbers taken\n", taken);
	puts("every number taken");
	return 0;
}
