/* A program's references to what symbols.def names bind to the library when it is preloaded, and work as natively. */
#include "test.h"

#include <dlfcn.h>
#include <grp.h>
#include <limits.h>
#include <mqueue.h>
#include <netdb.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* As a program refers to it that was linked today; where it says a version, as one of that time. */
#define SYMBOL(name, group, arms) extern void ref_##name(void) __asm__(#name) __attribute__((weak));
#define VERSION(name, tag, at, version, group, arms) \
	extern void ref_##name##_##tag(void);        \
	__asm__(".symver ref_" #name "_" #tag ", " #name "@" version);
#define CLOCK(name) SYMBOL(name, clock, never)
#include "shim/symbols.def"
#undef SYMBOL
#undef VERSION
#undef CLOCK

static const struct reference {
	const char *name;
	void (*address)(void);
} references[] = {
#define SYMBOL(name, group, arms) {#name, ref_##name},
#define VERSION(name, tag, at, version, group, arms) {#name "@" version, ref_##name##_##tag},
#define CLOCK(name) SYMBOL(name, clock, never)
#include "shim/symbols.def"
#undef SYMBOL
#undef VERSION
#undef CLOCK
};

extern char **environ;

static bool is_in(void (*address)(void), const char *library)
{
	Dl_info info;
	const char *base;

	if (!dladdr((void *)address, &info))
		return false;
	base = strrchr(info.dli_fname, '/');
	return strcmp(base ? base + 1 : info.dli_fname, library) == 0;
}

/* A function that this libc has not yet is nobody's natively, and ours when preloaded. */
static void check_references(void)
{
	const char *library = getenv("LD_PRELOAD") ? "libgreen.so" : "libc.so.6";
	int wrong = 0;

	for (size_t i = 0; i < ARRAY_LEN(references); i++) {
		const struct reference *r = &references[i];

		if (!r->address && !getenv("LD_PRELOAD"))
			continue;
		if (is_in(r->address, library))
			continue;
		fprintf(stderr, "%s is not in %s\n", r->name, library);
		wrong++;
	}
	CHECK_EQ(wrong, 0);
	for (size_t i = 0; i < ARRAY_LEN(references); i++)
		for (size_t k = i + 1; k < ARRAY_LEN(references) && getenv("LD_PRELOAD"); k++)
			CHECK(references[i].address != references[k].address);
	puts("every symbol binds");
}

static void check_variadic(void)
{
	char path[PATH_MAX], where[64];
	struct stat st;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd, copy, dir, unread = -1;

	umask(0);
	snprintf(path, sizeof(path), "%s/binds.%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
	fd = SYS(open(path, O_RDWR | O_CREAT | O_EXCL, 0640));
	SYS(fstat(fd, &st));
	printf("open: mode %o\n", st.st_mode & 07777);
	SYS(write(fd, "12345678", 8));
	SYS(lseek(fd, 3, SEEK_SET));
	SYS(ioctl(fd, FIONREAD, &unread));
	printf("ioctl: %d unread\n", unread);
	copy = SYS(fcntl(fd, F_DUPFD_CLOEXEC, 100));
	printf("fcntl: copy %d, flags %d, lock %ld\n", copy, fcntl(copy, F_GETFD), SYS(fcntl(fd, F_SETLK, &lock)));
	SYS(unlink(path));
	dir = SYS(open(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", O_DIRECTORY));
	snprintf(where, sizeof(where), "binds.at.%d", (int)getpid());
	SYS(close(fd));
	fd = SYS(openat(dir, where, O_WRONLY | O_CREAT | O_EXCL, 0604));
	SYS(fstat(fd, &st));
	printf("openat: mode %o\n", st.st_mode & 07777);
	SYS(unlinkat(dir, where, 0));
	errno = 0;
	CHECK_EQ(open("/nowhere/at/all", O_RDONLY), -1);
	CHECK_EQ(errno, ENOENT);
	errno = EXDEV;
	SYS(close(fd));
	SYS(close(copy));
	SYS(close(dir));
	CHECK_EQ(errno, EXDEV);
}

/* Six arguments, and values in the seventh: nothing of a caller's frame moves. */
static void check_many_arguments(void)
{
	struct addrinfo *list, hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	char host[64], serv[16], text[1024];
	struct hostent entry, *found;
	int pipes[2], error;
	loff_t in = 2;
	FILE *file = tmpfile();

	CHECK_EQ(getaddrinfo("127.0.0.1", "8080", &hints, &list), 0);
	CHECK_EQ(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), serv, sizeof(serv),
		     NI_NUMERICHOST | NI_NUMERICSERV),
	    0);
	printf("getnameinfo: %s %s\n", host, serv);
	freeaddrinfo(list);
	CHECK_EQ(gethostbyname2_r("127.0.0.2", AF_INET, &entry, text, sizeof(text), &found, &error), 0);
	printf("gethostbyname2_r: %s\n", found->h_name);
	CHECK(file);
	SYS(write(fileno(file), "abcdef", 6));
	SYS(pipe(pipes));
	printf("splice: %ld", SYS(splice(fileno(file), &in, pipes[1], NULL, 3, 0)));
	SYS(read(pipes[0], text, sizeof(text)));
	printf(" %.3s\n", text);
	fclose(file);
	CHECK(getgrgid(0));
}

/* posix_spawn of before glibc 2.15 gives a file without #! to the shell; timer_create's first one counts in int. */
static void check_versions(void)
{
	int (*spawn)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
	    char *const[], char *const[]);
	int (*create)(clockid_t, struct sigevent *, int *) = (void *)ref_timer_create_2_2_5;
	char path[PATH_MAX], *args[] = {path, NULL};
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	int fd, ids[2] = {-1, -1};
	timer_t timer = NULL;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/binds.sh.%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
	fd = SYS(open(path, O_WRONLY | O_CREAT | O_EXCL, 0755));
	SYS(write(fd, "exit 7\n", 7));
	SYS(close(fd));
	spawn = (void *)ref_posix_spawn_2_2_5;
	CHECK_EQ(spawn(&pid, path, NULL, NULL, args, environ), 0);
	printf("posix_spawn 2.2.5: %s\n", reap(pid));
	spawn = (void *)ref_posix_spawn_2_15;
	CHECK_EQ(spawn(&pid, path, NULL, NULL, args, environ), ENOEXEC);
	CHECK_EQ(posix_spawn(&pid, path, NULL, NULL, args, environ), ENOEXEC);
	SYS(unlink(path));
	SYS(create(CLOCK_MONOTONIC, &event, ids));
	CHECK(ids[0] >= 0 && ids[1] == -1);
	SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
	SYS(timer_delete(timer));
	puts("each version does as it should");
}

/* What dlsym finds is the default version, also where there are several. */
static void check_dlsym(void)
{
	CHECK(dlsym(RTLD_DEFAULT, "timer_create") == (void *)ref_timer_create_2_34);
	CHECK(dlsym(RTLD_DEFAULT, "posix_spawn") == (void *)ref_posix_spawn_2_15);
	CHECK(dlsym(RTLD_DEFAULT, "pthread_create") == (void *)ref_pthread_create);
	puts("dlsym finds the default versions");
}

/* The first call of a function looks libc's up: the loader's message for the program must survive that. */
static void check_dlerror(void)
{
	const char *message;
	char text[8];

	CHECK(!dlopen("/nowhere/lib.so", RTLD_NOW));
	CHECK_EQ(pread(-1, text, sizeof(text), 0), -1);
	CHECK_EQ(mq_send(-1, text, 1, 0), -1);
	message = dlerror();
	puts(message ? message : "dlerror: lost");
}

int main(void)
{
	check_dlerror();
	check_references();
	check_variadic();
	check_many_arguments();
	check_versions();
	check_dlsym();
	return 0;
}
