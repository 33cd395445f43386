/*
 * A thread that waits for nothing but time and signals: it says that the tool lives while the others are at something
 * long (output that nobody reads, a large file's debug information), and takes the signals that the user sends. With
 * the whole tool it stops, too.
 */
#include "tools/trace/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/green.h"

#define BEAT (100 * MILLISECOND)
#define PATIENCE (500 * MILLISECOND) /* for an answer to the first signal: the next one ends the tool */

static struct memory *memory;
static sigset_t signals;
static int answers = -1, asks = -1; /* a pipe of the signals' numbers */
static _Atomic uint64_t unanswered; /* a signal waits since then; 0: none does */

/* Those that are ignored (nohup) stay so. */
static void choose(void)
{
	static const int wanted[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
	struct sigaction action;

	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (sigaction(wanted[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&signals, wanted[i]);
}

static void end_by(int number)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, number);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	raise(number);
}

static void take(int number)
{
	uint64_t since = atomic_load(&unanswered), at = now();
	uint8_t byte = (uint8_t)number;

	if (since && at - since > PATIENCE)
		end_by(number);
	if (!since)
		atomic_store(&unanswered, at);
	/* A full pipe holds plenty of them. */
	(void)!write(asks, &byte, 1);
}

/* What began before an interruption is told apart by its time: that is known before anybody can begin anew. */
static void beat(void)
{
	uint64_t at = now(), silence = memory_silence(memory, at);

	if (silence)
		events_interrupted(at, silence);
	memory_beat(memory, at, silence != 0);
}

static void *watch(void *unused)
{
	const struct timespec pause = {.tv_nsec = BEAT};

	for (;;) {
		int number = sigtimedwait(&signals, NULL, &pause);
		if (number > 0)
			take(number);
		beat();
	}
	return unused;
}

int watch_start(struct memory *m)
{
	sigset_t all, old;
	pthread_t thread;
	int fds[2];

	memory = m;
	choose();
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		die(EXIT_OURS, "pipe: %s", strerror(errno));
	answers = fds[0];
	asks = fds[1];
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&thread, NULL, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		die(EXIT_OURS, "no thread could be made: %s", strerror(error));
	pthread_detach(thread);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return answers;
}

int watch_signal(void)
{
	uint8_t number;

	atomic_store(&unanswered, 0);
	return read(answers, &number, 1) == 1 ? number : 0;
}

void watch_answers_no_more(void)
{
	atomic_store(&unanswered, now());
}
