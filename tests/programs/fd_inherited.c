/* What a child inherits over exec is what the program left open, nothing else; and the parent's I/O goes on. */
// threads
#include "io_test.h"

static void *body(void *arg)
{
	int p[2], q[2];
	char line[256];
	FILE *f;

	SYS(pipe(p));
	SYS(pipe2(q, O_CLOEXEC));
	f = popen("for i in 0 1 2 3 4 5 6 7 8 9 100 500 900 1000 1020; do [ -e /proc/self/fd/$i ] && echo $i; done; "
		  "ls /proc/self/fd | wc -l",
	    "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		printf("child: %s", line);
	printf("status %d\n", pclose(f));
	write_full(p[1], "x", 1);
	SHOW(read(p[0], line, sizeof(line)));
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
