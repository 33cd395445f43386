/* The site door: every syscall instruction of libc.so.6 and ld.so is found, patched, works, and can be put back. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/sites.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#define LIBC 0
#define LDSO 1

extern char **environ;

/*
 * The entry of these tests performs the call itself. A call's way back lies on the stack, but not where the child has
 * another stack, or the same one at the same time (vfork): there it is the code of a thunk, one for each such site.
 * The unwind information makes cancellation work through it.
 */
__attribute__((used)) static volatile unsigned long entered;
__attribute__((used)) static struct {
	uintptr_t resume, thunk;
} thunks[16];

__asm__(".text\n"
	"native_entry:\n"
	"	.cfi_startproc\n"
	"	.cfi_def_cfa %rsp, 0\n"
	"	.cfi_register %rip, %rcx\n"
	"	lock incq entered(%rip)\n"
	"	cmp $15, %eax\n"
	"	je 3f\n"
	"	cmp $56, %eax\n"
	"	je 1f\n"
	"	cmp $58, %eax\n"
	"	je 1f\n"
	"	cmp $435, %eax\n"
	"	je 1f\n"
	"	lea -128(%rsp), %rsp\n"
	"	.cfi_adjust_cfa_offset 128\n"
	"	push %rcx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_offset %rip, -136\n"
	"	syscall\n"
	"	pop %rcx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_register %rip, %rcx\n"
	"	lea 128(%rsp), %rsp\n"
	"	.cfi_adjust_cfa_offset -128\n"
	"	jmp *%rcx\n"
	"1:	lea thunks(%rip), %r11\n"
	"2:	cmp (%r11), %rcx\n"
	"	lea 16(%r11), %r11\n"
	"	jne 2b\n"
	"	jmp *-8(%r11)\n"
	"3:	syscall\n"
	"	.cfi_endproc\n");
extern char native_entry[];

static bool all(const struct site *site)
{
	(void)site;
	return true;
}

static bool none(const struct site *site)
{
	(void)site;
	return false;
}

static bool futex_only(const struct site *site)
{
	return site->nr == SYS_futex;
}

#define CHECK(x)                                                                                  \
	do {                                                                                      \
		if (!(x)) {                                                                       \
			fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #x, errno); \
			_exit(1);                                                                 \
		}                                                                                 \
	} while (0)

static const struct text *text_of(const struct sites *s, const struct site *site)
{
	return &s->text[site->insn >= s->text[LIBC].lo && site->insn < s->text[LIBC].hi ? LIBC : LDSO];
}

static void find(struct sites *s)
{
	int err = sites_find(s);

	cr_assert(err == 0, "%d: %s", err, s->error);
}

static void make_thunks(const struct sites *s)
{
	uint8_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct site *site = &s->v[i];

		if (site->nr != SYS_clone && site->nr != SYS_vfork && site->nr != SYS_clone3)
			continue;
		CHECK(n < sizeof(thunks) / sizeof(*thunks));
		thunks[n].resume = site->resume;
		thunks[n++].thunk = (uintptr_t)p;
		memcpy(p, "\x0f\x05\xff\x25\0\0\0\0", 8); /* syscall; jmp *0(%rip) */
		memcpy(p + 8, &site->resume, 8);
		p += 16;
	}
	mprotect((void *)((uintptr_t)p & ~4095ul), 4096, PROT_READ | PROT_EXEC);
}

/* A forked child has one thread, whatever the test framework has, and may break as it likes. */
static void in_child(void (*fn)(struct sites *))
{
	struct sites s;
	int status;
	pid_t pid;

	find(&s);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(30);
		fn(&s);
		_exit(0);
	}
	cr_assert(waitpid(pid, &status, 0) == pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
	sites_free(&s);
}

static void patch_all(struct sites *s)
{
	int err;

	errno = 4711;
	err = sites_patch(s, all, native_entry);
	if (err)
		fprintf(stderr, "%s\n", s->error);
	CHECK(err == 0);
	CHECK(errno == 4711);
	make_thunks(s);
}

/* What objdump says of one library. */
struct listing {
	uintptr_t *syscalls, *targets;
	size_t n_syscalls, n_targets;
};

