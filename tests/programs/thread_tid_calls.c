/* Every call that takes a thread's id, for a living thread, the main one, and one that is gone. */
// threads
#include "io_test.h"
#include <linux/ioprio.h>
#include <sys/ptrace.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

struct sched_attr_v0 {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static sem_t ready, stop;
static pid_t tid;
static char shared[4] = "abc";
static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static void *run(void *arg)
{
	tid = own_tid();
	SYS(sem_post(&ready));
	while (sem_wait(&stop) != 0)
		;
	return arg;
}

static void *is_gone_soon(void *arg)
{
	*(pid_t *)arg = own_tid();
	return NULL;
}

static pid_t gone(void)
{
	pid_t id;

	join(start(is_gone_soon, &id));
	while (syscall(SYS_tgkill, getpid(), id, 0) == 0)
		sched_yield();
	return id;
}

static long kcmp_with_self(pid_t id, int type)
{
	return syscall(SYS_kcmp, getpid(), id, type, 0L, 0L);
}

static long robust_head(pid_t id)
{
	void *head = NULL;
	size_t len = 0;

	return syscall(SYS_get_robust_list, id, &head, &len) ?: (head && len == 24);
}

static long rr_interval(pid_t id)
{
	struct timespec ts = {-1, -1};

	return sched_rr_get_interval(id, &ts) ?: (ts.tv_sec >= 0);
}

static long attributes(pid_t id)
{
	struct sched_attr_v0 attr = {.policy = 77};

	return syscall(SYS_sched_getattr, id, &attr, sizeof(attr), 0) ?: (attr.policy * 100 + (unsigned)attr.nice);
}

static long set_nice_by_attributes(pid_t id, int nice)
{
	struct sched_attr_v0 attr = {.size = sizeof(attr), .policy = SCHED_OTHER, .nice = nice};

	return syscall(SYS_sched_setattr, id, &attr, 0);
}

static long file_limit(pid_t id)
{
	struct rlimit limit, own;

	getrlimit(RLIMIT_NOFILE, &own);
	return prlimit(id, RLIMIT_NOFILE, NULL, &limit) ?: (limit.rlim_cur == own.rlim_cur);
}

static long read_memory(pid_t id)
{
	char got[4] = "";
	struct iovec to = {got, 4}, from = {shared, 4};

	return process_vm_readv(id, &to, 1, &from, 1, 0);
}

static long write_memory(pid_t id)
{
	char put[4] = "abd";
	struct iovec from = {put, 4}, to = {shared, 4};

	return process_vm_writev(id, &from, 1, &to, 1, 0);
}

static long priority(pid_t id)
{
	errno = 0;
	return syscall(SYS_getpriority, PRIO_PROCESS, id);
}

static long wait_for(pid_t id)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)id, &info, WEXITED | WNOHANG);
}

static long one_mask(pid_t id)
{
	cpu_set_t set;

	return sched_getaffinity(id, sizeof(set), &set) ?: (CPU_COUNT(&set) > 0);
}

static long scheduler_param(pid_t id)
{
	struct sched_param param = {-1};

	return sched_getparam(id, &param) ?: param.sched_priority;
}

static long set_scheduler(pid_t id)
{
	struct sched_param param = {0};

	return sched_setscheduler(id, SCHED_OTHER, &param);
}

static long signal_it(pid_t id, int how)
{
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};

	switch (how) {
	case 0:
		return kill(id, 0);
	case 1:
		return syscall(SYS_tkill, id, 0);
	case 2:
		return syscall(SYS_tgkill, getpid(), id, 0);
	case 3:
		return syscall(SYS_rt_sigqueueinfo, id, SIGUSR1, &info);
	case 4:
		return syscall(SYS_rt_tgsigqueueinfo, getpid(), id, SIGUSR1, &info);
	default:
		return syscall(SYS_tgkill, id, id, 0);
	}
}

static const char *is_own(long result, long own)
{
	if (result == -1)
		return strerrorname_np(errno);
	return result == own ? "the process's" : "another";
}

