/* What the kernel keeps per thread, and one thread changes, the others do not see; those it makes then do. */
// threads
#include "test.h"
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define OTHERS 4
#define NOBODY 65534

static sem_t changed;
static volatile bool enough;
static char secret[64], home[256];
static int closed_by_one;

static bool can_read(void)
{
	int fd = open(secret, O_RDONLY);

	if (fd == -1) {
		CHECK_EQ(errno, EACCES);
		return false;
	}
	close(fd);
	return true;
}

static bool may_kill_others(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	SYS(syscall(SYS_capget, &head, data));
	return data[0].effective & 1 << CAP_KILL;
}

static bool fully_privileged(void)
{
	uid_t r, e, s;

	SYS(getresuid(&r, &e, &s));
	return r == 0 && e == 0 && s == 0;
}

static bool at_home(void)
{
	char here[256];

	CHECK(getcwd(here, sizeof(here)));
	return !strcmp(here, home);
}

static bool has_closed(void)
{
	return fcntl(closed_by_one, F_GETFD) != -1;
}

static bool new_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
}

/* Each test: true as long as nothing was changed for the thread that asks. */
static const struct {
	const char *name;
	bool (*unchanged)(void);
} state[] = {
    {"setfsuid", can_read},
    {"capset", may_kill_others},
    {"setresuid by syscall", fully_privileged},
    {"unshare(CLONE_FS)", at_home},
    {"unshare(CLONE_FILES)", has_closed},
    {"no_new_privs", new_privileges},
};

static void change(size_t i)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	switch (i) {
	case 0:
		setfsuid(NOBODY);
		CHECK_EQ(setfsuid((uid_t)-1), NOBODY);
		break;
	case 1:
		SYS(syscall(SYS_capget, &head, data));
		data[0].effective &= ~(1U << CAP_KILL);
		SYS(syscall(SYS_capset, &head, data));
		break;
	case 2:
		SYS(syscall(SYS_setresuid, 0, NOBODY, -1));
		break;
	case 3:
		SYS(unshare(CLONE_FS));
		SYS(chdir("/proc"));
		break;
	case 4:
		SYS(unshare(CLONE_FILES));
		SYS(close(closed_by_one));
		break;
	case 5:
		SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	}
}

static void *heir(void *arg)
{
	CHECK(!state[(size_t)arg].unchanged());
	return NULL;
}

static void *changes(void *arg)
{
	size_t i = (size_t)arg;

	CHECK(state[i].unchanged());
	change(i);
	CHECK(!state[i].unchanged());
	SYS(sem_post(&changed));
	while (!enough) {
		CHECK(!state[i].unchanged());
		sched_yield();
	}
	join(start(heir, arg));
	return NULL;
}

static void *looks(void *arg)
{
	for (int i = 0; i < 200; i++) {
		CHECK(state[(size_t)arg].unchanged());
		if (i % 20 == 0)
			sleep_us(100);
		else
			sched_yield();
	}
	return NULL;
}

int main(void)
{
	if (geteuid() != 0)
		test_skip("needs root");
	SYS(sem_init(&changed, 0, 0));
	CHECK(getcwd(home, sizeof(home)));
	snprintf(secret, sizeof(secret), "secret");
	closed_by_one = (int)SYS(open(secret, O_RDWR | O_CREAT, 0600));
	SYS(fchmod(closed_by_one, 0600));
	for (size_t i = 0; i < ARRAY_LEN(state); i++) {
		pthread_t t, others[OTHERS];

		enough = false;
		t = start(changes, (void *)i);
		SYS(sem_wait(&changed));
		for (int k = 0; k < OTHERS; k++)
			others[k] = start(looks, (void *)i);
		for (int k = 0; k < OTHERS; k++)
			join(others[k]);
		looks((void *)i);
		enough = true;
		join(t);
		for (int k = 0; k < OTHERS; k++)
			others[k] = start(looks, (void *)i);
		for (int k = 0; k < OTHERS; k++)
			join(others[k]);
		printf("%s: one thread's own\n", state[i].name);
	}
	return 0;
}