static void add(uintptr_t **v, size_t *n, uintptr_t x)
{
	if ((*n & (*n - 1)) == 0)
		*v = realloc(*v, (*n ? 2 * *n : 1) * sizeof(**v));
	(*v)[(*n)++] = x;
}

struct path {
	uintptr_t lo;
	uintptr_t base;
	char name[4096];
};

static int path_of(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct path *p = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_flags & PF_X && info->dlpi_addr + info->dlpi_phdr[i].p_vaddr == p->lo) {
			p->base = info->dlpi_addr;
			snprintf(p->name, sizeof(p->name), "%s", info->dlpi_name);
			return 1;
		}
	return 0;
}

static void disassemble(const struct text *t, struct listing *l)
{
	struct path path = {.lo = t->lo};
	char cmd[4200], line[512];
	FILE *f;

	memset(l, 0, sizeof(*l));
	cr_assert(dl_iterate_phdr(path_of, &path));
	snprintf(cmd, sizeof(cmd), "objdump -d --no-show-raw-insn '%s'", path.name);
	f = popen(cmd, "r");
	while (fgets(line, sizeof(line), f)) {
		unsigned long addr, to;
		char mnemonic[32];
		int n = sscanf(line, " %lx: %31s %lx", &addr, mnemonic, &to);

		if (n >= 2 && strcmp(mnemonic, "syscall") == 0)
			add(&l->syscalls, &l->n_syscalls, path.base + addr);
		if (n == 3 && (mnemonic[0] == 'j' || strcmp(mnemonic, "call") == 0))
			add(&l->targets, &l->n_targets, path.base + to);
	}
	cr_assert(pclose(f) == 0, "objdump failed");
	cr_assert(l->n_targets > 1000);
}

Test(decode, objdump_agrees)
{
	struct sites s;

	find(&s);
	for (size_t t = 0; t < 2; t++) {
		struct listing l;
		size_t n = 0;

		disassemble(&s.text[t], &l);
		for (size_t i = 0; i < s.n; i++) {
			const struct site *site = &s.v[i];

			if (text_of(&s, site) != &s.text[t])
				continue;
			cr_assert(n < l.n_syscalls && l.syscalls[n] == site->insn, "site %zu of library %zu", n, t);
			n++;
		}
		cr_assert(n == l.n_syscalls, "%zu sites, objdump has %zu", n, l.n_syscalls);
		/* Nothing jumps into a window: to its first byte at most. */
		for (size_t i = 0; i < l.n_targets; i++) {
			for (size_t k = 0; k < s.n; k++) {
				const struct site *site = &s.v[k];
				uintptr_t end = site->start + site->len;

				if (end < site->insn + 2)
					end = site->insn + 2;
				cr_assert(l.targets[i] <= site->start || l.targets[i] >= end, "branch to %#lx",
				    (unsigned long)l.targets[i]);
			}
		}
		free(l.syscalls);
		free(l.targets);
	}
	sites_free(&s);
}

static size_t count_nr(const struct sites *s, int nr)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->v[i].nr == nr;
	return n;
}

Test(decode, every_site_has_a_form)
{
	static const int known[] = {SYS_read, SYS_write, SYS_futex, SYS_clone, SYS_clone3, SYS_vfork, SYS_poll,
	    SYS_exit, SYS_rt_sigprocmask, SYS_accept4, SYS_epoll_wait, SYS_clock_nanosleep, SYS_wait4, SYS_execve};
	struct sites s;
	size_t restorers[2] = {0, 0}, forms[4] = {0};
	uintptr_t floor = 0;

	find(&s);
	for (size_t i = 0; i < s.n; i++) {
		const struct site *site = &s.v[i];
		uintptr_t end = site->start + site->len;

		forms[site->form]++;
		cr_assert(site->form != FORM_NONE, "%#lx", (unsigned long)(site->insn - text_of(&s, site)->lo));
		cr_assert(site->len >= 5 && site->len <= SITE_BYTES_MAX);
		cr_assert(site->start >= floor, "windows overlap");
		floor = end > site->insn + 2 ? end : site->insn + 2;
		restorers[text_of(&s, site) - s.text] += site->restorer;
		if (site->restorer)
			cr_assert(site->nr == SYS_rt_sigreturn && site->form == FORM_NUMBER);
	}
	cr_assert(restorers[LIBC] == 1);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		cr_assert(count_nr(&s, known[i]) > 0, "no site of call %d", known[i]);
	cr_assert(count_nr(&s, SYS_rt_sigreturn) == restorers[LIBC] + restorers[LDSO]);
	cr_log_info("%zu sites: %zu number, %zu before, %zu after, %zu of unknown number", s.n, forms[FORM_NUMBER],
	    forms[FORM_BEFORE], forms[FORM_AFTER], count_nr(&s, -1));
	sites_free(&s);
}

