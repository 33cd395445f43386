/* What would become of a native program's calls on green threads. */
#include "tools/trace/estimate.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tools/trace/text.h"

enum {
	WAIT_LEAST = 50000,     /* ns: what takes less does not wait, it works */
	FILE_KNOWN = 100000000, /* ns: so long a descriptor is taken to be what it was */
	FILES_KNOWN = 4096,
};

#define PARKS(name) [SYS_##name] = POLICY_PARKS
#define ON_HUB(name) PARKS(name)
#define TRIES(name) [SYS_##name] = POLICY_HANDS_OFF
#define DEVICE(name) TRIES(name)
#define TRANSFERS(name) [SYS_##name] = POLICY_TRANSFERS
#define FILES(name) [SYS_##name] = POLICY_FILES
#define PLAIN(name) [SYS_##name] = POLICY_ANSWERS

/* This follows runtime/calls.c, row by row; tests/unit/tool_estimate.c compares the two. */
/* clang-format off */
static const uint8_t policies[TRACE_CALLS] = {
    /* files and descriptors */
    TRANSFERS(read), TRANSFERS(write), TRANSFERS(readv), TRANSFERS(writev), TRANSFERS(pread64), TRANSFERS(pwrite64),
    TRANSFERS(preadv), TRANSFERS(pwritev), TRANSFERS(preadv2), TRANSFERS(pwritev2), PARKS(sendfile), PARKS(splice),
    PARKS(tee), PARKS(vmsplice), FILES(close), FILES(dup2), FILES(dup3), FILES(close_range), FILES(fcntl),
    FILES(ioctl), FILES(open), FILES(openat), FILES(openat2), FILES(creat), TRIES(flock), DEVICE(fsync),
    DEVICE(fdatasync), TRIES(msync), DEVICE(sync), DEVICE(syncfs), DEVICE(sync_file_range), DEVICE(copy_file_range),
    DEVICE(fallocate),
    /* sockets */
    PARKS(accept), PARKS(accept4), PARKS(connect), PARKS(recvfrom), PARKS(recvmsg), PARKS(recvmmsg), PARKS(sendto),
    PARKS(sendmsg), PARKS(sendmmsg), FILES(setsockopt), FILES(socket),
    /* many at once */
    PARKS(poll), PARKS(select), PARKS(epoll_wait), ON_HUB(epoll_ctl), ON_HUB(ppoll), ON_HUB(pselect6),
    ON_HUB(epoll_pwait), ON_HUB(epoll_pwait2), TRIES(io_pgetevents),
    /* time */
    ON_HUB(nanosleep), ON_HUB(clock_nanosleep), ON_HUB(sched_yield), PLAIN(clock_gettime), PLAIN(clock_getres),
    PLAIN(getrusage),
    /* threads */
    ON_HUB(futex), ON_HUB(futex_waitv), PLAIN(clone), PLAIN(clone3), ON_HUB(exit), PLAIN(set_tid_address),
    PLAIN(set_robust_list), PLAIN(get_robust_list), PLAIN(rseq), PLAIN(arch_prctl), PLAIN(gettid),
    PLAIN(sched_getaffinity), PLAIN(sched_setaffinity), PLAIN(sched_getparam), PLAIN(sched_setparam),
    PLAIN(sched_getscheduler), PLAIN(sched_setscheduler), PLAIN(getpriority), PLAIN(setpriority), PLAIN(prctl),
    PLAIN(mmap), PLAIN(mprotect), PLAIN(sched_getattr), PLAIN(sched_setattr), PLAIN(sched_rr_get_interval),
    /* processes */
    PLAIN(getsid), PLAIN(getpgid), PLAIN(setpgid), PLAIN(prlimit64), PLAIN(process_vm_readv),
    PLAIN(process_vm_writev), PLAIN(move_pages), PLAIN(migrate_pages), PLAIN(kcmp), PLAIN(pidfd_open), PLAIN(fork),
    PLAIN(vfork), PLAIN(execve), PLAIN(execveat), PLAIN(exit_group), PARKS(wait4), PARKS(waitid), PLAIN(setuid),
    PLAIN(setgid), PLAIN(setreuid), PLAIN(setregid), PLAIN(setresuid), PLAIN(setresgid), PLAIN(setgroups),
    /* signals */
    PLAIN(rt_sigaction), PLAIN(rt_sigprocmask), PLAIN(rt_sigpending), ON_HUB(rt_sigsuspend), ON_HUB(rt_sigtimedwait),
    PLAIN(rt_sigreturn), PLAIN(sigaltstack), PLAIN(tgkill), PLAIN(tkill), PLAIN(rt_tgsigqueueinfo), ON_HUB(pause),
    PLAIN(kill), PLAIN(rt_sigqueueinfo), PLAIN(pidfd_send_signal), PLAIN(signalfd), PLAIN(signalfd4),
    PLAIN(timer_create), PLAIN(timer_settime), PLAIN(timer_getoverrun), PLAIN(timer_delete),
    /* queues, semaphores, native AIO */
    TRIES(msgrcv), TRIES(msgsnd), TRIES(semop), TRIES(semtimedop), TRIES(mq_timedsend), TRIES(mq_timedreceive),
    TRIES(io_getevents), TRIES(io_uring_enter), TRIES(getrandom),
    /* what the kernel keeps per kernel thread */
    PLAIN(setfsuid), PLAIN(setfsgid), PLAIN(capset), PLAIN(setns), PLAIN(keyctl), PLAIN(add_key), PLAIN(request_key),
    PLAIN(ptrace), PLAIN(set_mempolicy), PLAIN(iopl), PLAIN(ioperm), PLAIN(landlock_restrict_self), PLAIN(seccomp),
    PLAIN(personality), PLAIN(unshare), PLAIN(perf_event_open), PLAIN(io_uring_setup), PLAIN(ioprio_set),
    PLAIN(ioprio_get),
};
/* clang-format on */

