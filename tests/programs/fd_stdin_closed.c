/* Standard input and error closed: sockets get the numbers 0 and 2 and block as any other. */
// threads
#include "io_test.h"

static int sv[2];

static void *echoes(void *arg)
{
	char c;

	while (read(sv[1], &c, 1) == 1)
		write_full(sv[1], &c, 1);
	return arg;
}

int main(void)
{
	int saved = (int)SYS(dup(2));
	pthread_t t;
	char c;

	close(0);
	close(2);
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	printf("descriptors %d %d\n", sv[0], sv[1]);
	t = start(echoes, NULL);
	for (int i = 0; i < 1000; i++) {
		write_full(sv[0], "q", 1);
		CHECK(read(sv[0], &c, 1) == 1 && c == 'q');
	}
	SYS(close(sv[0]));
	join(t);
	SYS(dup2(saved, 2));
	SHOW(read(0, &c, 1));
	return 0;
}
