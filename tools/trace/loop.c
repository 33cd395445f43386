/* Polls the program's memory until all that write into it are gone, or the user has enough. */
#include "tools/trace/tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Milliseconds between two looks. */
enum { AT_ONCE = 0, SOON = 1, USUALLY = 5, IDLE = 10 };

#define LOOKS (20 * MILLISECOND) /* between two looks at what all threads do */

#define STOPS_WITHIN (5 * SECOND)
#define SETTLES (50 * MILLISECOND) /* a process that outlives the one that made it comes to write within this */

static int signal_fd = -1;

static struct reader reader;
static bool enough; /* for the user */

/* That a child has ended is asked for. A pipe that nobody reads, and a limit of a file's size, are errors of the write.
 */
void loop_prepare(struct memory *m)
{
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	processes_raise_limit();
	signal_fd = watch_start(m);
}

/* Its number may be another process's by now. */
static void send_signal(const struct target *t, int number)
{
	if (t->pidfd < 0 || (pidfd_send_signal(t->pidfd, number, NULL, 0) && errno == ENOSYS))
		kill(t->pid, number);
}

/* The terminal's signals reach the child, too: it decides. Those that are sent to the tool are meant for it. */
static void take_signals(const struct target *t)
{
	for (int number; (number = watch_signal());) {
		if (!t->child || t->over)
			enough = true;
		else if (number == SIGTERM || number == SIGHUP)
			send_signal(t, number);
	}
}

/* A child that somebody else has waited for is none any more. */
static bool has_ended_child(struct target *t)
{
	int pid = waitpid(t->pid, &t->status, WNOHANG);

	return pid == t->pid || (pid < 0 && errno == ECHILD);
}

static bool has_ended(struct target *t)
{
	struct pollfd fd = {.fd = t->pidfd, .events = POLLIN};

	if (t->child)
		return has_ended_child(t);
	return t->pidfd >= 0 ? poll(&fd, 1, 0) > 0 : kill(t->pid, 0) && errno == ESRCH;
}

static void look_after(struct target *t)
{
	if (t->over || !has_ended(t))
		return;
	t->over = true;
	if (t->child)
		events_status(t->pid, t->status);
	if (t->pidfd >= 0)
		close(t->pidfd);
	t->pidfd = -1;
}

static bool flush(FILE *const out[2])
{
	bool done = true;

	for (int i = 0; i < 2; i++)
		if (out[i] && (fflush(out[i]) || ferror(out[i])))
			done = false;
	return done;
}

static int pause_after(size_t most)
{
	if (most > TRACE_RING_BYTES / 8)
		return AT_ONCE;
	if (most > TRACE_RING_BYTES / 64)
		return SOON;
	return most ? USUALLY : IDLE;
}

/* A look at everything. How long to wait for the next one. */
static int look(const struct memory *m)
{
	static uint64_t looked, passed;
	uint64_t at = now();
	size_t most = reader_pass(&reader);

	events_tell_interruptions();
	/* What stands in this pass may need a stack that the next one brings. */
	events_deliver(most > TRACE_RING_BYTES / 2 ? UINT64_MAX : passed);
	passed = at;
	if (at - looked >= LOOKS) {
		slots_look(m->base, at);
		looked = at;
	}
	return pause_after(most);
}

static bool all_over(const struct target *t, uint64_t *since)
{
	if (!t->over || traced_first()) {
		*since = 0;
		return false;
	}
	if (!*since)
		*since = now();
	return now() - *since > SETTLES;
}

/* Until the program has seen that nobody reads any more; what it wrote is read to the end. */
static void stop(struct memory *m)
{
	const struct timespec pause = {.tv_nsec = MILLISECOND};
	uint64_t end = now() + STOPS_WITHIN;

	memory_stop(m);
	while (traced_first() && !memory_answered(m) && now() < end) {
		reader_pass(&reader);
		processes_wait(-1, -1, 0, events_dead);
		nanosleep(&pause, NULL);
	}
	reader_pass(&reader);
	events_deliver(UINT64_MAX);
	slots_of_living(m->base, now());
	if (memory_answered(m))
		memory_give_back(m);
}

void loop_run(struct memory *m, struct target *t, FILE *const out[2])
{
	uint64_t over_since = 0;
	int timeout = SOON;

	reader = (struct reader){.take = events_take, .gone = events_gone};
	reader_start(&reader, m->base);
	while (!enough && !all_over(t, &over_since)) {
		if (processes_wait(signal_fd, t->pidfd, timeout, events_dead))
			take_signals(t);
		look_after(t);
		timeout = look(m);
		/* A program that was started for it is not to be left without a reader. */
		if (!flush(out) && !t->child)
			enough = true;
	}
	watch_answers_no_more();
	stop(m);
	struct losses losses = reader_losses(&reader);
	losses.interruptions = events_tell_interruptions();
	events_end(t->path, &losses);
	flush(out);
}
