/* A queue's notification that was asked for before the first thread is made comes afterwards. */
// threads
#include <fcntl.h>
#include <mqueue.h>

#include "test.h"

static volatile sig_atomic_t told;

static void on_message(int sig)
{
	(void)sig;
	told++;
}

static void *returns(void *arg)
{
	sleep_us(20000); /* what the runtime begins by the way has begun */
	return arg;
}

int main(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 1};
	char name[32];
	mqd_t q;

	snprintf(name, sizeof(name), "/notify%d", getpid());
	q = (mqd_t)SYS(mq_open(name, O_CREAT | O_RDWR, 0600, &attr));
	SYS(mq_unlink(name));
	set_handler(SIGUSR1, on_message, 0);
	SYS(mq_notify(q, &event));
	join(start(returns, NULL));
	SYS(mq_send(q, "x", 1, 0));
	while (!told)
		sleep_us(100);
	puts("told");
	return 0;
}