/* "r-xp" of every mapping of the text, and nothing anywhere that is writable and executable. */
static void check_maps(const struct sites *s)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long lo, hi;
	char prot[5], line[4096];

	while (fgets(line, sizeof(line), f)) {
		CHECK(sscanf(line, "%lx-%lx %4s", &lo, &hi, prot) == 3);
		CHECK(!(prot[1] == 'w' && prot[2] == 'x'));
		for (size_t i = 0; i < 2; i++) {
			if (lo < s->text[i].hi && hi > s->text[i].lo)
				CHECK(strcmp(prot, "r-xp") == 0);
			if (s->text[i].stubs >= lo && s->text[i].stubs < hi)
				CHECK(strcmp(prot, "r-xp") == 0);
		}
	}
	fclose(f);
}

static uint8_t *copy_text(const struct sites *s, size_t t)
{
	size_t len = s->text[t].hi - s->text[t].lo;
	uint8_t *p = malloc(len);

	memcpy(p, (void *)s->text[t].lo, len);
	return p;
}

static bool text_is(const struct sites *s, uint8_t *const copy[2])
{
	for (size_t t = 0; t < 2; t++)
		if (memcmp(copy[t], (void *)s->text[t].lo, s->text[t].hi - s->text[t].lo) != 0)
			return false;
	return true;
}

static void round_trip(struct sites *s)
{
	uint8_t *old[2] = {copy_text(s, LIBC), copy_text(s, LDSO)};

	patch_all(s);
	check_maps(s);
	for (size_t i = 0; i < s->n; i++)
		CHECK(*(uint8_t *)s->v[i].start == 0xe9);
	/* Only the windows have changed. */
	for (size_t t = 0; t < 2; t++) {
		uint8_t *now = copy_text(s, t);

		for (size_t i = 0; i < s->n; i++)
			if (text_of(s, &s->v[i]) == &s->text[t])
				memcpy(now + (s->v[i].start - s->text[t].lo), s->v[i].saved, s->v[i].len);
		CHECK(memcmp(now, old[t], s->text[t].hi - s->text[t].lo) == 0);
		free(now);
	}
	sites_unpatch(s);
	CHECK(text_is(s, old));
	check_maps(s);
	CHECK(s->n_patched == 0 && !site_by_resume(s, s->v[0].insn + 2));
	entered = 0;
	CHECK(getppid() > 0 && entered == 0);
	/* And once more. */
	patch_all(s);
	CHECK(getppid() > 0 && entered > 0);
	sites_unpatch(s);
	CHECK(text_is(s, old));
}

Test(patch, round_trip)
{
	in_child(round_trip);
}

static void lookups(struct sites *s)
{
	CHECK(!site_by_resume(s, s->v[0].insn + 2));
	patch_all(s);
	CHECK(s->n_patched == s->n);
	for (size_t i = 0; i < s->n; i++) {
		const struct site *site = &s->v[i];

		CHECK(site_by_after(s, site->insn + 2) == site);
		CHECK(!site_by_after(s, site->insn + 1));
		CHECK(site_by_resume(s, site->resume) == site);
		CHECK(!site_by_resume(s, site->resume + 1));
		CHECK((site->resume == site->insn + 2) == (site->form != FORM_AFTER));
		CHECK((site->again == site->start) == (site->form == FORM_AFTER));
	}
	CHECK(!site_by_after(s, 0) && !site_by_after(s, UINTPTR_MAX));
	CHECK(!site_by_resume(s, 0) && !site_by_resume(s, UINTPTR_MAX));
}

