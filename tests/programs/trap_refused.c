// env: GREEN_TRAP=1
/* A kernel that knows nothing of the trap (a filter plays it): a line says so, and threads are as without. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "trap_test.h"

#define PID_MAX_LIMIT (1 << 22)
#define GREEN 42

static bool green;

static void *caller(void *arg)
{
	green = gettid() > PID_MAX_LIMIT;
	CHECK(inline_call(SYS_gettid) < PID_MAX_LIMIT);
	return arg;
}

static int filtered(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 2),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SYSCALL_USER_DISPATCH, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
	};
	struct sock_fprog filter = {ARRAY_LEN(code), code};

	SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	SYS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	join(start(caller, NULL));
	return green ? GREEN : 0;
}

int main(int argc, char **argv)
{
	char said[512] = "";
	int p[2], status;
	pid_t pid;

	if (argc > 1)
		return filtered();
	SYS(pipe(p));
	pid = SYS(fork());
	if (pid == 0) {
		SYS(dup2(p[1], 2));
		unsetenv("GREEN_STATS");
		SYS(execl("/proc/self/exe", argv[0], "filtered", NULL));
	}
	close(p[1]);
	SYS(read(p[0], said, sizeof(said) - 1));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) == GREEN) {
		CHECK(strstr(said, "Syscall User Dispatch"));
		CHECK(strchr(said, '\n') == said + strlen(said) - 1);
	} else {
		CHECK_EQ(WEXITSTATUS(status), 0);
		CHECK_EQ(*said, 0);
	}
	printf("refused\n");
	return 0;
}