static void owner_thread(pid_t id)
{
	struct f_owner_ex owner = {F_OWNER_TID, id}, back = {0};
	int sv[2];

	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	printf("F_SETOWN_EX: %s", outcome(fcntl(sv[0], F_SETOWN_EX, &owner)));
	printf(", F_GETOWN_EX: %s", outcome(fcntl(sv[0], F_GETOWN_EX, &back)));
	printf(", same %d\n", back.pid == id && back.type == F_OWNER_TID);
	close(sv[0]);
	close(sv[1]);
}

static void show_all(const char *who, pid_t id)
{
	printf("--- %s\n", who);
	SAY("sched_getaffinity", one_mask(id));
	SAY("sched_getscheduler", sched_getscheduler(id));
	SAY("sched_setscheduler", set_scheduler(id));
	SAY("sched_getparam", scheduler_param(id));
	SAY("sched_rr_get_interval", rr_interval(id));
	SAY("sched_getattr", attributes(id));
	SAY("sched_setattr, nice 3", set_nice_by_attributes(id, 3));
	SAY("sched_getattr", attributes(id));
	SAY("getpriority", priority(id));
	SAY("setpriority, 5", setpriority(PRIO_PROCESS, (id_t)id, 5));
	SAY("getpriority", priority(id));
	SAY("ioprio_get", syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, id));
	SAY("ioprio_set", syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, id, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 4)));
	SAY("get_robust_list", robust_head(id));
	SAY("prlimit", file_limit(id));
	SAY("kcmp VM", kcmp_with_self(id, 1));
	SAY("kcmp FILES", kcmp_with_self(id, 2));
	SAY("kcmp SIGHAND", kcmp_with_self(id, 4));
	SAY("process_vm_readv", read_memory(id));
	SAY("process_vm_writev", write_memory(id));
	SAY("ptrace ATTACH", ptrace(PTRACE_ATTACH, id, NULL, NULL));
	SAY("ptrace CONT", ptrace(PTRACE_CONT, id, NULL, NULL));
	SAY("waitid", wait_for(id));
	SAY("wait4", waitpid(id, NULL, WNOHANG | __WALL));
	printf("getsid: %s\n", is_own(getsid(id), getsid(0)));
	printf("getpgid: %s\n", is_own(getpgid(id), getpgid(0)));
	SAY("setpgid", id == getpid() ? 0 : setpgid(id, 0));
	SAY("move_pages", syscall(SYS_move_pages, id, 0L, NULL, NULL, NULL, 0));
	SAY("migrate_pages", syscall(SYS_migrate_pages, id, 1, NULL, NULL) == -1 && errno == ESRCH ? -1 : 0);
	SAY("kill 0", signal_it(id, 0));
	SAY("tkill 0", signal_it(id, 1));
	SAY("tgkill 0", signal_it(id, 2));
	SAY("tgkill 0, as its own leader", signal_it(id, 5));
	SAY("rt_sigqueueinfo", signal_it(id, 3));
	SAY("rt_tgsigqueueinfo", signal_it(id, 4));
	if (id != tid) /* of a green thread it is refused: the kernel would have to know it */
		owner_thread(id);
}

static void pidfd(const char *who, pid_t id)
{
	int fd = (int)syscall(SYS_pidfd_open, id, 0);

	printf("pidfd_open of %s: %s\n", who, fd >= 0 ? "made" : strerrorname_np(errno) ?: "?");
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	pthread_t t;

	SYS(sem_init(&ready, 0, 0));
	SYS(sem_init(&stop, 0, 0));
	set_handler(SIGUSR1, on_signal, SA_RESTART);
	t = start(run, NULL);
	while (sem_wait(&ready) != 0)
		;
	show_all("a thread", tid);
	show_all("the main thread", getpid());
	show_all("one that is gone", gone());
	show_all("nobody", 0x7ffffff0);
	pidfd("a thread", tid);
	pidfd("main", getpid());
	pidfd("one that is gone", gone());
	WAIT_UNTIL(caught);
	/* To the process, by a thread's id. */
	caught = 0;
	SAY("kill by a thread's id", kill(tid, SIGUSR1));
	WAIT_UNTIL(caught);
	SYS(sem_post(&stop));
	join(t);
	return 0;
}
