/* Stopping and continuing a threaded child, seen through WUNTRACED, WSTOPPED and WCONTINUED; it goes on afterwards. */
// threads
#include "test.h"

static void *ticks(void *arg)
{
	for (;;) {
		__atomic_fetch_add((int *)arg, 1, __ATOMIC_SEQ_CST);
		sleep_us(200);
	}
	return NULL;
}

static void *watches(void *arg)
{
	int *shared = arg, status, before;
	siginfo_t info;
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		start(ticks, &shared[0]);
		ticks(&shared[1]);
	}
	WAIT_UNTIL(
	    __atomic_load_n(&shared[0], __ATOMIC_SEQ_CST) > 3 && __atomic_load_n(&shared[1], __ATOMIC_SEQ_CST) > 3);
	for (int i = 0; i < 10; i++) {
		SYS(kill(pid, SIGSTOP));
		if (i % 2) {
			CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
			CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		} else {
			SYS(waitid(P_PID, (id_t)pid, &info, WSTOPPED));
			CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
		}
		before = __atomic_load_n(&shared[0], __ATOMIC_SEQ_CST) + __atomic_load_n(&shared[1], __ATOMIC_SEQ_CST);
		sleep_us(2000);
		CHECK_EQ(__atomic_load_n(&shared[0], __ATOMIC_SEQ_CST) + __atomic_load_n(&shared[1], __ATOMIC_SEQ_CST),
		    before);
		SYS(kill(pid, SIGCONT));
		CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
		CHECK(WIFCONTINUED(status));
		WAIT_UNTIL(
		    __atomic_load_n(&shared[0], __ATOMIC_SEQ_CST) + __atomic_load_n(&shared[1], __ATOMIC_SEQ_CST) >
		    before + 4);
	}
	SYS(kill(pid, SIGKILL));
	printf("%s\n", reap(pid));
	return NULL;
}

int main(void)
{
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(shared != MAP_FAILED);
	join(start(watches, shared));
	return 0;
}