static struct estimate sums;

/* When each of the kernel threads that the handed off calls so far would need was free again, in ascending order. */
static uint64_t *free_from;
static size_t free_from_room;

enum policy estimate_policy(unsigned nr)
{
	return nr < TRACE_CALLS ? policies[nr] : POLICY_KERNEL;
}

static bool look_at_file(int pid, int fd)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	return stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode));
}

/* Whether the descriptor that the call waited for is a file's. One that is closed meanwhile is taken for none. */
static bool of_a_file(const struct call *c)
{
	static struct {
		int pid, fd;
		uint64_t at;
		bool file;
	} known[FILES_KNOWN];
	int pid = c->thread->process->pid, fd = (int)c->args[0];
	unsigned i = ((unsigned)pid * 31 + (unsigned)fd) % FILES_KNOWN;

	if (known[i].pid != pid || known[i].fd != fd || c->end - known[i].at > FILE_KNOWN) {
		known[i].pid = pid;
		known[i].fd = fd;
		known[i].at = c->end;
		known[i].file = look_at_file(pid, fd);
	}
	return known[i].file;
}

/* The last kernel thread that was free before `start`, by index; -1: none was. */
static long free_before(uint64_t start)
{
	size_t low = 0, high = sums.blocked;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (free_from[middle] <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return (long)low - 1;
}

/*
 * Hands the call to a kernel thread: to the one that was free the shortest time, or to a new one. Calls come in the
 * order of their ends, so this takes as few kernel threads as can be: the most that were blocked at one moment.
 */
static void block(uint64_t start, uint64_t end)
{
	long i = free_before(start);

	if (i < 0) {
		if (sums.blocked == free_from_room) {
			free_from_room = free_from_room ? 2 * free_from_room : 64;
			free_from = must_have(realloc(free_from, free_from_room * sizeof(*free_from)));
		}
		i = (long)sums.blocked++;
		memmove(free_from + 1, free_from, (size_t)i * sizeof(*free_from));
		i = 0;
	}
	for (; (size_t)i + 1 < sums.blocked && free_from[i + 1] < end; i++)
		free_from[i] = free_from[i + 1];
	free_from[i] = end;
}

enum fate estimate_call(const struct call *c)
{
	enum fate fate = FATE_NO_WAIT;
	enum policy policy = estimate_policy(c->nr);

	if (c->begins || c->verdict != TRACE_KERNEL || call_time(c) < WAIT_LEAST || policy == POLICY_ANSWERS)
		return FATE_NO_WAIT;
	if (policy == POLICY_KERNEL)
		fate = FATE_KERNEL;
	else if (policy == POLICY_PARKS || (policy == POLICY_TRANSFERS && !of_a_file(c)))
		fate = FATE_PARKS;
	else
		fate = FATE_HANDED_OFF;
	sums.total[fate] += call_time(c);
	if (fate == FATE_HANDED_OFF)
		block(c->start, c->end);
	return fate;
}

void estimate_threads(size_t count)
{
	if (count > sums.threads)
		sums.threads = count;
}

struct estimate estimate_get(void)
{
	return sums;
}

uint64_t estimate_waiting(void)
{
	return sums.total[FATE_PARKS] + sums.total[FATE_HANDED_OFF] + sums.total[FATE_KERNEL];
}

static int cpus(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

static void percent(FILE *out, uint64_t part, uint64_t all)
{
	double share = 100 * (double)part / (double)all;

	if (part && share < 1)
		fputs("less than 1 %", out);
	else
		fprintf(out, "%.0f %%", part < all && share > 99 ? 99 : share);
}

static void print_shares(FILE *out, uint64_t all)
{
	char text[TIME_SIZE];

	fputs("On green threads: ", out);
	percent(out, sums.total[FATE_PARKS], all);
	fprintf(out, " of the %s of waiting would park", text_time(text, all));
	if (sums.blocked) {
		fputs(", ", out);
		percent(out, sums.total[FATE_HANDED_OFF], all);
		fputs(" would be handed off", out);
		fprintf(out, " (at most %zu kernel thread%s at once)", sums.blocked, sums.blocked == 1 ? "" : "s");
	}
	if (sums.total[FATE_KERNEL]) {
		fputs(", ", out);
		percent(out, sums.total[FATE_KERNEL], all);
		fputs(" would be left to the kernel", out);
	}
	fputs(".\n", out);
}

void estimate_print(FILE *out)
{
	uint64_t all = estimate_waiting();
	int hubs = cpus();

	if (all)
		print_shares(out, all);
	else
		fputs("On green threads: there was no waiting.\n", out);
	if (sums.threads)
		fprintf(out, "%zu thread%s", sums.threads, sums.threads == 1 ? "" : "s");
	else
		fputs("It", out);
	fprintf(out, " would need %d hub%s", hubs, hubs == 1 ? "" : "s");
	if (sums.blocked)
		fprintf(out, " and about %zu more kernel thread%s", sums.blocked, sums.blocked == 1 ? "" : "s");
	fputs(".\n", out);
}
