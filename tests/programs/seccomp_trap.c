// threads
/* A seccomp filter's SIGSYS: the handler finds the call's number and address, and puts a result. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <ucontext.h>

#include "test.h"

static int met;

static void on_sigsys(int sig, siginfo_t *info, void *ucontext)
{
	ucontext_t *uc = ucontext;

	CHECK_EQ(sig, SIGSYS);
	CHECK_EQ(info->si_code, 1 /* SYS_SECCOMP */);
	met++;
	CHECK_EQ(info->si_syscall, uc->uc_mcontext.gregs[REG_RAX]);
	CHECK_EQ((uintptr_t)info->si_call_addr, uc->uc_mcontext.gregs[REG_RIP]);
	uc->uc_mcontext.gregs[REG_RAX] = 1000 + info->si_syscall;
}

static void *filtered(void *arg)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_umask, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog filter = {ARRAY_LEN(code), code};

	set_sigaction(SIGSYS, on_sigsys, 0);
	SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	SYS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(syscall(SYS_getppid), 1000 + SYS_getppid);
		CHECK_EQ(getppid(), 1000 + SYS_getppid);
		CHECK_EQ(umask(0), 1000 + SYS_umask);
		CHECK_EQ(syscall(SYS_gettid), gettid());
	}
	return arg;
}

static void *dies(void *arg)
{
	filtered(NULL);
	printf("met %d times\n", met);
	fflush(stdout);
	block_signal(SIGSYS);
	syscall(SYS_getppid);
	return arg;
}

static void *filtered_twice(void *arg)
{
	pid_t pid;

	filtered(NULL);
	pid = SYS(fork());
	if (pid == 0) {
		join(start(dies, NULL));
		_exit(1);
	}
	printf("blocked: %s\n", reap(pid));
	return arg;
}

int main(void)
{
	join(start(filtered_twice, NULL));
	printf("met %d times\n", met);
	return 0;
}