Test(patch, lookups)
{
	in_child(lookups);
}

static void only_what_is_wanted(struct sites *s)
{
	CHECK(sites_patch(s, none, native_entry) == 0);
	CHECK(s->n_patched == 0 && !s->text[LIBC].stubs);
	sites_unpatch(s);
	CHECK(sites_patch(s, futex_only, native_entry) == 0);
	CHECK(s->n_patched == count_nr(s, SYS_futex));
	entered = 0;
	CHECK(getppid() > 0 && entered == 0);
	for (size_t i = 0; i < s->n; i++)
		CHECK((s->v[i].resume != 0) == (s->v[i].nr == SYS_futex));
}

Test(patch, only_what_is_wanted)
{
	in_child(only_what_is_wanted);
}

static void unpatchable(struct sites *s)
{
	uint8_t *old[2] = {copy_text(s, LIBC), copy_text(s, LDSO)};

	s->v[s->n / 2].form = FORM_NONE;
	CHECK(sites_patch(s, all, native_entry) == -ENOTSUP);
	CHECK(s->error && text_is(s, old));
}

Test(patch, a_site_without_a_form_is_an_error)
{
	in_child(unpatchable);
}

/* The program's side: what runs over patched sites. */

static volatile int handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
	getppid();
}

static void use_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct timespec ms = {0, 50000000};
	struct timespec left;
	sigset_t set;
	timer_t timer;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct itimerspec when = {.it_value = {0, 5000000}};

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	for (int i = 0; i < 100; i++)
		raise(SIGUSR1);
	CHECK(handled == 100);
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &when, NULL) == 0);
	CHECK(nanosleep(&ms, &left) == -1 && errno == EINTR);
	CHECK(handled == 101);
	timer_delete(timer);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	CHECK(sigtimedwait(&set, NULL, &ms) == SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void expect_exit(pid_t pid, int code)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

static void use_processes(void)
{
	char *argv[] = {"sh", "-c", "exit 3", NULL};
	char line[64];
	pid_t pid;
	FILE *f;

	pid = fork();
	if (pid == 0) {
		printf("%s", "");
		_exit(7);
	}
	expect_exit(pid, 7);
	pid = vfork();
	if (pid == 0) {
		getppid();
		execve("/bin/false", (char *[]){"false", NULL}, environ);
		_exit(9);
	}
	expect_exit(pid, 1);
	CHECK(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) == 0);
	expect_exit(pid, 3);
	CHECK(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ) == ENOENT);
	f = popen("echo hello; echo world", "r");
	CHECK(f && fgets(line, sizeof(line), f) && strcmp(line, "hello\n") == 0);
	CHECK(fgets(line, sizeof(line), f) && strcmp(line, "world\n") == 0);
	CHECK(pclose(f) == 0);
	CHECK(system("exit 5") == 5 << 8);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;
static sem_t sem;

static void *worker(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 4 != me)
			pthread_cond_wait(&cond, &mutex);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	sem_post(&sem);
	return arg;
}

static volatile int cleaned;
static int pipe_fds[2];

static void cleanup(void *arg)
{
	(void)arg;
	cleaned++;
}

static void *blocked(void *arg)
{
	char c;

	pthread_cleanup_push(cleanup, NULL);
	if (arg)
		poll(&(struct pollfd){.fd = pipe_fds[0], .events = POLLIN}, 1, -1);
	else if (read(pipe_fds[0], &c, 1) != -2)
		cleaned = -1000;
	pthread_cleanup_pop(0);
	return NULL;
}

static void use_threads(void)
{
	pthread_t t[4];
	struct timespec when;

	sem_init(&sem, 0, 0);
	for (intptr_t i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, worker, (void *)i) == 0);
	for (intptr_t i = 0; i < 4; i++) {
		void *ret;

		sem_wait(&sem);
		CHECK(pthread_join(t[i], &ret) == 0 && ret == (void *)i);
	}
	CHECK(turn == 200);
	clock_gettime(CLOCK_REALTIME, &when);
	when.tv_nsec = (when.tv_nsec + 10000000) % 1000000000;
	when.tv_sec += when.tv_nsec < 10000000;
	CHECK(sem_timedwait(&sem, &when) == -1 && errno == ETIMEDOUT);
	/* Cancellation unwinds from the handler's frame through the stub's way back into libc. */
	CHECK(pipe(pipe_fds) == 0);
	for (intptr_t i = 0; i < 2; i++) {
		void *ret;

		CHECK(pthread_create(&t[0], NULL, blocked, (void *)i) == 0);
		nanosleep(&(struct timespec){0, 30000000}, NULL);
		CHECK(pthread_cancel(t[0]) == 0);
		CHECK(pthread_join(t[0], &ret) == 0 && ret == PTHREAD_CANCELED);
		CHECK(cleaned == i + 1);
	}
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void use_libc(void)
{
	static int v[100000];
	struct addrinfo *ai;
	char line[64];
	FILE *f = tmpfile();
	void *p;

	for (int i = 0; i < 100000; i++)
		v[i] = (i * 7919) % 100003;
	qsort(v, 100000, sizeof(int), compare);
	for (int i = 1; i < 100000; i++)
		CHECK(v[i - 1] <= v[i]);
	CHECK(f && fprintf(f, "number %d\n", 42) == 10);
	rewind(f);
	CHECK(fgets(line, sizeof(line), f) && strcmp(line, "number 42\n") == 0);
	fclose(f);
	CHECK(getaddrinfo("localhost", NULL, NULL, &ai) == 0);
	freeaddrinfo(ai);
	p = malloc(1 << 20);
	p = realloc(p, 64 << 20);
	CHECK(p);
	free(p);
	CHECK(dlopen("libm.so.6", RTLD_NOW));
	CHECK(open("/nonexistent", O_RDONLY) == -1 && errno == ENOENT);
	CHECK(syscall(SYS_getpid) == getpid());
	CHECK(read(-1, line, 1) == -1 && errno == EBADF);
}

static void patched_process_works(struct sites *s)
{
	patch_all(s);
	entered = 0;
	CHECK(getppid() > 0 && entered == 1);
	use_libc();
	use_signals();
	use_processes();
	use_threads();
	CHECK(entered > 1000);
}

Test(patch, patched_process_works)
{
	in_child(patched_process_works);
}

static void exec_gain_is_refused(struct sites *s)
{
	uint8_t *old[2] = {copy_text(s, LIBC), copy_text(s, LDSO)};

	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0))
		return; /* Linux before 6.3 */
	errno = 4711;
	CHECK(sites_patch(s, all, native_entry) == -EACCES);
	CHECK(errno == 4711 && s->error && !s->text[LIBC].stubs && s->n_patched == 0);
	CHECK(text_is(s, old));
	check_maps(s);
	use_libc();
}

Test(patch, memory_deny_write_execute)
{
	in_child(exec_gain_is_refused);
}

/* A policy that lets the stubs be and stops the text only: SELinux's execmod. */
static void refuse_exec_at(uintptr_t addr)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 7),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)addr, 0, 5),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(addr >> 32), 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(*code), code};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
}

static void text_is_refused(struct sites *s, size_t t)
{
	uint8_t *old[2] = {copy_text(s, LIBC), copy_text(s, LDSO)};

	refuse_exec_at(s->text[t].lo & ~4095ul);
	CHECK(sites_patch(s, all, native_entry) == -EACCES);
	CHECK(s->error && !s->text[LIBC].stubs && s->n_patched == 0);
	CHECK(text_is(s, old));
	check_maps(s);
	entered = 0;
	use_libc();
	use_threads();
	CHECK(entered == 0);
}

static void libc_is_refused(struct sites *s)
{
	text_is_refused(s, LIBC);
}

static void ldso_is_refused(struct sites *s)
{
	text_is_refused(s, LDSO);
}

Test(patch, text_cannot_be_made_executable_again)
{
	in_child(libc_is_refused);
	in_child(ldso_is_refused);
}
